"""Statistics and the form of the results."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import figures
from bench.figures import Bar, Result

VALUES = st.lists(st.floats(0, 1e9), min_size=1)


@given(VALUES, st.floats(0.01, 1.0))
def test_a_percentile_is_a_value_that_enough_values_do_not_exceed(
    values: list[float], share: float
) -> None:
    found = figures.percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


def test_percentiles_of_one_to_a_hundred_are_themselves() -> None:
    values = [float(n) for n in range(1, 101)]
    assert figures.percentile(values, 0.50) == 50
    assert figures.percentile(values, 0.99) == 99
    assert figures.percentile(values, 1.0) == 100


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        figures.percentile([], 0.5)


def test_a_ratio_pairs_the_runs_of_one_round() -> None:
    # The machine was slow in the second round, for both alike.
    assert figures.paired_ratio([100.0, 10.0, 100.0], [200.0, 20.0, 200.0]) == 0.5
    assert figures.paired_ratio([100.0, 10.0, 90.0], [100.0, 100.0, 100.0]) == 0.9


def test_a_round_that_one_failed_does_not_count() -> None:
    assert figures.paired_ratio([None, 50.0], [100.0, 100.0]) == 0.5
    assert figures.paired_ratio([None, 50.0], [100.0, None]) is None


def test_the_middle_leaves_failed_runs_out() -> None:
    assert figures.middle([3.0, None, 1.0, 2.0]) == 2.0
    assert figures.middle([None]) is None


def test_a_bar_at_least_is_met_at_its_value_and_a_bar_below_is_not() -> None:
    assert Bar("", at_least=0.6).met(0.6)
    assert not Bar("", at_least=0.6).met(0.599)
    assert Bar("", below=150.0).met(149.9)
    assert not Bar("", below=150.0).met(150.0)


def test_a_bar_at_most_is_met_at_its_value_and_not_above() -> None:
    assert Bar("", at_most=0.4).met(0.4)
    assert not Bar("", at_most=0.4).met(0.401)


def test_results_that_were_written_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    figures.write(RESULTS, path)
    assert [one.name for one in figures.read(path)] == [one.name for one in RESULTS]


def test_what_is_no_number_meets_no_bar() -> None:
    assert not Bar("", at_least=0.0).met(math.nan)
    assert not Bar("", below=1.0).met(math.nan)


RESULTS = [
    Result(
        name="rows/a-to-b",
        value=1234.5678,
        unit="events/s",
        peer="b",
        ratio=0.51239,
        target="≥ 0.6 of b",
        met=False,
    ),
    Result(name="latency/a-p50", value=12.3, unit="ms"),
]


def test_results_are_written_in_the_form_that_others_read(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    figures.write(RESULTS, path)
    first, second = json.loads(path.read_text())["results"]
    assert first == {
        "name": "rows/a-to-b",
        "value": 1234.568,
        "unit": "events/s",
        "peer": "b",
        "ratio": 0.512,
        "target": "≥ 0.6 of b",
        "met": False,
    }
    assert second.keys() == first.keys()
    assert second["ratio"] is None
    assert second["met"]


def test_missed_targets_stand_out_in_the_table() -> None:
    assert figures.missed(RESULTS) == RESULTS[:1]
    head, missed, other = figures.table(RESULTS).splitlines()
    assert head.startswith("what")
    assert missed.endswith("MISSED")
    assert "1,235" in missed
    assert not other.endswith("met")
