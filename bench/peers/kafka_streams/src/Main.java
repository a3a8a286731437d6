import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;

/** Kafka Streams as a peer: the join alone, or the whole engagement flow. Ends when it is told to. */
public final class Main {
    private static final Duration STOP = Duration.ofSeconds(10);

    private Main() {}

    public static void main(String[] words) throws InterruptedException {
        Asked asked = new Asked(words);
        Topology topology =
                asked.text("topology").equals("join")
                        ? Join.topology(asked)
                        : Whole.topology(asked);
        KafkaStreams streams = new KafkaStreams(topology, settings(asked));
        CountDownLatch ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(
                error -> {
                    error.printStackTrace();
                    ended.countDown();
                    return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse
                            .SHUTDOWN_CLIENT;
                });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(STOP)));
        streams.start();
        ended.await();
        Runtime.getRuntime().halt(1);
    }

    private static Properties settings(Asked asked) {
        Properties values = new Properties();
        values.put(StreamsConfig.APPLICATION_ID_CONFIG, asked.text("group"));
        values.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, asked.text("bootstrap"));
        values.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, asked.text("guarantee"));
        values.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, asked.number("threads"));
        values.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, asked.number("commit-interval-ms"));
        values.put(StreamsConfig.STATE_DIR_CONFIG, asked.text("state-dir"));
        values.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        // Large enough that every key that changes goes to its changelog once per commit.
        values.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
        values.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
        consumer(values, ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        consumer(values, ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 4_000);
        producer(values, ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
        producer(values, ProducerConfig.BATCH_SIZE_CONFIG, 1 << 18);
        producer(values, ProducerConfig.LINGER_MS_CONFIG, 5);
        producer(values, ProducerConfig.ACKS_CONFIG, "all");
        return values;
    }

    private static void consumer(Properties values, String name, Object value) {
        values.put(StreamsConfig.consumerPrefix(name), value);
    }

    private static void producer(Properties values, String name, Object value) {
        values.put(StreamsConfig.producerPrefix(name), value);
    }
}
