import java.time.Duration;
import java.util.Comparator;
import java.util.PriorityQueue;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Tumbling windows per partner, region and product: written when their time is over, again when
 * something late is added within the grace, and dropped after it.
 */
final class Windows implements Processor<byte[], byte[], byte[], byte[]> {
    static final String STORE = "windows";
    static final long SIZE_MS = 3_600_000;
    private static final long GRACE_MS = 3_600_000;
    private static final Duration TICK = Duration.ofSeconds(1);

    private final int schemaId;
    private final Writer out = new Writer();
    private final PriorityQueue<Due> due =
            new PriorityQueue<>(Comparator.comparingLong(Due::atMs));
    private KeyValueStore<String, byte[]> store;
    private ProcessorContext<byte[], byte[]> context;

    private record Due(long atMs, String key) {}

    Windows(Asked asked) {
        schemaId = asked.number("window-schema");
    }

    static long start(long atMs) {
        return atMs - Math.floorMod(atMs, SIZE_MS);
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        store = context.getStateStore(STORE);
        try (KeyValueIterator<String, byte[]> all = store.all()) {
            while (all.hasNext()) {
                KeyValue<String, byte[]> one = all.next();
                remind(one.key, Window.read(one.value));
            }
        }
        context.schedule(TICK, PunctuationType.WALL_CLOCK_TIME, this::tick);
    }

    @Override
    public void process(Record<byte[], byte[]> message) {
        Partial partial = Partial.read(message.value());
        if (partial.windowStart() + SIZE_MS + GRACE_MS <= partial.arrivedAt()) {
            return; // late
        }
        String key = partial.group() + "@" + partial.windowStart();
        byte[] held = store.get(key);
        Window window = held == null ? Window.of(partial) : Window.read(held);
        window.add(partial);
        if (held == null) {
            remind(key, window);
        }
        if (window.closed) {
            window.amendment++;
            context.forward(message.withValue(window.record(out, schemaId)));
        }
        store.put(key, window.encoded(out));
    }

    private void remind(String key, Window window) {
        if (!window.closed) {
            due.add(new Due(window.start + SIZE_MS, key));
        }
        due.add(new Due(window.start + SIZE_MS + GRACE_MS, key));
    }

    private void tick(long nowMs) {
        while (!due.isEmpty() && due.peek().atMs <= nowMs) {
            Due one = due.poll();
            byte[] held = store.get(one.key);
            if (held == null) {
                continue;
            }
            Window window = Window.read(held);
            if (one.atMs >= window.start + SIZE_MS + GRACE_MS) {
                store.delete(one.key);
            } else if (!window.closed) {
                window.closed = true;
                store.put(one.key, window.encoded(out));
                byte[] key = window.group().getBytes(java.nio.charset.StandardCharsets.UTF_8);
                context.forward(new Record<>(key, window.record(out, schemaId), nowMs));
            }
        }
    }
}
