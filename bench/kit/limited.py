"""Commands carried out on platforms that allow so many calls a second: how much of that is used, and what is refused.

Many platforms at once, by the sinks of one process, each with its own limit: fixed windows and token buckets, announced
as Braze and BigCommerce do, or not at all. One that keeps a process busy has it for itself.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench import observing
from bench.kit import delivery, running
from bench.kit.platforms import SLICE_S, Counted, Limited
from bench.kit.roles import SinkSetup
from bench.world import World
from sandbox.child import Child

START_PER_S = 10.0  # what a sink begins with until an answer says what the platform allows
SPARE = 1.2  # so much more work than the platforms allow
CONCURRENCY = 100
ALONE_SHARE = 0.5
LOOK_S = 0.25
FIRST_S_MAX = 30.0
THROTTLED = 429


@dataclass(frozen=True, slots=True)
class Case:
    """One platform. `known`: it announces nothing, its limit is configured. `alone`: without the others."""

    platform: Limited
    known: bool = False
    alone: bool = False

    @property
    def setup(self) -> SinkSetup:
        return SinkSetup(
            name=self.platform.name,
            style=self.platform.style,
            requests_per_s=self.platform.per_s if self.known else START_PER_S,
            concurrency=min(CONCURRENCY, max(4, int(self.platform.per_s))),
        )


CASES = (
    Case(Limited("braze-100", 300, 3.0, "braze")),
    Case(Limited("braze-1000", 3_000, 3.0, "braze"), alone=True),
    Case(Limited("bigcommerce-5", 150, 30.0, "bigcommerce")),
    Case(Limited("bigcommerce-15", 450, 30.0, "bigcommerce")),
    Case(Limited("bucket-braze-200", 200, 1.0, "braze", bucket=True)),
    Case(Limited("bucket-bigcommerce-50", 50, 1.0, "bigcommerce", bucket=True)),
    Case(Limited("bucket-silent-50", 50, 1.0, "silent", bucket=True), known=True),
)


@dataclass(frozen=True, slots=True)
class Used:
    """One platform. `used`: taken to allowed, over whole windows; `throttled`: calls answered 429 to all calls."""

    name: str
    allowed_per_s: float
    used: float
    throttled: float
    others: float

    def __str__(self) -> str:
        return (
            f"delivery/limited-{self.name}: {self.used:.1%} of {self.allowed_per_s:g} requests/s, "
            f"{self.throttled:.3%} answered 429; others took {self.others:.0%} of the machine"
        )


def measure(world: World, seconds: float, cases: Sequence[Case] = CASES) -> Iterator[Used]:
    """Those that go together for `seconds` from the first call on, then each of the others for a part of that.

    Raises NotStartedError, UnfinishedError.
    """
    together = [case for case in cases if not case.alone]
    if together:
        yield from _measured(world, seconds, together)
    for case in cases:
        if case.alone:
            yield from _measured(world, seconds * ALONE_SHARE, [case])


def _measured(world: World, seconds: float, cases: Sequence[Case]) -> Iterator[Used]:
    described = [case.platform for case in cases]
    delivery.prepare_topics(world, *(one.name for one in described))
    for one in described:
        delivery.fill(world, one.name, int((seconds * one.per_s + one.limit) * SPARE))
    with (
        running.platforms(world, described) as called,
        running.role(
            world, "sinks", url=called.url, sinks=tuple(case.setup for case in cases)
        ) as child,
    ):
        others = observing.Others((os.getpid(), child.pid, world.broker_pid, called.child.pid))
        counted = _after(called, child, seconds)
        share = others.share()
    for case in cases:
        yield used(case.platform, counted[case.platform.name], seconds, share)


def used(platform: Limited, counted: Counted, seconds: float, others: float) -> Used:
    """Of what was counted. Successes after `seconds` do not count."""
    taken = sum(n for at, n in counted.slices.items() if (at + 1) * SLICE_S <= seconds)
    calls = sum(counted.statuses.values())
    throttled = counted.statuses.get(THROTTLED, 0)
    return Used(
        platform.name,
        platform.per_s,
        used=taken / (platform.per_s * seconds),
        throttled=throttled / calls if calls else 0.0,
        others=others,
    )


def _after(called: running.Platforms, child: Child, seconds: float) -> dict[str, Counted]:
    """What was counted once `seconds` have passed at each platform since its first call."""
    deadline = time.monotonic() + seconds + FIRST_S_MAX
    while True:
        counted = dict(called.counted())
        if all(one.seconds >= seconds for one in counted.values()):
            return counted
        if not child.alive:
            raise observing.UnfinishedError(f"it ended: {running.said(child)}")
        if time.monotonic() > deadline:
            late = [name for name, one in counted.items() if one.seconds < seconds]
            raise observing.UnfinishedError(f"never called in time: {', '.join(late)}")
        time.sleep(LOOK_S)
