import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * Full copies of partners (by sku) and products, as global stores. What a join needs of a row is
 * kept decoded beside the store, for a store's own get would decode it for every event.
 */
final class Copies {
    static final String PARTNERS = "partners";
    static final String PRODUCTS = "products";
    final Map<String, String> partnerBySku = new ConcurrentHashMap<>();
    final Map<String, String> lineBySku = new ConcurrentHashMap<>();

    void addPartners(Topology topology, Asked asked) {
        add(topology, PARTNERS, asked.text("partners"), () -> new Filling(PARTNERS) {
            @Override
            void take(byte[] value) {
                Reader in = headed(value, asked.number("partner-schema"));
                String partnerId = in.readString();
                in.skipString(); // partner_code
                in.skipString(); // name
                in.skipString(); // status
                for (int skipped = 0; skipped < 4; skipped++) {
                    in.readStrings(); // roles, regions, product_lines, entitlements
                }
                for (String sku : in.readStrings()) {
                    partnerBySku.put(sku, partnerId);
                }
            }
        });
    }

    void addProducts(Topology topology, Asked asked) {
        add(topology, PRODUCTS, asked.text("products"), () -> new Filling(PRODUCTS) {
            @Override
            void take(byte[] value) {
                Reader in = headed(value, asked.number("product-schema"));
                String sku = in.readString();
                in.skipString(); // name
                String line = in.readOptionalString();
                if (line != null) {
                    lineBySku.put(sku, line);
                }
            }
        });
    }

    /** Behind the fields that every record begins with. */
    private static Reader headed(byte[] value, int schemaId) {
        Reader in = Reader.ofMessage(value, schemaId);
        in.skipString();
        in.readLong();
        in.readLong();
        in.skipString();
        in.readLong();
        in.skipString();
        in.skipOptionalString();
        return in;
    }

    private static void add(
            Topology topology,
            String name,
            String topic,
            ProcessorSupplier<byte[], byte[], Void, Void> filling) {
        StoreBuilder<KeyValueStore<byte[], byte[]>> store =
                Stores.keyValueStoreBuilder(
                                Stores.inMemoryKeyValueStore(name),
                                Serdes.ByteArray(),
                                Serdes.ByteArray())
                        .withLoggingDisabled();
        topology.addGlobalStore(
                store,
                name + "-source",
                Serdes.ByteArray().deserializer(),
                Serdes.ByteArray().deserializer(),
                topic,
                name + "-fill",
                filling);
    }

    private abstract static class Filling implements Processor<byte[], byte[], Void, Void> {
        private final String name;
        private KeyValueStore<byte[], byte[]> store;

        Filling(String name) {
            this.name = name;
        }

        abstract void take(byte[] value);

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            store = context.getStateStore(name);
        }

        @Override
        public void process(Record<byte[], byte[]> row) {
            store.put(row.key(), row.value());
            take(row.value());
        }
    }
}
