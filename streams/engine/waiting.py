"""What waits for a row: parks records, tries them again when the row comes, gives them up at their deadline."""

from collections import Counter, deque
from typing import Any

from gridwire.codec import Codec, CodecError
from gridwire.records import Record
from streams.engine.lookups import MissingRow
from streams.engine.message import LocalMessage, Message
from streams.engine.outbox import Dead, ExpiredError
from streams.engine.parking import Lane, Parked, Parking
from streams.engine.plan import PARKED_STORE, BoundLeg, Plan
from streams.engine.runner import Runner
from streams.engine.settle import OutputError
from streams.flow import Input, Wait
from streams.topology import lookups_of

MINUTE_MS = 60_000


class Waiting:
    """The parked records of one partition, in the order of their arrival per leg and key."""

    def __init__(self, plan: Plan, codec: Codec, runner: Runner, parking: Parking) -> None:
        self._plan = plan
        self._codec = codec
        self._runner = runner
        self._parking = parking
        self._legs = {leg.label: leg for leg in plan.legs}

    def __len__(self) -> int:
        return len(self._parking)

    def by_leg(self) -> Counter[str]:
        """How many records of each leg wait."""
        return self._parking.by_leg()

    def rebuild(self) -> None:
        """Rows may have come while their waiting records were not here, or in a round that was aborted: full
        copies are not rolled back. So everything that waits is tried once more.
        """
        for key, raw in self._parking.rebuild():
            message = LocalMessage(PARKED_STORE, self._runner.partition, -1, key.encode(), raw)
            self._runner.outbox.dead.append(
                Dead(message, "", "", "waiting record not readable", "DecodeError")
            )
        self._runner.arrived = deque(self._parking.waited_for())

    def offer(
        self, bound: BoundLeg, source: Input, message: Message, record: Record, now_ms: int
    ) -> None:
        """A new record: it waits behind one that waits already, or is tried.

        Without a key it lies in any partition, and what its leg knows of it in another: it is dead.
        """
        if bound.keyed and message.key() is None:
            self._runner.dead(bound, message, record, OutputError("no key"))
            return
        if self._parking.blocks(bound.label, message.key()):
            self._park(bound, message, record, None, now_ms)
            return
        missing = self._runner.attempt(bound, source, message, record, now_ms)
        if missing is not None:
            self._park(bound, message, record, missing, now_ms)

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
            self._parking.check(bound.label, message, missing.key if missing else "")
        except OutputError as error:
            self._runner.dead(bound, message, record, error)
            return
        if wait and wait.ask and not self._runner.ask(bound, message, record, wait.ask, now_ms):
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
        self._runner.count(bound, "parked")

    def release(self, now_ms: int) -> None:
        """Tries what waited for the rows that came."""
        arrived = self._runner.arrived
        while arrived:
            table, key = arrived.popleft()
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
            missing = self._runner.attempt(bound, source, head.message(), record, now_ms)
            if missing is not None and self._waits_on(lane, bound, record, missing):
                return
            self._parking.pop(lane)
            self._runner.count(bound, "parked", count=-1)

    def _waits_on(self, lane: Lane, bound: BoundLeg, record: Record, missing: MissingRow) -> bool:
        """The first record of a lane waits for another row now; False where it cannot, and it is dead."""
        head = self._parking.head(lane)
        try:
            self._parking.wait_on(lane, missing.table, missing.key)
        except OutputError as error:
            if head is not None:
                self._runner.dead(bound, head.message(), record, error)
            return False
        return True

    def _recall(self, head: Parked) -> tuple[BoundLeg, Input, Record] | None:
        """The waiting record again; None where its leg is not run here any more, or reads its topic no more."""
        bound = self._legs.get(head.leg)
        entries = self._plan.by_topic.get(head.topic, ())
        source: Any = next((e.input for e in entries if e.bound is bound), None)
        if bound is None or source is None:
            return None
        try:
            return bound, source, self._codec.of(self._plan.topics[head.topic]).decode(head.value)
        except CodecError:
            return None

    def _orphaned(self, lane: Lane) -> None:
        head = self._parking.pop(lane)
        flow, _, leg = head.leg.rpartition("/")
        outbox = self._runner.outbox
        outbox.counts.add(flow, leg, "parked", count=-1)
        outbox.counts.add(flow, leg, "dead", "its leg is gone")
        outbox.dead.append(Dead(head.message(), flow, leg, "its leg is gone", "KeyError"))

    def expire(self, now_ms: int, wall_ms: int) -> None:
        """Records whose deadline has passed by `now_ms` are dead; those behind them are tried, at `wall_ms`."""
        for lane in self._parking.expired(now_ms):
            self._expire(lane)
            self._retry(lane, wall_ms)

    def _expire(self, lane: Lane) -> None:
        head = self._parking.head(lane)
        recalled = self._recall(head) if head else None
        if head is None or recalled is None:
            self._orphaned(lane)
            return
        self._parking.pop(lane)
        bound, _, record = recalled
        self._runner.count(bound, "parked", count=-1)
        self._runner.dead(bound, head.message(), record, ExpiredError(head.table))

    def next_due_ms(self) -> int | None:
        """When the next deadline may pass; 0 where rows came that are not tried yet."""
        return 0 if self._runner.arrived else self._parking.next_due_ms()


def _longest_wait(bound: BoundLeg) -> float:
    waits = [
        look.missing.minutes for look in lookups_of(bound.leg) if isinstance(look.missing, Wait)
    ]
    return max(waits, default=0.0)
