"""The roles `sources` and `sinks`: everything of the kit put together, with health, metrics and an orderly end."""

import asyncio
import gc
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import KafkaException

from connectors.kit.base.clock import SYSTEM, Clock
from connectors.kit.base.retry import RetryPolicy
from connectors.kit.base.supervision import Part, run_parts
from connectors.kit.connector import Platform, Sink, Source
from connectors.kit.http.calls import Caller
from connectors.kit.http.client import HttpClient
from connectors.kit.lanes.effects import Memory
from connectors.kit.lanes.engine import CONCURRENCY_MAX, Engine
from connectors.kit.output.messages import Messages
from connectors.kit.reads.checkpoints import Checkpoints
from connectors.kit.reads.completion import Completions
from connectors.kit.reads.known import held_for
from connectors.kit.reads.membership import Membership
from connectors.kit.reads.poller import Poller, Pollers
from connectors.kit.settings import FetchSettings, GatewaySettings, SinkSettings
from connectors.kit.sinks.delivery import Deliveries, Terms
from connectors.kit.webhooks.acks import AckedProducer
from connectors.kit.webhooks.bodies import Bodies
from connectors.kit.webhooks.gateway import Wiring, check_routes, gateway_app
from gridwire import kafka as clients
from gridwire import metrics, partitions
from gridwire.codec import Codec, Registry
from gridwire.health import Health
from gridwire.limits import Limits
from gridwire.ops import OpsServer
from gridwire.serving import AsgiServer
from gridwire.settings import KafkaSettings, load
from gridwire.topics import ledger_of

GRACE_S = 10  # requests under way at the gateway may finish within this
TOPICS_RETRY_S = 2.0
FETCH_DELAY_S_MAX = 300.0
# A call makes hundreds of objects and hardly a cycle: Python's own thresholds (700 objects) would have the collector
# take a tenth of a sink's time and a sixth of the gateway's.
GC_THRESHOLDS = (50_000, 20, 50)
HOUR_MS = 3_600_000
log = logging.getLogger(__name__)


class Shared:
    """What all parts of a role use."""

    def __init__(self, kafka: KafkaSettings, clock: Clock) -> None:
        self.kafka = kafka
        self.clock = clock
        self.codec = Codec(Registry(kafka.registry_url))
        self.messages = Messages(self.codec, clock)
        self._clients: list[HttpClient] = []

    def caller(self, platform: Platform, kind: str) -> Caller:
        """The one caller of a platform in this process. Raises ValueError where its settings make no sense."""
        if not 1 <= platform.concurrency <= CONCURRENCY_MAX:
            raise ValueError(f"{platform.name}: concurrency must be 1 to {CONCURRENCY_MAX}")
        http = HttpClient(platform.base_url, platform.headers, platform.concurrency)
        self._clients.append(http)
        caller = Caller(platform, http, self.clock)
        stopped = metrics.CONNECTOR_STOPPED.labels(platform.name, kind)
        stopped.set_function(lambda: float(caller.breaker.stopped is not None))
        return caller

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        await asyncio.to_thread(self.codec.registry.close)


class EnginePart:
    """A sink or the fetches of a source: an engine, and a caller that may have stopped."""

    def __init__(self, engine: Engine, handler: Deliveries | Completions, caller: Caller) -> None:
        self._engine = engine
        self._handler = handler
        self._caller = caller

    async def run(self, stop: asyncio.Event) -> None:
        await self._engine.run(stop)

    def ready(self) -> str | None:
        stopped = self._caller.breaker.stopped
        if stopped is not None:
            return f"stopped: {stopped}"
        return self._engine.ready() or self._handler.problem

    def live(self) -> str | None:
        return self._engine.live()


class GatewayPart:
    """The webhook gateway on its port."""

    def __init__(
        self, shared: Shared, settings: GatewaySettings, sources: Sequence[Source]
    ) -> None:
        self._writer = AckedProducer(shared.kafka, settings.deadline_s)
        bodies = Bodies(settings.in_flight_bytes_max, settings.in_flight_requests_max)
        wiring = Wiring(shared.messages, self._writer, bodies, shared.clock)
        self.server = AsgiServer(
            gateway_app(sources, wiring),
            settings.host,
            settings.port,
            setting="GRIDWIRE_GATEWAY_PORT",
            grace_s=GRACE_S,
        )

    async def run(self, stop: asyncio.Event) -> None:
        await self.server.start()
        self._writer.start()
        log.info("gateway listens", extra={"port": self.server.port})
        try:
            await stop.wait()
        finally:
            await self.server.stop()
            await self._writer.stop()

    def ready(self) -> str | None:
        return self._writer.problem() or self.server.failed()

    def live(self) -> str | None:
        return self.server.failed()


class PollsPart:
    """All polls, shared among the replicas by a consumer group."""

    def __init__(self, shared: Shared, sources: Sequence[tuple[Source, Caller]]) -> None:
        polls = [(caller, poll) for source, caller in sources for poll in source.polls]
        self._executor = ThreadPoolExecutor(len(polls), "poll")
        self._pollers = Pollers(
            [
                Poller(
                    poll,
                    caller,
                    shared.messages,
                    Checkpoints(shared.kafka, shared.codec, caller.platform.name, poll.resource),
                    executor=self._executor,
                    clock=shared.clock,
                    known=held_for(poll, shared.kafka, shared.codec),
                )
                for caller, poll in polls
            ]
        )
        self._membership = Membership(shared.kafka, self._pollers)

    async def run(self, stop: asyncio.Event) -> None:
        self._membership.start()
        stopped = asyncio.ensure_future(stop.wait())
        try:
            waited: list[asyncio.Future[Any]] = [stopped, self._membership.ended]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            await self._membership.stop()
            await self._pollers.stop()
            self._executor.shutdown(wait=False)
        await self._membership.ended

    def ready(self) -> str | None:
        return self._membership.ready() or self._pollers.ready()

    def live(self) -> str | None:
        return self._membership.live()


# ---- roles -----------------------------------------------------------------------------------------------------------
async def run_sources(
    kafka: KafkaSettings,
    sources: Sequence[Source],
    stop: asyncio.Event,
    *,
    clock: Clock = SYSTEM,
) -> None:
    """Gateway, fetches and polls of these sources, until `stop`.

    Raises SettingsError, PortError, ValueError (sources that do not fit together), FatalKafkaError.
    """
    gateway, fetch = load(GatewaySettings), load(FetchSettings)
    check_routes(sources)
    shared = Shared(kafka, clock)
    callers = [(source, shared.caller(source.platform, "source")) for source in sources]
    parts = [Part("gateway", lambda: GatewayPart(shared, gateway, sources), clock)]
    for source, caller in callers:
        if source.notices is not None and source.fetches:
            parts.append(_fetches(shared, source, caller, fetch))
    if any(source.polls for source in sources):
        parts.append(Part("polls", lambda: PollsPart(shared, callers), clock))
    await _serve(shared, parts, stop)


async def run_sinks(
    kafka: KafkaSettings,
    sinks: Sequence[Sink],
    stop: asyncio.Event,
    *,
    clock: Clock = SYSTEM,
) -> None:
    """Delivery for these sinks, until `stop`. Raises SettingsError, PortError, ValueError, FatalKafkaError."""
    settings = load(SinkSettings)
    shared = Shared(kafka, clock)
    policy = RetryPolicy(attempts_max=settings.attempts_max, age_s_max=settings.age_s_max)
    limits = Limits(
        settings.rejects_in_a_row_max, settings.rejects_ratio_max, settings.rejects_ratio_records
    )
    terms = Terms(policy, settings.unsafe_repeats, limits)
    memory = Memory(int(settings.ledger_hours * HOUR_MS), settings.ledger_ids_max)
    parts = [_sink(shared, sink, terms, memory) for sink in sinks]
    await _serve(shared, parts, stop)


def _sink(shared: Shared, sink: Sink, terms: Terms, memory: Memory) -> Part:
    caller = shared.caller(sink.platform, "sink")
    warn_of_replicas(sink.platform, shared.kafka.slot)
    name = f"sink.{sink.platform.name}"

    def make() -> EnginePart:
        handler = Deliveries(sink, caller, shared.messages, terms, shared.clock)
        engine = Engine(
            shared.kafka,
            name,
            sink.commands.name,
            handler,
            concurrency=sink.platform.concurrency,
            clock=shared.clock,
            ledger=(ledger_of(sink.commands).name, memory),
        )
        return EnginePart(engine, handler, caller)

    return Part(name, make, shared.clock)


def warn_of_replicas(platform: Platform, slot: int) -> None:
    """Says so where more processes call a platform than its account-wide limits are meant for."""
    most = platform.replicas_max
    if most is not None and slot >= most:
        log.warning(
            "one replica too many for the limits of this platform's account: its quota must be divided",
            extra={"platform": platform.name, "slot": slot, "replicas_max": most},
        )


def _fetches(shared: Shared, source: Source, caller: Caller, settings: FetchSettings) -> Part:
    name = f"fetch.{source.platform.name}"
    policy = RetryPolicy(
        delay_s_max=FETCH_DELAY_S_MAX,
        attempts_max=settings.attempts_max,
        age_s_max=settings.age_s_max,
    )

    def make() -> EnginePart:
        handler = Completions(source, caller, shared.messages, policy, shared.clock)
        engine = Engine(
            shared.kafka,
            name,
            handler.notices.name,
            handler,
            concurrency=source.platform.concurrency,
            clock=shared.clock,
        )
        return EnginePart(engine, handler, caller)

    return Part(name, make, shared.clock)


async def _serve(shared: Shared, parts: Sequence[Part], stop: asyncio.Event) -> None:
    gc.set_threshold(*GC_THRESHOLDS)
    health = Health()
    health.ready("topics", lambda: "waiting for Kafka to create topics")
    ops = OpsServer(health, shared.kafka.ops_host, shared.kafka.ops_port)
    await ops.start()
    try:
        await _topics(shared.kafka, stop)
        health.remove("topics")
        if not stop.is_set():
            await run_parts(parts, health, stop)
    finally:
        await shared.close()
        await ops.stop()


async def _topics(kafka: KafkaSettings, stop: asyncio.Event) -> None:
    """Creates what is missing; waits for a Kafka that is not there yet.

    Only says so where joined topics have another number of partitions than configured: the streams do not start then,
    but webhooks are taken and commands carried out all the same.
    """
    while not stop.is_set():
        try:
            created = await asyncio.to_thread(clients.create_topics, kafka, [])
            counts = await asyncio.to_thread(clients.partition_counts, kafka)
        except KafkaException as error:
            log.warning("waiting for Kafka", extra={"why": str(error)})
            stopped = asyncio.ensure_future(stop.wait())
            await asyncio.wait([stopped], timeout=TOPICS_RETRY_S)
            stopped.cancel()
            continue
        if created:
            log.info("topics created", extra={"count": len(created)})
        wrong = partitions.differing(kafka.partitions, counts)
        if wrong:
            log.error("set-up", extra={"problem": wrong})
        return
