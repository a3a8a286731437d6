"""`python -m tests.chaos.prove --seeds N`: every proof over many seeds, told in build/proofs.json and in a table.

A proof is a set of tests that break things at times drawn of a seed, or that let hypothesis draw from it. Each seed
is a pytest of its own with a bound in time; a skipped test proves nothing and counts as a failure. What an earlier
run proved of the same code is not proven again with `--resume`.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from tests.chaos.plans import PROOFS, Proof

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "build" / "proofs.json"
PRODUCT = ("gridwire", "streams", "connectors", "tests/chaos")
SEEDS_DEFAULT, SEEDS_MAX = 5, 10_000
SEED_S_MAX = 420.0  # one seed of one proof, from the start of its Kafka to its end
STOP_S_MAX = 20.0
SAID_LINES_MAX = 40
TELLING = ("E ", "  ", "proof ", "not settled", "the worker ended", "FAILED", "ERROR", "tests/")
UNKNOWN = "outcome_unknown"  # a property that tests record
AGAIN = "python -m tests.chaos.prove --proof {proof!r} --seed {seed}"


@dataclass(frozen=True, slots=True)
class Run:
    """One seed of one proof. `fault`: why it fails, or ""."""

    fault: str
    outcome_unknown: int | None = None


@dataclass(slots=True)
class Result:
    """What became of a proof. `failing`: seed → why, in the order of the runs.

    `outcome_unknown`: commands that may not be repeated and of which nobody knows whether they had their effect:
    what at-most-once costs. None where a proof has no such commands.
    """

    proof: str
    seeds: list[int] = field(default_factory=list)
    seconds: float = 0.0
    failing: dict[int, str] = field(default_factory=dict)
    outcome_unknown: int | None = None

    def add(self, seed: int, run: Run, seconds: float) -> None:
        """One more seed; one that failed before may hold now."""
        if seed not in self.seeds:
            self.seeds.append(seed)
        self.seconds += seconds
        self.failing.pop(seed, None)
        if run.fault:
            self.failing[seed] = run.fault
        if run.outcome_unknown is not None:
            self.outcome_unknown = (self.outcome_unknown or 0) + run.outcome_unknown

    def holds(self, seed: int) -> bool:
        return seed in self.seeds and seed not in self.failing

    def as_json(self) -> dict[str, object]:
        return {
            "seeds": len(self.seeds),
            "failures": len(self.failing),
            "failing_seeds": list(self.failing),
            "run_seeds": self.seeds,
            "outcome_unknown": self.outcome_unknown,
            "seconds": round(self.seconds, 1),
        }


# ---- one seed --------------------------------------------------------------------------------------------------
def run_seed(proof: Proof, seed: int) -> Run:
    """Runs the tests of a proof with a seed; says what they said where they fail, and how to run it again."""
    with tempfile.TemporaryDirectory(prefix="proof-") as folder:
        report, log = Path(folder) / "report.xml", Path(folder) / "log"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [proof.chosen(seed), f"{proof.option}={seed}"]
        command += [f"--junit-xml={report}", f"--basetemp={folder}/tmp"]
        status = _bounded(command, log)
        run = _judged(report, status)
        if run.fault:
            print("\n".join(_telling(log.read_text(errors="replace").splitlines())))
            print(f"again: {AGAIN.format(proof=proof.name, seed=seed)}", flush=True)
        return run


def _telling(lines: Sequence[str]) -> list[str]:
    """What failed and what the proof said; not what clients say of a broker that is away."""
    kept = [line for line in lines if line.startswith(TELLING)]
    return kept[-SAID_LINES_MAX:]


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


# ---- all of them -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a run, and kept to go on from. `code`: of what was proven."""

    code: str
    results: dict[str, Result]
    report: Path = REPORT

    def write(self) -> None:
        """build/proofs.json as it stands."""
        self.report.parent.mkdir(exist_ok=True)
        told: dict[str, Any] = {
            "ok": not any(result.failing for result in self.results.values()),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "code": self.code,
            "proofs": {name: result.as_json() for name, result in self.results.items()},
        }
        self.report.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")

    def table(self) -> str:
        """The results as a Markdown table."""
        lines = [
            "| proof | seeds | failures | failing seeds | outcome unknown | s per seed |",
            "|---|--:|--:|---|--:|--:|",
        ]
        for name, result in self.results.items():
            failing = ", ".join(map(str, list(result.failing)[:5]))
            each_s = result.seconds / max(1, len(result.seeds))
            lost = "" if result.outcome_unknown is None else result.outcome_unknown
            row = (name, len(result.seeds), len(result.failing), failing, lost, f"{each_s:.0f}")
            lines.append(f"| {' | '.join(str(cell) for cell in row)} |")
        return "\n".join(lines)


def fingerprint() -> str:
    """Of the product and the proofs: what was proven of other code counts no more."""
    found = hashlib.sha256()
    for folder in PRODUCT:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:16]


def resumed(report: Path, code: str) -> dict[str, Result]:
    """What an earlier run of the same code has proven; nothing where there is none."""
    if not report.exists():
        return {}
    told = json.loads(report.read_text(encoding="utf-8"))
    if told.get("code") != code:
        return {}
    return {name: _resumed(name, kept) for name, kept in told["proofs"].items()}


def _resumed(name: str, kept: dict[str, Any]) -> Result:
    failing = dict.fromkeys(kept["failing_seeds"], "failed before")
    return Result(name, kept["run_seeds"], float(kept["seconds"]), failing, kept["outcome_unknown"])


def prove(
    seeds: Sequence[int],
    proofs: Sequence[Proof],
    told: Told,
    *,
    until_s: float = float("inf"),
    run: Callable[[Proof, int], Run] = run_seed,
    now_s: Callable[[], float] = time.monotonic,
) -> bool:
    """Seed after seed, so that an interrupted run has proven a little of everything; told after each.

    Returns False where the time was over first.
    """
    for seed, proof in _open(seeds, proofs, told):
        if now_s() >= until_s:
            return False
        began_s = now_s()
        done = run(proof, seed)
        told.results[proof.name].add(seed, done, now_s() - began_s)
        print(
            f"seed {seed}  {proof.name}: {f'FAILED: {done.fault}' if done.fault else 'ok'}",
            flush=True,
        )
        told.write()
    return True


def _open(seeds: Sequence[int], proofs: Sequence[Proof], told: Told) -> Iterator[tuple[int, Proof]]:
    for seed in seeds:
        for proof in proofs:
            if not told.results.setdefault(proof.name, Result(proof.name)).holds(seed):
                yield seed, proof


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.prove", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS_DEFAULT, help="how many seeds")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seed", type=int, help="this seed alone, as it is told of a failure")
    parser.add_argument(
        "--proof", action="append", default=[], help="one proof by its name; may be repeated"
    )
    parser.add_argument("--only", default="", help="proofs whose name contains this")
    parser.add_argument("--minutes", type=float, help="begin no seed after so many minutes")
    parser.add_argument("--resume", action="store_true", help="skip what build/proofs.json holds")
    chosen = parser.parse_args(arguments)
    if not 1 <= chosen.seeds <= SEEDS_MAX:
        parser.error(f"--seeds is 1 to {SEEDS_MAX}")
    names = [proof.name for proof in PROOFS]
    if set(chosen.proof) - set(names) or not any(chosen.only in name for name in names):
        parser.error(f"names of proofs are {', '.join(names)}")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 where every proof holds for every seed that was run, and none was left out."""
    chosen = _arguments(arguments)
    proofs = [
        proof
        for proof in PROOFS
        if (proof.name in chosen.proof or not chosen.proof) and chosen.only in proof.name
    ]
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    if chosen.seed is not None:
        seeds = range(chosen.seed, chosen.seed + 1)
    for number in (signal.SIGINT, signal.SIGTERM):  # a background job begins with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    code = fingerprint()
    told = Told(code, resumed(REPORT, code) if chosen.resume else {})
    until_s = time.monotonic() + chosen.minutes * 60 if chosen.minutes else float("inf")
    whole = prove(seeds, proofs, told, until_s=until_s)
    print(f"\n{told.table()}\n\n{REPORT.relative_to(ROOT)} holds the same")
    if not whole:
        print("time was over before all seeds: go on with --resume")
    return 1 if any(result.failing for result in told.results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
