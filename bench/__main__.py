"""`python -m bench`: all subjects side by side in one run, latency, restores, growth, and the connector kit; writes
build/bench.json.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from bench import documents, figures, growth, latency, mix, mixed, report, restoring, workload
from bench.documents import Conditions
from bench.kit import results as kit_results
from bench.kit import steps as kit
from bench.latency import Asked
from bench.report import Measured
from bench.subjects import SUBJECTS, WHOLE, next_group, run
from bench.world import World, world
from sandbox.child import PROJECT_ROOT
from sandbox.kafka import NoKafkaError

TARGET = PROJECT_ROOT / "build" / "bench.json"
CONDITIONS = PROJECT_ROOT / "build" / "bench.conditions.json"
STREAMS = ("rounds", "latency", "mixed", "restore", "growth")
KIT = kit_results.PARTS
PARTS = (*STREAMS, *KIT)
LONG = ("storm",)  # only where it is asked for
EVENTS = 600_000
RUNS = 5
QUICK_EVENTS, QUICK_RUNS, QUICK_ROWS = 80_000, 1, 100_000
EVENTS_MIN = 20_000
MIXED_SHARE = GROWTH_SHARE = 4  # these parts get one in so many events
MIXED_RUNS_MAX = 3
LOADS = {"enriched-at-a-quarter": 0.25, "enriched": 0.5, "enriched-at-three-quarters": 0.75}
HALF = 0.5


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--events", type=int, help=f"default {EVENTS:,}")
    parser.add_argument("--runs", type=int, help=f"of each subject, default {RUNS}")
    parser.add_argument(
        "--rows", type=int, help=f"of the largest table, default {growth.ROWS[-1]:,}"
    )
    parser.add_argument("--quick", action="store_true", help="a look: few events, one run each")
    default = ",".join(part for part in PARTS if part not in LONG)
    parser.add_argument("--only", default=default, help=f"parts, of {', '.join(PARTS)}")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a target is missed")
    parser.add_argument(
        "--write-docs", action="store_true", help="no measuring: the last figures into the docs"
    )
    asked = parser.parse_args(words)
    asked.events = asked.events or (QUICK_EVENTS if asked.quick else EVENTS)
    asked.rows = asked.rows or (QUICK_ROWS if asked.quick else growth.ROWS[-1])
    if asked.runs is None:
        asked.runs = QUICK_RUNS if asked.quick else RUNS
    asked.parts = set(asked.only.split(","))
    if asked.events < EVENTS_MIN or asked.runs < 1 or asked.rows < 1:
        parser.error(f"--events must be at least {EVENTS_MIN:,}, --runs and --rows at least 1")
    if not asked.parts <= set(PARTS):
        parser.error(f"--only: the parts are {', '.join(PARTS)}")
    return asked


def rounds(made: World, asked: argparse.Namespace, found: Measured) -> None:
    """Every subject once, then again: what the machine does to one of them it does to all."""
    for number in range(1, asked.runs + 1):
        for subject in SUBJECTS:
            found.runs.append(run(subject, made))
            print(f"[{number}/{asked.runs}] {found.runs[-1]}", flush=True)


def peak(found: Measured, made: World) -> float:
    """Of the whole flow. Raises LatencyError where it could not be measured."""
    if not found.runs:
        found.runs.append(run(WHOLE, made))
    best = figures.middle(report.rates(found.runs, WHOLE))
    if best is None:
        raise latency.LatencyError("no peak to take a half of")
    return best


def latencies(made: World, _asked: argparse.Namespace, found: Measured) -> None:
    """At shares of the peak of the whole flow."""
    best = peak(found, made)
    rates = {name: best * share for name, share in LOADS.items()}

    def make(count: int, name: str) -> list[workload.Encoded]:
        return workload.encoded(made.codec, count, made.base_ms, name=name)

    for one in latency.measure(made, Asked("whole", rates, make)):
        found.latencies.append(one)
        print(one, flush=True)


def mixed_load(made: World, asked: argparse.Namespace, found: Measured) -> None:
    """All flows at once: as fast as they can, then at half of that."""
    runs = min(asked.runs, MIXED_RUNS_MAX)
    filled = mixed.prepare(made, asked.events // MIXED_SHARE)
    for number in range(1, runs + 1):
        found.mixed.append(mixed.run(filled, next_group()))
        print(f"[{number}/{runs}] {found.mixed[-1]}", flush=True)
    best = figures.middle([one.rate for one in found.mixed])
    if best is None:
        raise latency.LatencyError("mixed: no peak to take a half of")

    def make(count: int, name: str) -> list[workload.Encoded]:
        return mix.encoded(made.codec, count, made.base_ms, name=name)

    for one in latency.measure(made, Asked("all", {"mixed": best * HALF}, make, mix.TOPICS)):
        found.latencies.append(one)
        print(one, flush=True)


def restores(made: World, asked: argparse.Namespace, found: Measured) -> None:
    """A compacted changelog, and one in which every row stands three times."""
    for restored in restoring.measure(made, asked.rows, report.RESTORE):
        found.restores.append(restored)
        print(restored, flush=True)


def grows(made: World, asked: argparse.Namespace, found: Measured) -> None:
    """One size after the other."""
    sizes = [size for size in growth.ROWS if size <= asked.rows]
    for point in growth.measure(made, asked.events // GROWTH_SHARE, sizes):
        found.points.append(point)
        print(point, flush=True)


def of_kit(part: str, made: World, asked: argparse.Namespace, found: Measured) -> None:
    """A part of the kit."""
    kit.measure(part, made, found.kit, kit.QUICK if asked.quick else kit.FULL, asked.runs)


STEPS: dict[str, Callable[[World, argparse.Namespace, Measured], None]] = {
    "rounds": rounds,
    "latency": latencies,
    "mixed": mixed_load,
    "restore": restores,
    "growth": grows,
    **{part: partial(of_kit, part) for part in KIT},
}


def measured(made: World, asked: argparse.Namespace, save: Callable[[Measured], None]) -> Measured:
    """All parts that are asked for; one that fails is said, and the others go on."""
    found = Measured(parts=asked.parts)
    for part in PARTS:
        if part not in asked.parts:
            continue
        started = time.monotonic()
        try:
            STEPS[part](made, asked, found)
        except Exception as error:  # noqa: BLE001 -- a part that fails must not cost the others their figures
            found.failed.append(f"{part}: {type(error).__name__}: {error}")
            print(f"{part}: FAILED: {error}", flush=True)
        print(f"-- {part}: {time.monotonic() - started:.0f} s", flush=True)
        save(found)
    return found


def save(asked: argparse.Namespace, broker: str, started: float, found: Measured) -> None:
    """What there is so far: a run that is stopped leaves what it has."""
    figures.write(report.results(found), TARGET)
    conditions = Conditions(
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        broker=broker.partition(" (")[0],
        events=asked.events,
        runs=asked.runs,
        rows=asked.rows,
        others=round(report.others(found), 3),
        seconds=round(time.monotonic() - started),
    )
    CONDITIONS.write_bytes(msgspec.json.format(msgspec.json.encode(conditions), indent=2) + b"\n")


def main(words: Sequence[str] | None = None) -> int:
    """0: measured (targets may be missed); 1: a run failed, or --strict and a target is missed; 2: no Kafka."""
    asked = _arguments(words)
    if asked.write_docs:
        return documents.main(TARGET, CONDITIONS)
    started = time.monotonic()
    try:
        events = asked.events if asked.parts & set(STREAMS) else 0
        with world(events) as made:
            print(f"{made.broker}; {events:,} events, {asked.runs} runs each", flush=True)
            found = measured(made, asked, partial(save, asked, made.broker, started))
    except NoKafkaError as error:
        print(f"{error}: install Java 17+ and Maven, or start Docker", file=sys.stderr)
        return 2
    results = report.results(found)
    print(f"\n{figures.table(results)}\n\n{report.verdict(results, found)}")
    print(f"{time.monotonic() - started:.0f} s; {TARGET.relative_to(PROJECT_ROOT)}")
    return int(bool(report.failures(found)) or (asked.strict and bool(figures.missed(results))))


if __name__ == "__main__":
    sys.exit(main())
