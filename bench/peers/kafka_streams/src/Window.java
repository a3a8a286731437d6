import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/** What one window holds. */
final class Window {
    private static final int GROUP_SIZE_MIN = 5;
    private static final Map<String, Double> WEIGHTS =
            Map.of("product_view", 1.0, "cart_update", 1.0, "purchase", 1.0, "order_placed", 1.0);

    final String partnerId;
    final String region;
    final String sku;
    final long start;
    String productLine;
    boolean closed;
    int amendment;
    private final Map<String, Long> counts = new TreeMap<>();
    private final Map<String, Long> revenueMinor = new TreeMap<>();
    private long units;
    private long abandonedCarts;
    private long[] users = new long[0]; // as many as tell that the group is large enough

    private Window(String partnerId, String region, String sku, long start) {
        this.partnerId = partnerId;
        this.region = region;
        this.sku = sku;
        this.start = start;
    }

    static Window of(Partial partial) {
        return new Window(
                partial.partnerId(), partial.region(), partial.sku(), partial.windowStart());
    }

    String group() {
        return partnerId + "|" + region + "|" + sku;
    }

    void add(Partial partial) {
        productLine = partial.productLine() == null ? productLine : partial.productLine();
        if (partial.kind() != null) {
            counts.merge(partial.kind(), 1L, Long::sum);
        }
        units += partial.units();
        abandonedCarts += partial.abandonedCarts();
        if (partial.currency() != null && partial.revenueMinor() != null) {
            revenueMinor.merge(partial.currency(), partial.revenueMinor(), Long::sum);
        }
        if (users.length < GROUP_SIZE_MIN
                && Arrays.stream(users).noneMatch(user -> user == partial.userHash())) {
            users = Arrays.copyOf(users, users.length + 1);
            users[users.length - 1] = partial.userHash();
        }
    }

    byte[] encoded(Writer out) {
        out.plain()
                .putString(partnerId)
                .putString(region)
                .putString(sku)
                .putLong(start)
                .putOptionalString(productLine)
                .putBoolean(closed)
                .putLong(amendment);
        putMap(out, counts);
        out.putLong(units);
        putMap(out, revenueMinor);
        out.putLong(abandonedCarts).putLong(users.length);
        for (long user : users) {
            out.putLong(user);
        }
        return out.done();
    }

    static Window read(byte[] value) {
        Reader in = Reader.of(value);
        Window window =
                new Window(in.readString(), in.readString(), in.readString(), in.readLong());
        window.productLine = in.readOptionalString();
        window.closed = in.readBoolean();
        window.amendment = in.readInt();
        readMap(in, window.counts);
        window.units = in.readLong();
        readMap(in, window.revenueMinor);
        window.abandonedCarts = in.readLong();
        window.users = new long[in.readInt()];
        for (int i = 0; i < window.users.length; i++) {
            window.users[i] = in.readLong();
        }
        return window;
    }

    /** The window as a message of the topic of windows. */
    byte[] record(Writer out, int schemaId) {
        String name = group() + "@" + start + "/" + amendment;
        String id = UUID.nameUUIDFromBytes(name.getBytes()).toString();
        double demand = 0;
        for (Map.Entry<String, Long> one : counts.entrySet()) {
            demand += WEIGHTS.getOrDefault(one.getKey(), 0.0) * one.getValue();
        }
        out.message(schemaId)
                .putString(id)
                .putLong(start + Windows.SIZE_MS)
                .putLong(System.currentTimeMillis())
                .putString("peer/windows")
                .putLong(amendment)
                .putString(id.replace("-", ""))
                .putOptionalString(null)
                .putString(partnerId)
                .putString(region)
                .putString(sku)
                .putOptionalString(productLine)
                .putLong(start)
                .putLong(start + Windows.SIZE_MS);
        putMap(out, counts);
        out.putLong(units);
        putMap(out, revenueMinor);
        return out.putLong(abandonedCarts)
                .putBoolean(users.length >= GROUP_SIZE_MIN)
                .putDouble(demand)
                .putLong(0) // no baseline
                .putBoolean(false) // so no spike
                .putLong(amendment)
                .done();
    }

    private static void putMap(Writer out, Map<String, Long> map) {
        if (!map.isEmpty()) {
            out.putLong(map.size());
            map.forEach((name, number) -> out.putString(name).putLong(number));
        }
        out.putLong(0); // no further block
    }

    private static void readMap(Reader in, Map<String, Long> map) {
        for (long left = in.readLong(); left > 0; left = in.readLong()) {
            for (long i = 0; i < left; i++) {
                map.put(in.readString(), in.readLong());
            }
        }
    }
}
