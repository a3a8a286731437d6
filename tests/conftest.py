"""What every kind of test may ask for: a real Kafka, one of its own to break, a schema registry."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from sandbox import kafka as local_kafka
from sandbox import registry as local_registry

REAL: tuple[local_kafka.Kind, ...] = ("external", "docker", "java")
OURS: tuple[local_kafka.Kind, ...] = ("docker", "java")
FIX = "set KAFKA_BOOTSTRAP, start Docker, or install Java 17+ and Maven"

# How long an example takes says something of the machine, nothing of the code.
settings.register_profile("gridwire", deadline=None, suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile("gridwire")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gridwire")
    group.addoption("--seeds", type=int, default=1, help="seeds of each test that breaks things")
    group.addoption("--seed", type=int, help="only this seed of each test that breaks things")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who asks for a real Kafka is marked so: `-m 'not kafka'` leaves them out."""
    for item in items:
        if {"kafka", "own_kafka"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)


def _started(*, allow: tuple[local_kafka.Kind, ...]) -> local_kafka.RunningBroker:
    try:
        return local_kafka.start(allow=allow)
    except local_kafka.NoKafkaError as error:
        pytest.skip(f"{error}; {FIX}")


@pytest.fixture(scope="session")
def kafka() -> Iterator[local_kafka.RunningBroker]:
    """A real Kafka that all tests share: use topics and groups of your own, do not stop it."""
    with _started(allow=REAL) as running:
        yield running


@pytest.fixture
def own_kafka() -> Iterator[local_kafka.RunningBroker]:
    """A real Kafka for one test, to kill and restart."""
    with _started(allow=OURS) as running:
        yield running


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a schema registry that all tests share."""
    with local_registry.start(tmp_path_factory.mktemp("registry")) as running:
        yield running.url


@pytest.fixture
def own_registry(tmp_path: Path) -> Iterator[local_registry.RunningRegistry]:
    """A schema registry for one test, to kill and restart."""
    with local_registry.start(tmp_path / "registry") as running:
        yield running
