"""Memory in a storm: a platform that answers most calls with 429, 500 or 503, slowly or not at all, for a long time."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import observing
from bench.kit import delivery, running
from bench.kit.platforms import Stormy
from bench.kit.roles import SinkSetup
from bench.world import World
from sandbox.child import Child

NAME = "storm"
CALM = 0.5  # share of the calls that succeed at once
CONCURRENCY = 32
COMMANDS_PER_S = 60.0  # more than the storm lets through
LOOK_S = 1.0
SETTLE_S = 30.0  # the first samples: code, pools and windows fill
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: seconds since the start, bytes of resident memory."""

    at_s: float
    resident: int


@dataclass(frozen=True, slots=True)
class Weathered:
    """What a storm left. `first_mb`, `last_mb`: median memory in the first and last third; `mb_per_hour`: the slope.

    `calls` by status, 0: cut off.
    """

    seconds: float
    first_mb: float
    last_mb: float
    mb_per_hour: float
    calls: dict[int, int]
    others: float

    @property
    def growth(self) -> float:
        """The last third to the first."""
        return self.last_mb / self.first_mb

    def __str__(self) -> str:
        calls = ", ".join(f"{status}: {n:,}" for status, n in sorted(self.calls.items()))
        return (
            f"storm/memory: {self.first_mb:.1f} MB in the first third, {self.last_mb:.1f} MB in the last, "
            f"{self.mb_per_hour:+.1f} MB an hour over {self.seconds:.0f} s; calls {calls}; "
            f"others took {self.others:.0%} of the machine"
        )


def resident_bytes_of(pid: int) -> int:
    """Raises OSError where /proc has none (not Linux)."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def slope(samples: Sequence[Sample]) -> float:
    """Bytes per second, by least squares."""
    mean_s = sum(one.at_s for one in samples) / len(samples)
    mean = sum(one.resident for one in samples) / len(samples)
    spread = sum((one.at_s - mean_s) ** 2 for one in samples)
    together = sum((one.at_s - mean_s) * (one.resident - mean) for one in samples)
    return together / spread if spread else 0.0


def weathered(samples: Sequence[Sample], calls: dict[int, int], others: float = 0.0) -> Weathered:
    """Of the samples behind SETTLE_S. Raises ValueError where there are fewer than three."""
    kept = [one for one in samples if one.at_s >= SETTLE_S] or list(samples)
    third = len(kept) // 3
    if not third:
        raise ValueError("fewer than three looks")
    first, last = (
        median(one.resident for one in part) / MB for part in (kept[:third], kept[-third:])
    )
    return Weathered(kept[-1].at_s, first, last, slope(kept) * 3_600 / MB, calls, others)


def measure(world: World, seconds: float) -> Weathered:
    """Raises NotStartedError, UnfinishedError."""
    delivery.prepare_topics(world, NAME)
    delivery.fill(world, NAME, int(seconds * COMMANDS_PER_S))
    setup = SinkSetup(name=NAME, concurrency=CONCURRENCY)
    with (
        running.platforms(world, [Stormy(NAME, CALM)]) as called,
        running.role(world, "sinks", url=called.url, sinks=(setup,)) as child,
    ):
        others = observing.Others((os.getpid(), child.pid, world.broker_pid, called.child.pid))
        samples = watched(child, seconds)
        return weathered(samples, called.counted()[NAME].statuses, others.share())


def watched(
    child: Child,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Sample]:
    """A look every LOOK_S. Raises UnfinishedError where it ends."""
    started = clock()
    samples: list[Sample] = []
    while (at_s := clock() - started) < seconds:
        if not child.alive:
            raise observing.UnfinishedError(f"it ended: {running.said(child)}")
        samples.append(Sample(at_s, resident_bytes_of(child.pid)))
        sleep(LOOK_S)
    return samples
