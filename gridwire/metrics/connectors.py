"""Metrics of the sources and sinks."""

from prometheus_client import Counter, Gauge, Histogram

from gridwire.metrics.kinds import BATCH, FAST_S, SLOW_S

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
POLL_FINDINGS = Counter(
    "gridwire_poll_findings_total",
    "What polls have found that someone should hear of: missed by webhooks, differed from what was told, webhook "
    "inactive, webhook reactivated, no webhook is registered, no feed of events, feed read anew.",
    ["platform", "resource", "finding"],
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
    "Commands by their end: delivered, rejected, expired, unknown, duplicate (had its effect before).",
    ["platform", "operation", "verdict"],
)
RETRIES = Counter(
    "gridwire_retries_total",
    "Attempts that are made again, by cause: throttled, transient, early (another record must come first), "
    "misconfigured, held (its operation has stopped: nearly all are refused), halved (its batch was refused as a "
    "whole: it is tried in a smaller one).",
    ["platform", "cause"],
)
DELIVERY_LATENCY = Histogram(
    "gridwire_delivery_latency_seconds",
    "From a command's produced_at to its outcome.",
    ["platform"],
    buckets=SLOW_S,
)
BULK_ITEMS = Histogram(
    "gridwire_bulk_records",
    "Commands that were sent together, per batch of a bulk operation.",
    ["platform", "operation"],
    buckets=BATCH,
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
OPERATION_STOPPED = Gauge(
    "gridwire_operation_stopped",
    "1 while an operation has stopped because nearly all of its commands were refused or given up: they wait.",
    ["platform", "operation"],
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
