"""Roles as processes to break, and counting what they did."""

import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import TopicPartition

from gridwire import kafka
from gridwire.codec import Codec, Registry
from gridwire.records import Record
from gridwire.settings import KafkaSettings
from gridwire.topics import Topic
from sandbox.child import Child, spawn
from sandbox.demo.calls import CallError, call
from tests.waiting import until

R = TypeVar("R", bound=Record)
READY_S = 180.0
SETTLE_S = 180.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Role:
    """`gridwire run NAME` (or another `command`) as a child process, started any number of times."""

    def __init__(
        self,
        name: str,
        folder: Path,
        environ: Mapping[str, str],
        command: Sequence[str] | None = None,
    ) -> None:
        self.name = name
        self._command = list(command or [sys.executable, "-m", "gridwire.cli", "run", name])
        self.port = free_port()
        self._folder = folder
        self.environ = {
            **os.environ,
            **environ,
            "GRIDWIRE_OPS_HOST": "127.0.0.1",
            "GRIDWIRE_OPS_PORT": str(self.port),
        }
        self._starts = 0
        self.child: Child | None = None

    def start(self) -> None:
        if self.child is not None and not self.child.alive:
            self.child.kill()  # gives its pipe back
        self._starts += 1
        log = self._folder / f"{self.name}-{self._starts}.log"
        self.child = spawn(self._command, log=log, env=self.environ)

    def kill(self) -> None:
        """kill -9."""
        assert self.child is not None
        assert self.child.alive, f"{self.name} ended by itself: {self.child.said()}"
        self.child.kill()

    def signal(self, number: signal.Signals) -> None:
        assert self.child is not None
        os.kill(self.child.pid, number)

    def stop(self) -> None:
        if self.child is not None:
            self.child.stop()

    def said(self) -> str:
        return self.child.said() if self.child else ""

    def everything(self) -> str:
        """What it said since its first start."""
        logs = sorted(self._folder.glob(f"{self.name}-*.log"))
        return "".join(log.read_text(errors="replace") for log in logs)

    def ready(self) -> bool:
        try:
            return call("GET", f"http://127.0.0.1:{self.port}/readyz", timeout_s=2).status == 200
        except CallError:
            return False

    def wait_ready(self) -> None:
        try:
            until(self.ready, f"{self.name} is ready", READY_S)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said: {self.said()[-2_000:]}") from None


@contextmanager
def running(*roles: Role) -> Iterator[None]:
    """Starts roles, waits until they are ready, stops whatever runs of them at the end."""
    try:
        for role in roles:
            role.start()
        for role in roles:
            role.wait_ready()
        yield
    finally:
        for role in roles:
            role.stop()


class Topics:
    """Reads and writes whole topics."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self._registry = Registry(settings.registry_url)
        self.codec = Codec(self._registry)

    def close(self) -> None:
        self._registry.close()

    def write(self, topic: Topic[R], records: list[R]) -> None:
        producer = kafka.producer(self.settings)
        codec = self.codec.of(topic)
        for record in records:
            producer.produce(topic.name, codec.encode(record), topic.key(record))
            producer.poll(0)
        assert producer.flush(60) == 0

    def read(self, topic: Topic[R], isolation: str = "read_committed") -> list[R]:
        """All records up to the read-uncommitted end, in order per partition. Waits for open transactions to end."""
        codec = self.codec.of(topic)
        return [codec.decode(m.value()) for m in self.messages(topic.name, isolation)]

    def messages(self, name: str, isolation: str = "read_committed") -> list[Any]:
        partitions = list(range(kafka.partition_counts(self.settings)[name]))
        ends = kafka.end_offsets(self.settings, name, partitions)
        reader = kafka.reader(self.settings, isolation)
        assigned = [TopicPartition(name, p, 0) for p in partitions]
        reader.assign(assigned)
        found: list[Any] = []

        def at_end() -> bool:
            found.extend(m for m in reader.consume(10_000, 0.2) if m.error() is None)
            at = {p.partition: p.offset for p in reader.position(assigned)}
            return all(ends[p] == 0 or at[p] >= ends[p] for p in partitions)

        try:
            until(at_end, f"{name} is read to its end", SETTLE_S)
        finally:
            reader.close()
        return found

    def count(self, name: str) -> int:
        """Read-committed end offsets together: a cheap measure of progress (control records count, too)."""
        partitions = list(range(kafka.partition_counts(self.settings)[name]))
        return sum(kafka.end_offsets(self.settings, name, partitions).values())


def times(values: Iterator[str | None]) -> Counter[str]:
    """How often each value stands there; None is counted as an empty text."""
    return Counter(value or "" for value in values)


def amiss(inputs: list[str], outputs: Counter[str]) -> str:
    """A sentence on what is missing or repeated; empty where nothing is."""
    missing = [i for i in inputs if i not in outputs]
    repeated = [i for i, n in outputs.items() if n > 1]
    if not missing and not repeated:
        return ""
    examples = f"e.g. {missing[:3]}, {repeated[:3]}"
    return f"{len(missing)} of {len(inputs)} missing, {len(repeated)} repeated, {examples}"
