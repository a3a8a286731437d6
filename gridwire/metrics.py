"""Every metric that any role exposes: the one catalogue. Names are the field's own, units are base units.

Labels are bounded: platforms, routes, operations, flows, topics and partitions come from the configuration; free
text (a reason, an event type a platform invented) goes through `bounded` first. No label ever holds personal data.
"""

import threading

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

LABEL_VALUES_MAX = 100  # distinct free-text values per vocabulary; more are counted as OTHER
LABEL_CHARS_MAX = 80
OTHER = "other"

FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1_800, 7_200, 43_200, 172_800)
LATENCY_S = (
    0.01,
    0.025,
    0.05,
    0.1,
    0.15,
    0.25,
    0.4,
    0.6,
    1.0,
    2.5,
    5.0,
    15.0,
    60.0,
    300.0,
    1_800.0,
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


reason_label = Bounded()
event_type_label = Bounded()

# ---- gateway -----------------------------------------------------------------------------------------------------
WEBHOOKS = Counter(
    "gridwire_webhooks_total",
    "Webhook deliveries by outcome: accepted, duplicate, refused, oversize, malformed, overloaded, unavailable, "
    "aborted (by the sender, or too slow), fault.",
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
DUPLICATES = Counter(
    "gridwire_duplicate_records_total",
    "Records of a source topic whose event id was seen before: dropped.",
    ["topic"],
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
    "gridwire_parked_records", "Records that wait for a row right now.", ["flow", "leg"]
)
ROUNDS = Counter("gridwire_rounds_total", "Rounds of the stream runtime.", ["group"])
ROUND_DURATION = Histogram(
    "gridwire_round_duration_seconds",
    "From consuming a round to handing its outputs to the producer, and to its commit where one was due.",
    ["group"],
    buckets=FAST_S,
)
BATCH_RECORDS = Histogram(
    "gridwire_batch_records", "Records of one partition in one round.", ["group"], buckets=BATCH
)
TABLE_ROWS = Gauge("gridwire_table_rows", "Rows of a table on this worker.", ["table"])
RESTORE_DURATION = Gauge(
    "gridwire_restore_duration_seconds", "How long the last restore of a table took.", ["table"]
)
END_TO_END_LATENCY = Histogram(
    "gridwire_end_to_end_latency_seconds",
    "From a source record's produced_at to the commit of what follows from it.",
    ["flow"],
    buckets=LATENCY_S,
)

# ---- consumers of every role -------------------------------------------------------------------------------------
COMMITS = Counter(
    "gridwire_commits_total", "Transactions (or offset commits) that succeeded.", ["group"]
)
ABORTS = Counter("gridwire_aborts_total", "Transactions that were aborted.", ["group"])
REBALANCES = Counter(
    "gridwire_rebalances_total",
    "Changes of partition assignment: assigned, revoked, lost.",
    ["group", "event"],
)
CONSUMER_LAG = Gauge(
    "gridwire_consumer_lag_records",
    "Records between the committed offset and the end of the partition.",
    ["group", "topic", "partition"],
)

CATALOGUE: tuple[MetricWrapperBase, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, MetricWrapperBase)
)
