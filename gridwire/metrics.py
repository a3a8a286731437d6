"""Every metric that any role exposes: the one catalogue. Names are the field's own, units are base units.

Labels are bounded: platforms, routes, operations, flows, topics and partitions come from the configuration; free
text (a reason, an event type a platform invented) goes through a `Bounded` first. No label ever holds personal data.
"""

import threading
from bisect import bisect_left
from collections import Counter as Occurrences
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

LABEL_VALUES_MAX = 100  # distinct free-text values per vocabulary; more are counted as OTHER
LABEL_CHARS_MAX = 80
OTHER = "other"

FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1_800, 7_200, 43_200, 172_800)
# From the 10 ms of a quiet worker to the hours and days of a backlog.
LATENCY_S = (
    *(0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.4, 0.6, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0),
    *(1_800.0, 7_200.0, 43_200.0, 172_800.0),
)
BATCH = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


class Bounded:
    """A vocabulary of label values that cannot grow without end: after LABEL_VALUES_MAX values it says OTHER.

    Of a text only what stands before the first colon is kept: reasons put their detail behind one.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, text: str) -> str:
        label = text.partition(":")[0].strip()[:LABEL_CHARS_MAX]
        known = self._known.get(label)
        if known is not None:
            return known
        with self._lock:
            if len(self._known) < LABEL_VALUES_MAX:
                self._known[label] = label
            return self._known.get(label, OTHER)


@dataclass(frozen=True, slots=True)
class Tally:
    """Many values in one: how many fall into each bucket (by its index), and their sum."""

    counts: Mapping[int, int]
    total: float


def tally(amounts: Iterable[tuple[float, int]], buckets: Sequence[float]) -> Tally:
    """(amount, how many it stands for) each, for histograms with these buckets."""
    counts: Occurrences[int] = Occurrences()
    total = 0.0
    for amount, count in amounts:
        counts[bisect_left(buckets, amount)] += count
        total += amount * count
    return Tally(counts, total)


class SampledHistogram(Histogram):
    """A histogram that takes values which stand for several: one look at a batch instead of one per record."""

    def observe_tally(self, values: Tally) -> None:
        """`values`: tallied with this histogram's own buckets."""
        self._raise_if_not_observable()  # type: ignore[no-untyped-call]
        self._sum.inc(values.total)
        for bucket, count in values.counts.items():
            self._buckets[bucket].inc(count)


reason_label = Bounded()
event_type_label = Bounded()

# ---- gateway -----------------------------------------------------------------------------------------------------
WEBHOOKS = Counter(
    "gridwire_webhooks_total",
    "Webhook deliveries by outcome: accepted, duplicate, validated (a look at the URL by GET), refused, oversize, "
    "malformed, overloaded, unavailable, aborted (by the sender, or too slow), fault.",
    ["platform", "route", "outcome"],
)
WEBHOOKS_REFUSED = Counter(
    "gridwire_webhooks_refused_total",
    "Deliveries answered 401, by what was wrong: forged or missing signature, stale timestamp, wrong token.",
    ["platform", "route", "reason"],
)
WEBHOOK_DURATION = Histogram(
    "gridwire_webhook_duration_seconds",
    "From the first byte of a delivery to its answer, acknowledgement by Kafka included.",
    ["platform", "route"],
    buckets=FAST_S,
)
WEBHOOK_BYTES_IN_FLIGHT = Gauge(
    "gridwire_webhook_in_flight_bytes", "Bodies of deliveries that are not answered yet."
)
UNKNOWN_EVENT_TYPES = Counter(
    "gridwire_unknown_event_types_total",
    "Events of a type that gridwire does not know: accepted and not used.",
    ["platform", "event_type"],
)
SOURCE_EVENTS_FILTERED = Counter(
    "gridwire_source_events_filtered_total",
    "Received events that end at the gateway on purpose.",
    ["platform", "reason"],
)
RECORDS_PRODUCED = Counter(
    "gridwire_records_produced_total",
    "Records that sources and sinks have written and Kafka has acknowledged.",
    ["topic"],
)

# ---- fetches and polls -------------------------------------------------------------------------------------------
FETCHES = Counter(
    "gridwire_fetches_total",
    "Notices by what became of their fetch: completed, coalesced, parked, rejected, expired, unreadable.",
    ["platform", "resource", "outcome"],
)
NOTICES_PARKED = Counter(
    "gridwire_notices_parked_total",
    "Notices put back because their object is not there yet or the platform does not answer.",
    ["platform", "resource"],
)
POLLS = Counter(
    "gridwire_polls_total",
    "Poll steps by outcome: page, transient, rejected, misconfigured, malformed, loop, kafka, fault.",
    ["platform", "resource", "outcome"],
)
POLL_LAST_SUCCESS = Gauge(
    "gridwire_poll_last_success_timestamp_seconds",
    "When a resource was last polled to its end, epoch seconds.",
    ["platform", "resource"],
)

# ---- delivery ----------------------------------------------------------------------------------------------------
HTTP_REQUESTS = Counter(
    "gridwire_http_requests_total",
    "Requests to a platform by status code; `none` where no answer came.",
    ["platform", "method", "status"],
)
HTTP_DURATION = Histogram(
    "gridwire_http_request_duration_seconds",
    "From sending a request to the end of its answer.",
    ["platform"],
    buckets=FAST_S,
)
COMMANDS = Counter(
    "gridwire_commands_total",
    "Commands by their end: delivered, rejected, expired, unknown.",
    ["platform", "operation", "verdict"],
)
RETRIES = Counter(
    "gridwire_retries_total",
    "Attempts that are made again, by cause: throttled, transient, early (another record must come first), "
    "misconfigured.",
    ["platform", "cause"],
)
DELIVERY_LATENCY = Histogram(
    "gridwire_delivery_latency_seconds",
    "From a command's produced_at to its outcome.",
    ["platform"],
    buckets=SLOW_S,
)
BREAKER_OPEN = Gauge(
    "gridwire_breaker_open",
    "1 while a platform's circuit breaker is open: nothing but probes is sent.",
    ["platform"],
)
CONNECTOR_STOPPED = Gauge(
    "gridwire_connector_stopped",
    "1 while a connector has stopped because its credentials, permissions or set-up are wrong.",
    ["platform", "kind"],
)
RATE_LIMIT = Gauge(
    "gridwire_rate_limit_requests_per_second",
    "Requests per second that the rate limiter allows now.",
    ["platform"],
)
RATE_REMAINING = Gauge(
    "gridwire_rate_remaining_requests",
    "Requests left in the platform's own budget, as its last answer said.",
    ["platform"],
)
DEAD_LETTERS = Counter(
    "gridwire_dead_letters_total",
    "Records written to a dead-letter topic.",
    ["topic", "flow", "reason"],
)

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

# ---- consumers of every role -------------------------------------------------------------------------------------
COMMITS = Counter(
    "gridwire_commits_total", "Transactions (or offset commits) that succeeded.", ["group"]
)
ABORTS = Counter(
    "gridwire_aborts_total",
    "Transactions that were aborted, by cause: Kafka's own name of an error, schema registry, revoked, lost, stopped, "
    "or the class of what a round raised.",
    ["group", "reason"],
)
REBALANCES = Counter(
    "gridwire_rebalances_total",
    "Changes of partition assignment: assigned, revoked, lost.",
    ["group", "event"],
)
CONSUMER_LAG = Gauge(
    "gridwire_consumer_lag_records",
    "Records between what is committed and the last stable record of the partition.",
    ["group", "topic", "partition"],
)
CONSUMER_LAG_SECONDS = Gauge(
    "gridwire_consumer_lag_seconds",
    "At most so old is the oldest record that is not committed; 0 where all is.",
    ["group", "topic", "partition"],
)
STALLED_PARTITIONS = Gauge(
    "gridwire_stalled_partitions",
    "Partitions that lag and have not moved for longer than GRIDWIRE_STALL_S_MAX.",
    ["group"],
)

CATALOGUE: tuple[MetricWrapperBase, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, MetricWrapperBase)
)
