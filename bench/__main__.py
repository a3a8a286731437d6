"""`python -m bench`: all subjects side by side in one run, then latency; writes build/bench.json."""

import argparse
import sys
import time
from collections.abc import Sequence

from bench import figures, latency, report
from bench.subjects import SUBJECTS, WHOLE, Run, run
from bench.world import World, world
from sandbox.child import PROJECT_ROOT
from sandbox.kafka import NoKafkaError

TARGET = PROJECT_ROOT / "build" / "bench.json"
EVENTS = 120_000
RUNS = 3
SAMPLED_SHARE = 8  # a slow subject gets one in so many events
EVENTS_MIN = 20_000
HALF = 0.5


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help=f"default {EVENTS:,}")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each subject, default {RUNS}")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a target is missed")
    asked = parser.parse_args(words)
    if asked.events < EVENTS_MIN or asked.runs < 1:
        parser.error(f"--events must be at least {EVENTS_MIN:,} and --runs at least 1")
    return asked


def rounds(made: World, runs: int, sample: int) -> list[Run]:
    """Every subject once, then again: what the machine does to one of them it does to all."""
    done = []
    for number in range(1, runs + 1):
        for subject in SUBJECTS:
            done.append(run(subject, made, sample))
            print(f"[{number}/{runs}] {done[-1]}", flush=True)
    return done


def _latency(made: World, done: Sequence[Run]) -> latency.Latency | None:
    """None where it cannot be measured; says why."""
    peak = figures.middle([one.rate for one in done if one.subject is WHOLE])
    if peak is None:
        return None
    try:
        found = latency.measure(made, peak * HALF)
    except latency.LatencyError as error:
        print(f"latency/enriched: FAILED: {error}", flush=True)
        return None
    print(found, flush=True)
    return found


def main(words: Sequence[str] | None = None) -> int:
    """0: measured (targets may be missed); 1: a run failed, or --strict and a target is missed; 2: no Kafka."""
    asked = _arguments(words)
    started = time.monotonic()
    sample = asked.events // SAMPLED_SHARE
    try:
        with world(asked.events, sample) as made:
            print(f"{made.broker}; {asked.events:,} events, {asked.runs} runs each", flush=True)
            done = rounds(made, asked.runs, sample)
            waited = _latency(made, done)
    except NoKafkaError as error:
        print(f"{error}: install Java 17+ and Maven, or start Docker", file=sys.stderr)
        return 2
    results = report.results(done, waited)
    figures.write(results, TARGET)
    print(f"\n{figures.table(results)}\n\n{report.verdict(results, done, waited)}")
    print(f"{time.monotonic() - started:.0f} s; {TARGET.relative_to(PROJECT_ROOT)}")
    failed = waited is None or any(one.faults for one in done)
    return int(failed or (asked.strict and bool(figures.missed(results))))


if __name__ == "__main__":
    sys.exit(main())
