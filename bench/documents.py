"""The last figures, from build/bench.json into docs/performance.md, with a picture of how cost grows."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench import figures, plot
from bench.figures import Result
from bench.kit.results import PARTS
from bench.report import ALONE
from sandbox.child import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "performance.md"
PICTURE = PROJECT_ROOT / "docs" / "growth.svg"
OF_RESTORE = ("start", "memory")
OF_STORM = ("seconds", "first-third", "last-third", "slope")
LOADS = ("-p50", "-p99", "-at-half-p50", "-at-half-p99")
KIT = frozenset(PARTS)
Marks = tuple[str, str]
BEGIN, END = MARKS = (
    "<!-- figures: written by `make bench ARGS=--write-docs` -->",
    "<!-- end of figures -->",
)
KIT_MARKS = (
    "<!-- figures of the kit: written by `make bench ARGS=--write-docs` -->",
    "<!-- end of the kit's figures -->",
)
NOT_ALONE = (
    "**The machine was not quiet**: values are too low, latencies too high, and a ratio bears company only where it "
    "was the same for both."
)
PANELS = {
    "partitions": "partitions",
    "workers": "workers on one machine",
    "table-rows": "rows of a partitioned table",
    "reference-rows": "rows of a reference table",
}


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """Under which figures came about. `others`: the most that other processes took of the machine, 0 to 1."""

    date: str
    cores: int
    python: str
    broker: str
    events: int
    runs: int
    rows: int
    others: float
    seconds: int


def main(measured: Path, conditions: Path) -> int:
    """0: written; 1: nothing has been measured yet."""
    try:
        results = figures.read(measured)
        under = msgspec.json.decode(conditions.read_bytes(), type=Conditions)
    except FileNotFoundError as error:
        print(f"{error.filename} is not there: make bench", file=sys.stderr)
        return 1
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), results, under), encoding="utf-8")
    if picture := drawn(results):
        PICTURE.write_text(picture, encoding="utf-8")
    return 0


def written(page: str, results: Sequence[Result], under: Conditions) -> str:
    """The page with the figures of what was measured; the streams' or the kit's stay where they were not."""
    of_kit = [one for one in results if one.name.partition("/")[0] in KIT]
    others = [one for one in results if one not in of_kit]
    if others:
        page = replaced(page, section(others, under))
    return replaced(page, kit_section(of_kit, under), KIT_MARKS) if of_kit else page


def replaced(page: str, text: str, marks: Marks = MARKS) -> str:
    """The page with `text` between its marks. Raises ValueError where they are not there."""
    begin, end = marks
    before, opened, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise ValueError(f"{PAGE.name} has no {begin} … {end}")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def section(results: Sequence[Result], under: Conditions) -> str:
    """All tables of the streams, with the conditions before them."""
    head = _head(under, f"{under.events:,} events, ")
    by_name = {one.name: one for one in results}
    tables = [
        head,
        _targets(results),
        _rates(by_name),
        _ratios(results),
        _latencies(by_name),
        _restores(by_name),
        _growth(by_name),
    ]
    return "\n\n".join(text for text in tables if text)


def kit_section(results: Sequence[Result], under: Conditions) -> str:
    """All tables of the kit, with the conditions before them."""
    by_name = {one.name: one for one in results}
    tables = [
        _head(under, ""),
        _targets(results),
        _calls(by_name),
        _ratios(results),
        _memory(by_name),
    ]
    return "\n\n".join(text for text in tables if text)


def _head(under: Conditions, work: str) -> str:
    head = (
        f"{under.date}, {under.cores} cores (other processes took up to {under.others:.0%}), "
        f"{under.broker} on the same cores, Python {under.python}, {work}"
        f"{under.runs} interleaved run{'s' if under.runs > 1 else ''}, {under.seconds / 60:.0f} minutes in all."
    )
    return f"{head}\n\n{NOT_ALONE}" if under.others > ALONE else head


def _calls(by_name: Mapping[str, Result]) -> str:
    """What is counted per second, alone and for each core that it takes; p50 and p99 where they are known."""
    lines = []
    for name, one in by_name.items():
        per_core = by_name.get(f"{name}-per-core")
        if per_core is None:
            continue
        loads = [by_name.get(f"{name}{load}") for load in LOADS]
        times = [number(load.value) if load else "" for load in loads]
        lines.append([f"`{name}`", number(one.value), number(per_core.value), *times])
    head = ["subject", "a second", "a second and core", "p50, ms", "p99, ms"]
    return _table("Calls", [*head, "p50 at half, ms", "p99 at half, ms"], lines)


def _memory(by_name: Mapping[str, Result]) -> str:
    found = [by_name.get(f"storm/memory-{part}") for part in OF_STORM]
    figures_ = [number(one.value) for one in found if one is not None]
    head = ["seconds", "MB, first third", "MB, last third", "MB an hour"]
    return _table("Memory in a storm", head, [figures_] if figures_ else [])


def _table(title: str, head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return ""
    rows = [head, ["---"] * len(head), *lines]
    return f"**{title}**\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def number(value: float) -> str:
    """As a reader wants it: three digits, no more."""
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _targets(results: Sequence[Result]) -> str:
    lines = []
    for one in results:
        if one.target:
            figure = number(one.value) if not one.peer else _times(one.ratio)
            unit = "" if one.peer else f" {one.unit}"
            met = "met" if one.met else "**missed**"
            lines.append([f"`{one.name}`", f"{figure}{unit}", one.target, met])
    return _table("Targets", ["what", "measured", "target", ""], lines)


def _times(ratio: float | None) -> str:
    return "not measured" if ratio is None else f"{number(ratio)} times"


def _rates(by_name: Mapping[str, Result]) -> str:
    lines = [
        [f"`{name}`", number(one.value), number(by_name[f"{name}/cpu"].value)]
        for name, one in by_name.items()
        if f"{name}/cpu" in by_name and not name.startswith("growth/")
    ]
    return _table("Side by side", ["subject", "events/s", "CPU s per 100k events"], lines)


def _ratios(results: Sequence[Result]) -> str:
    lines = []
    for one in results:
        if one.peer and one.ratio is not None:
            of_cpu = one.unit.startswith("CPU")
            subject = one.name.removesuffix(f"-to-{one.peer}").removesuffix("-cpu")
            what = "CPU time per event" if of_cpu else one.unit
            lines.append([f"`{subject}`", f"`{one.peer}`", what, _times(one.ratio)])
    return _table("Ratios (medians of the rounds')", ["subject", "to", "of", "ratio"], lines)


def _latencies(by_name: Mapping[str, Result]) -> str:
    lines = []
    for name, load in by_name.items():
        base = name.removesuffix("-load")
        if name.startswith("latency/") and base != name:
            p50, p99 = (by_name[f"{base}-{which}"].value for which in ("p50", "p99"))
            lines.append([f"`{base}`", number(load.value), number(p50), number(p99)])
    return _table("Latency", ["load", "events/s", "p50, ms", "p99, ms"], lines)


def _restores(by_name: Mapping[str, Result]) -> str:
    lines = [
        [
            f"`{name}`",
            number(one.value),
            *(number(by_name[f"{name}/{of}"].value) for of in OF_RESTORE),
        ]
        for name, one in by_name.items()
        if name.startswith("restore/") and f"{name}/start" in by_name
    ]
    head = ["what", "restoring, s", "start to outputs, s", "MB on top of an empty table"]
    return _table("Restore", head, lines)


def points(by_name: Mapping[str, Result], what: str) -> list[tuple[int, str]]:
    """The sizes at which growth was measured, with the names of their results, smallest first."""
    head = f"growth/{what}-"
    found = [name for name in by_name if name.startswith(head) and name.count("/") == 1]
    return sorted((int(name.removeprefix(head)), name) for name in found)


def size_of(count: int) -> str:
    """1000000 → 1M."""
    for exponent, unit in ((6, "M"), (3, "k")):
        if count >= 10**exponent and count % 10**exponent == 0:
            return f"{count // 10**exponent}{unit}"
    return str(count)


def _growth(by_name: Mapping[str, Result]) -> str:
    lines = []
    for what, heading in PANELS.items():
        for size, name in points(by_name, what):
            figures_ = [
                by_name[f"{name}{part}"].value for part in ("", "/cpu", "/start", "/memory")
            ]
            lines.append([heading, size_of(size), *map(number, figures_)])
    head = ["what grows", "to", "events/s", "CPU s per 100k events", "first output, s", "peak MB"]
    text = _table("Growth", head, lines)
    return f"{text}\n\n![How cost grows]({PICTURE.name})" if text else ""


def drawn(results: Sequence[Result]) -> str:
    """The picture of growth, or nothing where none was measured."""
    by_name = {one.name: one for one in results}
    if not any(points(by_name, what) for what in PANELS):
        return ""

    def series(title: str, colour: str, part: str) -> plot.Series:
        values = {
            what: [(size_of(size), by_name[f"{name}{part}"].value) for size, name in found]
            for what in PANELS
            if (found := points(by_name, what))
        }
        return plot.Series(title, colour, values)

    rows = [
        series("events per second", "#2b6cb0", ""),
        series("CPU seconds per 100,000 events", "#c05621", "/cpu"),
        series("seconds from start to the first output", "#4a5568", "/start"),
        series("peak memory of the workers, MB", "#2f855a", "/memory"),
    ]
    return plot.svg("How cost grows", PANELS, rows)
