"""Which figure is held against which target, and what is said loudly."""

import pytest

from bench import report
from bench.__main__ import main
from bench.figures import Result
from bench.latency import Latency
from bench.subjects import ENRICH, PLAIN_LOOP, STOCK_FAUST, WHOLE, Run

CALM = Latency(rate=5_000.0, p50_ms=90.0, p99_ms=200.0, others=0.0)


def _runs(enrich: float, plain: float = 100.0, faust: float = 5.0) -> list[Run]:
    rates = {WHOLE: 40.0, ENRICH: enrich, PLAIN_LOOP: plain, STOCK_FAUST: faust}
    return [Run(subject, 1_000, rate, 2.0) for subject, rate in rates.items()]


def _named(results: list[Result]) -> dict[str, Result]:
    return {result.name: result for result in results}


def test_the_same_topology_is_held_against_the_targets() -> None:
    found = _named(report.results(_runs(enrich=60.0), CALM))
    assert found["rows/enrich-to-plain-loop"].ratio == pytest.approx(0.6)
    assert found["rows/enrich-to-plain-loop"].met
    assert found["rows/enrich-to-stock-faust"].ratio == pytest.approx(12.0)
    assert found["rows/enrich-to-stock-faust"].met
    assert found["engagement/rows-to-plain-loop"].target == ""


def test_a_ratio_below_its_target_is_missed_and_said_loudly() -> None:
    runs = _runs(enrich=39.0)
    results = report.results(runs, CALM)
    assert not _named(results)["rows/enrich-to-plain-loop"].met
    assert not _named(results)["rows/enrich-to-stock-faust"].met
    said = report.verdict(results, runs, CALM)
    assert said.count("!!! TARGET MISSED") == 2


def test_a_failed_run_leaves_its_target_unmet_and_is_named() -> None:
    runs = [run for run in _runs(enrich=60.0) if run.subject is not ENRICH]
    runs.append(Run(ENRICH, 1_000, faults=("3 missing",)))
    results = report.results(runs, CALM)
    assert not _named(results)["rows/enrich-to-plain-loop"].met
    assert "rows/enrich" not in _named(results)
    assert "rows/enrich: FAILED: 3 missing" in report.verdict(results, runs, CALM)


def test_latency_that_could_not_be_measured_is_not_met() -> None:
    results = report.results(_runs(enrich=60.0), None)
    found = _named(results)
    assert not found["latency/enriched-p50"].met
    assert not found["latency/enriched-p99"].met
    assert "not measured" in report.verdict(results, _runs(enrich=60.0), None)


def test_all_is_well_where_everything_is_met() -> None:
    runs = _runs(enrich=60.0)
    results = report.results(runs, CALM)
    assert report.verdict(results, runs, CALM) == "all targets met, every id counted in and out"


def test_company_on_the_machine_is_said() -> None:
    runs = _runs(enrich=60.0)
    busy = Latency(rate=5_000.0, p50_ms=90.0, p99_ms=200.0, others=0.4)
    assert "others took up to 40%" in report.verdict(report.results(runs, busy), runs, busy)


def test_every_figure_has_a_name_of_its_own() -> None:
    results = report.results(_runs(enrich=60.0), CALM)
    assert len(_named(results)) == len(results)
    subjects = {"engagement", "rows", "latency"}
    assert {result.name.partition("/")[0] for result in results} == subjects


@pytest.mark.parametrize("words", [["--events", "10"], ["--runs", "0"], ["--unknown"]])
def test_arguments_that_measure_nothing_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(words)
    assert refused.value.code == 2
