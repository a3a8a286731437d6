"""Turns what a leg's function yielded into encoded outputs and a new state, without applying anything yet.

So a function that fails half-way, or an output that does not fit, leaves no trace but a dead letter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from gridwire.codec import Codec
from gridwire.records import Record
from gridwire.topics import Topic
from streams.engine.counts import What
from streams.engine.plan import BoundLeg
from streams.engine.stamp import Cause, Stamper, cause_of
from streams.engine.store import Held, encode_held
from streams.flow import CancelTimer, Caused, Effect, Filtered, Fold, Forget, Keep, SetTimer, Table


class OutputError(Exception):
    """A leg yielded something that cannot be carried out. `reason`: a short fixed phrase."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that the engine keeps.

    output_bytes_max: key and value of an output, a state or a waiting record. go_live_ms: events before it fill tables
    and give no commands. parked_max: waiting records of a partition, parked_per_key_max: those of a leg and key.
    timer_ahead_ms_max: how far in the future a timer may be due, for its state is kept that long.
    """

    output_bytes_max: int = 900_000
    seen_ids_max: int = 200_000
    go_live_ms: int = 0
    parked_max: int = 10_000
    parked_per_key_max: int = 100
    timer_ahead_ms_max: int = 20 * 366 * DAY_MS


class Out(msgspec.Struct, frozen=True, gc=False):
    """One message to write. `key` decides the partition."""

    topic: str
    key: str
    value: bytes
    label: str  # flow id/leg that writes it

    def __len__(self) -> int:
        return 1

    def messages(self) -> Iterable[tuple[str, bytes]]:
        """(key, value)"""
        return ((self.key, self.value),)


class OutBatch(msgspec.Struct, frozen=True, gc=False):
    """Messages to write to one topic, one per key and value."""

    topic: str
    label: str
    keys: list[str]
    values: list[bytes]

    def __len__(self) -> int:
        return len(self.keys)

    def messages(self) -> Iterable[tuple[str, bytes]]:
        """(key, value) of each"""
        return zip(self.keys, self.values, strict=True)


class Before(msgspec.Struct, frozen=True):
    """The state before: of a private fold (`held`) or of a fold that keeps a table (`row`)."""

    key: str | None = None
    held: Held[Any] | None = None
    row: Record | None = None


@dataclass(slots=True)
class Settled:
    """What to apply. `changed`: the state of `key` becomes `held` (or `row`, encoded in `raw`); None forgets it.

    `due_ms`: the timers that were set to another time than before.
    """

    key: str | None
    outs: list[Out] = field(default_factory=list)
    batches: list[OutBatch] = field(default_factory=list)
    counts: list[tuple[What, str, int]] = field(default_factory=list)
    changed: bool = False
    held: Held[Any] | None = None
    row: Record | None = None
    raw: bytes | None = None
    due_ms: dict[str, int] = field(default_factory=dict)

    def keeping(self, held: Held[Any]) -> "Settled":
        """The same with this state."""
        return replace(self, changed=True, held=held, raw=encode_held(held))


class Settler:
    """Knows how to encode and what is allowed."""

    def __init__(self, codec: Codec, limits: Limits) -> None:
        self.codec = codec
        self.limits = limits

    def settle(
        self,
        bound: BoundLeg,
        cause: Cause,
        effects: Iterable[Effect],
        before: Before,
        *,
        now_ms: int,
        records: int = 1,
        beside: int = 0,
    ) -> Settled:
        """Goes through the effects of one call over `records` records (0: a timer).

        `beside`: how many outputs the call has besides these.

        Raises OutputError, CodecError, RegistryUnavailableError, and whatever the leg's function raises.
        """
        return _Call(self, bound, cause, before, now_ms).run(effects, records, beside)


class _Call:
    """One call of a leg's function."""

    __slots__ = (
        "before",
        "bound",
        "cause",
        "causes",
        "filtered",
        "late",
        "now_ms",
        "settled",
        "settler",
        "stamper",
        "state",
        "timers",
        "touched",
    )

    def __init__(
        self, settler: Settler, bound: BoundLeg, cause: Cause, before: Before, now_ms: int
    ) -> None:
        self.settler, self.bound, self.cause, self.before = settler, bound, cause, before
        self.now_ms = now_ms
        self.stamper = Stamper(bound.label, cause, now_ms)
        self.settled = Settled(before.key)
        self.state: Any = before.held.state if before.held else before.row
        self.timers: dict[str, int] = dict(before.held.timers) if before.held else {}
        self.late: dict[str, int] = dict(before.held.late) if before.held else {}
        self.touched = False
        self.filtered = 0
        self.causes: dict[str, Stamper] = {}

    def run(self, effects: Iterable[Effect], records: int, beside: int) -> Settled:
        for effect in effects:
            if isinstance(effect, Filtered):
                self.filtered += effect.count
                what: What = "filtered" if records else "timer filtered"  # a timer is no record
                self.settled.counts.append((what, effect.reason, effect.count))
            elif isinstance(effect, Caused):
                self._emit(effect.output, self._stamper_of(effect.cause))
            elif isinstance(effect, Record):
                self._emit(effect, self.stamper)
            else:
                self._change(effect)
        if self.touched and not self._keep():
            return Settled(self.before.key, counts=[("filtered", "older version", records)])
        left, emitted = records - self.filtered, len(self.settled.outs) + beside
        if left > 0:
            self.settled.counts.append(self._account(left, emitted))
        return self.settled

    def _stamper_of(self, cause: Record) -> Stamper:
        """One per cause, so that its outputs are numbered through."""
        stamper = self.causes.get(cause.event_id)
        if stamper is None:
            stamper = Stamper(self.bound.label, cause_of(cause), self.now_ms)
            self.causes[cause.event_id] = stamper
        return stamper

    def _account(self, records: int, emitted: int) -> tuple[What, str, int]:
        if emitted:
            return "processed", "", records
        if self.settled.changed:
            return "kept", "", records
        return "filtered", "nothing to do", records

    def _emit(self, record: Record, stamper: Stamper) -> None:
        topic: Topic[Any] | None = self.bound.outputs.get(type(record))
        if topic is None:
            raise OutputError(f"{type(record).__name__} is not among what the leg writes")
        key, limits = topic.key(record), self.settler.limits
        stamper.stamp(record, topic.name, key)
        if topic.kind == "command" and record.occurred_at < limits.go_live_ms:
            self.settled.counts.append(("withheld", "before go-live", 1))
            return
        value = self.settler.codec.of(topic).encode(record)
        if not fits(key, value, limits.output_bytes_max):
            raise OutputError("output too large")
        self.settled.outs.append(Out(topic.name, key, value, self.bound.label))

    def _change(self, effect: Effect) -> None:
        if not isinstance(self.bound.leg, Fold):
            raise OutputError(f"{type(effect).__name__} outside a fold")
        self.touched = True
        if isinstance(effect, Keep):
            self.state = effect.state
        elif isinstance(effect, Forget):
            self.state = None
            self.timers.clear()
            self.late.clear()
            self.settled.due_ms.clear()
        elif isinstance(effect, SetTimer):
            self._set_timer(effect.name, effect.due_ms)
        elif isinstance(effect, CancelTimer):
            self.timers.pop(effect.name, None)
            self.late.pop(effect.name, None)
            self.settled.due_ms.pop(effect.name, None)
        else:
            raise OutputError(f"{type(effect).__name__} is not an effect")

    def _set_timer(self, name: str, due_ms: int) -> None:
        """One that is due already may have fired at that very time before: what it writes now is another matter."""
        self._check_due(due_ms)
        if self.timers.get(name) == due_ms:
            return
        self.timers[name] = self.settled.due_ms[name] = due_ms
        self.late.pop(name, None)
        if due_ms <= self.now_ms:
            self.late[name] = self.now_ms

    def _check_due(self, due_ms: int) -> None:
        """One that is overdue fires at once. One in the year 9999 is a mistake, and its state would be kept for it."""
        if type(due_ms) is not int:
            raise OutputError("a timer without a time")
        if due_ms > self.now_ms + self.settler.limits.timer_ahead_ms_max:
            raise OutputError("a timer too far ahead")

    def _keep(self) -> bool:
        """Fills in the new state; False where a newer version of the row is held already."""
        self.settled.changed = True
        kept = self.bound.leg.state if isinstance(self.bound.leg, Fold) else None
        if isinstance(kept, Table):
            return self._keep_row(kept)
        if self.state is None and self.timers:
            raise OutputError("a timer without a state")
        if self.state is not None:
            cause = self.cause
            origin = (cause.trace_id, cause.event_id, cause.occurred_at)
            held = Held(self.state, self.timers, *origin, self.late)
            self.settled.held, self.settled.raw = held, self._fitting(encode_held(held))
        return True

    def _fitting(self, raw: bytes) -> bytes:
        if not fits(self.before.key or "", raw, self.settler.limits.output_bytes_max):
            raise OutputError("state too large")
        return raw

    def _keep_row(self, table: Table[Any]) -> bool:
        if self.timers:
            raise OutputError("a fold that keeps a table has no timers")
        row: Record | None = self.state
        if row is None:
            return True
        if row is self.before.row:
            self.settled.changed = False
            return True
        key = table.key(row)
        if key != self.before.key:
            raise OutputError("a row under another key")
        self.stamper.stamp(row, table.changelog.name, key)
        if self.before.row is not None and row.version < self.before.row.version:
            return False
        self.settled.row = row
        self.settled.raw = self._fitting(self.settler.codec.of(table.changelog).encode(row))
        return True


def fits(key: str, value: bytes, bytes_max: int) -> bool:
    """A character takes up to four bytes: only keys that may matter are encoded to be measured."""
    size = len(value)
    return size + 4 * len(key) <= bytes_max or size + len(key.encode()) <= bytes_max


def all_fit(keys: Sequence[str], values: Sequence[bytes], bytes_max: int) -> bool:
    """`fits` for each; mostly the longest of them say it for all."""
    if max(map(len, values)) + 4 * max(map(len, keys)) <= bytes_max:
        return True
    return all(fits(key, value, bytes_max) for key, value in zip(keys, values, strict=True))
