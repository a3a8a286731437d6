"""Commands carried out on a platform without a limit: requests a second, and for each core that they take."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

from bench import counting, observing, workload
from bench.kit import roles, running
from bench.kit.platforms import Free
from bench.kit.roles import SinkSetup
from bench.kit.running import Platforms
from bench.subjects import RUN_S_MAX, STOP_S_MAX
from bench.world import World
from gridwire.records import Receipt
from gridwire.topics import Topic
from sandbox.child import Child, spawn

NAME = "free"
CONCURRENCY = 32


class DeliveryError(Exception):
    """Commands were lost, doubled or refused; the message counts them."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who carries commands out. `share`: it gets one in so many."""

    name: str
    start: Callable[[World, Platforms], AbstractContextManager[Child]]
    share: int = 1


@dataclass(frozen=True, slots=True)
class Delivered:
    """One subject, once. `rate`: requests a second; `per_core`: per second of its CPU time."""

    name: str
    rate: float
    per_core: float
    others: float

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.rate:,.0f} requests/s, {self.per_core:,.0f} per core; "
            f"others took {self.others:.0%} of the machine"
        )


def _ours(world: World, called: Platforms) -> AbstractContextManager[Child]:
    setup = SinkSetup(name=NAME, concurrency=CONCURRENCY)
    return running.starting(world, "sinks", url=called.url, sinks=(setup,))


@contextmanager
def _loop(client: str, world: World, called: Platforms) -> Iterator[Child]:
    where = ["--bootstrap", world.settings.bootstrap, "--registry", world.settings.registry_url]
    group = running.next_name(client)
    which = ["--group", group, "--url", f"{called.url}/{NAME}/users/track"]
    topics = ["--reads", roles.commands(NAME).name, "--writes", roles.receipts(NAME).name]
    command = [sys.executable, "-m", "bench.peers.caller", client, *where, *which, *topics]
    child = spawn(command, log=world.folder / f"{group}.log")
    try:
        yield child
    finally:
        child.stop(STOP_S_MAX)


OURS = "delivery/unlimited"
SUBJECTS = (
    Subject(OURS, _ours),
    Subject("delivery/aiohttp-loop", partial(_loop, "aiohttp"), share=2),
    Subject("delivery/httpx-loop", partial(_loop, "httpx"), share=8),
)


def measure(world: World, count: int, runs: int) -> Iterator[Delivered]:
    """All subjects once, then again. Raises DeliveryError, NotStartedError, UnfinishedError."""
    for _ in range(runs):
        for subject in SUBJECTS:
            yield run(world, subject, count // subject.share)


def run(world: World, subject: Subject, count: int) -> Delivered:
    """Raises as `measure` does."""
    receipts = roles.receipts(NAME)
    prepare_topics(world, NAME)
    name = fill(world, NAME, count)
    with running.platforms(world, [Free(NAME)]) as called, subject.start(world, called) as child:
        span = observing.follow(_watch(world, receipts, child, called), count, RUN_S_MAX)
        counted = called.counted()[NAME]
    if counted.statuses != {200: count}:
        raise DeliveryError(f"{count} commands, calls by status: {counted.statuses}")
    _check(world, name, count)
    per_core = 100_000 / span.cpu_per_100k(count)
    return Delivered(subject.name, span.rate(count), per_core, span.others(os.cpu_count() or 1))


def prepare_topics(world: World, *sinks: str) -> None:
    """Empty topics of these sinks."""
    names = [topic.name for sink in sinks for topic in (roles.commands(sink), roles.receipts(sink))]
    world.fresh(*names)
    world.create(*names)
    world.dirty.update(names)


def fill(world: World, sink: str, count: int) -> str:
    """Writes commands with the numbers from 0 on; returns the name that makes their ids: sinks know ids again."""
    name = running.next_name(sink)
    made = (roles.command(name, number, world.base_ms) for number in range(count))
    workload.load_records(world.settings, world.codec, roles.commands(sink), made)
    return name


def _watch(
    world: World, receipts: Topic[Receipt], child: Child, called: Platforms
) -> observing.Watch:
    settings = world.settings
    pids = (os.getpid(), child.pid, world.broker_pid, called.child.pid)
    return observing.Watch(
        ends=observing.StableEnds(settings.bootstrap, [receipts.name], settings.partitions),
        cpu_s=lambda: observing.cpu_s_of(child.pid),
        others_s=lambda: observing.others_s(*pids),
        failed=lambda: None if child.alive else f"it ended: {running.said(child)}",
    )


def _check(world: World, name: str, count: int) -> None:
    """One receipt for each command. Raises DeliveryError."""
    ids = {roles.command(name, number, 0).event_id for number in range(count)}
    values = counting.values(world.settings, roles.receipts(NAME).name)
    faults = counting.tally(ids, map(counting.cause_id, values)).faults
    if faults:
        raise DeliveryError(f"receipts: {', '.join(faults)}")
