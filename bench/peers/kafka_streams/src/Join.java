import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/** Each event joined with its partner, written enriched. */
final class Join {
    private Join() {}

    static Topology topology(Asked asked) {
        Topology topology = new Topology();
        Copies copies = new Copies();
        copies.addPartners(topology, asked);
        topology.addSource(
                "events",
                Serdes.ByteArray().deserializer(),
                Serdes.ByteArray().deserializer(),
                asked.text("reads"));
        topology.addProcessor("enrich", () -> new Enrich(asked, copies), "events");
        topology.addSink(
                "enriched",
                asked.text("writes"),
                Serdes.ByteArray().serializer(),
                Serdes.ByteArray().serializer(),
                "enrich");
        return topology;
    }

    private static final class Enrich implements Processor<byte[], byte[], byte[], byte[]> {
        private final Copies copies;
        private final int reads;
        private final int writes;
        private final Writer out = new Writer();
        private ProcessorContext<byte[], byte[]> context;

        Enrich(Asked asked, Copies copies) {
            this.copies = copies;
            reads = asked.number("engagement-schema");
            writes = asked.number("enriched-schema");
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
        }

        @Override
        public void process(Record<byte[], byte[]> message) {
            Engagement event = Engagement.read(message.value(), reads);
            String partner = event.sku() == null ? null : copies.partnerBySku.get(event.sku());
            context.forward(
                    message.withValue(event.enriched(out, writes, event.region(), partner, null)));
        }
    }
}
