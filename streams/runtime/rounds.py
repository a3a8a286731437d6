"""The tasks of a worker and what a round does with them. Knows Kafka only as messages in and writes out.

There are no locks: the event loop and the Kafka thread take turns. While the Kafka thread commits what is sealed, the
event loop works on what is open; it waits for every other call there, rebalance callbacks within a consume included.
ARCHITECTURE.md has the table of who calls what in which thread.
"""

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from confluent_kafka import Message

from gridwire import metrics, tracing
from gridwire.codec import Codec, CodecError
from gridwire.settings import KafkaSettings
from streams.engine.counts import CountKey
from streams.engine.outbox import Dead, Outbox
from streams.engine.plan import SEEN_STORE, Plan
from streams.engine.references import References
from streams.engine.rows import Home
from streams.engine.settle import Limits
from streams.engine.task import Task
from streams.runtime import latency, traced
from streams.runtime.arrivals import by_partition
from streams.runtime.broker import TP
from streams.runtime.disk import Disk
from streams.runtime.letters import letters_of
from streams.runtime.progress import Progress, told_ms, wall_clock_ms
from streams.runtime.references import ReferenceReader, Update
from streams.runtime.tasks import Tasks
from streams.runtime.writer import Single, Write

log = logging.getLogger(__name__)

# Without transactions: state must not be ahead of the outputs, and an id that is remembered as seen must not be ahead
# of anything that follows from its event, or that would be lost for good.
CHANGELOG_STAGE, SEEN_STAGE = 1, 2
REFERENCE_UPDATES_MAX = 10_000  # per round


DEFAULT_GROUP = "streams"


def changelog(group: str, store: str) -> str:
    """The changelog topic of a store. Worker groups share no state: all but the default one put their name first."""
    return store if group == DEFAULT_GROUP else f"{group}.{store}"


@dataclass(slots=True)
class Batch:
    """The messages of one topic partition in one round. `done` is called by the agent that handled it."""

    topic: str
    partition: int
    messages: list[Message]
    done: Callable[["Batch"], None]
    error: Exception | None = None
    abandoned: bool = False  # its round was given up


@dataclass(slots=True)
class Pending:
    """What has been produced but not committed: it counts when it is."""

    positions: dict[TP, int] = field(default_factory=dict)
    counts: Counter[CountKey] = field(default_factory=Counter)
    emitted: Counter[tuple[str, str]] = field(default_factory=Counter)
    dead: list[Dead] = field(default_factory=list)
    newest_ms: dict[TP, int] = field(default_factory=dict)  # timestamp of the last message read
    samples: dict[str, list[latency.Sample]] = field(default_factory=dict)  # by topic
    spans: list[traced.Traced] = field(default_factory=list)


class Rounds:
    """All tasks of this worker."""

    def __init__(
        self,
        settings: KafkaSettings,
        plan: Plan,
        codec: Codec,
        limits: Limits,
        group: str,
        *,
        disk: Disk | None = None,
    ) -> None:
        self.plan = plan
        changelogs = {store: changelog(group, store) for store in plan.stores}
        self.kept = Tasks(settings, changelogs, self._make_task, disk)
        self.tasks = self.kept.ready
        self.pending = Pending()
        self.sealed = Pending()  # what is being committed
        self.progress = Progress()
        self.references = References(plan.references, codec)
        self.reader = ReferenceReader(settings, plan)
        self.skip: dict[
            tuple[str, int, int], str
        ] = {}  # poison: (topic, partition, offset) → reason
        self.wall_ms: Callable[[], int] = wall_clock_ms  # the time for flows and their timers
        self._settings = settings
        self._codec = codec
        self._limits = limits
        self._group = group
        self._owned: set[TP] = set()
        self._updates: deque[Update] = deque()

    # -- partitions -------------------------------------------------------------------------------------
    def _make_task(self, partition: int, home: Home) -> Task:
        parts = (self.plan, partition, self._codec, self.references, self._limits)
        return Task(*parts, home=home, group=self._group)

    def assigned(self, partitions: Sequence[TP]) -> None:
        """New tasks, to be restored: see `Tasks.step`. Raises StateError."""
        metrics.REBALANCES.labels(self._group, "assigned").inc()
        self._owned.update(partitions)
        self.progress.assigned(partitions)
        self.kept.assigned({p for _, p in partitions})

    def revoked(self, partitions: Sequence[TP], event: str) -> None:
        """Forgets partitions; what was theirs is committed or aborted already."""
        metrics.REBALANCES.labels(self._group, event).inc()
        self._owned.difference_update(partitions)
        self.progress.revoked(partitions)
        self.kept.revoked({p for _, p in self._owned})

    # -- in ---------------------------------------------------------------------------------------------
    def batches(self, messages: Sequence[Message], done: Callable[[Batch], None]) -> list[Batch]:
        """Messages by topic partition; end-of-partition marks are noted."""
        read, ended = by_partition(messages)
        found = {tp: Batch(*tp, some, done) for tp, some in read.items()}
        wall_ms = self.wall_ms()
        for tp, batch in found.items():
            newest_first = (int(message.timestamp()[1]) for message in reversed(batch.messages))
            self.progress.read(tp, told_ms(newest_first, wall_ms))
        for tp, offset in ended.items():
            self.progress.end(tp, offset)
        return list(found.values())

    def refresh(self, wall_ms: int) -> int:
        """Takes over reference rows that came since the last round, at most so many; returns how many.

        Raises FatalError where nobody reads them any more, RegistryUnavailableError (nothing is lost by it).
        """
        if self.reader.error is not None:
            raise self.reader.error
        if not self._updates:
            self._updates.extend(self.reader.take(REFERENCE_UPDATES_MAX))
        count = len(self._updates)
        while self._updates:
            self._take_over(self._updates[0], wall_ms)
            self._updates.popleft()  # only now: a registry that does not answer must not cost a row
        return count

    def _take_over(self, update: Update, wall_ms: int) -> None:
        try:
            changed = self.references.by_name[update.table].apply(update.key, update.value)
        except CodecError as error:
            # The older row stays: a table must not lose a partner to a bad message.
            why = {"table": update.table, "reason": error.reason}
            log.error("reference row not readable", extra=why)  # noqa: TRY400 -- its text is enough
            metrics.TABLE_ROWS_UNREADABLE.labels(update.table, error.reason).inc()
            return
        if changed:
            for task in self.tasks.values():
                task.row_arrived(update.table, update.key, wall_ms)

    def handle(self, batch: Batch) -> None:
        """Runs all legs over one batch: called by an agent. Never raises; a failure stands in the batch."""
        try:
            if not batch.abandoned:
                self._handle(batch)
        except Exception as error:  # noqa: BLE001 -- no exception leaves an agent: the round is aborted for it
            batch.error = error
        batch.done(batch)

    def _handle(self, batch: Batch) -> None:
        tp = (batch.topic, batch.partition)
        last = batch.messages[-1]
        messages: Sequence[Message] = batch.messages
        task = self.tasks[batch.partition]
        if self.skip:
            messages = self._without_poison(task, batch)
        wall_ms = self.wall_ms()
        if messages:
            task.process(self.plan.topics[batch.topic], messages, wall_ms)  # type: ignore[arg-type]
        self.pending.positions[tp] = (last.offset() or 0) + 1
        self.pending.newest_ms[tp] = int(last.timestamp()[1])
        taken = latency.samples(batch.messages)
        self.pending.samples.setdefault(batch.topic, []).extend(taken)
        metrics.BATCH_RECORDS.labels(self._group).observe(len(batch.messages))

    def _without_poison(self, task: Task, batch: Batch) -> list[Message]:
        """Records that a round cannot get past become dead letters without being processed."""
        kept = []
        for message in batch.messages:
            reason = self.skip.get((batch.topic, batch.partition, message.offset() or 0))
            if reason is None:
                kept.append(message)
            else:
                task.outbox.dead.append(Dead(message, "", "", reason, "AbortedError"))  # type: ignore[arg-type]
        return kept

    def tick(self, wall_ms: int) -> None:
        """Timers and deadlines of all partitions."""
        for partition, task in self.tasks.items():
            due = task.next_due_ms()
            now_ms = self.progress.time_ms(partition, wall_ms)
            if due is not None and due <= now_ms:
                task.tick(now_ms, wall_ms)

    # -- out --------------------------------------------------------------------------------------------
    def drain(self) -> tuple[list[Write], list[Single]]:
        """What the round wants written: outputs by topic, then changelogs and dead letters."""
        outputs: dict[str, list[dict[str, Any]]] = {}
        changelogs: list[Write] = []
        singles: list[Single] = []
        for task in self.tasks.values():
            outbox, changed = task.drain()
            for out in outbox.outs:
                messages = outputs.setdefault(out.topic, [])
                messages += [{"value": value, "key": key} for key, value in out.messages()]
            changelogs.extend(
                Write(
                    changelog(self._group, store),
                    [{"value": rows[key], "key": key} for key in rows],
                    task.partition,
                    SEEN_STAGE if store == SEEN_STORE else CHANGELOG_STAGE,
                )
                for store, rows in changed.items()
            )
            singles.extend(
                single for dead in outbox.dead for single in letters_of(dead, self._group)
            )
            self._note(outbox)
        writes = [Write(topic, messages) for topic, messages in outputs.items()]
        return writes + changelogs, singles

    def _note(self, outbox: Outbox) -> None:
        self.pending.counts.update(outbox.counts.take())
        self.pending.dead.extend(outbox.dead)
        for out in outbox.outs:
            self.pending.emitted[out.label, out.topic] += len(out)
        if tracing.on is not None:
            self._trace(tracing.on, outbox)

    def _trace(self, spans: tracing.Spans, outbox: Outbox) -> None:
        fires = traced.fires(spans, outbox.fires, self.wall_ms())
        self.pending.spans += islice(fires, traced.TRACED_MAX - len(self.pending.spans))
        for out in outbox.outs:
            left = traced.TRACED_MAX - len(self.pending.spans)
            values = (value for _, value in out.messages())
            self.pending.spans += islice(traced.heads(spans, out.topic, values), left)

    def seal(self) -> None:
        """What is pending is being committed; what follows belongs to the next transaction."""
        self.kept.seal()
        self.sealed, self.pending = self.pending, Pending()

    def committed(self) -> Pending:
        """What was sealed is committed; returns it for the metrics."""
        self.kept.committed()
        sealed, self.sealed = self.sealed, Pending()
        for tp, position in sealed.positions.items() if self.skip else ():
            self.skip = {
                place: why
                for place, why in self.skip.items()
                if place[:2] != tp or place[2] >= position
            }
        return sealed

    def aborted(self) -> None:
        """Everything as it was at the last commit."""
        self.kept.aborted()
        self.pending, self.sealed = Pending(), Pending()
        self.progress.assigned(
            list(self._owned)
        )  # everything since the last commit is to be read again
