"""One partition's share of all flows: its state, and what to do with each record, timer and row that comes.

Nothing here touches Kafka. A round calls `process` and `tick`, then `drain` for what to write; after the transaction
`commit`, or `abort`, which leaves everything as it was at the last commit.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gridwire.codec import Codec
from gridwire.records import Record
from gridwire.replays import Replay
from gridwire.topics import Topic
from streams.engine.columns import run_columns
from streams.engine.incoming import Incoming, Intake
from streams.engine.message import Message
from streams.engine.outbox import Outbox
from streams.engine.parking import Parking
from streams.engine.plan import PARKED_STORE, SEEN_STORE, BoundLeg, Entry, Plan
from streams.engine.references import References
from streams.engine.replays import Replays, runs
from streams.engine.rows import Home
from streams.engine.runner import Runner
from streams.engine.seen import Seen, restore_all
from streams.engine.settle import Limits
from streams.engine.waiting import Waiting
from streams.flow import Columns, Fired, Table

TIMERS_PER_TICK_MAX = 1_000


class Task:
    """All legs of a plan over one partition. `home`: where its committed rows live; default: in memory.

    `group`: the worker group that this is: dead letters come back to the one that gave them up. `runner`: what makes
    the runner of the legs, in tests.
    """

    def __init__(
        self,
        plan: Plan,
        partition: int,
        codec: Codec,
        references: References,
        limits: Limits,
        *,
        home: Home | None = None,
        group: str = "",
        runner: Callable[..., Runner] = Runner,
    ) -> None:
        self.plan = plan
        self.partition = partition
        self._limits = limits
        self._runner = runner(plan, partition, codec, references, limits, home=home)
        self.state = self._runner.state
        parking = Parking(self.state.stores[PARKED_STORE], limits)
        self._waiting = Waiting(plan, codec, self._runner, parking)
        self._legs = {leg.label: leg for leg in plan.legs}
        seen = {
            name: Seen(name, self.state.stores[SEEN_STORE], limits.seen_ids_max)
            for name, topic in plan.topics.items()
            if topic.kind == "source"
        }
        self._intake = Intake.of(plan, codec, seen)
        self._replays = Replays(plan, codec, self._runner, self.state.stores[SEEN_STORE], group)
        self._seen = (*seen.values(), self._replays.seen)

    # -- restore and transactions -----------------------------------------------------------------------
    def restored(self) -> None:
        """The stores hold what the changelogs say: builds what is derived from them."""
        self.state.rebuild()
        self._waiting.rebuild()
        restore_all(self.state.stores[SEEN_STORE], self._seen)

    @property
    def outbox(self) -> Outbox:
        """What is to be written since the last drain."""
        return self._runner.outbox

    def drain(self) -> tuple[Outbox, Mapping[str, Mapping[str, bytes | None]]]:
        """Outputs, and changed rows (store → key → value or None), since the last drain."""
        for seen in self._seen:
            seen.drain()
        outbox, self._runner.outbox = self._runner.outbox, Outbox()
        return outbox, self.state.drain()

    def seal(self) -> None:
        """What was drained is being committed; what follows belongs to the next transaction."""
        self.state.seal()
        for seen in self._seen:
            seen.seal()

    def commit(self) -> None:
        """What was sealed is committed; or all that was drained, where nothing was."""
        self.state.commit()
        for seen in self._seen:
            seen.commit()

    def abort(self) -> None:
        """Everything as it was at the last commit."""
        self._runner.outbox = Outbox()
        self.state.abort()
        self._waiting.rebuild()
        for seen in self._seen:
            seen.abort()

    # -- records ----------------------------------------------------------------------------------------
    def process(self, topic: Topic[Any], messages: Sequence[Message], now_ms: int) -> None:
        """All legs that read `topic`, over one batch of this partition.

        Raises RegistryUnavailableError: the round must be aborted and tried again.
        """
        for replay, run in runs(messages):
            if replay is None:
                incoming = self._intake.take(topic, run, self.outbox)
                self._run(self.plan.by_topic[topic.name], incoming, now_ms)
            else:
                self._replay(topic, run[0], replay, now_ms)

    def _replay(self, topic: Topic[Any], message: Message, replay: Replay, now_ms: int) -> None:
        """A dead letter that came back. What no leg could read is news to all of them."""
        entries = self._replays.entries(topic, message, replay)
        if not replay.leg and entries:
            self._run(entries, self._intake.take(topic, [message], self.outbox), now_ms)
            return
        for entry in entries:
            if replay.timer is not None:
                self._replays.fire(entry.bound, message, replay, now_ms)
                self._waiting.release(now_ms)
            elif (incoming := self._replays.read(topic, message, entry.bound)) is not None:
                self._run([entry], incoming, now_ms)

    def _run(self, entries: Sequence[Entry], incoming: Incoming, now_ms: int) -> None:
        for entry in entries:
            bound = entry.bound
            self._runner.count(bound, "in", count=len(incoming.messages))
            if isinstance(bound.leg, Columns):
                run_columns(self._runner, bound, bound.leg, incoming, now_ms)
            elif entry.input is not None:
                for message, record in self._live(bound, incoming):
                    self._waiting.offer(bound, entry.input, message, record, now_ms)
                    self._waiting.release(now_ms)

    def _live(self, bound: BoundLeg, incoming: Incoming) -> list[tuple[Message, Record]]:
        """What a leg is to see: one that only gives commands would remember having given those withheld."""
        since_ms = self._limits.go_live_ms
        if not since_ms or not bound.acts:
            return incoming.pairs
        live = [pair for pair in incoming.pairs if pair[1].occurred_at >= since_ms]
        early = len(incoming.messages) - len(live)
        if early:
            self._runner.count(bound, "filtered", "before go-live", early)
        return live

    def row_arrived(self, table: str, key: str, now_ms: int) -> None:
        """A reference row changed: records that waited for it are tried again."""
        self._runner.arrived.append((table, key))
        self._waiting.release(now_ms)

    # -- time -------------------------------------------------------------------------------------------
    def tick(self, now_ms: int, wall_ms: int | None = None) -> None:
        """Fires timers that are due and expires records that waited too long, at most so many at once.

        `now_ms`: the partition's time. `wall_ms`: the clock by which records are processed, also those that waited;
        the same unless given.
        """
        wall_ms = now_ms if wall_ms is None else wall_ms
        for label, timers in self.state.timers.items():
            for (due, key, name), held in timers.due(now_ms, TIMERS_PER_TICK_MAX):
                fired = Fired(name, key, due, now_ms, held.state)
                self._runner.fire(self._legs[label], fired, held)
        for table, count in self.state.expire(now_ms).items():
            self.outbox.counts.add("", table, "expired", count=count)
        self._waiting.expire(now_ms, wall_ms)
        self._waiting.release(wall_ms)

    def next_due_ms(self) -> int | None:
        """When `tick` has something to do next (0: at once); None where nothing is planned."""
        dues = (self.state.next_due_ms(), self._waiting.next_due_ms())
        return min((due for due in dues if due is not None), default=None)

    # -- to look at ---------------------------------------------------------------------------------------
    def rows(self, table: Table[Any]) -> Mapping[str, Any]:
        """All rows of a partitioned table here, decoded: for queries and tests."""
        held = self.state.tables[table.name]
        return {key: held.get(key) for key in list(held.store)}

    @property
    def parked(self) -> int:
        """Records that wait here."""
        return len(self._waiting)

    def parked_by_leg(self) -> Counter[str]:
        """The same by label of their leg."""
        return self._waiting.by_leg()
