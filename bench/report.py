"""From runs to results: which figure is held against which target."""

from collections.abc import Sequence

from bench.figures import Bar, Result, middle, missed, paired_ratio
from bench.latency import Latency
from bench.subjects import ENRICH, PLAIN_LOOP, STOCK_FAUST, SUBJECTS, WHOLE, Run, Subject

EVENTS = "events/s"
CPU = "CPU s/100k events"
TO_PLAIN_LOOP = Bar("≥ 0.6", at_least=0.6)
TO_STOCK_FAUST = Bar("≥ 8", at_least=8.0)
P50 = Bar("< 150 ms", below=150.0)
P99 = Bar("< 400 ms", below=400.0)
ALONE = 0.1  # share of the machine that others may take before it is said loudly


def rates(runs: Sequence[Run], subject: Subject) -> list[float | None]:
    """One per round; None where the run failed."""
    return [one.rate for one in runs if one.subject is subject]


def cpu(runs: Sequence[Run], subject: Subject) -> list[float | None]:
    """One per round; None where the run failed."""
    return [one.cpu_per_100k for one in runs if one.subject is subject]


def results(runs: Sequence[Run], latency: Latency | None) -> list[Result]:
    """All that could be measured. What failed has no figure, but the target it was for is not met."""
    found = [
        _against(runs, ENRICH, PLAIN_LOOP, TO_PLAIN_LOOP),
        _against(runs, ENRICH, STOCK_FAUST, TO_STOCK_FAUST),
        _against(runs, WHOLE, PLAIN_LOOP, None),
        _against(runs, WHOLE, STOCK_FAUST, None),
        *(_alone(subject.name, EVENTS, rates(runs, subject)) for subject in SUBJECTS),
        *(_alone(f"{subject.name}/cpu", CPU, cpu(runs, subject)) for subject in SUBJECTS),
        _latency("p50", None if latency is None else latency.p50_ms, P50),
        _latency("p99", None if latency is None else latency.p99_ms, P99),
    ]
    return [result for result in found if result is not None]


def _against(
    runs: Sequence[Run], subject: Subject, peer: Subject, bar: Bar | None
) -> Result | None:
    ratio = paired_ratio(rates(runs, subject), rates(runs, peer))
    value = middle(rates(runs, subject))
    if bar is None and ratio is None:
        return None
    short = peer.name.partition("/")[2]
    return Result(
        name=f"{subject.name}-to-{short}",
        value=value or 0.0,
        unit=EVENTS,
        peer=short,
        ratio=ratio,
        target=f"{bar.text} of {short}" if bar else "",
        met=bar is None or (ratio is not None and bar.met(ratio)),
    )


def _alone(name: str, unit: str, values: Sequence[float | None]) -> Result | None:
    value = middle(values)
    return None if value is None else Result(name=name, value=value, unit=unit)


def _latency(which: str, value_ms: float | None, bar: Bar) -> Result:
    return Result(
        name=f"latency/enriched-{which}",
        value=value_ms or 0.0,
        unit="ms",
        target=bar.text,
        met=value_ms is not None and bar.met(value_ms),
    )


def verdict(results: Sequence[Result], runs: Sequence[Run], latency: Latency | None) -> str:
    """What a reader must not overlook."""
    failed = [str(one) for one in runs if one.faults]
    if latency is None:
        failed.append("latency/enriched: not measured")
    lines = [f"!!! FAILED RUN: {text}" for text in failed]
    others = max([one.others for one in runs] + ([latency.others] if latency else []), default=0.0)
    if others > ALONE:
        lines.append(
            f"!!! NOT ALONE: others took up to {others:.0%} of the machine; ratios hold, values do not"
        )
    lines += [f"!!! TARGET MISSED: {one.name}: {one.target}" for one in missed(results)]
    return "\n".join(lines) or "all targets met, every id counted in and out"
