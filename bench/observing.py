"""What the world sees of a running subject: when its outputs become visible, and what CPU time it takes.

One rule for all: outputs count when a read-committed reader could read them. The last stable offsets are asked for in
one request every SAMPLE_S; that costs the machine next to nothing, where a reader of everything would take a share.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # OffsetSpec: documented, not typed
    AdminClient,
    OffsetSpec,
)

MEASURABLE = Path("/proc/self/stat").exists()  # Linux: CPU times and memory of processes
SAMPLE_S = 0.025
QUIET_S = 1.5  # all expected outputs are there and none has come for so long: the run is over
ANSWER_S = 10.0
READY_S_MAX = 30.0
ASK_TRIES_MAX = 20
AT_ONCE = "all outputs came within one look: measure with more --events"


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: seconds (monotonic), outputs visible (main topic), messages visible (all), CPU seconds so far.

    `cpu_s` is what the subject has taken, `others_s` what processes have that have no part in the measurement.
    """

    at_s: float
    outputs: int
    messages: int
    cpu_s: float
    others_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Span:
    """From the first look that saw an output to the last that saw anything new."""

    first: Sample
    last: Sample

    @property
    def seconds(self) -> float:
        """Raises ValueError where all came at once."""
        if self.last.at_s <= self.first.at_s:
            raise ValueError(AT_ONCE)
        return self.last.at_s - self.first.at_s

    def rate(self, expected: int) -> float:
        """Events a second. What the first look saw was made before it, so it does not count."""
        return self._events(expected) / self.seconds

    def cpu_per_100k(self, expected: int) -> float:
        """CPU seconds per 100,000 events, over the same span."""
        return (self.last.cpu_s - self.first.cpu_s) * 100_000 / self._events(expected)

    def _events(self, expected: int) -> int:
        if self.first.outputs >= expected:
            raise ValueError(AT_ONCE)
        return expected - self.first.outputs

    def others(self, cpus: int) -> float:
        """Share of the machine that processes took which have no part in this: 0 to 1."""
        spent_s = self.last.others_s - self.first.others_s
        return max(0.0, spent_s) / (self.seconds * cpus)  # clocks of 10 ms may differ by a few


class UnfinishedError(Exception):
    """A subject ended early, or was not done in time; the message says which and what it said."""


class StableEnds:
    """The last stable offsets of some topics, which exist.

    Raises KafkaException where Kafka does not say them: for READY_S_MAX at first, since a topic that was made a moment
    ago has no leader yet; ASK_TRIES_MAX times in a row later.
    """

    def __init__(self, bootstrap: str, topics: Sequence[str], partitions: int) -> None:
        self._client = AdminClient({"bootstrap.servers": bootstrap})
        self._main = topics[0]
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        self._asked = {TopicPartition(t, p): latest for t in topics for p in range(partitions)}
        self._wait_for_leaders()

    def __call__(self) -> tuple[int, int]:
        """(of the first topic, of all topics): sums over partitions; control records of transactions included."""
        for left in reversed(range(ASK_TRIES_MAX)):
            try:
                return self._asked_once()
            except KafkaException:
                if left == 0:
                    raise
                time.sleep(SAMPLE_S)
        raise AssertionError("unreachable: the last try returns or raises")

    def _asked_once(self) -> tuple[int, int]:
        answers = self._client.list_offsets(
            self._asked,
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=ANSWER_S,
        )
        ends = {place: future.result().offset for place, future in answers.items()}
        main = sum(end for place, end in ends.items() if place.topic == self._main)
        return main, sum(ends.values())

    def _wait_for_leaders(self) -> None:
        deadline = time.monotonic() + READY_S_MAX
        while True:
            try:
                self._asked_once()
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(SAMPLE_S)
            else:
                return


def cpu_s_of(pid: int) -> float:
    """User and system seconds of a process with all its threads. Raises OSError where /proc has none (not Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes_of(pid: int) -> int:
    """The most memory that a process has held so far (resident). Raises OSError where /proc has none (not Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def machine_s() -> float:
    """CPU seconds that all processes have taken since the machine started. Raises OSError where /proc has none."""
    fields = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]  # waiting for a disk is idle, too
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")


def others_s(*part: int | None) -> float:
    """CPU seconds of all processes but those with a `part` in the measurement (process ids; None: not ours)."""
    return machine_s() - sum(cpu_s_of(pid) for pid in part if pid is not None)


class Others:
    """Share of the machine that others take. `part`: who has a part in the measurement (process ids)."""

    def __init__(self, part: Sequence[int | None]) -> None:
        self._part = part
        self.begin()

    def begin(self) -> None:
        """Counts from now on."""
        self._since, self._before_s = time.monotonic(), others_s(*self._part)

    def share(self, ended_s: float = 0.0) -> float:
        """So far: 0 to 1. `ended_s`: CPU seconds of processes that had a part, too, and are gone."""
        spent_s = others_s(*self._part) - self._before_s - ended_s
        return max(0.0, spent_s) / ((time.monotonic() - self._since) * (os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Watch:
    """How a subject is looked at. `failed` says what is wrong with it, or None.

    `others_s`: CPU seconds of whoever else is on the machine.
    """

    ends: Callable[[], tuple[int, int]]
    cpu_s: Callable[[], float]
    failed: Callable[[], str | None]
    others_s: Callable[[], float] = lambda: 0.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def look(self) -> Sample:
        outputs, messages = self.ends()
        return Sample(self.clock(), outputs, messages, self.cpu_s(), self.others_s())


def follow(watch: Watch, expected: int, deadline_s: float) -> Span:
    """Looks until `expected` outputs are visible and nothing new came for QUIET_S. Raises UnfinishedError.

    The topics were empty when the subject started: what it has written before the first look counts.
    """
    began_s = watch.clock()
    first: Sample | None = None
    last = Sample(began_s, 0, 0, 0.0)
    while True:
        now = watch.look()
        if now.messages > last.messages:
            last = now
            first = first or (now if now.outputs > 0 else None)
        done = first is not None and last.outputs >= expected
        if first is not None and done and now.at_s - last.at_s >= QUIET_S:
            return Span(first, last)
        if (why := watch.failed()) is not None:
            raise UnfinishedError(why)
        if now.at_s - began_s > deadline_s:
            seen = last.outputs
            raise UnfinishedError(f"{seen} of {expected} outputs after {deadline_s:.0f} s")
        watch.sleep(SAMPLE_S)
