"""Metrics of the consumers that every role has."""

from prometheus_client import Counter, Gauge

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
