"""The streams role: a Faust app with one agent per source topic, its tasks, and the ops server."""

import asyncio
import gc
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import faust
import msgspec
from confluent_kafka import KafkaException
from yarl import URL

from gridwire import compaction, kafka
from gridwire.codec import Codec, Registry, RegistryUnavailableError
from gridwire.health import Health
from gridwire.ops import OpsServer
from gridwire.settings import KafkaSettings
from gridwire.topics import TOPICS
from streams.engine.plan import FEED_PREFIX, Plan, plan
from streams.engine.settle import Limits
from streams.flow import Flow
from streams.runtime import facts
from streams.runtime.broker import TP
from streams.runtime.dead_letter_limit import DeadLetterLimit
from streams.runtime.disk import disk_of
from streams.runtime.gauges import Gauges
from streams.runtime.lag import Lags
from streams.runtime.liveness import Liveness
from streams.runtime.observing import KAFKA, Ends, Observer
from streams.runtime.queries import Queries
from streams.runtime.rounds import DEFAULT_GROUP, Pending, Rounds, changelog
from streams.runtime.settings import StreamsSettings
from streams.runtime.transport import BATCH_CODEC, Transport

log = logging.getLogger(__name__)

START_RETRY_S = 5.0
OUTAGE_S = 15.0  # for so long after it last failed, what is needed counts as not answering
REGISTRY = "schema registry"
NO_SENSORS = "Missing sensor state for rebalance"
STOP_S_MAX = 30.0
FINISH_S_MAX = 15.0
# A round makes some hundred thousand objects and hardly a cycle, beside tables of a million: Python's own thresholds
# (700 objects) would have the collector take a fifth of the time.
GC_THRESHOLDS = (50_000, 20, 50)


class Context:
    """What the transport needs to know, and what it tells."""

    def __init__(
        self, settings: KafkaSettings, streams: StreamsSettings, plan_: Plan, health: Health
    ) -> None:
        self.kafka = settings
        self.streams = streams
        self.group = streams.worker_group
        limits = Limits(seen_ids_max=streams.seen_ids_max, go_live_ms=streams.go_live_at_ms)
        self.registry = Registry(settings.registry_url)
        codec = Codec(self.registry)
        disk = disk_of(settings, streams)
        self.rounds = Rounds(settings, plan_, codec, limits, self.group, disk=disk)
        self.queries = Queries(
            plan_,
            self.rounds.kept,
            self.rounds.references,
            partitions=settings.partitions,
            copies_ready=lambda: self.rounds.reader.ready,
            personal=streams.queries_show_personal,
        )
        self.flows_by_topic = {
            name: {entry.bound.flow for entry in entries}
            for name, entries in plan_.by_topic.items()
        }
        self.lags = Lags()
        self.liveness = Liveness(self.lags, streams.stall_s_max, thawed=lambda: health.thawed_at)
        self.rounds.kept.outage = lambda: self.liveness.outage_seen(OUTAGE_S)
        probe = (min(plan_.by_topic), 0)
        self.observer = Observer(Ends(settings), self.group, self.lags, self.liveness, probe)
        self.gauges = Gauges(plan_, self.group)
        self.failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.stopping = False  # the round loop ends after its round
        self.ended = asyncio.Event()  # no round is under way, or will be
        self.ended.set()
        self._letters = DeadLetterLimit(
            streams.dead_letters_in_a_row_max,
            streams.dead_letters_ratio_max,
            streams.dead_letters_ratio_records,
        )

    def failed(self, error: BaseException) -> None:
        """The round loop ended."""
        if not self.failure.done():
            self.failure.set_result(error)

    async def finish(self) -> None:
        """Lets the running round end before anything that it needs is stopped: agents are stopped first by Faust."""
        self.stopping = True
        try:
            await asyncio.wait_for(self.ended.wait(), FINISH_S_MAX)
        except TimeoutError:
            log.warning("the running round did not end in time: it will be read again")

    def assigned(self, committed: Mapping[TP, int | None]) -> None:
        """Partitions that came, with what is committed of them."""
        self.lags.assigned(committed, time.monotonic(), time.time_ns() // 1_000_000)

    def turned(self) -> None:
        """The round loop came round. A restore that comes no further ends by itself (`RestoreError`)."""
        if self.rounds.kept.restoring:
            self.liveness.advanced(self.rounds.kept.told())
        else:
            self.liveness.turned()

    def aborted(self, error: Exception) -> str:
        """A round was aborted, to be read again. Returns why, in a few words."""
        self.liveness.aborted()
        if not isinstance(error, RegistryUnavailableError):
            return str(error)
        self.liveness.outage(REGISTRY)
        return REGISTRY

    def committed(self, pending: Pending) -> None:
        """A transaction was committed. Raises FatalError where a leg is over its limit of dead letters."""
        self.lags.committed(pending.positions, pending.newest_ms, time.monotonic())
        self.liveness.committed()
        self.liveness.over(REGISTRY)
        self._letters.committed(pending.counts, pending.dead)

    def observe(self, reached: Mapping[TP, int], queued: int) -> None:
        """Between two transactions. `reached`: where partitions end that are read and committed to their end;
        `queued`: messages in the producer.
        """
        self.lags.reached(reached, time.monotonic())
        now_ms = time.time_ns() // 1_000_000
        tasks, references = self.rounds.tasks, self.rounds.references
        self.gauges.publish(tasks, references, queued=queued, now_ms=now_ms)

    def stalled(self) -> str | None:
        """Why a restart would help; None while there is progress, or nothing to do."""
        return self.observer.died() or self.liveness.judge()

    def not_ready(self) -> str | None:
        """Why nothing is processed; None while partitions are owned."""
        waits = self.liveness.outage_seen(OUTAGE_S) or self.liveness.waits_for()
        if waits is not None:
            return waits
        if self.rounds.kept.restoring:
            return self.rounds.kept.told()
        return None if self.rounds.tasks else "no partitions assigned"


def selected(flows: Sequence[Flow[Any]], wanted: tuple[str, ...]) -> tuple[Flow[Any], ...]:
    """The flows to run here; feeds always run, each group keeps tables of its own. Raises ValueError on unknown ids."""
    unknown = set(wanted) - {flow.id for flow in flows}
    if unknown:
        known = ", ".join(flow.id for flow in flows)
        raise ValueError(f"GRIDWIRE_FLOWS names {', '.join(sorted(unknown))}: known are {known}")
    return tuple(f for f in flows if not wanted or f.id in wanted or f.id.startswith(FEED_PREFIX))


async def prepared(context: Context, changelogs: Sequence[str], stop: asyncio.Event) -> bool:
    """Waits for a Kafka that is not there yet, creates topics, checks them. False where `stop` came first.

    Raises FatalError naming what must be mended before a worker may start.
    """
    while not stop.is_set():
        try:
            await asyncio.to_thread(_prepare, context, changelogs)
        except KafkaException as error:
            context.liveness.outage(KAFKA)
            log.warning("waiting for Kafka", extra={"why": error.args[0].name()})
            stopped = asyncio.ensure_future(stop.wait())
            await asyncio.wait([stopped], timeout=START_RETRY_S)
            stopped.cancel()
        else:
            return True
    return False


def _prepare(context: Context, changelogs: Sequence[str]) -> None:
    settings, group_id = context.kafka, f"{context.kafka.group_prefix}.{context.group}"
    facts.reach(settings, group_id)
    context.liveness.advanced("creating topics")
    try:
        kafka.create_topics(settings, list(changelogs))
    except KafkaException as error:  # they may be there: the check tells
        log.warning("topics not created", extra={"reason": error.args[0].name()})
    tables = [t.name for t in TOPICS if t.compacted]
    compaction.ensure(settings, [*tables, *changelogs])
    context.liveness.advanced("checking topics")
    needs = facts.needs_of(context.rounds.plan, changelogs, settings.partitions)
    facts.check(settings, needs, group_id)


def _worth_saying(record: logging.LogRecord) -> bool:
    """Faust warns at every rebalance that its sensors have told it nothing: it has none here."""
    return NO_SENSORS not in str(record.msg)


log.addFilter(_worth_saying)  # a Faust app logs as the module of its class


class _App(faust.App):
    """Keeps nothing on disk: Faust's tables are not used."""

    def _create_directories(self) -> None:
        """A container's root is read-only."""


def faust_app(context: Context) -> faust.App:
    """A Faust app whose agents hand batches to the engine."""
    app = _App(
        f"{context.kafka.group_prefix}-{context.group}",
        broker=f"kafka://{context.kafka.bootstrap.split(',')[0]}",
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        stream_buffer_maxsize=1_024,
    )
    transport = Transport([URL(f"kafka://{context.kafka.bootstrap.split(',')[0]}")], app)
    transport.context = context
    app.transport = transport
    for name in context.rounds.plan.by_topic:
        app.agent(app.topic(name, value_serializer=BATCH_CODEC), name=name)(_agent(context.rounds))
    return app


def _agent(rounds: Rounds) -> Any:
    async def agent(stream: Any) -> None:
        async for batch in stream:
            rounds.handle(batch)

    return agent


async def run_streams(
    settings: KafkaSettings,
    streams: StreamsSettings,
    flows: Sequence[Flow[Any]],
    flow_settings: Mapping[str, msgspec.Struct],
    stop: asyncio.Event,
) -> None:
    """Runs `flows` until `stop` is set. Raises FatalError, or what ended the round loop."""
    gc.set_threshold(*GC_THRESHOLDS)
    chosen = selected(flows, streams.flows)
    alone = streams.worker_group == DEFAULT_GROUP
    plan_ = plan(chosen, flow_settings, shared_streams=alone, arrow=streams.columns == "arrow")
    changelogs = [changelog(streams.worker_group, store) for store in plan_.stores]
    health = Health()
    context = Context(settings, streams, plan_, health)
    health.live("progress", context.stalled)
    health.ready("partitions", context.not_ready)
    ops = OpsServer(
        health,
        settings.ops_host,
        settings.ops_port,
        held_up_s_max=streams.stall_s_max,
        routes=context.queries.routes(),
    )
    await ops.start()
    try:
        if await prepared(context, changelogs, stop):
            await _work(context, stop)
    finally:
        await asyncio.to_thread(context.observer.stop)
        await ops.stop()
        context.registry.close()


async def _work(context: Context, stop: asyncio.Event) -> None:
    context.observer.start()
    context.liveness.advanced("joining the group")
    app = faust_app(context)
    await app.start()
    try:
        await _until_stopped(context, stop)
    finally:
        await context.finish()
        await asyncio.wait_for(app.stop(), STOP_S_MAX)


async def _until_stopped(context: Context, stop: asyncio.Event) -> None:
    waiting: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    failure: asyncio.Future[Any] = context.failure
    await asyncio.wait({waiting, failure}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if context.failure.done():
        raise context.failure.result()
