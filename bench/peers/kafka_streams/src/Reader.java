import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Reads Avro's binary form in Confluent's wire format, straight from the bytes. */
final class Reader {
    static final int HEAD = 5;
    private final byte[] data;
    private int at;

    private Reader(byte[] data, int at) {
        this.data = data;
        this.at = at;
    }

    /** Of a message, whose schema must be the one that is expected. */
    static Reader ofMessage(byte[] data, int schemaId) {
        ByteBuffer head = ByteBuffer.wrap(data);
        if (head.get() != 0 || head.getInt() != schemaId) {
            throw new IllegalStateException("a message of another schema than " + schemaId);
        }
        return new Reader(data, HEAD);
    }

    /** Of our own state and repartitioned values, which have no head. */
    static Reader of(byte[] data) {
        return new Reader(data, 0);
    }

    long readLong() {
        long number = 0;
        int shift = 0;
        while (true) {
            byte one = data[at++];
            number |= (long) (one & 0x7F) << shift;
            if (one >= 0) {
                return (number >>> 1) ^ -(number & 1);
            }
            shift += 7;
        }
    }

    int readInt() {
        return (int) readLong();
    }

    boolean readBoolean() {
        return data[at++] != 0;
    }

    String readString() {
        int length = readInt();
        String text = new String(data, at, length, StandardCharsets.UTF_8);
        at += length;
        return text;
    }

    /** Of the union ["null", "string"]. */
    String readOptionalString() {
        return readLong() == 0 ? null : readString();
    }

    /** Of the union ["null", "long"]. */
    Long readOptionalLong() {
        return readLong() == 0 ? null : (Long) readLong();
    }

    void skipString() {
        int length = readInt(); // moves `at` itself
        at += length;
    }

    void skipOptionalString() {
        if (readLong() != 0) {
            skipString();
        }
    }

    /** An array of strings, block by block; a block with a negative count names its size, too. */
    String[] readStrings() {
        String[] found = new String[0];
        for (long count = readLong(); count != 0; count = readLong()) {
            if (count < 0) {
                readLong();
                count = -count;
            }
            int before = found.length;
            found = java.util.Arrays.copyOf(found, before + (int) count);
            for (int i = before; i < found.length; i++) {
                found[i] = readString();
            }
        }
        return found;
    }
}
