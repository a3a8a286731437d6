"""The streams role in a thread of the test's process, with topics and a flow that no other test knows."""

import asyncio
import json
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from gridwire import kafka as clients
from gridwire import records as r
from gridwire.murmur2 import partition_of
from gridwire.settings import KafkaSettings
from gridwire.topics import Topic
from streams.flow import Effects, Flow, NoSettings, map_leg
from streams.runtime.fatal import FatalError
from streams.runtime.settings import StreamsSettings
from streams.runtime.worker import run_streams
from tests.roles import Topics, free_port
from tests.unit.streams.engine.flows import enriched, event, flow
from tests.waiting import until

PARTITIONS = 4
STALL_S = 5.0
START_S = 120.0
RESTART_S = 180.0
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


@contextmanager
def topics_of(world: World) -> Iterator[Topics]:
    topics = Topics(world.settings)
    try:
        yield topics
    finally:
        topics.close()
