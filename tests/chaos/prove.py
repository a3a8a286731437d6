"""`python -m tests.chaos.prove --seeds N`: every proof over many seeds, told in build/proofs.json and in a table.

A proof is a set of tests that break things at times drawn of a seed, or that let hypothesis draw from it. Each seed
is a pytest of its own with a bound in time; a skipped test proves nothing and counts as a failure.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "build" / "proofs.json"
SEEDS_DEFAULT, SEEDS_MAX = 5, 10_000
SEED_S_MAX = 300.0  # one seed of one proof, from the start of its Kafka to its end
STOP_S_MAX = 20.0
SAID_LINES_MAX = 25
STREAMS_BROKEN = "tests/chaos/test_streams_broken.py"
HYPOTHESIS = "--hypothesis-seed"
UNKNOWN = "outcome_unknown"  # a property that tests record


@dataclass(frozen=True, slots=True)
class Proof:
    """What pytest runs; `{seed}` stands for the seed in a test's id. `option`: how pytest is told the seed."""

    name: str
    file: str
    test: str = ""
    option: str = "--seed"

    def chosen(self, seed: int) -> str:
        """What to run, as pytest names it."""
        return f"{self.file}::{self.test}".format(seed=seed).removesuffix("::")


def _role_killed(role: str) -> Proof:
    test = f"test_a_role_killed_under_load_loses_and_repeats_nothing[seed{{seed}}-{role}]"
    return Proof(f"{role} killed, end to end", "tests/chaos/test_roles_killed.py", test)


PROOFS = (
    Proof(
        "streams killed",
        STREAMS_BROKEN,
        "test_killed_again_and_again_it_loses_and_repeats_nothing",
    ),
    Proof(
        "zombie",
        STREAMS_BROKEN,
        "test_two_workers_of_which_one_freezes_past_its_session_lose_and_repeat_nothing",
    ),
    Proof(
        "broker restarted",
        STREAMS_BROKEN,
        "test_a_broker_that_restarts_under_load_costs_nothing",
    ),
    *(_role_killed(role) for role in ("sources", "streams", "sinks")),
    Proof(
        "rounds aborted and restarted",
        "tests/unit/streams/engine/test_state.py",
        "test_aborted_rounds_and_restarts_leave_no_trace",
        HYPOTHESIS,
    ),
    Proof(
        "replays, duplicates, other orders",
        "tests/unit/streams/flows/test_replay.py",
        option=HYPOTHESIS,
    ),
    Proof(
        "offsets of a successor",
        "tests/unit/connectors/kit/test_progress.py",
        "test_a_successor_knows_exactly_what_was_done_and_intended",
        HYPOTHESIS,
    ),
)


@dataclass(slots=True)
class Result:
    """What became of a proof. `failing`: seed → why, in the order of the runs.

    `outcome_unknown`: commands that may not be repeated and of which nobody knows whether they had their effect:
    what at-most-once costs. None where a proof has no such commands.
    """

    proof: str
    seeds: int = 0
    seconds: float = 0.0
    failing: dict[int, str] = field(default_factory=dict)
    outcome_unknown: int | None = None

    def add(self, seed: int, run: "Run", seconds: float) -> None:
        """One more seed."""
        self.seeds += 1
        self.seconds += seconds
        if run.fault:
            self.failing[seed] = run.fault
        if run.outcome_unknown is not None:
            self.outcome_unknown = (self.outcome_unknown or 0) + run.outcome_unknown

    def as_json(self) -> dict[str, object]:
        return {
            "proof": self.proof,
            "seeds": self.seeds,
            "failures": len(self.failing),
            "failing_seed": next(iter(self.failing), None),
            "failing_seeds": list(self.failing),
            "outcome_unknown": self.outcome_unknown,
            "seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True, slots=True)
class Run:
    """One seed of one proof. `fault`: why it fails, or ""."""

    fault: str
    outcome_unknown: int | None = None


def run_seed(proof: Proof, seed: int) -> Run:
    """Runs the tests of a proof with a seed; says what they said where they fail."""
    with tempfile.TemporaryDirectory(prefix="proof-") as folder:
        report, log = Path(folder) / "report.xml", Path(folder) / "log"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [proof.chosen(seed), f"{proof.option}={seed}"]
        command += [f"--junit-xml={report}", f"--basetemp={folder}/tmp"]
        status = _bounded(command, log)
        run = _judged(report, status)
        if run.fault:
            print("\n".join(log.read_text(errors="replace").splitlines()[-SAID_LINES_MAX:]))
        return run


def _bounded(command: list[str], log: Path) -> int | None:
    """The exit status; None where it took longer than SEED_S_MAX. What it started ends with it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            return process.wait(SEED_S_MAX)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    os.kill(process.pid, signal.SIGINT)  # pytest stops what its fixtures started
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()  # its children are on a leash
        process.wait()


def _judged(report: Path, status: int | None) -> Run:
    if status is None:
        return Run(f"not done within {SEED_S_MAX:.0f} s")
    if not report.exists():
        return Run(f"pytest ended with {status} and no report")
    root = ET.parse(report).getroot()
    suites = list(root.iter("testsuite"))
    tests, skipped = (sum(int(s.get(name, "0")) for s in suites) for name in ("tests", "skipped"))
    told = [p.get("value", "0") for p in root.iter("property") if p.get("name") == UNKNOWN]
    fault = "" if status == 0 else f"pytest ended with {status}"
    if not tests or skipped:
        fault = f"{skipped} of {tests} tests skipped: nothing is proven"
    return Run(fault, sum(map(int, told)) if told else None)


def prove(seeds: Sequence[int], proofs: Sequence[Proof]) -> list[Result]:
    """Seed after seed, so that an interrupted run has proven a little of everything; told after each."""
    results = [Result(proof.name) for proof in proofs]
    for seed in seeds:
        for proof, result in zip(proofs, results, strict=True):
            began_s = time.monotonic()
            run = run_seed(proof, seed)
            result.add(seed, run, time.monotonic() - began_s)
            told = f"FAILED: {run.fault}" if run.fault else "ok"
            print(f"seed {seed}  {proof.name}: {told}", flush=True)
            write(results)
    return results


def write(results: Sequence[Result]) -> None:
    """build/proofs.json as it stands."""
    REPORT.parent.mkdir(exist_ok=True)
    report = {
        "ok": not any(result.failing for result in results),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "proofs": [result.as_json() for result in results],
    }
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def table(results: Sequence[Result]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| proof | seeds | failures | failing seed | outcome unknown | s per seed |",
        "|---|--:|--:|---|--:|--:|",
    ]
    for result in results:
        first = next(iter(result.failing), "")
        each_s = result.seconds / max(1, result.seeds)
        lost = "" if result.outcome_unknown is None else result.outcome_unknown
        row = (result.proof, result.seeds, len(result.failing), first, lost, f"{each_s:.0f}")
        lines.append(f"| {' | '.join(str(cell) for cell in row)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 where every proof holds for every seed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.prove", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS_DEFAULT, help="how many seeds")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--only", default="", help="proofs whose name contains this")
    chosen = parser.parse_args(arguments)
    if not 1 <= chosen.seeds <= SEEDS_MAX:
        parser.error(f"--seeds is 1 to {SEEDS_MAX}")
    proofs = [proof for proof in PROOFS if chosen.only in proof.name]
    if not proofs:
        parser.error(f"--only: names of proofs are {', '.join(proof.name for proof in PROOFS)}")
    for number in (signal.SIGINT, signal.SIGTERM):  # a background job begins with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    results = prove(range(chosen.first, chosen.first + chosen.seeds), proofs)
    print(f"\n{table(results)}\n\n{REPORT.relative_to(ROOT)} holds the same")
    return 1 if any(result.failing for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
