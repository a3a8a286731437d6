"""Header fields of what a flow emits: functions of the cause, so that a replay writes the same ids."""

import msgspec

from gridwire.ids import derived, trace_of
from gridwire.records import Record

_set = msgspec.structs.force_setattr


class Cause(msgspec.Struct, frozen=True, gc=False):
    """What an output follows from: a record, a fired timer, or a whole batch."""

    event_id: str
    occurred_at: int
    trace_id: str
    version: int


def cause_of(record: Record) -> Cause:
    return Cause(
        record.event_id,
        record.occurred_at,
        record.trace_id or trace_of(record.event_id),
        record.version,
    )


class Stamper:
    """Stamps the outputs of one cause within one leg, numbering those that share topic and key."""

    __slots__ = ("_cause", "_label", "_now_ms", "_numbers")

    def __init__(self, label: str, cause: Cause, now_ms: int) -> None:
        self._label = label
        self._cause = cause
        self._now_ms = now_ms
        self._numbers: dict[tuple[str, str], int] = {}

    def stamp(self, record: Record, topic: str, key: str) -> None:
        """Fills in the header fields that the flow left empty; the record was made for this output alone."""
        place = (topic, key)
        number = self._numbers.get(place, 0)
        self._numbers[place] = number + 1
        cause = self._cause
        if not record.event_id:
            _set(record, "event_id", derived(self._label, cause.event_id, topic, key, number))
        if not record.occurred_at:
            _set(record, "occurred_at", cause.occurred_at)
        if not record.version:
            _set(record, "version", cause.version)
        _set(record, "produced_at", self._now_ms)
        _set(record, "source", self._label)
        _set(record, "trace_id", cause.trace_id)
        _set(record, "causation_id", cause.event_id)
