"""Which Kafka it is: the first way that is open, in the fixed order, with the reasons against those before it."""

from collections.abc import Callable
from pathlib import Path

from sandbox.child import Leash
from sandbox.kafka import docker, external, java, mock
from sandbox.kafka.broker import (
    ALL_KINDS,
    Engine,
    Kind,
    NoKafkaError,
    RunningBroker,
    UnavailableError,
)


def start(data_dir: Path | None = None, *, allow: tuple[Kind, ...] = ALL_KINDS) -> RunningBroker:
    """Find or start a Kafka and return when it answers; use it as a context manager.

    `data_dir` keeps a Java broker's data after the end; without it the data is removed. Raises NoKafkaError when no
    allowed way is open, KafkaStartError when one is and yet fails.
    """
    return launch(data_dir, allow, "kernel")


def launch(
    data_dir: Path | None, allow: tuple[Kind, ...], leash: Leash, port: int | None = None
) -> RunningBroker:
    """`start`, with a chosen leash and, where the broker lets us, a chosen port."""
    ways: dict[Kind, Callable[[], Engine]] = {
        "external": external.find,
        "docker": lambda: docker.find(data_dir, leash, port),
        "java": lambda: java.find(data_dir, leash, port),
        "mock": lambda: mock.find(leash),
    }
    why_not: list[str] = []
    for kind in ALL_KINDS:
        if kind not in allow:
            continue
        try:
            engine = ways[kind]()
            return _started(engine, tuple(why_not))
        except UnavailableError as error:
            why_not.append(f"not {kind}: {error}")
    raise NoKafkaError("no Kafka: " + "; ".join(why_not))


def _started(engine: Engine, why_not: tuple[str, ...]) -> RunningBroker:
    if engine.broker.kind != "external":
        try:
            engine.start()
        except BaseException:
            engine.release()
            raise
    return RunningBroker(engine, why_not)
