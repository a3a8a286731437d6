"""The runners that the contract's cases run on: the driver, and the real runtime with all flows in one worker."""

import uuid
from collections.abc import Iterator

import pytest

from gridwire.settings import KafkaSettings
from sandbox.kafka import RunningBroker
from streams.runtime.settings import StreamsSettings
from tests.contract.streams import flows as f
from tests.contract.streams import wide as w
from tests.contract.streams.by_driver import DriverWorld
from tests.contract.streams.by_runtime import PARTITIONS, Runtime, RuntimeWorld
from tests.contract.streams.worker import Clock
from tests.contract.streams.world import World
from tests.roles import free_port

ALL = (
    f.FEED,
    f.MAP,
    f.JOINS,
    f.TWO,
    f.FOLD,
    w.WINDOWS,
    w.COLUMNS,
    f.LIVE,
    f.SHARING,
    f.SMALL,
)
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
HOUR_MS = 60 * f.MINUTE_MS
GO_LIVE_MS = START_MS - HOUR_MS
RUNNERS = [
    pytest.param("driver", id="driver"),
    pytest.param("driver restarted", id="driver-restarted"),
    pytest.param("runtime restarted", id="runtime", marks=pytest.mark.kafka),
]


@pytest.fixture
def go_live_ms() -> int:
    return GO_LIVE_MS


@pytest.fixture(scope="package")
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """One worker that runs all flows of the suite, by a clock that stands still until a test moves it."""
    kafka: RunningBroker = request.getfixturevalue("kafka")
    settings = KafkaSettings(
        bootstrap=kafka.broker.bootstrap,
        registry_url=request.getfixturevalue("registry"),
        partitions=PARTITIONS,
        group_prefix=f"contract-{uuid.uuid4().hex[:8]}",
        ops_host="127.0.0.1",
        ops_port=free_port(),
        topic_creation="none",  # product topics have other numbers of partitions: they are not this suite's
    )
    streams = StreamsSettings(
        worker_group="contract",
        go_live_at_ms=GO_LIVE_MS,
        dead_letters_in_a_row_max=1_000_000,
        dead_letters_ratio_max=1.0,
    )
    found = Runtime(settings, streams, ALL, Clock(START_MS))
    yield found
    found.close()


@pytest.fixture(params=RUNNERS)
def world(request: pytest.FixtureRequest) -> World:
    """A runner with all flows of the suite, restarted at each interlude or not."""
    restarts = request.param.endswith("restarted")
    if request.param.startswith("driver"):
        return DriverWorld(ALL, GO_LIVE_MS, START_MS, restarts=restarts)
    return RuntimeWorld(request.getfixturevalue("runtime"), restarts=restarts)


@pytest.fixture
def hourly(world: World) -> World:
    """The same at the beginning of an hour."""
    if rest_ms := world.now_ms % HOUR_MS:
        world.advance(minutes=(HOUR_MS - rest_ms) / f.MINUTE_MS)
    return world
