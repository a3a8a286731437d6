"""Every columns leg by Arrow columns and by records: the same messages, ids, counts and dead letters."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.settle import Limits
from streams.feeds import FEEDS
from streams.flow import Effect, Outputs, Rows
from streams.flows import FLOWS
from tests.unit.streams.columns import (
    LIMITS,
    ColumnsLeg,
    batches_of,
    columns_legs,
    differences,
    unreached,
    unsampled,
)
from tests.unit.streams.flows.column_samples import SAMPLES

LEGS = tuple(columns_legs((*FEEDS, *FLOWS)))
SAMPLED = [one for one in LEGS if one.label in SAMPLES]
EACH = pytest.mark.parametrize("one", SAMPLED, ids=[one.label for one in SAMPLED])


def test_every_leg_with_columns_has_a_sample_and_every_sample_a_leg() -> None:
    found = unsampled(LEGS, SAMPLES)
    assert not found, "\n" + "\n".join(found)
    assert sorted(SAMPLES) == sorted(one.label for one in LEGS), "delete the samples of no leg"


@EACH
def test_every_topic_of_a_leg_is_written_by_columns(one: ColumnsLeg) -> None:
    found = unreached(one, SAMPLES[one.label])
    assert not found, "\n" + "\n".join(found)


@EACH
@settings(max_examples=150, deadline=None)
@given(st.data(), LIMITS)
def test_columns_and_records_say_the_same(
    one: ColumnsLeg, data: st.DataObject, limits: Limits
) -> None:
    sample = SAMPLES[one.label]
    found = differences(one, sample, data.draw(batches_of(one, sample)), limits)
    assert not found, "\n" + "\n".join(found)


# ---- and the checks bite ---------------------------------------------------------------------------------------------
def _with(one: ColumnsLeg, change: Any) -> ColumnsLeg:
    """The leg with columns whose effects are changed before anybody sees them."""
    batches: Any = one.leg.batches

    def changed(batch: pa.RecordBatch, rows: Rows) -> Iterator[Effect]:
        for effect in batches(batch, rows):
            yield from change(effect)

    leg = replace(one.leg, batches=changed)
    return ColumnsLeg(one.label, replace(one.flow, legs=lambda _: (leg,)), leg)


def _first_key_of_all(effect: Effect) -> Iterator[Effect]:
    if isinstance(effect, Outputs) and len(effect.key):
        effect = replace(effect, key=pa.array([effect.key[0].as_py()] * len(effect.key)))
    yield effect


def _nothing(effect: Effect) -> Iterator[Effect]:
    if not isinstance(effect, Outputs):
        yield effect


def _caught(one: ColumnsLeg) -> bool:
    """Whether the test above would fail."""
    sample = SAMPLES[one.label]
    caught: list[str] = []

    @settings(deadline=None, max_examples=60, derandomize=True, database=None)
    @given(batches_of(one, sample))
    def compare(batches: list[list[Any]]) -> None:
        caught.extend(differences(one, sample, batches, Limits()))

    compare()
    return bool(caught)


@EACH
@pytest.mark.parametrize("change", [_first_key_of_all, _nothing])
def test_columns_that_say_something_else_are_found(one: ColumnsLeg, change: Any) -> None:
    assert _caught(_with(one, change))


@EACH
def test_a_leg_that_nobody_has_records_for_is_named_with_the_fix(one: ColumnsLeg) -> None:
    (said,) = unsampled([one], {})
    assert said.startswith(f"{one.label} has `batches`: add a Sample")
    silent = replace(SAMPLES[one.label], rows=())
    assert unreached(_with(one, _nothing), silent)
