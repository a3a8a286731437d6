"""One partition's share of all flows: its state, and what to do with each record, timer and row that comes.

Nothing here touches Kafka. A round calls `process` and `tick`, then `drain` for what to write; after the transaction
`commit`, or `abort`, which leaves everything as it was at the last commit. No exception of a flow gets out: the
record that raised is handed over as a dead letter, and nothing of it is applied.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gridwire.codec import Codec, CodecError, RegistryUnavailableError
from gridwire.ids import derived, trace_of
from gridwire.records import Record
from gridwire.topics import Topic
from streams.engine.lookups import Lookups, MissingRow
from streams.engine.message import LocalMessage, Message
from streams.engine.outbox import Dead, ExpiredError, Outbox
from streams.engine.parking import Lane, Parked, Parking
from streams.engine.plan import PARKED_STORE, SEEN_STORE, BoundLeg, Plan
from streams.engine.references import References
from streams.engine.seen import Seen
from streams.engine.settle import Before, Limits, OutputError, Settled, Settler
from streams.engine.stamp import Cause, cause_of
from streams.engine.state import State
from streams.engine.store import Held
from streams.flow import Columns, Effects, Filtered, Fired, Fold, Input, Table, Wait
from streams.topology import lookups_of

TIMERS_PER_TICK_MAX = 1_000
MINUTE_MS = 60_000


class Task:
    """All legs of a plan over one partition."""

    def __init__(
        self, plan: Plan, partition: int, codec: Codec, references: References, limits: Limits
    ) -> None:
        self.plan = plan
        self.partition = partition
        self.outbox = Outbox()
        self.state = State(plan, codec)
        self._codec = codec
        self._settler = Settler(codec, limits)
        self._legs = {leg.label: leg for leg in plan.legs}
        self._parking = Parking(self.state.stores[PARKED_STORE])
        self._seen = {
            name: Seen(name, self.state.stores[SEEN_STORE], limits.seen_ids_max)
            for name, topic in plan.topics.items()
            if topic.kind == "source"
        }
        self._lookups = Lookups(self.state.tables, references)
        self._arrived: deque[tuple[str, str]] = deque()  # (table, key) of rows that came

    # -- restore and transactions -----------------------------------------------------------------------
    def restored(self) -> None:
        """The stores hold what the changelogs say: builds what is derived from them."""
        self.state.rebuild()
        self._rebuild()

    def _rebuild(self) -> None:
        """Rows may have come while their waiting records were not here, or in a round that was aborted: full
        copies are not rolled back. So everything that waits is tried once more.
        """
        self._parking.rebuild()
        self._arrived = deque(self._parking.waited_for())
        for seen in self._seen.values():
            seen.rebuild()

    def drain(self) -> tuple[Outbox, Mapping[str, Mapping[str, bytes | None]]]:
        """Outputs, and changed rows (store → key → value or None), since the last drain."""
        for seen in self._seen.values():
            seen.drain()
        outbox, self.outbox = self.outbox, Outbox()
        return outbox, self.state.drain()

    def commit(self) -> None:
        """What was drained is committed."""
        self.state.commit()

    def abort(self) -> None:
        """Everything as it was at the last commit."""
        self.outbox = Outbox()
        self.state.abort()
        self._rebuild()

    # -- records ----------------------------------------------------------------------------------------
    def process(self, topic: Topic[Any], messages: Sequence[Message], now_ms: int) -> None:
        """All legs that read `topic`, over one batch of this partition.

        Raises RegistryUnavailableError: the round must be aborted and tried again.
        """
        readable = self._decode(topic, messages)
        for entry in self.plan.by_topic[topic.name]:
            bound = entry.bound
            self._count(bound, "in", count=len(readable))
            batch = self._live(bound, readable)
            if isinstance(bound.leg, Columns):
                self._columns(bound, bound.leg, batch, now_ms)
            elif entry.input is not None:
                for message, record in batch:
                    self._offer(bound, entry.input, message, record, now_ms)
                    self._release(now_ms)

    def _live(
        self, bound: BoundLeg, readable: list[tuple[Message, Record]]
    ) -> list[tuple[Message, Record]]:
        """What a leg is to see: one that only gives commands would remember having given those withheld."""
        since_ms = self._settler.limits.go_live_ms
        if not since_ms or not bound.only_commands:
            return readable
        live = [pair for pair in readable if pair[1].occurred_at >= since_ms]
        if len(live) < len(readable):
            self._count(bound, "filtered", "before go-live", len(readable) - len(live))
        return live

    def _decode(
        self, topic: Topic[Any], messages: Sequence[Message]
    ) -> list[tuple[Message, Record]]:
        """Readable records that were not seen before."""
        codec, seen = self._codec.of(topic), self._seen.get(topic.name)
        batch: list[tuple[Message, Record]] = []
        for message in messages:
            try:
                record = codec.decode(message.value())
            except CodecError as error:
                self.outbox.dead.append(Dead(message, "", "", error.reason, type(error).__name__))
                continue
            if seen is not None and not seen.first_time(record.event_id):
                self.outbox.counts.add("", topic.name, "duplicate")
                continue
            batch.append((message, record))
        return batch

    def _offer(
        self, bound: BoundLeg, source: Input, message: Message, record: Record, now_ms: int
    ) -> None:
        """A new record: it waits behind one that waits already, or is tried."""
        if self._parking.blocks(bound.label, message.key()):
            self._park(bound, message, record, None, now_ms)
            return
        missing = self._try(bound, source, message, record, now_ms)
        if missing is not None:
            self._park(bound, message, record, missing, now_ms)

    def _try(
        self, bound: BoundLeg, source: Input, message: Message, record: Record, now_ms: int
    ) -> MissingRow | None:
        """Runs the leg's function; returns the row that is worth waiting for, if one is missing."""
        try:
            found = self._lookups.find(source.lookups, record)
            if isinstance(found, MissingRow):
                if isinstance(found.missing, Wait) and found.key:
                    return found
                reason = getattr(found.missing, "reason", f"no {found.table} to look up")
                self._count(bound, "filtered", reason)
                return None
            key = source.key(record) if source.key else None
            if isinstance(bound.leg, Fold) and key is None:
                self._count(bound, "filtered", "concerns no state")
                return None
            before = self.state.before(bound, key)
            effects = self._call(bound, source, record, before, found.rows)
            settled = self._settler.settle(bound, cause_of(record), effects, before, now_ms=now_ms)
        except RegistryUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 -- whatever a flow raises ends in a dead letter, not in an agent
            self._dead(bound, message, record, error)
            return None
        self._apply(bound, settled)
        return None

    @staticmethod
    def _call(
        bound: BoundLeg, source: Input, record: Record, before: Before, rows: tuple[Any, ...]
    ) -> Effects:
        if not isinstance(bound.leg, Fold):
            return source.apply(record, *rows)
        state = before.held.state if before.held else before.row
        return source.apply(record, state, *rows)

    def _columns(
        self,
        bound: BoundLeg,
        leg: Columns,
        batch: Sequence[tuple[Message, Record]],
        now_ms: int,
    ) -> None:
        """A whole batch at once; where it raises, halves, down to the record that is at fault."""
        if not batch:
            return
        records = [record for _, record in batch]
        try:
            cause = _batch_cause(bound.label, batch[0][0], batch[-1][0], records)
            effects = leg.rows(records, self._lookups)
            settled = self._settler.settle(
                bound, cause, effects, Before(), now_ms=now_ms, records=len(batch)
            )
        except RegistryUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 -- see _try
            if len(batch) == 1:
                self._dead(bound, batch[0][0], batch[0][1], error)
                return
            half = len(batch) // 2
            self._columns(bound, leg, batch[:half], now_ms)
            self._columns(bound, leg, batch[half:], now_ms)
            return
        self._apply(bound, settled)

    def _apply(self, bound: BoundLeg, settled: Settled) -> None:
        """Nothing here may fail: the outputs are encoded already."""
        self.outbox.counts.extend(bound.flow, bound.leg.name, settled.counts)
        self.outbox.outs.extend(settled.outs)
        arrived = self.state.apply(bound, settled)
        if arrived is not None:
            self._arrived.append(arrived)

    # -- parking ----------------------------------------------------------------------------------------
    def _park(
        self,
        bound: BoundLeg,
        message: Message,
        record: Record,
        missing: MissingRow | None,
        now_ms: int,
    ) -> None:
        """Waits for `missing`, or behind an earlier record of its key."""
        wait = missing.missing if missing and isinstance(missing.missing, Wait) else None
        try:
            self._parking.check(bound.label, message, self._settler.limits.output_bytes_max)
            asked = iter((wait.ask(record),)) if wait and wait.ask else iter(())
            settled = self._settler.settle(
                bound, cause_of(record), asked, Before(), now_ms=now_ms, records=0
            )
        except RegistryUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 -- see _try
            self._dead(bound, message, record, error)
            return
        minutes = wait.minutes if wait else _longest_wait(bound)
        self._parking.add(
            bound.label,
            message,
            table=missing.table if missing else "",
            row_key=missing.key if missing else "",
            deadline_ms=now_ms + round(minutes * MINUTE_MS),
            now_ms=now_ms,
        )
        self._count(bound, "parked")
        self._apply(bound, settled)

    def row_arrived(self, table: str, key: str, now_ms: int) -> None:
        """A reference row changed: records that waited for it are tried again."""
        self._arrived.append((table, key))
        self._release(now_ms)

    def _release(self, now_ms: int) -> None:
        while self._arrived:
            table, key = self._arrived.popleft()
            for lane in self._parking.lanes_for(table, key):
                self._retry(lane, now_ms)

    def _retry(self, lane: Lane, now_ms: int) -> None:
        """Tries a lane's records in order until one must wait on."""
        while (head := self._parking.head(lane)) is not None:
            recalled = self._recall(head)
            if recalled is None:
                self._orphaned(lane)
                continue
            bound, source, record = recalled
            missing = self._try(bound, source, head.message(), record, now_ms)
            if missing is not None:
                self._parking.wait_on(lane, missing.table, missing.key)
                return
            self._parking.pop(lane)
            self._count(bound, "parked", count=-1)

    def _recall(self, head: Parked) -> tuple[BoundLeg, Input, Record] | None:
        """The waiting record again; None where its leg is not run here any more, or reads its topic no more."""
        bound = self._legs.get(head.leg)
        entries = self.plan.by_topic.get(head.topic, ())
        source = next((e.input for e in entries if e.bound is bound), None)
        if bound is None or source is None:
            return None
        try:
            return bound, source, self._codec.of(self.plan.topics[head.topic]).decode(head.value)
        except CodecError:
            return None

    def _orphaned(self, lane: Lane) -> None:
        head = self._parking.pop(lane)
        flow, _, leg = head.leg.rpartition("/")
        self.outbox.counts.add(flow, leg, "parked", count=-1)
        self.outbox.counts.add(flow, leg, "dead", "its leg is gone")
        self.outbox.dead.append(Dead(head.message(), flow, leg, "its leg is gone", "KeyError"))

    # -- time -------------------------------------------------------------------------------------------
    def tick(self, now_ms: int) -> None:
        """Fires timers that are due and expires records that waited too long, at most so many at once."""
        for label, timers in self.state.timers.items():
            for (due, key, name), held in timers.due(now_ms, TIMERS_PER_TICK_MAX):
                self._fire(self._legs[label], Fired(name, key, due, now_ms, held.state), held)
        for lane in self._parking.expired(now_ms):
            self._expire(lane)
            self._retry(lane, now_ms)
        self._release(now_ms)

    def _expire(self, lane: Lane) -> None:
        head = self._parking.head(lane)
        recalled = self._recall(head) if head else None
        if head is None or recalled is None:
            self._orphaned(lane)
            return
        self._parking.pop(lane)
        bound, _, record = recalled
        self._count(bound, "parked", count=-1)
        self._dead(bound, head.message(), record, ExpiredError(head.table))

    def next_due_ms(self) -> int | None:
        """When `tick` has something to do next (0: at once); None where nothing is planned."""
        if self._arrived:
            return 0
        dues = (self.state.next_due_ms(), self._parking.next_due_ms())
        return min((due for due in dues if due is not None), default=None)

    def _fire(self, bound: BoundLeg, fired: Fired[Any], held: Held[Any]) -> None:
        rest = {name: due for name, due in held.timers.items() if name != fired.name}
        quiet = msgspec.structs.replace(held, timers=rest)  # the timer is gone whatever follows
        self._count(bound, "timers")
        source = derived(bound.label, fired.key, fired.name, fired.due_ms)
        cause = Cause(source, held.occurred_at, held.trace_id, 0)
        try:
            effects = self._timer_effects(bound, fired)
            settled = self._settler.settle(
                bound, cause, effects, Before(fired.key, quiet), now_ms=fired.now_ms, records=0
            )
        except RegistryUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 -- see _try; and the timer must not fire for ever
            self.state.hold(bound.label, fired.key, quiet)
            raw = msgspec.msgpack.encode(held)
            message = LocalMessage(bound.store or "", self.partition, -1, fired.key.encode(), raw)
            self._count(bound, "dead timer", type(error).__name__)
            self.outbox.dead.append(
                Dead(message, bound.flow, bound.leg.name, "timer failed", type(error).__name__)
            )
            return
        self._apply(bound, settled if settled.changed else settled.keeping(quiet))

    def _timer_effects(self, bound: BoundLeg, fired: Fired[Any]) -> Effects:
        if not isinstance(bound.leg, Fold) or bound.leg.on_timer is None:
            raise OutputError("the leg has timers but no on_timer")
        found = self._lookups.find(bound.leg.on_timer.lookups, fired)
        if isinstance(found, MissingRow):
            return iter((Filtered("no row at the timer", 0),))
        return bound.leg.on_timer.apply(fired, *found.rows)

    # -- accounting -------------------------------------------------------------------------------------
    def _count(self, bound: BoundLeg, what: str, reason: str = "", count: int = 1) -> None:
        self.outbox.counts.add(bound.flow, bound.leg.name, what, reason, count)

    def _dead(self, bound: BoundLeg, message: Message, record: Record, error: Exception) -> None:
        known = isinstance(error, CodecError | OutputError)
        reason = error.reason if known else "flow raised"  # type: ignore[attr-defined]
        self._count(bound, "dead", reason)
        trace = record.trace_id or trace_of(record.event_id)
        self.outbox.dead.append(
            Dead(message, bound.flow, bound.leg.name, reason, type(error).__name__, trace)
        )

    def rows(self, table: Table[Any]) -> Mapping[str, Any]:
        """All rows of a partitioned table here, decoded: for queries and tests."""
        held = self.state.tables[table.name]
        return {key: held.get(key) for key in list(held.store)}

    @property
    def parked(self) -> int:
        """Records that wait here."""
        return len(self._parking)


def _longest_wait(bound: BoundLeg) -> float:
    waits = [
        look.missing.minutes for look in lookups_of(bound.leg) if isinstance(look.missing, Wait)
    ]
    return max(waits, default=0.0)


def _batch_cause(label: str, first: Message, last: Message, records: Sequence[Record]) -> Cause:
    span = f"{first.topic()}/{first.partition()}/{first.offset()}-{last.offset()}"
    newest = max(record.occurred_at for record in records)
    trace = records[0].trace_id or trace_of(records[0].event_id)
    return Cause(derived(label, span), newest, trace, 0)
