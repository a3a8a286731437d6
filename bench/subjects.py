"""Who is measured: gridwire's streams role, and its peers; each a child process that works until it is stopped."""

import itertools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench import counting, kafka_streams, observing, quix
from bench.kafka_streams import Variant
from bench.world import OWN, WRITES, Load, World, changelogs_of, written_by
from sandbox.child import Child, spawn

RUN_S_MAX = 180.0
STOP_S_MAX = 15.0
SAID_MAX = 500
_numbers = itertools.count(1)


def _nothing(_group: str) -> tuple[str, ...]:
    return ()


def _never() -> str | None:
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One program.

    `command`: how it is started on a load, in a group of its own. `topics`: where its work shows, by group; the
    outputs that are counted first. `own_topics`: those of them that are to be made for it. `share`: it gets one in so
    many events. `env`: variables on top of ours. `missing`: why it cannot run here.
    """

    name: str
    command: Callable[[World, str, Load], list[str]]
    topics: Callable[[str], Sequence[str]]
    changelogs: Sequence[str] = ()
    own_topics: Callable[[str], Sequence[str]] = _nothing
    share: int = 1
    env: Mapping[str, str] = field(default_factory=dict)
    missing: Callable[[], str | None] = _never


@dataclass(frozen=True, slots=True)
class Started:
    """A subject at work on its load."""

    subject: Subject
    group: str
    child: Child
    load: Load
    topics: Sequence[str]


def next_group() -> str:
    """Every run is a group of its own, which reads from the beginning."""
    return f"{OWN}{next(_numbers)}"


def start(subject: Subject, world: World, before: Callable[[World], None] | None = None) -> Started:
    """Starts it in a world whose topics are empty but for the load, and what `before` puts there."""
    group, load = next_group(), world.load_of(subject.share)
    shows = subject.topics(group)
    world.fresh(changelogs=subject.changelogs)
    world.create(*subject.own_topics(group))
    world.dirty.update(shows)
    if before is not None:
        before(world)
    child = spawn(
        subject.command(world, group, load),
        log=world.folder / f"{group}.log",
        env={**os.environ, **subject.env},
    )
    return Started(subject, group, child, load, shows)


def worker_command(world: World, flows: str, *, reads: str, group: str, slot: int = 0) -> list[str]:
    """A streams worker of these flows."""
    settings = world.settings
    return [
        *(sys.executable, "-m", "bench.worker", flows),
        *("--bootstrap", settings.bootstrap, "--registry", settings.registry_url),
        *("--group", group, "--partitions", str(settings.partitions)),
        *("--reads", reads, "--slot", str(slot)),
    ]


def gridwire(
    name: str, flows: str, share: int = 1, env: Mapping[str, str] | None = None
) -> Subject:
    """The streams role with these flows."""

    def command(world: World, group: str, load: Load) -> list[str]:
        return worker_command(world, flows, reads=load.topic, group=group)

    return Subject(
        name,
        command,
        lambda _group: written_by(flows),
        changelogs_of(flows),
        share=share,
        env=env or {},
    )


def _peer(module: str, world: World, group: str, load: Load, *, python: str) -> list[str]:
    where = ["--bootstrap", world.settings.bootstrap, "--registry", world.settings.registry_url]
    which = ["--group", group, "--reads", load.topic, "--writes", WRITES]
    return [python, "-m", f"bench.peers.{module}", *where, *which]


def peer(name: str, module: str, share: int) -> Subject:
    """A Python program in `bench/peers`."""
    return Subject(
        name,
        lambda world, group, load: _peer(module, world, group, load, python=sys.executable),
        lambda _group: (WRITES,),
        share=share,
    )


def _quix(name: str, share: int) -> Subject:
    return Subject(
        name,
        lambda world, group, load: _peer(
            "quix_streams", world, group, load, python=str(quix.python())
        ),
        lambda _group: (WRITES,),
        share=share,
        missing=quix.missing,
    )


def _streams(name: str, variant: Variant, share: int = 1) -> Subject:
    return Subject(
        name,
        variant.command,
        variant.topics,
        own_topics=variant.own_topics,
        share=share,
        missing=kafka_streams.missing,
    )


EXACTLY_ONCE, AT_LEAST_ONCE = "exactly_once_v2", "at_least_once"
COLUMNS = gridwire("engagement/columns", "columns")
STREAMS = _streams("engagement/kafka-streams", Variant("join", EXACTLY_ONCE))
STREAMS_2 = _streams("engagement/kafka-streams-2-threads", Variant("join", EXACTLY_ONCE, 2))
STREAMS_ALO = _streams("engagement/kafka-streams-at-least-once", Variant("join", AT_LEAST_ONCE))
WHOLE = gridwire("engagement/whole", "whole", share=2)
STREAMS_WHOLE = _streams("engagement/kafka-streams-whole", Variant("whole", EXACTLY_ONCE), 2)
WHOLE_ROWS = gridwire("engagement/whole-rows", "whole-rows", share=4)
ENRICH = gridwire("rows/enrich", "enrich", share=4)
PLAIN_LOOP = peer("rows/plain-loop", "plain_loop", share=4)
QUIX = _quix("rows/quix-streams", share=4)
STOCK_FAUST = peer("rows/stock-faust", "stock_faust", share=16)
SUBJECTS = (
    COLUMNS,
    STREAMS,
    STREAMS_2,
    STREAMS_ALO,
    WHOLE,
    STREAMS_WHOLE,
    WHOLE_ROWS,
    ENRICH,
    PLAIN_LOOP,
    QUIX,
    STOCK_FAUST,
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one subject. `faults` says why it failed; then there are no figures. `skipped`: why it cannot run.

    `others`: share of the machine (0 to 1) that processes took which have no part in it.
    """

    subject: Subject
    events: int
    rate: float | None = None
    cpu_per_100k: float | None = None
    others: float = 0.0
    faults: tuple[str, ...] = ()
    skipped: str = ""

    def __str__(self) -> str:
        if self.skipped:
            return f"{self.subject.name}: SKIPPED: {self.skipped}"
        if self.rate is None or self.cpu_per_100k is None:
            return f"{self.subject.name}: FAILED: {'; '.join(self.faults)}"
        return (
            f"{self.subject.name}: {self.rate:,.0f} events/s, "
            f"{self.cpu_per_100k:.2f} CPU s per 100k, {self.events:,} in, {self.events:,} out; "
            f"others took {self.others:.0%} of the machine"
        )


def run(subject: Subject, world: World) -> Run:
    """Empties the topics, lets the subject do all its work, stops it, counts the ids. Never raises for its faults."""
    why = subject.missing()
    if why is not None:
        return Run(subject, 0, skipped=why)
    try:
        return _run(subject, world)
    except Exception as error:  # noqa: BLE001 -- one subject that fails must not cost the others their figures
        return Run(subject, 0, faults=(f"{type(error).__name__}: {error}",))


def _run(subject: Subject, world: World) -> Run:
    at_work = start(subject, world)
    work = at_work.load.events
    try:
        span = observing.follow(watch(at_work, world), len(work), RUN_S_MAX)
    except observing.UnfinishedError as error:
        return Run(subject, len(work), faults=(str(error), at_work.child.said()[-SAID_MAX:]))
    finally:
        at_work.child.stop(STOP_S_MAX)
    faults = counting.faults(world.settings, WRITES, work)
    return (
        Run(subject, len(work), faults=faults) if faults else figures_of(subject, span, len(work))
    )


def figures_of(subject: Subject, span: observing.Span, count: int) -> Run:
    """A run that went well."""
    others = span.others(os.cpu_count() or 1)
    return Run(subject, count, span.rate(count), span.cpu_per_100k(count), others)


def watch(
    at_work: Started, world: World, ends: Callable[[], tuple[int, int]] | None = None
) -> observing.Watch:
    """How it is looked at. `ends`: what counts as done, where it is not its outputs."""
    settings, child = world.settings, at_work.child
    shown = ends or observing.StableEnds(settings.bootstrap, at_work.topics, settings.partitions)
    return observing.Watch(
        ends=shown,
        cpu_s=lambda: observing.cpu_s_of(child.pid),
        others_s=lambda: observing.others_s(os.getpid(), child.pid, world.broker_pid),
        failed=lambda: None if child.alive else f"it ended with {child.process.returncode}",
    )
