"""What a local Kafka is to its users: where it listens, what it can do, and how to break it."""

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

Kind = Literal["external", "docker", "java", "mock"]
ALL_KINDS: tuple[Kind, ...] = ("external", "docker", "java", "mock")

READY_TIMEOUT_S = 60.0
METADATA_TIMEOUT_S = 2.0
POLL_S = 0.05


class NoKafkaError(Exception):
    """No Kafka could be found or started; the message says why for each way, and what to install."""


class KafkaStartError(Exception):
    """A Kafka that should have started did not; the message carries the end of its log."""


class NotOursError(Exception):
    """This broker cannot be killed or restarted from here: it is not ours, or it keeps nothing."""


class UnavailableError(Exception):
    """This way of getting a Kafka is not open on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A Kafka to work with.

    `partitions_fixed` is set where topics cannot be created by request: naming one in a metadata request creates
    it, with this many partitions, whatever was wanted.
    """

    bootstrap: str
    kind: Kind
    exactly_once: bool
    version: str
    partitions_fixed: int | None = None

    def __str__(self) -> str:
        guarantee = "exactly-once" if self.exactly_once else "at-least-once only"
        return f"Kafka {self.version} ({self.kind}, {guarantee}) at {self.bootstrap}"


class Engine(Protocol):
    """One way of running a broker."""

    @property
    def broker(self) -> Broker: ...

    @property
    def alive(self) -> bool: ...

    @property
    def pid(self) -> int | None: ...

    @property
    def container(self) -> str | None: ...

    @property
    def folder(self) -> Path | None: ...

    def start(self) -> None:
        """Start it, or start it again with its port and data; returns when it answers."""

    def stop(self) -> None:
        """Stop it in order."""

    def kill(self) -> None:
        """Stop it as a power cut would."""

    def release(self) -> None:
        """Give back what `stop` leaves for another `start`: data that is nobody's, locks."""

    def let_go(self) -> None:
        """Leave it running without us."""


class RunningBroker:
    """A started broker. A context manager: leaving the block stops it."""

    def __init__(self, engine: Engine, why_not: tuple[str, ...] = ()) -> None:
        self._engine = engine
        self.why_not = why_not
        self._released = False

    @property
    def broker(self) -> Broker:
        """Where it is and what it can do."""
        return self._engine.broker

    @property
    def pid(self) -> int | None:
        """The broker's process, when it is a child of ours."""
        return self._engine.pid

    @property
    def container(self) -> str | None:
        """The broker's container, when it is in one."""
        return self._engine.container

    @property
    def folder(self) -> Path | None:
        """Its settings, data and log, when they are on this machine; locked for as long as it runs."""
        return self._engine.folder

    @property
    def choice(self) -> str:
        """One line for people: what was chosen, and why nothing that comes before it was."""
        return "; ".join((str(self.broker), *self.why_not))

    def stop(self) -> None:
        """Stop the broker and give back what it used. Harmless when done twice."""
        if self._released:
            return
        self._released = True
        try:
            self._engine.stop()
        finally:
            self._engine.release()

    def kill(self) -> None:
        """SIGKILL, for chaos tests. Raises NotOursError for an external broker."""
        self._engine.kill()

    def restart(self) -> None:
        """Start it again after `kill`, or stop and start it: same port, same data; returns when it answers.

        Raises NotOursError for an external broker and for the mock, KafkaStartError when it does not come up.
        """
        if self._engine.alive:
            self._engine.stop()
        self._engine.start()

    def let_go(self) -> None:
        """Leave it running: from now on nothing here stops it."""
        self._released = True
        self._engine.let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _listening(bootstrap: str) -> bool:
    host, _, port = bootstrap.split(",", maxsplit=1)[0].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), METADATA_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def answers(bootstrap: str) -> bool:
    """Whether a broker there answers a metadata request naming at least one broker."""
    if not _listening(bootstrap):
        return False
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    with contextlib.suppress(KafkaException):
        return len(admin.list_topics(timeout=METADATA_TIMEOUT_S).brokers) > 0
    return False


def wait_until_it_answers(
    bootstrap: str,
    *,
    alive: Callable[[], bool],
    said: Callable[[], str],
    timeout_s: float = READY_TIMEOUT_S,
) -> None:
    """Wait for a starting broker. Raises KafkaStartError when it ends, or is not ready in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if answers(bootstrap):
            return
        if not alive():
            raise KafkaStartError(f"Kafka ended while starting; it said: {said()}")
        time.sleep(POLL_S)
    raise KafkaStartError(
        f"Kafka at {bootstrap} did not answer within {timeout_s:.0f} s; it said: {said()}"
    )
