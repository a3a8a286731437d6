"""From handing an event to the producer until a read-committed reader has what follows from it, at a steady rate."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from confluent_kafka import Consumer, Producer, TopicPartition

from bench import counting, observing
from bench.figures import percentile
from bench.subjects import STOP_S_MAX, next_group, worker_command
from bench.workload import Encoded
from bench.world import READS, WRITES, World, changelogs_of, written_by
from gridwire import kafka
from sandbox.child import spawn

SLICES = 3
SLICE_S = 6.0
WARM_UP_S = 5.0  # until the JVM has compiled its paths and most windows exist
WARM_UP_S_MAX = 60.0
DRAIN_S_MAX = 20.0
PACE_S = 0.002
POLL_S = 0.05
CONSUME_MAX = 2_000


class LatencyError(Exception):
    """Events were lost, doubled or too late to be measured."""


@dataclass(slots=True)
class Arrivals:
    """When the output of each event was seen first. Filled by a thread of its own."""

    client: Consumer
    at_s: dict[str, float] = field(default_factory=dict)
    doubled: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        """Reads until told to stop."""
        while not self.stop.is_set():
            first = self.client.poll(POLL_S)
            if first is None:
                continue
            messages = [first, *self.client.consume(CONSUME_MAX, 0)]
            now_s = time.perf_counter()
            for message in messages:
                cause = None if message.error() else counting.cause_id(message.value() or b"")
                if cause is None:
                    continue
                self.doubled += cause in self.at_s
                self.at_s.setdefault(cause, now_s)


def due(elapsed_s: float, rate: float, total: int) -> int:
    """How many events should have been sent by now."""
    return min(total, int(elapsed_s * rate))


def send_paced(
    client: Producer,
    events: Sequence[Encoded],
    rate: float,
    *,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, float]:
    """Sends `rate` events a second, each to its topic.

    Returns when each of those that are enriched was handed over, by id (seconds of `clock`).
    """
    sent: dict[str, float] = {}
    started = clock()
    number = 0
    while number < len(events):
        wanted = due(clock() - started, rate, len(events))
        for event in events[number:wanted]:
            if event.topic == READS:
                sent[event.event_id] = clock()
            client.produce(event.topic, event.value, event.key)
        number = max(number, wanted)
        client.poll(0)
        sleep(PACE_S)
    return sent


def measured_ms(sent: dict[str, float], seen: dict[str, float]) -> list[float]:
    """Latency of each event. Raises LatencyError where an output is missing."""
    missing = sum(1 for event_id in sent if event_id not in seen)
    if missing:
        raise LatencyError(f"{missing} of {len(sent)} events did not come out")
    return [(seen[event_id] - at) * 1_000 for event_id, at in sent.items()]


@dataclass(frozen=True, slots=True)
class Latency:
    """Medians over the slices, in milliseconds. `others`: share of the machine that others took."""

    name: str
    rate: float
    p50_ms: float
    p99_ms: float
    others: float

    def __str__(self) -> str:
        return (
            f"latency/{self.name}: p50 {self.p50_ms:.0f} ms, p99 {self.p99_ms:.0f} ms "
            f"at {self.rate:,.0f} events/s; others took {self.others:.0%} of the machine"
        )


@dataclass(frozen=True, slots=True)
class Failed:
    """A load at which nothing could be measured."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"latency/{self.name}: FAILED: {self.why}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is measured: these flows, under the loads `rates` (name → events/s), made by `make(count, name)`.

    `topics`: what they read, which is emptied before.
    """

    flows: str
    rates: Mapping[str, float]
    make: Callable[[int, str], Sequence[Encoded]]
    topics: Sequence[str] = (READS,)


def measure(world: World, asked: Asked) -> list[Latency | Failed]:
    """Each load for SLICES slices, one after the other, with one worker. Raises LatencyError where it never starts."""
    world.fresh(*asked.topics, changelogs=changelogs_of(asked.flows))
    group = next_group()
    world.dirty.update((*asked.topics, *written_by(asked.flows)))
    command = worker_command(world, asked.flows, reads=READS, group=group)
    child = spawn(command, log=world.folder / f"{group}.log")
    client = kafka.reader(world.settings)
    client.assign([TopicPartition(WRITES, p, 0) for p in range(world.settings.partitions)])
    arrivals = Arrivals(client)
    reading = threading.Thread(target=arrivals.follow, name="arrivals")
    reading.start()
    part = (os.getpid(), child.pid, world.broker_pid)
    try:
        producer = kafka.producer(world.settings)
        rate = min(asked.rates.values())
        sent = send_paced(producer, asked.make(int(rate * WARM_UP_S), "warm-up"), rate)
        _until_seen(arrivals, sent, WARM_UP_S_MAX)
        measured_ms(sent, arrivals.at_s)
        return [
            _one(producer, asked, name, arrivals, observing.Others(part)) for name in asked.rates
        ]
    finally:
        arrivals.stop.set()
        reading.join()
        client.close()
        child.stop(STOP_S_MAX)


def _one(
    producer: Producer, asked: Asked, name: str, arrivals: Arrivals, others: observing.Others
) -> Latency | Failed:
    rate = asked.rates[name]
    slices, shares = [], []
    try:
        for number in range(SLICES):
            events = asked.make(int(rate * SLICE_S), f"{name}-{number}")
            others.begin()
            slices.append(_slice(producer, events, rate, arrivals))
            shares.append(others.share())
    except LatencyError as error:
        return Failed(name, str(error))
    if arrivals.doubled:
        return Failed(name, f"{arrivals.doubled} outputs came twice")
    p50s = [percentile(values, 0.50) for values in slices]
    p99s = [percentile(values, 0.99) for values in slices]
    return Latency(name, rate, median(p50s), median(p99s), max(shares))


def _slice(
    producer: Producer, events: Sequence[Encoded], rate: float, arrivals: Arrivals
) -> list[float]:
    sent = send_paced(producer, events, rate)
    _until_seen(arrivals, sent, DRAIN_S_MAX)
    return measured_ms(sent, arrivals.at_s)


def _until_seen(arrivals: Arrivals, sent: dict[str, float], deadline_s: float) -> None:
    """Waits for the last outputs; what is missing after that is said by who measures."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end and any(event_id not in arrivals.at_s for event_id in sent):
        time.sleep(POLL_S)
