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

from gridwire import kafka, metrics
from gridwire.codec import Codec, Registry
from gridwire.health import Health
from gridwire.ops import OpsServer
from gridwire.settings import KafkaSettings
from streams.engine.plan import FEED_PREFIX, Plan, plan
from streams.engine.settle import Limits
from streams.flow import Flow
from streams.runtime.broker import TP
from streams.runtime.dead_letter_limit import DeadLetterLimit
from streams.runtime.fatal import FatalError
from streams.runtime.rounds import DEFAULT_GROUP, Pending, Rounds, changelog
from streams.runtime.settings import StreamsSettings
from streams.runtime.transport import BATCH_CODEC, Transport

log = logging.getLogger(__name__)

STALL_S_MAX = 120.0
STOP_S_MAX = 30.0
FINISH_S_MAX = 15.0
# A round makes some hundred thousand objects and hardly a cycle, beside tables of a million: Python's own thresholds
# (700 objects) would have the collector take a fifth of the time.
GC_THRESHOLDS = (50_000, 20, 50)


class Context:
    """What the transport needs to know, and what it tells."""

    def __init__(self, settings: KafkaSettings, streams: StreamsSettings, plan_: Plan) -> None:
        self.kafka = settings
        self.streams = streams
        self.group = streams.worker_group
        limits = Limits(seen_ids_max=streams.seen_ids_max, go_live_ms=streams.go_live_at_ms)
        self.registry = Registry(settings.registry_url)
        codec = Codec(self.registry)
        self.rounds = Rounds(settings, plan_, codec, limits, self.group)
        self.flows_by_topic = {
            name: {entry.bound.flow for entry in entries}
            for name, entries in plan_.by_topic.items()
        }
        self.positions: dict[TP, int] = {}
        self.failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.stopping = False  # the round loop ends after its round
        self.ended = asyncio.Event()  # no round is under way, or will be
        self.ended.set()
        self._progress_at = time.monotonic()
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

    def progressed(self) -> None:
        """A commit went through, or there was nothing to do."""
        self._progress_at = time.monotonic()

    def committed(self, pending: Pending) -> None:
        """A transaction was committed. Raises FatalError where a leg is over its limit of dead letters."""
        self.positions.update(pending.positions)
        self._letters.committed(pending.counts, pending.dead)

    def observe(self, lags: Mapping[TP, int]) -> None:
        for (topic, partition), lag in lags.items():
            metrics.CONSUMER_LAG.labels(self.group, topic, str(partition)).set(lag)
        rows: dict[str, int] = {}
        for task in self.rounds.tasks.values():
            for name, store in task.state.stores.items():
                rows[name] = rows.get(name, 0) + len(store)
        for name, reference in self.rounds.references.by_name.items():
            rows[name] = len(reference)
        for name, count in rows.items():
            metrics.TABLE_ROWS.labels(name).set(count)

    def stalled(self) -> str | None:
        """Why a restart would help; None while rounds go on."""
        quiet_s = time.monotonic() - self._progress_at
        return f"no commit for {quiet_s:.0f} s" if quiet_s > STALL_S_MAX else None

    def not_ready(self) -> str | None:
        """Why nothing is processed; None while partitions are owned."""
        if not self.rounds.reader.ready:
            return "reference tables are being read"
        return None if self.rounds.tasks else "no partitions assigned"


def selected(flows: Sequence[Flow[Any]], wanted: tuple[str, ...]) -> tuple[Flow[Any], ...]:
    """The flows to run here; feeds always run, each group keeps tables of its own. Raises ValueError on unknown ids."""
    unknown = set(wanted) - {flow.id for flow in flows}
    if unknown:
        known = ", ".join(flow.id for flow in flows)
        raise ValueError(f"GRIDWIRE_FLOWS names {', '.join(sorted(unknown))}: known are {known}")
    return tuple(f for f in flows if not wanted or f.id in wanted or f.id.startswith(FEED_PREFIX))


def check_partitions(settings: KafkaSettings, wanted: Sequence[str]) -> None:
    """Joined topics and changelogs must have equally many partitions. Raises FatalError naming those that differ."""
    present = kafka.partition_counts(settings)
    wrong = [
        f"{name} has {present[name]}"
        for name in wanted
        if name in present and present[name] != settings.partitions
    ]
    if wrong:
        raise FatalError(
            f"joined topics need {settings.partitions} partitions each (GRIDWIRE_PARTITIONS), but "
            f"{'; '.join(wrong)}: set GRIDWIRE_PARTITIONS to what they have, or create them anew"
        )


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
    try:
        kafka.create_topics(settings, changelogs)
    except KafkaException as error:
        log.warning("topics not created", extra={"reason": error.args[0].name()})
    check_partitions(settings, [*plan_.by_topic, *changelogs])
    context = Context(settings, streams, plan_)
    health = Health()
    health.live("rounds", context.stalled)
    health.ready("partitions", context.not_ready)
    ops = OpsServer(health, settings.ops_host, settings.ops_port)
    await ops.start()
    app = faust_app(context)
    await app.start()
    try:
        await _until_stopped(context, stop)
    finally:
        await context.finish()
        await asyncio.wait_for(app.stop(), STOP_S_MAX)
        await ops.stop()
        context.registry.close()


async def _until_stopped(context: Context, stop: asyncio.Event) -> None:
    waiting: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    failure: asyncio.Future[Any] = context.failure
    await asyncio.wait({waiting, failure}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if context.failure.done():
        raise context.failure.result()
