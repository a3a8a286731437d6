"""Metrics of a committed transaction: what the engine counts, and where each kind of count goes."""

from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import Counter

from gridwire import dead_letters, metrics
from gridwire.topics import DEAD_LETTER_STREAMS, Topic
from streams.engine.counts import What
from streams.runtime import latency, traced
from streams.runtime.progress import wall_clock_ms
from streams.runtime.rounds import Pending

Account = Callable[[str, str, str, int], None]  # flow, leg, reason, count


def account(
    pending: Pending,
    group: str,
    topics: Mapping[str, Topic[Any]],
    flows_by_topic: Mapping[str, set[str]],
) -> None:
    """Counts what was committed."""
    metrics.COMMITS.labels(group).inc()
    for (flow, leg, what, reason), count in pending.counts.items():
        ACCOUNTS[what](flow, leg, reason, count)
    for (label, topic), count in pending.emitted.items():
        flow, _, leg = label.rpartition("/")
        metrics.FLOW_RECORDS_EMITTED.labels(flow, leg, topic).inc(count)
    for dead in pending.dead:
        why = dead_letters.Why(dead.reason, dead.flow or dead_letters.NO_FLOW)
        dead_letters.count(DEAD_LETTER_STREAMS, why)
    if pending.spans:
        traced.export(pending.spans)
    latency.account(pending.samples, topics, flows_by_topic, wall_clock_ms())


def _by_leg(metric: Counter) -> Account:
    return lambda flow, leg, _reason, count: metric.labels(flow, leg).inc(count)


def _by_reason(metric: Counter) -> Account:
    def counted(flow: str, leg: str, reason: str, count: int) -> None:
        metric.labels(flow, leg, metrics.reason_label(reason)).inc(count)

    return counted


def _by_name(metric: Counter) -> Account:
    """Of no leg: `leg` is a topic or table then."""
    return lambda _flow, name, _reason, count: metric.labels(name).inc(count)


def _parked(flow: str, leg: str, _reason: str, count: int) -> None:
    metrics.PARKED_RECORDS.labels(flow, leg).inc(count)
    metrics.FLOW_RECORDS_PARKED.labels(flow, leg).inc(max(0, count))


def _replayed(_flow: str, topic: str, reason: str, count: int) -> None:
    metrics.REPLAYS.labels(topic, reason).inc(count)


ACCOUNTS: Mapping[What, Account] = {
    "in": _by_leg(metrics.FLOW_RECORDS_IN),
    "processed": _by_leg(metrics.FLOW_RECORDS_PROCESSED),
    "kept": _by_leg(metrics.FLOW_RECORDS_KEPT),
    "filtered": _by_reason(metrics.FLOW_RECORDS_FILTERED),
    "dead": _by_reason(metrics.FLOW_RECORDS_DEAD),
    "parked": _parked,
    "withheld": _by_leg(metrics.FLOW_RECORDS_WITHHELD),
    "timers": _by_leg(metrics.FLOW_TIMERS),
    "timer filtered": _by_reason(metrics.FLOW_TIMERS_FILTERED),
    "dead timer": _by_reason(metrics.FLOW_TIMERS_DEAD),
    "columns batch": _by_leg(metrics.COLUMNS_BATCHES),
    "columns fallback": _by_reason(metrics.COLUMNS_FALLBACKS),
    "expired": _by_name(metrics.TABLE_ROWS_EXPIRED),
    "replay": _replayed,
    "duplicate": _by_name(metrics.DUPLICATES),
}
