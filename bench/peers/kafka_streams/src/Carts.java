import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.function.Consumer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/** Carts per user: one without an order of that product within an hour is abandoned. */
final class Carts {
    static final String STORE = "carts";
    private static final long PATIENCE_MS = Windows.SIZE_MS;
    private static final long NEVER = -1;

    private final KeyValueStore<String, byte[]> store;
    private final Consumer<Partial> emit;
    private final PriorityQueue<Due> due =
            new PriorityQueue<>(Comparator.comparingLong(Due::atMs));
    private final Writer out = new Writer();

    private record Due(long atMs, String userId, String sku) {}

    private static final class Cart {
        long cartAt = NEVER;
        long arrivedAt;
        long settledAt = NEVER;
        boolean abandoned;
        String partnerId = "";
        String region = "";
        String productLine;
    }

    Carts(KeyValueStore<String, byte[]> store, Consumer<Partial> emit) {
        this.store = store;
        this.emit = emit;
        try (KeyValueIterator<String, byte[]> all = store.all()) {
            while (all.hasNext()) {
                KeyValue<String, byte[]> one = all.next();
                read(one.value).forEach((sku, cart) -> remind(one.key, sku, cart));
            }
        }
    }

    void note(Engagement event, String partnerId, String region, String line) {
        if (event.sku() == null && !event.ordered() || event.sku() != null && partnerId == null) {
            return;
        }
        Map<String, Cart> carts = read(store.get(event.userId()));
        if (event.sku() == null) {
            carts.forEach((sku, cart) -> settle(event, sku, cart));
        } else if (event.ordered() || event.quantity() <= 0) {
            settle(event, event.sku(), carts.computeIfAbsent(event.sku(), sku -> new Cart()));
        } else {
            Cart cart = carts.computeIfAbsent(event.sku(), sku -> new Cart());
            fill(event, cart, partnerId, region, line);
        }
        store.put(event.userId(), encoded(carts));
    }

    private void fill(Engagement event, Cart cart, String partnerId, String region, String line) {
        long at = event.occurredAt();
        boolean older = cart.cartAt != NEVER && at <= cart.cartAt;
        boolean ordered = at <= cart.settledAt && cart.settledAt <= at + PATIENCE_MS;
        if (older || ordered) {
            return;
        }
        cart.cartAt = at;
        cart.arrivedAt = event.producedAt();
        cart.abandoned = false;
        cart.partnerId = partnerId;
        cart.region = region;
        cart.productLine = line;
        remind(event.userId(), event.sku(), cart);
    }

    private void settle(Engagement event, String sku, Cart cart) {
        long at = event.occurredAt();
        boolean inTime =
                cart.cartAt != NEVER && cart.cartAt <= at && at <= cart.cartAt + PATIENCE_MS;
        if (inTime && cart.abandoned) {
            emit.accept(partial(event.userId(), sku, cart, -1, event.producedAt()));
        }
        cart.settledAt = Math.max(cart.settledAt, at);
        if (inTime) {
            cart.cartAt = NEVER;
            cart.abandoned = false;
        }
    }

    /** Carts whose time is over. */
    void tick(long nowMs) {
        while (!due.isEmpty() && due.peek().atMs <= nowMs) {
            Due one = due.poll();
            Map<String, Cart> carts = read(store.get(one.userId));
            Cart cart = carts.get(one.sku);
            if (cart == null || cart.cartAt == NEVER || cart.cartAt + PATIENCE_MS != one.atMs) {
                continue; // settled, or filled again
            }
            if (!cart.abandoned) {
                cart.abandoned = true;
                long heardAt = Math.max(cart.arrivedAt, one.atMs);
                emit.accept(partial(one.userId, one.sku, cart, 1, heardAt));
                store.put(one.userId, encoded(carts));
            }
        }
    }

    private void remind(String userId, String sku, Cart cart) {
        if (cart.cartAt != NEVER && !cart.abandoned) {
            due.add(new Due(cart.cartAt + PATIENCE_MS, userId, sku));
        }
    }

    private static Partial partial(String userId, String sku, Cart cart, long carts, long heardAt) {
        long start = Windows.start(cart.cartAt + PATIENCE_MS);
        return new Partial(
                cart.partnerId, cart.region, sku, cart.productLine, start, heardAt, null, 0, null,
                null, carts, Partial.hash(userId, start));
    }

    private byte[] encoded(Map<String, Cart> carts) {
        out.plain().putLong(carts.size());
        carts.forEach(
                (sku, cart) ->
                        out.putString(sku)
                                .putLong(cart.cartAt)
                                .putLong(cart.arrivedAt)
                                .putLong(cart.settledAt)
                                .putBoolean(cart.abandoned)
                                .putString(cart.partnerId)
                                .putString(cart.region)
                                .putOptionalString(cart.productLine));
        return out.done();
    }

    private static Map<String, Cart> read(byte[] value) {
        Map<String, Cart> carts = new HashMap<>();
        if (value == null) {
            return carts;
        }
        Reader in = Reader.of(value);
        for (long left = in.readLong(); left > 0; left--) {
            Cart cart = new Cart();
            carts.put(in.readString(), cart);
            cart.cartAt = in.readLong();
            cart.arrivedAt = in.readLong();
            cart.settledAt = in.readLong();
            cart.abandoned = in.readBoolean();
            cart.partnerId = in.readString();
            cart.region = in.readString();
            cart.productLine = in.readOptionalString();
        }
        return carts;
    }
}
