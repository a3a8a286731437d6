import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes Avro's binary form; used again for record after record by the one thread that owns it. */
final class Writer {
    private static final int LONG_BYTES = 10;
    private byte[] data = new byte[512];
    private int at;

    /** Begins a message in Confluent's wire format. */
    Writer message(int schemaId) {
        at = 0;
        room(Reader.HEAD);
        data[at++] = 0;
        for (int shift = 24; shift >= 0; shift -= 8) {
            data[at++] = (byte) (schemaId >>> shift);
        }
        return this;
    }

    /** Begins a value of our own state. */
    Writer plain() {
        at = 0;
        return this;
    }

    byte[] done() {
        return Arrays.copyOf(data, at);
    }

    private void room(int bytes) {
        if (at + bytes > data.length) {
            data = Arrays.copyOf(data, Math.max(data.length * 2, at + bytes));
        }
    }

    Writer putLong(long value) {
        room(LONG_BYTES);
        long number = (value << 1) ^ (value >> 63);
        while ((number & ~0x7FL) != 0) {
            data[at++] = (byte) (number & 0x7F | 0x80);
            number >>>= 7;
        }
        data[at++] = (byte) number;
        return this;
    }

    Writer putBoolean(boolean value) {
        room(1);
        data[at++] = (byte) (value ? 1 : 0);
        return this;
    }

    Writer putDouble(double value) {
        room(Double.BYTES);
        long bits = Double.doubleToLongBits(value);
        for (int shift = 0; shift < Long.SIZE; shift += 8) {
            data[at++] = (byte) (bits >>> shift);
        }
        return this;
    }

    Writer putString(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        putLong(bytes.length);
        room(bytes.length);
        System.arraycopy(bytes, 0, data, at, bytes.length);
        at += bytes.length;
        return this;
    }

    Writer putOptionalString(String text) {
        return text == null ? putLong(0) : putLong(1).putString(text);
    }

    Writer putOptionalLong(Long number) {
        return number == null ? putLong(0) : putLong(1).putLong(number);
    }
}
