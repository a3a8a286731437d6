"""Records that a poll brings in: pages fetched one after the other, each written with its checkpoint."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bench import counting, observing
from bench.kit import running
from bench.kit.platforms import Listing
from bench.subjects import RUN_S_MAX
from bench.world import World
from gridwire.topics import CHECKPOINTS, TRADING_GRID_THREADS

NAME = "poller/records"
LISTING = "listing"


class PollingError(Exception):
    """Records were lost or doubled; the message counts them."""


@dataclass(frozen=True, slots=True)
class Polled:
    """One run. `rate`: records a second; `per_core`: per second of the role's CPU time."""

    rate: float
    per_core: float
    others: float

    def __str__(self) -> str:
        return (
            f"{NAME}: {self.rate:,.0f} records/s, {self.per_core:,.0f} per core; "
            f"others took {self.others:.0%} of the machine"
        )


def measure(world: World, rows: int, runs: int) -> Iterator[Polled]:
    """Raises PollingError, NotStartedError, UnfinishedError."""
    for _ in range(runs):
        yield run(world, rows)


def run(world: World, rows: int) -> Polled:
    """Trading Grid's threads, from the first page to the last. Raises as `measure` does."""
    topic = TRADING_GRID_THREADS.name
    world.fresh(topic, CHECKPOINTS.name)
    world.dirty.update((topic, CHECKPOINTS.name))
    settings = world.settings
    ends = observing.StableEnds(settings.bootstrap, [topic], settings.partitions)
    with (
        running.platforms(world, [Listing(LISTING, rows)]) as called,
        running.starting(world, "polls", url=called.url) as child,
    ):
        pids = (os.getpid(), child.pid, world.broker_pid, called.child.pid)
        watch = observing.Watch(
            ends=ends,
            cpu_s=lambda: observing.cpu_s_of(child.pid),
            others_s=lambda: observing.others_s(*pids),
            failed=lambda: None if child.alive else f"it ended: {running.said(child)}",
        )
        span = observing.follow(watch, rows, RUN_S_MAX)
    found = Counter(counting.keys(settings, topic))
    wanted = {f"thr-{number:08d}" for number in range(rows)}
    faults = counting.tally(wanted, found.elements()).faults
    if faults:
        raise PollingError(f"threads: {', '.join(faults)}")
    per_core = 100_000 / span.cpu_per_100k(rows)
    return Polled(span.rate(rows), per_core, span.others(os.cpu_count() or 1))
