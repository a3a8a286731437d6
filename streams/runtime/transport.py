"""A Faust transport whose consumer works in rounds on librdkafka.

Faust keeps agents, services and the conductor that hands a batch to the agent of its topic. Its fetcher, commits,
sends, offsets and table recovery are not used: each method that would start one of them is a no-op here, or refuses.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, TypeVar

import confluent_kafka
from faust.serializers import codecs
from faust.transport import base
from faust.types import TP, ConsumerMessage

from gridwire import metrics
from gridwire.codec import RegistryUnavailableError
from streams.engine.faults import NOBODYS_FAULT
from streams.runtime.accounting import account
from streams.runtime.broker import Broker, Rebalanced
from streams.runtime.quiet import QuietConsumer, QuietProducer
from streams.runtime.rounds import Batch, Rounds
from streams.runtime.settings import StreamsSettings
from streams.runtime.sizes import Pace, Suspect
from streams.runtime.writer import AbortedError

log = logging.getLogger(__name__)
T = TypeVar("T")

BATCH_CODEC = "gridwire-batch"
IDLE_POLL_S = 0.05
RESTORE_STEP_S = 0.3  # between two polls of the group
QUIET_COMMIT_S = (
    0.02  # with nothing to read, a transaction is committed after this long at the latest
)
ROUND_S_MAX = 60.0
CALLBACK_S_MAX = 60.0
ABORT_PAUSE_S = 0.2
REGISTRY_PAUSE_S = 2.0  # it is asked once in a few seconds, whoever asks
AGAIN = (AbortedError, RegistryUnavailableError)  # the round is read again
OBSERVE_EVERY_S = 1.0
STOP_S_MAX = 15.0


class _Identity(codecs.Codec):
    """An agent receives the batch as it is."""

    def _loads(self, s: Any) -> Any:
        return s

    def loads(self, s: Any) -> Any:
        return s


codecs.register(BATCH_CODEC, _Identity())


class Consumer(QuietConsumer):
    """The round loop. `rounds` and `streams` are given through the transport."""

    consumer_stopped_errors: ClassVar[tuple[type[BaseException], ...]] = ()
    broker: Broker
    transport: "Transport"

    async def on_start(self) -> None:
        await super().on_start()
        context = self.transport.context
        self.rounds: Rounds = context.rounds
        self.streams: StreamsSettings = context.streams
        self.context = context
        self.suspect = Suspect(context.streams.round_records_max)
        self.pace = Pace(context.streams.round_records_max, context.streams.round_ms / 1000)
        self.pool = ThreadPoolExecutor(1, "kafka")
        self._open_since: float | None = None
        self._batches: list[Batch] = []  # of the open transaction
        self._sealed: list[Batch] = []  # of the one that is being committed
        self._tps: set[TP] = set()
        self._loop_task: Any = None
        self._observed_at = 0.0
        kept = context.rounds.kept
        on = Rebalanced(self._assigned, self._revoked, self._lost, lambda: kept.restoring)
        self.broker = await self._kafka(lambda: Broker(context.kafka, context.group, on))

    async def _kafka(self, call: Callable[[], T]) -> T:
        """Runs a blocking call in the Kafka thread."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, call)

    # -- group membership: in the Kafka thread, while the event loop waits for consume -----------------------
    async def subscribe(self, topics: Iterable[str]) -> None:
        self._event_loop = asyncio.get_running_loop()
        names = sorted(topics)
        await self._kafka(lambda: self.broker.subscribe(names))
        if self._loop_task is None:
            self._loop_task = self.add_future(self._run_rounds())

    def _in_loop(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._event_loop).result(CALLBACK_S_MAX)

    def _assigned(self, partitions: list[tuple[str, int]]) -> None:
        log.info("partitions assigned", extra={"partitions": len(partitions)})
        self.rounds.assigned(partitions)
        self._tps = {TP(topic, p) for topic, p in partitions}
        self.app.consumer_generation_id += 1
        self._in_loop(self.on_partitions_assigned(self._tps, self.app.consumer_generation_id))
        self.context.assigned(self.broker.committed(partitions))

    def _revoked(self, partitions: list[tuple[str, int]]) -> None:
        log.info("partitions revoked", extra={"partitions": len(partitions)})
        try:
            self._commit_now()
        except AbortedError as error:
            log.warning("commit on revoke failed, the next owner reads again: %s", error)
            self._abort_now("revoked")
        self._gone(partitions, "revoked")

    def _lost(self, partitions: list[tuple[str, int]]) -> None:
        log.warning("partitions lost", extra={"partitions": len(partitions)})
        self._abort_now("lost")
        self._gone(partitions, "lost")

    def _gone(self, partitions: list[tuple[str, int]], event: str) -> None:
        self.app.on_rebalance_start()
        self.rounds.revoked(partitions, event)
        self.context.lags.removed(partitions)
        gone = {TP(topic, p) for topic, p in partitions}
        self._tps -= gone
        self._in_loop(self.on_partitions_revoked(gone))

    # -- rounds ---------------------------------------------------------------------------------------------
    async def _run_rounds(self) -> None:
        self.context.ended.clear()
        try:
            await self._ready_references()
            while not (self.should_stop or self.context.stopping):
                await self._turn()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.context.failed(error)
            raise
        finally:
            self.context.ended.set()

    async def _ready_references(self) -> None:
        """Nothing is joined before the reference tables are whole."""
        reader = self.rounds.reader
        reader.start()
        self.context.liveness.advanced("reading reference tables")
        while not (reader.ready or self.context.stopping):
            if self._refreshed():
                self.context.liveness.advanced("reading reference tables")
            await asyncio.sleep(IDLE_POLL_S)
        while self._refreshed():
            pass  # what is queued up: bounded by the queue

    def _refreshed(self) -> bool:
        """Whether reference rows came. While the registry does not answer they wait in their queue."""
        try:
            return self.rounds.refresh(self.rounds.wall_ms()) > 0
        except RegistryUnavailableError as error:
            log.warning("reference tables wait: %s", error)
            self.context.aborted(error)
            return False

    async def _turn(self) -> None:
        """One round, and a commit where one is due: under load beside the round, which then is the next one's."""
        timeout_s = IDLE_POLL_S if self._open_since is None else QUIET_COMMIT_S / 2
        if self.rounds.kept.restoring:
            timeout_s = 0.0
            await self._restore()
        limit = min(self.suspect.limit, self.pace.limit)
        messages = await self._kafka(lambda: self.broker.consume(limit, timeout_s))
        started = time.monotonic()
        batches = self.rounds.batches(messages, self._batch_done)
        try:
            beside = bool(batches) and self._commit_due(quiet=False) and not self._alone()
            await self._round(batches, self._begin_commit() if beside else None)
            if self._commit_due(quiet=not batches) and (self._alone() or not batches):
                await self._kafka(self._commit_now)
        except AGAIN as error:
            await self._go_back(error)
        if batches:
            metrics.ROUND_DURATION.labels(self.context.group).observe(time.monotonic() - started)
            metrics.ROUNDS.labels(self.context.group).inc()
        self.context.turned()
        self._observe()

    async def _restore(self) -> None:
        """Comes a step further; partitions are read once their state is there."""
        if await self._kafka(lambda: self.rounds.kept.step(RESTORE_STEP_S)):
            await self._kafka(self.broker.resume)
        self.context.lags.waiting(self._tps, time.monotonic())

    async def _round(self, batches: list[Batch], committing: "asyncio.Future[None] | None") -> None:
        """Agents, timers, then one place that produces, once the transaction before is out. Raises AbortedError."""
        started = time.monotonic()
        failed: Exception | None = None
        try:
            await self._work(batches)
        except Exception as error:  # noqa: BLE001 -- raised below, after the commit that goes on beside it
            failed = error
        self.pace.took(sum(len(b.messages) for b in batches), time.monotonic() - started)
        if committing is not None:
            await self._settled(committing, failed)
        if failed is not None:
            raise failed
        outputs, singles = self.rounds.drain()
        if outputs or singles:
            await self._kafka(lambda: self.broker.writer.produce(outputs, singles))
        if (batches or outputs or singles) and self._open_since is None:
            self._open_since = time.monotonic()

    async def _settled(self, committing: "asyncio.Future[None]", failed: Exception | None) -> None:
        """The commit's own failure comes first, for what follows depends on it; unless the process has to end."""
        try:
            await committing
        except AbortedError as error:
            if failed is not None and not isinstance(failed, AGAIN):
                raise failed from error
            raise
        self._committed()

    async def _work(self, batches: list[Batch]) -> None:
        wall_ms = self.rounds.wall_ms()
        self.rounds.refresh(wall_ms)
        if batches:
            self._batches.extend(batches)
            await self._through_agents(batches)
        if not (batches and self.suspect.searching):
            self.rounds.tick(wall_ms)

    async def _through_agents(self, batches: list[Batch]) -> None:
        self._waiting = len(batches)
        self._answered = asyncio.get_running_loop().create_future()
        for batch in batches:
            await self.callback(self._faust_message(batch))
        try:
            await asyncio.wait_for(self._answered, ROUND_S_MAX)
        except TimeoutError as error:
            for batch in batches:
                batch.abandoned = (
                    True  # an agent that comes to it later must not touch state any more
                )
            raise AbortedError(f"the round was not done in {ROUND_S_MAX:.0f} s") from error
        self._acked.clear()  # Faust's own ledger, which nothing here reads
        self._acked_index.clear()
        failed = next((batch.error for batch in batches if batch.error), None)
        if failed is not None:
            if isinstance(failed, NOBODYS_FAULT):
                raise failed
            log.error("round failed", exc_info=failed)
            raise AbortedError(type(failed).__name__, blames=True) from failed

    def _faust_message(self, batch: Batch) -> ConsumerMessage:
        last = batch.messages[-1]
        tp = TP(batch.topic, batch.partition)
        at_s = int(last.timestamp()[1]) / 1000
        generation = self.app.consumer_generation_id
        meta: Any = (tp.topic, tp.partition, last.offset(), at_s, 0)
        rest: Any = ((), None, batch, None, 0, 0, tp)
        return ConsumerMessage(*meta, *rest, generation_id=generation)  # type: ignore[misc]

    def _batch_done(self, batch: Batch) -> None:
        if batch.abandoned:
            return
        self._waiting -= 1
        if self._waiting == 0 and not self._answered.done():
            self._answered.set_result(None)

    def _commit_due(self, *, quiet: bool) -> bool:
        if self._open_since is None:
            return False
        interval_s = self.streams.commit_interval_ms / 1000
        return quiet or self.suspect.searching or time.monotonic() - self._open_since >= interval_s

    def _alone(self) -> bool:
        """Nothing may go on beside the next commit: a record is looked for, or the state between two is wanted."""
        return self.suspect.searching or time.monotonic() - self._observed_at >= OBSERVE_EVERY_S

    # -- the one place that commits, and the one that aborts: in the Kafka thread -------------------------------
    def _commit_now(self) -> None:
        if self._open_since is None:
            return
        self._seal()
        self._commit_sealed()
        self._committed()

    def _begin_commit(self) -> "asyncio.Future[None]":
        """The engine may go on meanwhile: what it does belongs to the next transaction."""
        self._seal()
        return asyncio.ensure_future(self._kafka(self._commit_sealed))

    def _seal(self) -> None:
        self.rounds.kept.before_commit()
        self.rounds.seal()
        self._sealed, self._batches = self._batches, []
        self._open_since = None

    def _commit_sealed(self) -> None:
        with metrics.COMMIT_DURATION.labels(self.context.group).time():
            self.broker.commit(self.rounds.sealed.positions)

    def _committed(self) -> None:
        self._sealed = []
        self.suspect.committed(self.rounds.sealed.positions)
        pending = self.rounds.committed()
        account(pending, self.context.group, self.rounds.plan.topics, self.context.flows_by_topic)
        self.context.committed(pending)

    def _abort_now(self, why: str) -> None:
        metrics.ABORTS.labels(self.context.group, metrics.reason_label(why)).inc()
        self._open_since = None
        self._batches, self._sealed = [], []
        self.broker.writer.abort()
        self.rounds.aborted()

    async def _go_back(self, error: Exception) -> None:
        """Abort, drop the table changes, read again from the last commit; find the record if it keeps happening."""
        log.warning("round aborted: %s", error)
        blames = isinstance(error, AbortedError) and error.blames
        poison = self.suspect.aborted(self._sealed or self._batches) if blames else None
        if poison is not None:
            log.error(
                "record dead-lettered",
                extra={"topic": poison[0], "partition": poison[1], "offset": poison[2]},
            )
            self.rounds.skip[poison] = "round aborted for it"
        why = self.context.aborted(error)
        await self._kafka(lambda: self._abort_now(why))
        while not await self._rewound():
            if self.context.stopping:
                return
        if isinstance(error, AbortedError) and error.uncertain:
            await self._kafka(self._begin_again)
        away = isinstance(error, RegistryUnavailableError)
        await asyncio.sleep(REGISTRY_PAUSE_S if away else ABORT_PAUSE_S)

    async def _rewound(self) -> bool:
        try:
            await self._kafka(self.broker.rewind)
        except AbortedError as error:
            log.warning("going back again: %s", error)
            self.context.aborted(error)
            return False
        return True

    def _begin_again(self) -> None:
        """The last commit may have taken place: then the changelogs, and not the tasks, have what it held."""
        self.broker.hold()
        self.rounds.kept.again()

    def _observe(self) -> None:
        """Between two transactions: then what is read to its end is committed to its end."""
        now = time.monotonic()
        if self._open_since is None and now - self._observed_at >= OBSERVE_EVERY_S:
            self._observed_at = now
            self.context.observe(self.rounds.progress.ends(), self.broker.writer.queued)

    # -- what Faust asks of a consumer ------------------------------------------------------------------------
    async def on_stop(self) -> None:
        """Lets the running round end, commits what is finished, leaves the group."""
        clean = True
        if self._loop_task is not None:
            done, _ = await asyncio.wait({self._loop_task}, timeout=STOP_S_MAX)
            clean = (
                bool(done) and not self._loop_task.cancelled() and not self._loop_task.exception()
            )
            self._loop_task.cancel()
        try:
            await asyncio.to_thread(self.rounds.reader.stop)
            await self._kafka(self._commit_now if clean else lambda: self._abort_now("stopped"))
        except AbortedError as error:
            log.warning("last commit failed, the next start reads again: %s", error)
        finally:
            await self._kafka(self._close)
            self.pool.shutdown()

    def _close(self) -> None:
        try:
            self.rounds.kept.close()
        finally:
            self.broker.close()


class Transport(base.Transport):
    """`context` is set by the worker before the app starts."""

    Consumer: ClassVar[Any] = Consumer
    Producer: ClassVar[Any] = QuietProducer
    driver_version = f"librdkafka={confluent_kafka.libversion()[0]}"
    default_port = 9092
    context: Any = None
