"""The catalogue of metrics keeps the field's conventions, and its labels are bounded."""

import re

import pytest
from prometheus_client.metrics import MetricWrapperBase

from gridwire import metrics
from gridwire.metrics import LABEL_VALUES_MAX, OTHER, Bounded

SAMPLE = re.compile(r"gridwire(_[a-z]+)+")
FREE_TEXT = {"message", "detail", "url", "id", "key", "user", "path"}


@pytest.mark.parametrize("metric", metrics.CATALOGUE, ids=lambda metric: metric._name)
def test_every_metric_is_named_described_and_labelled_as_the_field_does(
    metric: MetricWrapperBase,
) -> None:
    assert SAMPLE.fullmatch(metric._name)
    assert metric._documentation.endswith(".")
    assert not FREE_TEXT & set(metric._labelnames)
    assert not metric._name.endswith(("_ms", "_millis", "_minutes", "_kb"))
    if metric._type == "histogram":
        assert metric._name.endswith(("_seconds", "_records"))


def test_no_metric_is_declared_twice() -> None:
    names = [metric._name for metric in metrics.CATALOGUE]
    assert len(names) == len(set(names))


def test_free_text_becomes_a_bounded_vocabulary() -> None:
    label = Bounded()
    given = [label(f"reason {number}") for number in range(LABEL_VALUES_MAX + 50)]
    assert given[:LABEL_VALUES_MAX] == [f"reason {number}" for number in range(LABEL_VALUES_MAX)]
    assert set(given[LABEL_VALUES_MAX:]) == {OTHER}
    assert label("reason 3") == "reason 3"


def test_the_detail_behind_a_colon_is_no_label() -> None:
    label = Bounded()
    assert label("refused: status 400") == label("refused: status 422") == "refused"
    assert len(label("x" * 500)) <= metrics.LABEL_CHARS_MAX
