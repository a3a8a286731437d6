"""The Kafka side of lanes: one consumer and its commits on a thread of their own.

The thread takes records, hands them to the lanes (in the event loop) and commits their outcomes. Rebalance
callbacks run inside `poll`, on this thread, so they never meet half a commit. Polling goes on whatever the
lanes do: backpressure and open breakers pause partitions, they do not cost the membership.

Nothing is sent unless the group's coordinator has confirmed our assignment a short while ago (`confirmed`): each
commit does, and while records wait without outcomes, a commit of the same offsets does. A process that was
stopped and woken, or is cut off from Kafka, therefore sends nothing while another may own its partitions.
"""

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.kit.base.callbacks import Callbacks
from connectors.kit.lanes.lag import Lag
from connectors.kit.lanes.ledger import LedgerReader, Ledgers
from connectors.kit.lanes.progress import RECORD_BYTES_MAX, ROOM_BYTES, Progress
from connectors.kit.lanes.settling import KAFKA_TIMEOUT_S, Settling
from connectors.kit.lanes.work import Assigned, Entry, Settled
from connectors.kit.output.commits import Committer, kafka_error
from gridwire import metrics

BUFFER_MAX = 2_000  # records handed to the lanes and not finished
HOLD_S = 1.0  # above it no more are taken; after this long the partitions are paused, and polling goes on
TAKE_MAX = 500  # records taken in one turn, fewer where the metadata of a partition has not room for as many
PAUSE_BYTES = 64 * RECORD_BYTES_MAX  # with less room in its metadata a partition is paused
POLL_BUSY_S = 0.01
POLL_IDLE_S = 0.2
DRAIN_S = 10.0  # what is in flight may finish within this when partitions leave
DRAIN_LOOK_S = 0.02
OPEN_RETRY_S = 1.0
PROBE_S = 2.0
LAG_S = 1.0
STUCK_S = 300.0
log = logging.getLogger(__name__)


class Lanes(Protocol):
    """The event loop's side; all of it is called in the loop."""

    def arrived(self, entries: Sequence[Entry]) -> None: ...

    async def drain(self, leaving: Sequence[Assigned]) -> None:
        """Starts nothing new of these partitions; returns when nothing of them is in flight."""

    async def drop(self, leaving: Sequence[Assigned]) -> None:
        """Cancels what is still in flight of these partitions and forgets them."""


class Clients(Protocol):
    """Where the Kafka clients come from."""

    session_s: float

    def consumer(self, on_error: Callable[[KafkaError], None]) -> Consumer: ...

    def committer(self, consumer: Consumer) -> Committer: ...


class ConsumerBrokenError(Exception):
    """The consumer is of no use any more: a new one must join the group."""

    def __init__(self, error: KafkaError) -> None:
        super().__init__(
            f"consumer cannot go on: {error.str()}. If it was fenced though its Kafka was never away, another "
            "process uses the same slot: give each replica a GRIDWIRE_SLOT of its own."
        )


class KafkaFeed:
    """Feeds lanes from one topic. `group` is its name in metrics and logs.

    `ledger`: where it is kept which records had their effect. It is read back before a partition is.
    """

    def __init__(
        self,
        topic: str,
        group: str,
        lanes: Lanes,
        clients: Clients,
        ledger: LedgerReader | None = None,
    ) -> None:
        self.topic = topic
        self.group = group
        self._consumer = clients.consumer(self.on_error)
        self._lanes = lanes
        self._loop = asyncio.get_running_loop()
        self._lag = Lag(self._consumer, group, topic)
        self._assigned: dict[int, Assigned] = {}
        self._callbacks = Callbacks()
        self._paused: set[int] = set()
        self._waiting: set[int] = set()  # for their ledgers
        self._ledgers = None if ledger is None else Ledgers(ledger, group)
        self._settling = Settling(
            topic,
            group,
            self._consumer,
            clients.committer(self._consumer),
            loop=self._loop,
            session_s=clients.session_s,
            ledger=None if ledger is None else ledger.topic,
        )
        self._beat = self._probe_at = self._lag_at = time.monotonic()
        self._full_since: float | None = None
        self._problem: str | None = "starting"
        self._stopping = threading.Event()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name=f"kafka-{group}", daemon=True)

    # ---- the loop's side -----------------------------------------------------------------------------------------
    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        """Finishes what is in flight, commits, leaves the group. `ended` is resolved afterwards."""
        self._stopping.set()
        with contextlib.suppress(Exception):  # whoever waits for `ended` sees it
            await asyncio.shield(self.ended)
        await asyncio.to_thread(self._thread.join, KAFKA_TIMEOUT_S)

    def confirmed(self) -> bool:
        return self._settling.confirmed()

    def settle(self, settled: Settled) -> None:
        effects = settled.entries[0].assigned.effects
        if settled.effects and effects is not None:  # known at once: the next one may be the same
            effects.add(settled.effects)
        self._settling.outcomes.append(settled)

    def intend(self, entry: Entry) -> "asyncio.Future[None]":
        future = self._loop.create_future()
        self._settling.intents.append((entry, future))
        return future

    def retract(self, entry: Entry) -> None:
        self._settling.intents.append((entry, None))

    def ready(self) -> str | None:
        """Why records are not being carried out; None where they are."""
        reading = self._ledgers.problem if self._ledgers else None
        return self._problem or reading or self._settling.problem

    def live(self) -> str | None:
        """Why only a restart helps; None where it does not."""
        if not self._thread.is_alive():
            return "Kafka thread has ended"
        silent_s = time.monotonic() - self._beat
        return f"Kafka thread stuck for {silent_s:.0f} s" if silent_s > STUCK_S else None

    # ---- the thread ----------------------------------------------------------------------------------------------
    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._open()
            while not self._stopping.is_set():
                self._turn()
        except BaseException as raised:  # noqa: BLE001 - whatever it is, whoever waits must hear of it
            error = raised
        try:
            self._leave(list(self._assigned.values()), hand_back=error is None)
            self._consumer.close()
            self._callbacks.check()
        except BaseException as raised:  # noqa: BLE001 - as above
            error = error or raised
        self._settling.close()
        if self._ledgers is not None:
            self._ledgers.close()
        self._problem = "stopped" if error is None else f"failed: {error}"
        with contextlib.suppress(RuntimeError):  # the loop is gone
            self._loop.call_soon_threadsafe(self._end, error)

    def _end(self, error: BaseException | None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)

    def _open(self) -> None:
        while not self._stopping.is_set():
            try:
                self._settling.open()
                break
            except KafkaException as error:
                self._problem = f"Kafka does not answer: {kafka_error(error).name()}"
                log.warning("waiting for Kafka", extra={"group": self.group, "why": self._problem})
                self._stopping.wait(OPEN_RETRY_S)
        self._consumer.subscribe(
            [self.topic],
            on_assign=self._callbacks.caught(self._on_assign),
            on_revoke=self._callbacks.caught(self._on_revoke),
            on_lost=self._callbacks.caught(self._on_lost),
        )
        self._problem = "joining the consumer group"

    def _turn(self) -> None:
        buffered = sum(one.buffered for one in self._assigned.values())
        if self._hold(buffered):
            self._stopping.wait(POLL_BUSY_S)
        else:
            self._take(POLL_BUSY_S if buffered or self._waiting else POLL_IDLE_S)
        self._read_back()
        self._balance(buffered)
        self._settling.commit_due(self._assigned.values())
        now = self._beat = time.monotonic()
        if self._problem is not None and now >= self._probe_at:
            self._probe(now)
        if now >= self._lag_at:
            self._lag_at = now + LAG_S
            self._lag.measure(self._assigned)

    # ---- taking --------------------------------------------------------------------------------------------------
    def _take(self, timeout_s: float) -> None:
        first = self._consumer.poll(timeout_s)
        more = [] if first is None else self._consumer.consume(self._take_max() - 1, 0)
        self._callbacks.check()
        entries = list(self._entries([] if first is None else [first, *more]))
        if entries:
            self._loop.call_soon_threadsafe(self._lanes.arrived, entries)

    def _take_max(self) -> int:
        """No more than the metadata of each partition that is not paused has room for; 64 at least."""
        rooms = (
            max(one.progress.room, PAUSE_BYTES)
            for number, one in self._assigned.items()
            if number not in self._paused
        )
        return min((TAKE_MAX, *(room // RECORD_BYTES_MAX for room in rooms)))

    def _entries(self, messages: Sequence[Message]) -> Iterator[Entry]:
        for message in messages:
            error = message.error()
            if error is not None:
                self._trouble(error)
                continue
            assigned = self._assigned.get(message.partition() or 0)
            offset = message.offset()
            if assigned is None or offset is None:
                continue
            intended = assigned.progress.intended(offset)
            if assigned.progress.take(offset):
                assigned.taken += 1
                yield Entry(assigned, message, offset, message.key(), intended)
            else:
                self._settling.dirty.add(assigned)

    def _trouble(self, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - librdkafka's own codes begin so
            raise ConsumerBrokenError(error)
        log.warning("consumer trouble", extra={"group": self.group, "why": error.str()})
        self._problem = f"consumer trouble: {error.name()}"

    def on_error(self, error: KafkaError) -> None:
        """The consumer's `error_cb`: runs inside `poll`. What is fatal also comes as a message."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - as above
            self._problem = f"Kafka does not answer: {error.name()}"

    def _probe(self, now: float) -> None:
        """Whether Kafka answers again."""
        self._probe_at = now + PROBE_S
        if self._settling.metadata is None:
            return  # not a member yet: `_on_assign` says when
        with contextlib.suppress(KafkaException):
            self._consumer.list_topics(self.topic, timeout=PROBE_S)
            self._problem = None

    def _hold(self, buffered: int) -> bool:
        """Whether to take nothing for a moment. Pausing costs what was fetched ahead, so it comes second."""
        if buffered < BUFFER_MAX:
            self._full_since = None
            return False
        now = time.monotonic()
        self._full_since = self._full_since or now
        return now - self._full_since < HOLD_S

    def _balance(self, buffered: int) -> None:
        """Pauses and resumes: all partitions by the buffer, each by the room in its metadata."""
        full = buffered >= BUFFER_MAX and not self._hold(buffered)
        pause, resume = [], []
        for number, one in self._assigned.items():
            paused = number in self._paused
            if not paused and (full or one.progress.room < PAUSE_BYTES):
                pause.append(TopicPartition(self.topic, number))
            elif (
                paused
                and number not in self._waiting
                and buffered < BUFFER_MAX // 2
                and one.progress.room >= ROOM_BYTES // 2
            ):
                resume.append(TopicPartition(self.topic, number))
        if pause:
            self._consumer.pause(pause)
            self._paused.update(p.partition for p in pause)
        if resume:
            self._consumer.resume(resume)
            self._paused.difference_update(p.partition for p in resume)

    # ---- membership ----------------------------------------------------------------------------------------------
    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        metrics.REBALANCES.labels(self.group, "assigned").inc()
        metadata = consumer.consumer_group_metadata()
        committed = self._settling.reached(partitions, self._stopping)
        for one in committed:
            offset = one.offset if one.offset >= 0 else None
            progress = Progress(offset, one.metadata)
            self._assigned[one.partition] = Assigned(self.topic, one.partition, progress)
        consumer.assign([TopicPartition(self.topic, p.partition, p.offset) for p in committed])
        self._paused.clear()
        self._wait_for_ledgers([p.partition for p in committed])
        self._settling.joined(metadata)
        self._problem = None
        log.info("partitions assigned", extra={"group": self.group, "count": len(partitions)})

    def _wait_for_ledgers(self, partitions: list[int]) -> None:
        """Nothing is taken of a partition before it is known which of its records had their effect."""
        self._waiting.clear()
        if self._ledgers is None or not partitions:
            return
        self._consumer.pause([TopicPartition(self.topic, number) for number in partitions])
        self._paused.update(partitions)
        self._waiting.update(partitions)
        self._ledgers.begin([self._assigned[number] for number in partitions])

    def _read_back(self) -> None:
        """Partitions whose ledgers have been read begin; `_balance` resumes them. Raises LedgerError."""
        if self._waiting and self._ledgers is not None:
            self._waiting -= {one.partition for one in self._ledgers.ready()}

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        metrics.REBALANCES.labels(self.group, "revoked").inc()
        self._leave(self._leaving(partitions), hand_back=True)
        consumer.unassign()

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        metrics.REBALANCES.labels(self.group, "lost").inc()
        log.warning("partitions lost", extra={"group": self.group, "count": len(partitions)})
        self._settling.doubt()
        self._leave(self._leaving(partitions), hand_back=False)
        consumer.unassign()

    def _leaving(self, partitions: list[TopicPartition]) -> list[Assigned]:
        numbers = {p.partition for p in partitions}
        return [one for number, one in self._assigned.items() if number in numbers]

    def _leave(self, leaving: list[Assigned], *, hand_back: bool) -> None:
        """Gives partitions away. `hand_back`: in order, with what is in flight finished and committed."""
        if not leaving:
            return
        if self._ledgers is not None:
            self._ledgers.abandon(leaving)
        if hand_back:
            self._drain(leaving)
        self._await(self._lanes.drop(leaving), KAFKA_TIMEOUT_S)
        if hand_back:
            self._settling.commit_last()
        for one in leaving:
            one.lost = True
            self._assigned.pop(one.partition, None)
            self._lag.forget(one.partition)
        self._settling.forget_lost()

    def _drain(self, leaving: list[Assigned]) -> None:
        """Lets the lanes finish what is in flight; commits go on meanwhile."""
        for one in leaving:
            one.draining = True
        deadline = time.monotonic() + DRAIN_S
        draining = self._start(self._lanes.drain(leaving))
        while draining is not None and time.monotonic() < deadline:
            if concurrent.futures.wait([draining], DRAIN_LOOK_S).done:
                return
            self._settling.commit_due(self._assigned.values())
            self._beat = time.monotonic()
        if draining is not None:
            draining.cancel()
            log.warning("not all finished before leaving", extra={"group": self.group})

    def _start(self, coroutine: Any) -> "concurrent.futures.Future[None] | None":
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:  # the loop is gone, and with it whatever was in flight
            coroutine.close()
            return None

    def _await(self, coroutine: Any, timeout_s: float) -> None:
        future = self._start(coroutine)
        if future is not None:
            concurrent.futures.wait([future], timeout_s)
