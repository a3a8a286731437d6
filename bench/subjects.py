"""Who is measured: gridwire's streams role, and its peers; each a child process that works until it is stopped."""

import itertools
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench import counting, observing
from bench.world import READS, SAMPLE_TOPIC, WRITES, World, of_flow
from sandbox.child import Child, spawn

RUN_S_MAX = 120.0
STOP_S_MAX = 15.0
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Subject:
    """One program. `flow`: which of gridwire's; empty for a peer. `sampled`: it gets the sample of the work."""

    name: str
    module: str
    flow: str = ""
    sampled: bool = False

    @property
    def topics(self) -> Sequence[str]:
        """Where its work shows."""
        return of_flow(self.flow) if self.flow else (WRITES,)

    def command(self, world: World, number: int) -> list[str]:
        """How it is started: every run is a group of its own, which reads from the beginning."""
        settings = world.settings
        words = [sys.executable, "-m", self.module, "--bootstrap", settings.bootstrap]
        words += ["--registry", settings.registry_url, "--group", f"bench-{number}"]
        if self.flow:
            return [*words, "--partitions", str(settings.partitions), self.flow]
        return [*words, "--reads", SAMPLE_TOPIC if self.sampled else READS, "--writes", WRITES]

    def start(self, world: World) -> Child:
        number = next(_numbers)
        log = world.folder / f"{self.module}-{number}.log"
        return spawn(self.command(world, number), log=log)


WHOLE = Subject("engagement/rows", "bench.gridwire_rows", flow="whole")
ENRICH = Subject("rows/enrich", "bench.gridwire_rows", flow="enrich")
PLAIN_LOOP = Subject("rows/plain-loop", "bench.peers.plain_loop")
STOCK_FAUST = Subject("rows/stock-faust", "bench.peers.stock_faust", sampled=True)
SUBJECTS = (WHOLE, ENRICH, PLAIN_LOOP, STOCK_FAUST)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one subject. `faults` says why it failed; then there are no figures.

    `others`: share of the machine (0 to 1) that processes took which have no part in it.
    """

    subject: Subject
    events: int
    rate: float | None = None
    cpu_per_100k: float | None = None
    others: float = 0.0
    faults: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.rate is None or self.cpu_per_100k is None:
            return f"{self.subject.name}: FAILED: {'; '.join(self.faults)}"
        return (
            f"{self.subject.name}: {self.rate:,.0f} events/s, "
            f"{self.cpu_per_100k:.2f} CPU s per 100k, {self.events:,} in, {self.events:,} out; "
            f"others took {self.others:.0%} of the machine"
        )


def run(subject: Subject, world: World, sample: int) -> Run:
    """Empties the topics, lets the subject do all its work, stops it, counts the ids."""
    world.fresh()
    work = world.load[:sample] if subject.sampled else world.load
    child = subject.start(world)
    try:
        span = observing.follow(_watch(subject, world, child), len(work), RUN_S_MAX)
    except observing.UnfinishedError as error:
        return Run(subject, len(work), faults=(str(error), child.said()[-500:]))
    finally:
        child.stop(STOP_S_MAX)
    found = counting.tally(
        {event.event_id for event in work}, counting.causes(world.settings, WRITES)
    )
    if found.faults:
        return Run(subject, len(work), faults=found.faults)
    return Run(
        subject,
        len(work),
        span.rate(len(work)),
        span.cpu_per_100k(len(work)),
        span.others(os.cpu_count() or 1),
    )


def _watch(subject: Subject, world: World, child: Child) -> observing.Watch:
    settings = world.settings
    return observing.Watch(
        ends=observing.StableEnds(settings.bootstrap, subject.topics, settings.partitions),
        cpu_s=lambda: observing.cpu_s_of(child.pid),
        others_s=lambda: observing.others_s(os.getpid(), child.pid, world.broker_pid),
        failed=lambda: None if child.alive else f"it ended with {child.process.returncode}",
    )
