"""Which figure is held against which target, and what is said loudly."""

from dataclasses import replace
from typing import Any

import pytest

from bench import report
from bench import subjects as s
from bench.__main__ import main, measured
from bench.figures import Result
from bench.growth import Point
from bench.latency import Failed, Latency
from bench.mixed import ALL_FLOWS
from bench.report import Measured
from bench.restoring import Growth
from bench.subjects import Run, Subject

ALL = {"rounds", "latency", "mixed", "restore", "growth"}
RATES = {
    s.COLUMNS: 150.0,
    s.STREAMS: 100.0,
    s.ENRICH: 60.0,
    s.PLAIN_LOOP: 100.0,
    s.STOCK_FAUST: 5.0,
}


def run(subject: Subject, rate: float = 40.0, cpu: float = 2.0, **more: Any) -> Run:
    return Run(subject, 1_000, rate, cpu, **more)


def good() -> Measured:
    """All that the targets ask for, measured and met."""
    runs = [run(subject, RATES.get(subject, 40.0)) for subject in s.SUBJECTS]
    runs = [replace(one, cpu_per_100k=0.8) if one.subject is s.COLUMNS else one for one in runs]
    return Measured(
        runs=runs,
        mixed=[run(ALL_FLOWS, 15_000.0, 5.0)],
        latencies=[
            Latency("enriched", 5_000.0, 90.0, 200.0, 0.0),
            Latency("mixed", 5_000.0, 90.0, 200.0, 0.0),
        ],
        restores=[Growth(1_000_000, 1, 9.0, 12.0, 400.0), Growth(1_000_000, 3, 20.0, 25.0, 600.0)],
        points=[Point("partitions", 4, 100.0, 2.0, 1.0, 50.0)],
        parts=ALL,
    )


def with_rate(found: Measured, subject: Subject, rate: float) -> Measured:
    runs = [replace(one, rate=rate) if one.subject is subject else one for one in found.runs]
    return replace(found, runs=runs)


def named(found: Measured) -> dict[str, Result]:
    return {result.name: result for result in report.results(found)}


def test_all_is_well_where_everything_is_met() -> None:
    found = good()
    results = report.results(found)
    assert report.verdict(results, found) == "all targets met, every id counted in and out"
    assert sum(bool(result.target) for result in results) == 13


@pytest.mark.parametrize(
    ("name", "ratio"),
    [
        ("engagement/columns-to-kafka-streams", 1.5),
        ("engagement/columns-cpu-to-kafka-streams", 0.4),
        ("engagement/columns-to-stock-faust", 30.0),
        ("rows/enrich-to-plain-loop", 0.6),
        ("rows/enrich-to-stock-faust", 12.0),
    ],
)
def test_the_same_topology_is_held_against_the_targets(name: str, ratio: float) -> None:
    result = named(good())[name]
    assert result.ratio == pytest.approx(ratio)
    assert result.target
    assert result.met


def test_a_ratio_below_its_target_is_missed_and_said_loudly() -> None:
    found = with_rate(good(), s.ENRICH, 39.0)
    results = named(found)
    assert not results["rows/enrich-to-plain-loop"].met
    assert not results["rows/enrich-to-stock-faust"].met
    assert report.verdict(list(results.values()), found).count("!!! TARGET MISSED") == 2


def test_cpu_time_above_its_share_of_the_peers_is_missed() -> None:
    found = good()
    found.runs = [
        replace(one, cpu_per_100k=0.9) if one.subject is s.COLUMNS else one for one in found.runs
    ]
    assert not named(found)["engagement/columns-cpu-to-kafka-streams"].met


def test_events_per_core_are_those_of_a_second_of_cpu_time() -> None:
    assert named(good())["mixed/all-flows-per-core"].value == pytest.approx(20_000.0)
    slow = replace(good(), mixed=[run(ALL_FLOWS, 9_000.0, 10.0)])
    assert not named(slow)["mixed/all-flows-per-core"].met


def test_a_failed_run_leaves_its_target_unmet_and_is_named() -> None:
    found = good()
    found.runs = [one for one in found.runs if one.subject is not s.ENRICH]
    found.runs.append(Run(s.ENRICH, 1_000, faults=("3 missing",)))
    results = named(found)
    assert not results["rows/enrich-to-plain-loop"].met
    assert "rows/enrich" not in results
    assert "rows/enrich: FAILED: 3 missing" in report.verdict(list(results.values()), found)
    assert report.failures(found)


def test_a_peer_that_cannot_run_here_is_said_and_is_no_failure() -> None:
    found = good()
    found.runs = [one for one in found.runs if one.subject is not s.STREAMS]
    found.runs.append(Run(s.STREAMS, 0, skipped="no javac on the PATH: install a JDK"))
    results = named(found)
    assert not results["engagement/columns-to-kafka-streams"].met
    assert results["engagement/columns-to-kafka-streams"].ratio is None
    said = report.verdict(list(results.values()), found)
    assert "NOT MEASURED: engagement/kafka-streams: SKIPPED: no javac" in said
    assert not report.failures(found)


@pytest.mark.parametrize("name", ["enriched", "mixed"])
def test_latency_that_could_not_be_measured_is_not_met(name: str) -> None:
    found = good()
    found.latencies = [one for one in found.latencies if one.name != name]
    found.latencies.append(Failed(name, "3 of 9 events did not come out"))
    results = named(found)
    assert not results[f"latency/{name}-p50"].met
    assert not results[f"latency/{name}-p99"].met
    assert "3 of 9 events" in report.verdict(list(results.values()), found)


def test_latency_at_other_loads_is_for_information() -> None:
    found = good()
    found.latencies.append(Latency("enriched-at-three-quarters", 9_000.0, 900.0, 2_000.0, 0.0))
    result = named(found)["latency/enriched-at-three-quarters-p99"]
    assert (result.value, result.target, result.met) == (2_000.0, "", True)


def test_restores_are_held_against_their_targets_at_full_size_only() -> None:
    slow = replace(good(), restores=[Growth(1_000_000, 1, 11.0, 15.0, 501.0)])
    results = named(slow)
    assert not results["restore/table"].met
    assert not results["restore/table/memory"].met
    assert not results["restore/table-written-3-times"].met  # not measured at all
    small = replace(
        good(), restores=[Growth(1_000, 1, 11.0, 15.0, 5.0), Growth(1_000, 3, 1.0, 2.0, 1.0)]
    )
    assert named(small)["restore/table"].target == ""


def test_a_part_that_was_not_asked_for_has_no_results() -> None:
    found = replace(good(), parts={"restore"}, latencies=[], points=[])
    assert {name.partition("/")[0] for name in named(found)} == {"restore"}


def test_company_on_the_machine_is_said() -> None:
    found = good()
    found.latencies[0] = Latency("enriched", 5_000.0, 90.0, 200.0, 0.4)
    assert "others took up to 40%" in report.verdict(report.results(found), found)


def test_every_figure_has_a_name_of_its_own() -> None:
    results = report.results(good())
    assert len({result.name for result in results}) == len(results)
    subjects = {result.name.partition("/")[0] for result in results}
    assert subjects == {"engagement", "rows", "mixed", "latency", "restore", "growth"}


def test_a_part_that_fails_is_said_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def fails(*_: Any) -> None:
        raise RuntimeError("the broker is gone")

    steps = {part: lambda *_, part=part: done.append(part) for part in ALL}
    monkeypatch.setattr("bench.__main__.STEPS", {**steps, "latency": fails})
    saved: list[int] = []
    asked: Any = type("Asked", (), {"parts": ALL})
    world: Any = None
    found = measured(world, asked, lambda so_far: saved.append(len(so_far.failed)))
    assert set(done) == ALL - {"latency"}
    assert found.failed == ["latency: RuntimeError: the broker is gone"]
    assert len(saved) == len(ALL)  # figures so far are kept after each part


@pytest.mark.parametrize(
    "words", [["--events", "10"], ["--runs", "0"], ["--unknown"], ["--only", "rounds,nothing"]]
)
def test_arguments_that_measure_nothing_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(words)
    assert refused.value.code == 2
