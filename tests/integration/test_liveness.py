"""Whether a worker says of itself what is so: stuck, idle, blocked, or waiting for a Kafka that is away."""

import asyncio
import json
import logging
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from gridwire import kafka as clients
from gridwire import records as r
from gridwire.murmur2 import partition_of
from gridwire.settings import KafkaSettings
from gridwire.topics import Topic
from sandbox.kafka import RunningBroker
from streams.flow import Effects, Flow, NoSettings, map_leg
from streams.runtime.broker import Broker
from streams.runtime.fatal import FatalError
from streams.runtime.observing import Ends
from streams.runtime.settings import StreamsSettings
from streams.runtime.worker import run_streams
from tests.chaos.roles import Topics, free_port
from tests.unit.streams.engine.flows import enriched, event, flow
from tests.waiting import until

PARTITIONS = 4
STALL_S = 5.0
STUCK = 0  # the partition that is not read
START_S = 60.0
RESTART_S = 90.0
BLOCK = "block"


@dataclass
class World:
    """Topics, group and flow of one test, none of which another test knows."""

    settings: KafkaSettings
    name: str
    entered: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.source: Topic[r.Engagement] = Topic(
            f"source.{self.name}", r.Engagement, lambda one: one.user_id, "source", "A test's."
        )
        self.out: Topic[r.EnrichedEngagement] = Topic(
            f"enriched.{self.name}", r.EnrichedEngagement, lambda one: one.user_id, "enriched", "A."
        )

    @property
    def streams(self) -> StreamsSettings:
        return StreamsSettings(worker_group=self.name, stall_s_max=STALL_S)

    def flow(self) -> Flow[NoSettings]:
        return flow(map_leg(name="copy", reads=self.source, emits=self._copy, writes=(self.out,)))

    def _copy(self, source: r.Engagement) -> Effects:
        if source.sku == BLOCK:
            self.entered.set()
            self.let_go.wait(RESTART_S)
        yield enriched(source, None)

    def create(self, partitions: int = PARTITIONS, **config: str) -> None:
        admin = AdminClient({"bootstrap.servers": self.settings.bootstrap})
        wanted = [NewTopic(self.source.name, partitions, 1, config=config)]
        wanted += [NewTopic(self.out.name, PARTITIONS, 1)]
        for future in admin.create_topics(wanted).values():
            future.result(30)

    def write(self, topics: Topics, *users: str, sku: str = "S1") -> None:
        """A transaction with an event of each user: it ends with a marker, which is no record, in each partition."""
        producer = clients.producer(self.settings, transactional_id=f"writer-{uuid.uuid4()}")
        producer.init_transactions(START_S)
        producer.begin_transaction()
        for user in users:
            made = event(user, sku, event_id=str(uuid.uuid4()), produced_at=1)
            producer.produce(self.source.name, topics.codec.of(self.source).encode(made), user)
        producer.commit_transaction(START_S)

    def copied(self, topics: Topics, count: int) -> bool:
        """So many records are in the flow's output, committed."""
        return len(topics.read(self.out)) >= count


def user_in(partition: int) -> str:
    return next(
        name
        for name in (f"u{n}" for n in range(1_000))
        if partition_of(name.encode(), PARTITIONS) == partition
    )


USERS = [user_in(partition) for partition in range(PARTITIONS)]


def world_of(bootstrap: str, registry: str, **more: Any) -> World:
    name = f"t{uuid.uuid4().hex[:8]}"
    settings = KafkaSettings(
        bootstrap=bootstrap,
        registry_url=registry,
        group_prefix=name,
        partitions=PARTITIONS,
        session_timeout_ms=6_000,
        ops_host="127.0.0.1",
        ops_port=free_port(),
        **more,
    )
    return World(settings, name)


class Ops:
    """The ops port, asked as Kubernetes and Prometheus would."""

    def __init__(self, world: World) -> None:
        self._url = f"http://127.0.0.1:{world.settings.ops_port}"
        self._world = world

    def problems(self, path: str) -> dict[str, str]:
        """Why not; {} where all is well, and where nobody answers `ops`."""
        try:
            with urllib.request.urlopen(f"{self._url}{path}", timeout=10) as answer:
                found: dict[str, str] = json.loads(answer.read())["problems"]
        except urllib.error.HTTPError as error:
            with error:
                found = json.loads(error.read())["problems"]
        except OSError:
            return {"ops": "does not answer"}
        return found

    def live(self) -> bool:
        return self.problems("/livez") == {}

    def ready(self) -> bool:
        return self.problems("/readyz") == {}

    def lag(self, unit: str, partition: int) -> float | None:
        labels = (
            f'group="{self._world.name}",partition="{partition}",topic="{self._world.source.name}"'
        )
        line = f"gridwire_consumer_lag_{unit}{{{labels}}}"
        with urllib.request.urlopen(f"{self._url}/metrics", timeout=10) as answer:
            for one in answer.read().decode().splitlines():
                name, _, value = one.rpartition(" ")
                if name == line:
                    return float(value)
        return None

    def caught_up(self) -> bool:
        lags = [
            (self.lag("records", partition), self.lag("seconds", partition))
            for partition in range(PARTITIONS)
        ]
        return all(lag == (0.0, 0.0) for lag in lags)


class Worker:
    """The streams role in a thread with a loop of its own, so that the test sees it from outside."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stop = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.error: BaseException | None = None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        world = self._world
        role = run_streams(world.settings, world.streams, [world.flow()], {}, self._stop)
        try:
            self._loop.run_until_complete(role)
        except BaseException as error:  # noqa: BLE001 -- whoever waits for the thread asks for it
            self.error = error
        finally:
            self._loop.close()

    def start(self) -> None:
        self._thread.start()

    def ended(self) -> bool:
        return not self._thread.is_alive()

    def stop(self) -> None:
        if self._thread.is_alive() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(RESTART_S)
        assert self.ended(), "the role did not end"


@contextmanager
def working(world: World) -> Iterator[Ops]:
    worker, ops = Worker(world), Ops(world)
    worker.start()
    try:
        until(lambda: ops.ready() or worker.ended(), "the worker is ready", START_S)
        assert worker.error is None, worker.error
        yield ops
    finally:
        world.let_go.set()
        worker.stop()
    assert worker.error is None, worker.error


def failure(world: World) -> str:
    """What a worker that must not start says."""
    worker = Worker(world)
    worker.start()
    try:
        until(worker.ended, "the worker gives up", START_S)
    finally:
        worker.stop()
    assert isinstance(worker.error, FatalError), worker.error
    return str(worker.error)


class Held:
    """Keeps the consumer of this process from one partition: it stays assigned, and nobody reads it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, world: World) -> None:
        self.on = threading.Event()
        place = [TopicPartition(world.source.name, STUCK)]
        consume = Broker.consume

        def held(broker: Broker, at_most: int, timeout_s: float) -> list[Message]:
            if (world.source.name, STUCK) in broker._owned:
                (broker._consumer.pause if self.on.is_set() else broker._consumer.resume)(place)
            return consume(broker, at_most, timeout_s)

        monkeypatch.setattr(Broker, "consume", held)


@pytest.fixture
def asks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often an observer has asked Kafka so far: about once a second."""
    count = [0]
    ask = Ends.ask

    def counted(ends: Ends, partitions: Any, **options: Any) -> dict[tuple[str, int], int]:
        count[0] += 1
        return ask(ends, partitions, **options)

    monkeypatch.setattr(Ends, "ask", counted)
    return lambda: count[0]


@pytest.fixture
def world(kafka: RunningBroker, registry: str) -> World:
    return world_of(kafka.broker.bootstrap, registry)


@contextmanager
def topics_of(world: World) -> Iterator[Topics]:
    topics = Topics(world.settings)
    try:
        yield topics
    finally:
        topics.close()


def told(caplog: pytest.LogCaptureFixture, event: str) -> list[logging.LogRecord]:
    return [one for one in caplog.records if one.message == event]


def test_an_idle_worker_stays_live_and_one_stuck_partition_turns_it_red_while_others_move(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    asks: Callable[[], int],
) -> None:
    caplog.set_level(logging.INFO)
    held = Held(monkeypatch, world)
    world.create()
    with topics_of(world) as topics, working(world) as ops:
        caplog.clear()
        idle_until = asks() + int(STALL_S) + 3
        until(lambda: asks() >= idle_until, "the worker was idle for longer than the bound")
        assert ops.live()
        world.write(topics, *USERS)
        until(lambda: world.copied(topics, PARTITIONS), "everything is copied")
        until(ops.caught_up, "no transaction marker is taken for lag")
        held.on.set()
        written = 1

        def red() -> bool:
            nonlocal written
            written += 1
            world.write(topics, *USERS)
            return not ops.live()

        until(red, "a partition that nobody reads turns the worker red", poll_s=0.1)
        reason = ops.problems("/livez")["progress"]
        assert reason.startswith(f"{world.source.name}/{STUCK} stands at 2 of ")
        assert ";" not in reason, "the others move"
        assert (ops.lag("seconds", STUCK) or 0.0) >= STALL_S
        until(lambda: bool(told(caplog, "partition stalled")), "the log says so, too")
        held.on.clear()
        until(ops.live, "once it moves the worker is live again")
        until(lambda: world.copied(topics, written * PARTITIONS), "nothing was lost by it")
        until(ops.caught_up, "nothing lags any more")
    (stalled,) = told(caplog, "partition stalled")
    place = (world.source.name, STUCK, 2)
    assert (stalled.topic, stalled.partition, stalled.position) == place  # type: ignore[attr-defined]
    assert len(told(caplog, "not live")) == 1


def test_a_flow_that_blocks_the_loop_is_told_with_the_place_where_it_hangs(world: World) -> None:
    world.create()
    with topics_of(world) as topics, working(world) as ops:
        world.write(topics, USERS[0], sku=BLOCK)
        assert world.entered.wait(START_S)
        world.write(topics, *USERS)
        until(lambda: not ops.live(), "a blocked loop is not live")
        problem = ops.problems("/livez")["event loop"]
        assert "held up for" in problem
        assert "test_liveness.py" in problem
        assert ops.problems("/readyz")["event loop"] == "does not answer"
        until(lambda: (ops.lag("records", 1) or 0) >= 1, "lag grows though the loop hangs")
        world.let_go.set()
        until(ops.live, "a loop that turns again is live")
        until(lambda: world.copied(topics, PARTITIONS + 1), "everything is copied")


@pytest.mark.timeout(300)
def test_a_kafka_that_is_away_makes_the_worker_unready_and_leaves_it_live(
    own_kafka: RunningBroker,
    registry: str,
    monkeypatch: pytest.MonkeyPatch,
    asks: Callable[[], int],
) -> None:
    world = world_of(own_kafka.broker.bootstrap, registry)
    held = Held(monkeypatch, world)
    world.create()
    with topics_of(world) as topics, working(world) as ops:
        world.write(topics, *USERS)
        until(lambda: world.copied(topics, PARTITIONS), "everything is copied")
        until(ops.caught_up, "nothing lags")
        held.on.set()
        world.write(topics, *USERS)
        until(lambda: (ops.lag("seconds", STUCK) or 0.0) > 1.0, "lag in seconds grows")
        own_kafka.kill()
        until(lambda: "Kafka does not answer" in str(ops.problems("/readyz")), "it is not ready")
        away_until = asks() + 2 * int(STALL_S)
        until(lambda: asks() >= away_until, "Kafka was away for longer than the bound")
        assert ops.live(), "a restart would not help"
        held.on.clear()
        own_kafka.restart()
        until(ops.ready, "it is ready again", RESTART_S)
        until(lambda: world.copied(topics, 2 * PARTITIONS), "all is copied", RESTART_S)
        until(ops.caught_up, "lag falls to nothing", RESTART_S)
        assert ops.live()


def test_a_worker_waits_live_for_a_kafka_that_is_not_there_yet(registry: str) -> None:
    world = world_of(f"127.0.0.1:{free_port()}", registry)
    worker, ops = Worker(world), Ops(world)
    worker.start()
    try:
        until(lambda: "Kafka does not answer" in str(ops.problems("/readyz")), "it says so")
        assert ops.live()
    finally:
        worker.stop()
    assert worker.error is None


def test_a_worker_does_not_start_where_joins_would_miss_and_batches_be_refused(
    world: World,
) -> None:
    world.create(partitions=2)
    admin = AdminClient({"bootstrap.servers": world.settings.bootstrap})
    seen = f"{world.name}.state.seen"
    config = {"cleanup.policy": "compact", "max.message.bytes": "50000"}
    admin.create_topics([NewTopic(seen, PARTITIONS, 1, config=config)])[seen].result(30)
    said = failure(world)
    assert f"{world.source.name} has 2" in said
    assert f"topic {seen} takes no batch of" in said


def test_a_worker_does_not_start_on_topics_of_another_partitioner(world: World) -> None:
    world.create()
    producer = clients.producer(world.settings, partitioner="consistent")
    for n in range(100):
        producer.produce(world.source.name, b"x", f"key-{n}")
    assert producer.flush(30) == 0
    assert f"topic {world.source.name} is not partitioned by murmur2" in failure(world)


def test_a_worker_does_not_join_members_of_another_assignor(world: World) -> None:
    world.create()
    group = f"{world.settings.group_prefix}.{world.name}"
    other = Consumer(
        {
            "bootstrap.servers": world.settings.bootstrap,
            "group.id": group,
            "partition.assignment.strategy": "roundrobin",
        }
    )
    try:
        other.subscribe([world.source.name])

        def joined() -> bool:
            other.poll(0.1)
            return bool(other.assignment())

        until(joined, "the other member has joined")
        assert "every member must use the range assignor" in failure(world)
    finally:
        other.close()


def test_credentials_that_kafka_refuses_end_the_start_with_the_setting(
    kafka: RunningBroker, registry: str
) -> None:
    security = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "alice",
        "sasl.password": "wrong",
    }
    world = world_of(kafka.broker.bootstrap, registry, security=security)
    said = failure(world)
    assert "GRIDWIRE_KAFKA_SECURITY" in said
    assert "wrong" not in said


def test_topics_that_nobody_has_created_are_named_with_the_command(
    kafka: RunningBroker, registry: str
) -> None:
    world = world_of(kafka.broker.bootstrap, registry, topic_creation="none")
    said = failure(world)
    assert world.source.name in said
    assert "does not exist" in said
    assert "gridwire topics --apply" in said
