import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The whole engagement flow: events enriched; windows per partner, region and product, by way of a
 * topic that is keyed so; carts per user. Stores in memory with changelogs, cached: each key once
 * per commit.
 */
final class Whole {
    private static final long CLOCK_SKEW_MS = 600_000;

    private Whole() {}

    static Topology topology(Asked asked) {
        Topology topology = new Topology();
        Copies copies = new Copies();
        copies.addPartners(topology, asked);
        copies.addProducts(topology, asked);
        addSource(topology, "events", asked.text("reads"));
        topology.addProcessor("enrich", () -> new Enrich(asked, copies), "events");
        topology.addStateStore(store(Carts.STORE), "enrich");
        topology.addStateStore(store(Enrich.CUSTOMERS), "enrich");
        addSink(topology, "enriched", asked.text("writes"), "enrich");
        addSink(topology, "partials", asked.text("partials"), "enrich");
        addSource(topology, "partials-again", asked.text("partials"));
        topology.addProcessor("windows", () -> new Windows(asked), "partials-again");
        topology.addStateStore(store(Windows.STORE), "windows");
        addSink(topology, "closed", asked.text("windows"), "windows");
        return topology;
    }

    private static void addSource(Topology topology, String name, String topic) {
        topology.addSource(
                name, Serdes.ByteArray().deserializer(), Serdes.ByteArray().deserializer(), topic);
    }

    private static void addSink(Topology topology, String name, String topic, String parent) {
        topology.addSink(
                name,
                topic,
                Serdes.ByteArray().serializer(),
                Serdes.ByteArray().serializer(),
                parent);
    }

    private static StoreBuilder<KeyValueStore<String, byte[]>> store(String name) {
        return Stores.keyValueStoreBuilder(
                        Stores.inMemoryKeyValueStore(name), Serdes.String(), Serdes.ByteArray())
                .withCachingEnabled();
    }

    private static final class Enrich implements Processor<byte[], byte[], byte[], byte[]> {
        static final String CUSTOMERS = "customers";
        private static final Duration TICK = Duration.ofSeconds(1);
        private final Copies copies;
        private final int reads;
        private final int writes;
        private final Writer out = new Writer();
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<String, byte[]> customers; // user → home region
        private Carts carts;
        private long timestamp;

        Enrich(Asked asked, Copies copies) {
            this.copies = copies;
            reads = asked.number("engagement-schema");
            writes = asked.number("enriched-schema");
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            customers = context.getStateStore(CUSTOMERS);
            carts = new Carts(context.getStateStore(Carts.STORE), this::pass);
            context.schedule(TICK, PunctuationType.WALL_CLOCK_TIME, this::tick);
        }

        private void tick(long nowMs) {
            timestamp = nowMs;
            carts.tick(nowMs);
        }

        @Override
        public void process(Record<byte[], byte[]> message) {
            Engagement event = Engagement.read(message.value(), reads);
            if (event.suspectedBot() || event.machineOpen()) {
                return;
            }
            timestamp = message.timestamp();
            String sku = event.sku();
            String partner = sku == null ? null : copies.partnerBySku.get(sku);
            String line = sku == null ? null : copies.lineBySku.get(sku);
            String region = event.region() == null ? home(event.userId()) : event.region();
            byte[] enriched = event.enriched(out, writes, region, partner, line);
            context.forward(message.withValue(enriched), "enriched");
            if (event.kind() == Engagement.CART_UPDATE || event.ordered()) {
                carts.note(event, partner, region == null ? "" : region, line);
            }
            if (partner != null && event.engaged()) {
                pass(partial(event, partner, region == null ? "" : region, line));
            }
        }

        private String home(String userId) {
            byte[] found = customers.get(userId);
            return found == null ? null : new String(found, StandardCharsets.UTF_8);
        }

        private static Partial partial(
                Engagement event, String partner, String region, String line) {
            boolean ahead = event.occurredAt() > event.producedAt() + CLOCK_SKEW_MS;
            long at = event.producedAt() > 0 && ahead ? event.producedAt() : event.occurredAt();
            long start = Windows.start(at);
            boolean ordered = event.ordered();
            return new Partial(
                    partner, region, event.sku(), line, start, event.producedAt(),
                    Engagement.KINDS[event.kind()], ordered ? event.quantity() : 0,
                    ordered ? event.currency() : null, ordered ? event.revenueMinor() : null, 0,
                    Partial.hash(event.userId(), start));
        }

        private void pass(Partial partial) {
            byte[] key = partial.group().getBytes(StandardCharsets.UTF_8);
            context.forward(new Record<>(key, partial.encoded(out), timestamp), "partials");
        }
    }
}
