"""Metrics of the stream workers."""

from prometheus_client import Counter, Gauge, Histogram

from gridwire.metrics.kinds import BATCH, FAST_S, LATENCY_S, SampledHistogram

# ---- streams -----------------------------------------------------------------------------------------------------
FLOW_RECORDS_IN = Counter(
    "gridwire_flow_records_in_total", "Records that a leg of a flow has read.", ["flow", "leg"]
)
FLOW_RECORDS_EMITTED = Counter(
    "gridwire_flow_records_emitted_total",
    "Records that a leg has written.",
    ["flow", "leg", "topic"],
)
FLOW_RECORDS_PROCESSED = Counter(
    "gridwire_flow_records_processed_total",
    "Records that led to at least one output at once.",
    ["flow", "leg"],
)
FLOW_RECORDS_KEPT = Counter(
    "gridwire_flow_records_kept_total",
    "Records that changed a state and led to no output yet.",
    ["flow", "leg"],
)
FLOW_RECORDS_WITHHELD = Counter(
    "gridwire_flow_records_withheld_total",
    "Commands that were not given because their cause lies before go-live.",
    ["flow", "leg"],
)
FLOW_TIMERS = Counter("gridwire_flow_timers_total", "Durable timers that fired.", ["flow", "leg"])
FLOW_TIMERS_FILTERED = Counter(
    "gridwire_flow_timers_filtered_total",
    "Outputs of timers that were left out on purpose.",
    ["flow", "leg", "reason"],
)
FLOW_TIMERS_DEAD = Counter(
    "gridwire_flow_timers_dead_total",
    "Timers on which a leg raised: dead letters of no record.",
    ["flow", "leg", "reason"],
)
DUPLICATES = Counter(
    "gridwire_duplicate_records_total",
    "Records of a source topic whose event id was seen before: dropped.",
    ["topic"],
)
REPLAYS = Counter(
    "gridwire_replayed_records_total",
    "Dead letters that came back to a topic: taken, repeated (came back before), of another group.",
    ["topic", "outcome"],
)
FLOW_RECORDS_FILTERED = Counter(
    "gridwire_flow_records_filtered_total",
    "Records that ended in a leg on purpose.",
    ["flow", "leg", "reason"],
)
FLOW_RECORDS_PARKED = Counter(
    "gridwire_flow_records_parked_total",
    "Records put aside because a row was missing.",
    ["flow", "leg"],
)
FLOW_RECORDS_DEAD = Counter(
    "gridwire_flow_records_dead_total",
    "Records that a leg could not process: dead-lettered.",
    ["flow", "leg", "reason"],
)
PARKED_RECORDS = Gauge(
    "gridwire_parked_records",
    "Records that wait for a row right now, on this worker.",
    ["flow", "leg"],
)
TIMERS_LATE = Gauge(
    "gridwire_timers_late_seconds",
    "How long the most overdue timer or deadline of this worker has been due by the wall clock; they wait for unread "
    "input.",
    ["group"],
)
COLUMNS_BATCHES = Counter(
    "gridwire_columns_batches_total",
    "Batches that a columns leg has processed as columns.",
    ["flow", "leg"],
)
COLUMNS_FALLBACKS = Counter(
    "gridwire_columns_fallbacks_total",
    "Batches, or parts of one, that a columns leg has processed record by record, by why.",
    ["flow", "leg", "reason"],
)
INTAKE_LATENCY = SampledHistogram(
    "gridwire_intake_latency_seconds",
    "From a source record's occurred_at to its produced_at: how long the platform and the intake took. Counted by "
    "samples of each batch, when it is committed.",
    ["topic"],
    buckets=LATENCY_S,
)
PROCESSING_LATENCY = SampledHistogram(
    "gridwire_processing_latency_seconds",
    "From a record's produced_at to the commit of what follows from it. Counted by samples of each batch.",
    ["flow"],
    buckets=LATENCY_S,
)
END_TO_END_LATENCY = SampledHistogram(
    "gridwire_end_to_end_latency_seconds",
    "From a record's occurred_at to the commit of what follows from it. Counted by samples of each batch.",
    ["flow"],
    buckets=LATENCY_S,
)

# ---- rounds, tables and partitions -------------------------------------------------------------------------------
ROUNDS = Counter("gridwire_rounds_total", "Rounds of the stream runtime.", ["group"])
ROUND_DURATION = Histogram(
    "gridwire_round_duration_seconds",
    "From consuming a round to handing its outputs to the producer, and to its commit where one was due.",
    ["group"],
    buckets=FAST_S,
)
COMMIT_DURATION = Histogram(
    "gridwire_commit_duration_seconds",
    "How long committing a transaction took, its last deliveries included.",
    ["group"],
    buckets=FAST_S,
)
BATCH_RECORDS = Histogram(
    "gridwire_batch_records", "Records of one partition in one round.", ["group"], buckets=BATCH
)
PRODUCER_QUEUE = Gauge(
    "gridwire_producer_queue_records",
    "Messages that wait in the producer to be sent or acknowledged.",
    ["group"],
)
CLIENT_RENEWALS = Counter(
    "gridwire_client_renewals_total",
    "Kafka clients that were given up and made anew while the worker went on: consumer, producer.",
    ["group", "client"],
)
TABLE_ROWS = Gauge("gridwire_table_rows", "Rows of a table on this worker.", ["table"])
TABLE_BYTES = Gauge(
    "gridwire_table_bytes",
    "Keys and encoded rows of a table on this worker, estimated by some of its rows.",
    ["table"],
)
TABLE_ROWS_EXPIRED = Counter(
    "gridwire_table_rows_expired_total",
    "Rows of a table that were deleted because nobody had written them for as long as it retains rows.",
    ["table"],
)
TABLE_ROWS_UNREADABLE = Counter(
    "gridwire_table_rows_unreadable_total",
    "Times that a row of a table, or a state of a fold, could not be decoded.",
    ["table", "reason"],
)
REFERENCE_READ_ERRORS = Counter(
    "gridwire_reference_read_errors_total",
    "Errors of the client that reads full copies of reference tables, by Kafka's own name.",
    ["table", "reason"],
)
RESTORE_PROGRESS = Gauge(
    "gridwire_restore_progress_ratio",
    "How much of a table's changelog the running (or the last) restore has read, from 0 to 1.",
    ["table"],
)
RESTORED_ROWS = Counter(
    "gridwire_restored_rows_total", "Changelog entries that restores have read.", ["table"]
)
RESTORED_BYTES = Counter(
    "gridwire_restored_bytes_total", "Keys and values that restores have read.", ["table"]
)
RESTORE_DURATION = Gauge(
    "gridwire_restore_duration_seconds",
    "How long the last restore took, from the first of its partitions that came until all of them were ready.",
)
