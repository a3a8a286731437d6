"""From what was measured to results: which figure is held against which target."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench import subjects as s
from bench.figures import Bar, Result, held, middle, missed, paired_ratio
from bench.growth import Point
from bench.kit import results as kit
from bench.kit.results import KitMeasured
from bench.latency import Failed, Latency
from bench.mixed import ALL_FLOWS
from bench.restoring import Growth
from bench.subjects import Run, Subject

EVENTS = "events/s"
PER_CORE = "events/s per core"
CPU = "CPU s/100k events"
ALONE = 0.1  # share of the machine that others may take before it is said loudly
RESTORED_ROWS = 1_000_000  # what the targets of restoring are about


@dataclass(frozen=True, slots=True)
class Comparison:
    """One subject against a peer, by events a second or by CPU time per event."""

    subject: Subject
    peer: Subject
    of_cpu: bool = False
    bar: Bar | None = None


COMPARISONS = (
    Comparison(s.COLUMNS, s.STREAMS, bar=Bar("≥ 1.5", at_least=1.5)),
    Comparison(s.COLUMNS, s.STREAMS, of_cpu=True, bar=Bar("≤ 0.4", at_most=0.4)),
    Comparison(s.COLUMNS, s.STOCK_FAUST, bar=Bar("≥ 20", at_least=20.0)),
    Comparison(s.COLUMNS, s.STREAMS_2),
    Comparison(s.COLUMNS, s.STREAMS_ALO),
    Comparison(s.COLUMNS, s.QUIX),
    Comparison(s.COLUMNS, s.PLAIN_LOOP),
    Comparison(s.WHOLE, s.STREAMS_WHOLE),
    Comparison(s.WHOLE, s.STREAMS_WHOLE, of_cpu=True),
    Comparison(s.ENRICH, s.PLAIN_LOOP, bar=Bar("≥ 0.6", at_least=0.6)),
    Comparison(s.ENRICH, s.STOCK_FAUST, bar=Bar("≥ 8", at_least=8.0)),
    Comparison(s.ENRICH, s.QUIX),
)
MIXED = Bar("≥ 15,000", at_least=15_000.0)
# Name of the load → bars on p50 and p99; other loads are for information.
LATENCY = {
    "enriched": (Bar("< 150 ms", below=150.0), Bar("< 400 ms", below=400.0)),
    "mixed": (Bar("< 250 ms", below=250.0), Bar("< 600 ms", below=600.0)),
}
# How often each row was written → bars on seconds and megabytes.
RESTORE: dict[int, tuple[Bar, Bar | None]] = {
    1: (Bar("< 10 s", below=10.0), Bar("< 500 MB", below=500.0)),
    3: (Bar("< 30 s", below=30.0), None),
}


@dataclass(slots=True)
class Measured:
    """All that a run of the benchmark found. `failed`: parts that gave no figures, in words."""

    runs: list[Run] = field(default_factory=list)
    mixed: list[Run] = field(default_factory=list)
    latencies: list[Latency | Failed] = field(default_factory=list)
    restores: list[Growth] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    kit: KitMeasured = field(default_factory=KitMeasured)
    failed: list[str] = field(default_factory=list)
    parts: set[str] = field(default_factory=set)  # that were asked for


def rates(runs: Sequence[Run], subject: Subject) -> list[float | None]:
    """One per round; None where the run failed."""
    return [one.rate for one in runs if one.subject is subject]


def cpu(runs: Sequence[Run], subject: Subject) -> list[float | None]:
    """One per round; None where the run failed."""
    return [one.cpu_per_100k for one in runs if one.subject is subject]


def results(found: Measured) -> list[Result]:
    """All that could be measured. What failed has no figure, but the target it was for is not met."""
    return [
        *(_peers(found) if "rounds" in found.parts else ()),
        *(_mixed(found.mixed) if "mixed" in found.parts else ()),
        *_latencies(found),
        *(_restores(found.restores) if "restore" in found.parts else ()),
        *_growth(found.points),
        *kit.results(found.kit, found.parts),
    ]


def _peers(found: Measured) -> Iterator[Result]:
    for one in COMPARISONS:
        result = _compared(found.runs, one)
        if result is not None:
            yield result
    for subject in s.SUBJECTS:
        yield from _alone(found.runs, subject)


def _compared(runs: Sequence[Run], one: Comparison) -> Result | None:
    of: Callable[[Sequence[Run], Subject], list[float | None]] = cpu if one.of_cpu else rates
    ours = of(runs, one.subject)
    ratio = paired_ratio(ours, of(runs, one.peer))
    if one.bar is None and ratio is None:
        return None
    short = one.peer.name.partition("/")[2]
    return Result(
        name=f"{one.subject.name}{'-cpu' if one.of_cpu else ''}-to-{short}",
        value=middle(ours) or 0.0,
        unit=CPU if one.of_cpu else EVENTS,
        peer=short,
        ratio=ratio,
        target=f"{one.bar.text} of {short}" if one.bar else "",
        met=one.bar is None or (ratio is not None and one.bar.met(ratio)),
    )


def _alone(runs: Sequence[Run], subject: Subject) -> Iterator[Result]:
    for name, unit, value in (
        (subject.name, EVENTS, middle(rates(runs, subject))),
        (f"{subject.name}/cpu", CPU, middle(cpu(runs, subject))),
    ):
        if value is not None:
            yield Result(name=name, value=value, unit=unit)


def _mixed(runs: Sequence[Run]) -> Iterator[Result]:
    spent = middle(cpu(runs, ALL_FLOWS))
    per_core = 100_000 / spent if spent else None
    yield held("mixed/all-flows-per-core", per_core, PER_CORE, MIXED)
    yield from _alone(runs, ALL_FLOWS)


def _latencies(found: Measured) -> Iterator[Result]:
    by_name = {one.name: one for one in found.latencies}
    asked = {"enriched": "latency", "mixed": "mixed"}
    wanted = [name for name in LATENCY if asked[name] in found.parts]
    for name in dict.fromkeys([*wanted, *by_name]):
        one = by_name.get(name)
        good = one if isinstance(one, Latency) else None
        if good is None and name not in LATENCY:
            continue
        p50, p99 = LATENCY.get(name, (None, None))
        yield held(f"latency/{name}-p50", good.p50_ms if good else None, "ms", p50)
        yield held(f"latency/{name}-p99", good.p99_ms if good else None, "ms", p99)
        if good is not None:
            yield Result(name=f"latency/{name}-load", value=good.rate, unit=EVENTS)


def _restores(found: Sequence[Growth]) -> Iterator[Result]:
    by_updates = {one.updates: one for one in found}
    for updates, (seconds, memory) in RESTORE.items():
        one = by_updates.get(updates)
        full = one is None or one.rows == RESTORED_ROWS
        name = f"restore/table-written-{updates}-times" if updates > 1 else "restore/table"
        yield held(name, one.seconds if one else None, "s", seconds if full else None)
        size = one.megabytes if one else None
        yield held(f"{name}/memory", size, "MB", memory if full else None)
        if one is not None:
            yield Result(name=f"{name}/start", value=one.start_s, unit="s")


def _growth(points: Sequence[Point]) -> Iterator[Result]:
    for one in points:
        if one.faults:
            continue
        name = f"growth/{one.what}-{one.size}"
        yield Result(name=name, value=one.rate, unit=EVENTS)
        yield Result(name=f"{name}/cpu", value=one.cpu_per_100k, unit=CPU)
        yield Result(name=f"{name}/start", value=one.start_s, unit="s")
        yield Result(name=f"{name}/memory", value=one.peak_mb, unit="MB")


def failures(found: Measured) -> list[str]:
    """What gave no figures though it should have."""
    runs = [str(one) for one in (*found.runs, *found.mixed) if one.faults]
    late = [str(one) for one in found.latencies if isinstance(one, Failed)]
    points = [str(one) for one in found.points if one.faults]
    return [*runs, *late, *points, *found.failed]


def others(found: Measured) -> float:
    """The largest share of the machine that others took in any run."""
    shares = [one.others for one in (*found.runs, *found.mixed)]
    shares += [one.others for one in found.latencies if isinstance(one, Latency)]
    return max([*shares, found.kit.others()])


def verdict(results_: Sequence[Result], found: Measured) -> str:
    """What a reader must not overlook."""
    skipped = {str(one) for one in found.runs if one.skipped}
    lines = [f"!!! FAILED RUN: {text}" for text in failures(found)]
    lines += [f"!!! NOT MEASURED: {text}" for text in sorted(skipped)]
    taken = others(found)
    if taken > ALONE:
        lines.append(
            f"!!! NOT ALONE: others took up to {taken:.0%} of the machine; ratios hold, values do not"
        )
    lines += [f"!!! TARGET MISSED: {one.name}: {one.target}" for one in missed(results_)]
    return "\n".join(lines) or "all targets met, every id counted in and out"
