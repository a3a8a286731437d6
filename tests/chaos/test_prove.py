"""How proofs are run over many seeds: in which order, for how long, and what an earlier run is good for."""

import json
from pathlib import Path

import pytest

from tests.chaos.plans import PROOFS, Proof
from tests.chaos.prove import ROOT, Run, Told, main, prove, resumed

ONE, OTHER = Proof("one", "a.py"), Proof("other", "b.py")


def told(folder: Path, code: str = "c") -> Told:
    report = folder / "proofs.json"
    return Told(code, resumed(report, code), report)


def test_every_seed_of_every_proof_is_run_and_told(tmp_path: Path) -> None:
    asked: list[tuple[str, int]] = []

    def run(proof: Proof, seed: int) -> Run:
        asked.append((proof.name, seed))
        return Run("broken" if (proof, seed) == (OTHER, 2) else "")

    assert prove([1, 2], [ONE, OTHER], told(tmp_path), run=run)
    assert asked == [("one", 1), ("other", 1), ("one", 2), ("other", 2)]
    report = json.loads((tmp_path / "proofs.json").read_text())
    assert report["proofs"]["one"]["seeds"] == 2
    assert report["proofs"]["other"]["failures"] == 1
    assert report["proofs"]["other"]["failing_seeds"] == [2]
    assert report["ok"] is False


def test_a_resumed_run_repeats_only_what_failed_or_is_new(tmp_path: Path) -> None:
    prove([1, 2], [ONE], told(tmp_path), run=lambda _proof, seed: Run("x" if seed == 2 else ""))
    again: list[int] = []

    def run(_proof: Proof, seed: int) -> Run:
        again.append(seed)
        return Run("")

    prove([1, 2, 3], [ONE], told(tmp_path), run=run)
    assert again == [2, 3]
    report = json.loads((tmp_path / "proofs.json").read_text())
    assert report["proofs"]["one"]["failing_seeds"] == []


def test_what_was_proven_of_other_code_is_proven_again(tmp_path: Path) -> None:
    prove([1], [ONE], told(tmp_path, "old"), run=lambda *_: Run(""))
    assert told(tmp_path, "new").results == {}


def test_no_seed_begins_when_the_time_is_over(tmp_path: Path) -> None:
    clock = iter(range(1_000))
    results = told(tmp_path)
    whole = prove(
        range(1, 100), [ONE], results, until_s=10, run=lambda *_: Run(""), now_s=lambda: next(clock)
    )
    assert not whole
    assert 1 <= len(results.results["one"].seeds) < 10


def test_an_unknown_proof_is_refused_with_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--proof", "nonsense"])
    assert "kill, zombie" in capsys.readouterr().err


def test_every_proof_names_a_test_that_exists() -> None:
    for proof in PROOFS:
        text = (ROOT / proof.file).read_text(encoding="utf-8")
        assert f"def {proof.test.partition('[')[0]}" in text, proof
