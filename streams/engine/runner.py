"""Runs the functions of legs over one partition's state and collects what they want written.

No exception of a flow gets out of here: the record (or timer) that raised is handed over as a dead letter, and nothing
of it is applied. Only a registry that does not answer does: nothing is wrong with the record then.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from gridwire import tracing
from gridwire.arrow import ColumnCodec
from gridwire.codec import Codec, CodecError
from gridwire.ids import derived, trace_of
from gridwire.records import Record
from gridwire.replays import Timer
from gridwire.topics import Topic
from streams.engine.counts import What
from streams.engine.faults import NOBODYS_FAULT
from streams.engine.lookups import Lookups, MissingRow
from streams.engine.message import LocalMessage, Message
from streams.engine.outbox import Dead, Fire, Outbox
from streams.engine.plan import BoundLeg, Plan
from streams.engine.references import References
from streams.engine.rows import Home
from streams.engine.settle import Before, Limits, OutputError, Settled, Settler
from streams.engine.stamp import Cause, cause_of
from streams.engine.state import State
from streams.engine.store import Held
from streams.flow import Columns, Effects, Filtered, Fired, Fold, Input, Wait

ASKED = "asked"


class Runner:
    """All legs of a plan over one partition. `arrived`: (table, key) of rows that came."""

    def __init__(
        self,
        plan: Plan,
        partition: int,
        codec: Codec,
        references: References,
        limits: Limits,
        *,
        home: Home | None = None,
    ) -> None:
        self.outbox = Outbox()
        self.state = State(plan, codec, home)
        self.settler = Settler(codec, limits)
        self.lookups = Lookups(self.state.tables, references)
        self.arrived: deque[tuple[str, str]] = deque()
        self.partition = partition
        self._codec = codec
        self._column_codecs: dict[str, ColumnCodec] = {}

    def column_codec(self, topic: Topic[Any]) -> ColumnCodec:
        """Made on first use."""
        if topic.name not in self._column_codecs:
            self._column_codecs[topic.name] = ColumnCodec(self._codec.of(topic))
        return self._column_codecs[topic.name]

    # -- one record -------------------------------------------------------------------------------------
    def attempt(
        self, bound: BoundLeg, source: Input, message: Message, record: Record, now_ms: int
    ) -> MissingRow | None:
        """Runs the leg's function; returns the row that is worth waiting for, if one is missing."""
        try:
            found = self.lookups.find(source.lookups, record)
            if isinstance(found, MissingRow):
                if isinstance(found.missing, Wait) and found.key:
                    return found
                reason = getattr(found.missing, "reason", f"no {found.table} to look up")
                self.count(bound, "filtered", reason)
                return None
            key = source.key(record) if source.key else None
            if isinstance(bound.leg, Fold) and key is None:
                self.count(bound, "filtered", "concerns no state")
                return None
            before = self.state.before(bound, key)
            effects = _call(bound, source, record, before, found.rows)
            settled = self.settler.settle(bound, cause_of(record), effects, before, now_ms=now_ms)
        except NOBODYS_FAULT:
            raise
        except Exception as error:  # noqa: BLE001 -- whatever a flow raises ends in a dead letter, not in an agent
            self.dead(bound, message, record, error)
            return None
        self.apply(bound, settled)
        return None

    def ask(
        self,
        bound: BoundLeg,
        message: Message,
        record: Record,
        asks: Callable[[Record], Record],
        now_ms: int,
    ) -> bool:
        """What a record asks for that has to wait; False where that failed, and the record is dead.

        Its id is another than those of what the record leads to once it need not wait any more.
        """
        try:
            asked = asks(record)
            if not asked.event_id:
                own = derived(bound.label, ASKED, record.event_id, type(asked).__name__)
                asked = msgspec.structs.replace(asked, event_id=own)
            settled = self.settler.settle(
                bound, cause_of(record), iter((asked,)), Before(), now_ms=now_ms, records=0
            )
        except NOBODYS_FAULT:
            raise
        except Exception as error:  # noqa: BLE001 -- see attempt
            self.dead(bound, message, record, error)
            return False
        self.apply(bound, settled)
        return True

    # -- a whole batch ----------------------------------------------------------------------------------
    def batch(
        self, bound: BoundLeg, leg: Columns, batch: Sequence[tuple[Message, Record]], now_ms: int
    ) -> None:
        """A columns leg on rows; where it raises, halves, down to the record that is at fault."""
        if not batch:
            return
        records = [record for _, record in batch]
        try:
            cause = batch_cause(
                bound.label,
                (batch[0][0], batch[-1][0]),
                max(record.occurred_at for record in records),
                records[0].trace_id or trace_of(records[0].event_id),
            )
            effects = leg.rows(records, self.lookups)
            settled = self.settler.settle(
                bound, cause, effects, Before(), now_ms=now_ms, records=len(batch)
            )
        except NOBODYS_FAULT:
            raise
        except Exception as error:  # noqa: BLE001 -- see attempt
            if len(batch) == 1:
                self.dead(bound, batch[0][0], batch[0][1], error)
                return
            half = len(batch) // 2
            self.batch(bound, leg, batch[:half], now_ms)
            self.batch(bound, leg, batch[half:], now_ms)
            return
        self.apply(bound, settled)

    # -- timers -----------------------------------------------------------------------------------------
    def fire(self, bound: BoundLeg, fired: Fired[Any], held: Held[Any]) -> None:
        """A timer that is due: it is gone whatever follows."""
        rest = {name: due for name, due in held.timers.items() if name != fired.name}
        late = {name: at for name, at in held.late.items() if name != fired.name}
        quiet = msgspec.structs.replace(held, timers=rest, late=late)
        self.count(bound, "timers")
        set_at = (held.late[fired.name],) if fired.name in held.late else ()
        source = derived(bound.label, fired.key, fired.name, fired.due_ms, *set_at)
        cause = Cause(source, held.occurred_at, held.trace_id, 0)
        if tracing.on is not None:
            fire = Fire(bound.label, source, held.trace_id, held.cause_id or None)
            self.outbox.fires.append(fire)
        try:
            effects = self._timer_effects(bound, fired)
            settled = self.settler.settle(
                bound, cause, effects, Before(fired.key, quiet), now_ms=fired.now_ms, records=0
            )
        except NOBODYS_FAULT:
            raise
        except Exception as error:  # noqa: BLE001 -- see attempt; and the timer must not fire for ever
            self._timer_failed(bound, fired, held, quiet, error)
            return
        self.apply(bound, settled if settled.changed else settled.keeping(quiet))

    def _timer_failed(
        self,
        bound: BoundLeg,
        fired: Fired[Any],
        held: Held[Any],
        quiet: Held[Any],
        error: Exception,
    ) -> None:
        self.state.hold(bound.label, fired.key, quiet)
        raw = msgspec.msgpack.encode(held)
        message = LocalMessage(bound.store or "", self.partition, -1, fired.key.encode(), raw)
        why = type(error).__name__
        self.raised(bound, fired, error)
        self.count(bound, "dead timer", why)
        timer = Timer(fired.name, fired.due_ms)
        self.outbox.dead.append(
            Dead(message, bound.flow, bound.leg.name, "timer failed", why, held.trace_id, timer)
        )

    def _timer_effects(self, bound: BoundLeg, fired: Fired[Any]) -> Effects:
        if not isinstance(bound.leg, Fold) or bound.leg.on_timer is None:
            raise OutputError("the leg has timers but no on_timer")
        found = self.lookups.find(bound.leg.on_timer.lookups, fired)
        if isinstance(found, MissingRow):
            return iter((Filtered("no row at the timer", 0),))
        return bound.leg.on_timer.apply(fired, *found.rows)

    # -- what comes of it -------------------------------------------------------------------------------
    def apply(self, bound: BoundLeg, settled: Settled) -> None:
        """Nothing here may fail: the outputs are encoded already."""
        self.outbox.counts.extend(bound.flow, bound.leg.name, settled.counts)
        self.outbox.outs.extend(settled.outs)
        self.outbox.outs.extend(settled.batches)
        arrived = self.state.apply(bound, settled)
        if arrived is not None:
            self.arrived.append(arrived)

    def count(self, bound: BoundLeg, what: What, reason: str = "", count: int = 1) -> None:
        self.outbox.counts.add(bound.flow, bound.leg.name, what, reason, count)

    def dead(self, bound: BoundLeg, message: Message, record: Record, error: Exception) -> None:
        known = isinstance(error, CodecError | OutputError)
        reason = error.reason if known else "flow raised"  # type: ignore[attr-defined]
        self.raised(bound, record, error)
        self.count(bound, "dead", reason)
        trace = record.trace_id or trace_of(record.event_id)
        self.outbox.dead.append(
            Dead(message, bound.flow, bound.leg.name, reason, type(error).__name__, trace)
        )

    # -- faults, for who tests a flow ---------------------------------------------------------------------
    def raised(self, bound: BoundLeg, by: Record | Fired[Any], error: Exception) -> None:
        """Told what a record or timer died of. A worker keeps nothing of it: texts may hold values of records."""

    def stepped_in(self, bound: BoundLeg, error: Exception) -> None:
        """Told that columns raised where records did not. To a worker both are the same."""


def _call(
    bound: BoundLeg, source: Input, record: Record, before: Before, rows: tuple[Any, ...]
) -> Effects:
    if not isinstance(bound.leg, Fold):
        return source.apply(record, *rows)
    state = before.held.state if before.held else before.row
    return source.apply(record, state, *rows)


def batch_cause(label: str, ends: tuple[Message, Message], newest_ms: int, trace_id: str) -> Cause:
    """What an output of a whole batch follows from: the span of offsets that it covers."""
    first, last = ends
    span = f"{first.topic()}/{first.partition()}/{first.offset()}-{last.offset()}"
    return Cause(derived(label, span), newest_ms, trace_id, 0)
