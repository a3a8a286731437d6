"""How cost grows: with partitions, with rows of reference tables and of partitioned tables, with workers."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec

from bench import counting, observing, restoring, subjects, workload
from bench.observing import Watch
from bench.subjects import RUN_S_MAX, SAID_MAX, STOP_S_MAX, Started
from bench.workload import Crowd
from bench.world import READS, WRITES, World, written_by
from gridwire import topics
from sandbox.child import Child, spawn

PARTITIONS = (1, 4, 16)
ROWS = (1_000, 100_000, 1_000_000)
WORKERS = (1, 2)
# Few users and products, so that the smallest table, too, holds all that is looked up: the work stays the same.
CROWD = Crowd(users=ROWS[0], products=ROWS[0])
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement. `what`: partitions, reference-rows, table-rows or workers; `size`: how many.

    `start_s`: from the worker's start to the first output. `peak_mb`: the most memory that workers held together.
    """

    what: str
    size: int
    rate: float = 0.0
    cpu_per_100k: float = 0.0
    start_s: float = 0.0
    peak_mb: float = 0.0
    faults: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.faults:
            return f"growth/{self.what}-{self.size}: FAILED: {'; '.join(self.faults)}"
        return (
            f"growth/{self.what}-{self.size}: {self.rate:,.0f} events/s, {self.cpu_per_100k:.2f} CPU s per "
            f"100k, first output after {self.start_s:.1f} s, {self.peak_mb:,.0f} MB"
        )


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured at one size: these flows, by so many workers. `fill` puts rows into empty tables."""

    what: str
    size: int
    flows: str
    workers: int = 1
    fill: Callable[[World], None] | None = None


def measure(world: World, events: int, rows: Sequence[int] = ROWS) -> Iterator[Point]:
    """All sizes of everything, one after the other."""
    for partitions in PARTITIONS:
        with _partitioned(world, partitions, events) as parted:
            yield _point(parted, Case("partitions", partitions, "whole"))
    with _partitioned(world, world.settings.partitions, events) as plain:
        for workers in WORKERS:
            yield _point(plain, Case("workers", workers, "whole", workers))
        for count in rows:
            yield _point(plain, Case("table-rows", count, "known", fill=_customers(count)))
        for count in rows:
            _refill_partners(plain, count)
            yield _point(plain, Case("reference-rows", count, "enrich"))
    _refill_partners(world, workload.PARTNERS)


def _customers(count: int) -> Callable[[World], None]:
    return lambda world: restoring.write_rows(world, count, 1)


def _refill_partners(world: World, count: int) -> None:
    topic = topics.TRADING_GRID_PARTNERS
    world.fresh(topic.name)
    workload.load_records(world.settings, world.codec, topic, workload.partners(count))


@contextmanager
def _partitioned(world: World, partitions: int, events: int) -> Iterator[World]:
    """A world whose topics have so many partitions, with a load of few users and products."""
    load = workload.encoded(world.codec, events, world.base_ms, name="growth", crowd=CROWD)
    settings = msgspec.structs.replace(world.settings, partitions=partitions)
    parted = replace(world, settings=settings, load=load)
    written = {*written_by("whole"), *written_by("known")}
    parted.fresh(READS, *written)
    workload.load(settings, READS, load)
    try:
        yield parted
    finally:
        world.dirty.update((READS, *written))


def _point(world: World, case: Case) -> Point:
    """Never raises for the workers' faults."""
    try:
        return _measured(world, case)
    except Exception as error:  # noqa: BLE001 -- a size that fails must not cost the others their figures
        return Point(case.what, case.size, faults=(f"{type(error).__name__}: {error}",))


def _measured(world: World, case: Case) -> Point:
    subject = subjects.gridwire(f"growth/{case.what}-{case.size}", case.flows)
    first = subjects.start(subject, world, case.fill)
    started = time.monotonic()
    team = [first.child, *_others(world, case, first)]
    try:
        span = observing.follow(_watch(world, first, team), len(world.load), RUN_S_MAX)
        peak = sum(observing.peak_bytes_of(child.pid) for child in team)
    finally:
        for child in team:
            child.stop(STOP_S_MAX)
    faults = counting.tally(
        {event.event_id for event in world.load},
        map(counting.cause_id, counting.values(world.settings, WRITES)),
    ).faults
    count = len(world.load)
    return Point(
        case.what,
        case.size,
        rate=span.rate(count),
        cpu_per_100k=span.cpu_per_100k(count),
        start_s=span.first.at_s - started,
        peak_mb=peak / MB,
        faults=faults,
    )


def _others(world: World, case: Case, first: Started) -> list[Child]:
    """The second worker of the group and so on, each in a slot of its own."""
    made = []
    for slot in range(1, case.workers):
        command = subjects.worker_command(
            world, case.flows, reads=READS, group=first.group, slot=slot
        )
        made.append(spawn(command, log=world.folder / f"{first.group}-{slot}.log"))
    return made


def _watch(world: World, first: Started, team: Sequence[Child]) -> Watch:
    settings = world.settings
    pids = [child.pid for child in team]

    def failed() -> str | None:
        ended = [child for child in team if not child.alive]
        return f"a worker ended: {ended[0].said()[-SAID_MAX:]}" if ended else None

    return Watch(
        ends=observing.StableEnds(settings.bootstrap, first.topics, settings.partitions),
        cpu_s=lambda: sum(map(observing.cpu_s_of, pids)),
        others_s=lambda: observing.others_s(os.getpid(), world.broker_pid, *pids),
        failed=failed,
    )
