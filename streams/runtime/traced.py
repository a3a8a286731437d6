"""Spans of what a transaction has written: ids are read off the first bytes of each record, nothing is decoded.

Every schema begins with event id, occurred_at, produced_at, source, version, trace id and causation id.
"""

from collections.abc import Iterable

from gridwire import tracing
from streams.engine.outbox import Fire
from streams.runtime.latency import HEAD_BYTES, long_at

TRACED_MAX = 1_000  # records of one commit
TEXT_BYTES_MAX = 1_024

Traced = tuple[str, int, str, str, str | None, str]
"""Event id, produced_at (epoch ms), source, trace id, causation id, topic; no topic: a timer that fired."""


def heads(spans: tracing.Spans, topic: str, values: Iterable[bytes | None]) -> Iterable[Traced]:
    """The records whose traces are wanted. What does not begin as a record does is left out."""
    for value in values:
        found = None if value is None else head(value)
        if found is not None and spans.wanted(found[3]):
            yield (*found, topic)


def fires(spans: tracing.Spans, found: Iterable[Fire], now_ms: int) -> Iterable[Traced]:
    """The timers whose traces are wanted: they are no records, but stand between some."""
    for one in found:
        if spans.wanted(one.trace_id):
            yield one.event_id, now_ms, one.label, one.trace_id, one.causation_id, ""


def head(raw: bytes) -> tuple[str, int, str, str, str | None] | None:
    """Event id, produced_at, source, trace id, causation id; None where there is nothing like them."""
    try:
        event_id, at = _text(raw, HEAD_BYTES)
        _, at = long_at(raw, at)
        produced_ms, at = long_at(raw, at)
        source, at = _text(raw, at)
        _, at = long_at(raw, at)
        trace_id, at = _text(raw, at)
        branch, at = long_at(raw, at)
        causation_id = _text(raw, at)[0] if branch == 1 else None
    except (IndexError, OverflowError, UnicodeDecodeError):
        return None
    return event_id, produced_ms, source, trace_id, causation_id


def _text(raw: bytes, at: int) -> tuple[str, int]:
    """Raises IndexError, OverflowError, UnicodeDecodeError."""
    length, at = long_at(raw, at)
    end = at + length
    if not 0 <= length <= TEXT_BYTES_MAX or end > len(raw):
        raise IndexError
    return raw[at:end].decode(), end


def export(found: Iterable[Traced]) -> None:
    """They are committed."""
    spans = tracing.on
    if spans is None:
        return
    for event_id, produced_ms, source, trace_id, causation_id, topic in found:
        flow, _, leg = source.rpartition("/")
        attributes = {"gridwire.flow": flow, "gridwire.leg": leg}
        if topic:
            attributes |= {"messaging.system": "kafka", "messaging.destination.name": topic}
        name = f"{'flow' if topic else 'timer'} {source}"
        ids = (event_id, trace_id, causation_id)
        spans.note(name, "internal", ids, attributes, start_ns=produced_ms * 1_000_000)
