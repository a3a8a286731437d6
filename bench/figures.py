"""Medians, percentiles, ratios; and the results in the form that others read (`build/bench.json`)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One line of build/bench.json.

    `ratio`: to the peer, or null where there is none. `target`: empty where the figure is for information, and then
    `met` is true.
    """

    name: str
    value: float
    unit: str
    peer: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool = True


@dataclass(frozen=True, slots=True)
class Bar:
    """A target on a ratio or a value: at least, at most, below."""

    text: str
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None

    def met(self, figure: float) -> bool:
        """Whether a figure reaches it. What is not a number does not."""
        if math.isnan(figure):
            return False
        high_enough = self.at_least is None or figure >= self.at_least
        low_enough = self.at_most is None or figure <= self.at_most
        return high_enough and low_enough and (self.below is None or figure < self.below)


def held(name: str, value: float | None, unit: str, bar: Bar | None) -> Result:
    """A value against its target; what could not be measured does not meet it."""
    return Result(
        name=name,
        value=value or 0.0,
        unit=unit,
        target=bar.text if bar else "",
        met=bar is None or (value is not None and bar.met(value)),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed. Raises ValueError on none."""
    if not values:
        raise ValueError("no values, no percentile")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def paired_ratio(ours: Sequence[float | None], theirs: Sequence[float | None]) -> float | None:
    """Median over the rounds of ours to theirs, run side by side; a round that one of them failed does not count.

    None where no round is left.
    """
    ratios = [a / b for a, b in zip(ours, theirs, strict=True) if a is not None and b]
    return median(ratios) if ratios else None


def middle(values: Sequence[float | None]) -> float | None:
    """Median of the runs that did not fail; None where all did."""
    good = [value for value in values if value is not None]
    return median(good) if good else None


def missed(results: Sequence[Result]) -> list[Result]:
    """Results below their target."""
    return [result for result in results if not result.met]


def read(path: Path) -> list[Result]:
    """What `write` wrote. Raises FileNotFoundError, msgspec.ValidationError."""
    return msgspec.json.decode(path.read_bytes(), type=_Results).results


class _Results(msgspec.Struct):
    results: list[Result]


def write(results: Sequence[Result], path: Path) -> None:
    """`{"results": [...]}`, one object per result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = [_rounded(result) for result in results]
    text = msgspec.json.format(msgspec.json.encode({"results": rounded}), indent=2)
    path.write_bytes(text + b"\n")


def _rounded(result: Result) -> Result:
    ratio = None if result.ratio is None else round(result.ratio, 3)
    return msgspec.structs.replace(result, value=round(result.value, 3), ratio=ratio)


def table(results: Sequence[Result]) -> str:
    """The results as aligned text."""
    head = ("what", "value", "unit", "ratio", "of", "target", "")
    lines = [head, *(_line(result) for result in results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in (1, 3) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _line(result: Result) -> tuple[str, ...]:
    value = f"{result.value:,.0f}" if result.value >= 1_000 else f"{result.value:.2f}"
    ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
    verdict = "" if not result.target else "met" if result.met else "MISSED"
    return result.name, value, result.unit, ratio, result.peer, result.target, verdict
