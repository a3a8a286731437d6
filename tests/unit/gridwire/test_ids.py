"""Ids are functions of their cause, in a form that others can recompute."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from gridwire.ids import NAMESPACE, derived, trace_of

PARTS = st.lists(st.one_of(st.text(st.characters(codec="utf-8")), st.integers()), min_size=1)


@given(PARTS)
def test_a_derived_id_is_the_version_5_uuid_of_its_parts(parts: list[str | int]) -> None:
    expected = uuid.uuid5(NAMESPACE, "|".join(str(part) for part in parts))
    assert derived(*parts) == str(expected)


def test_a_derived_id_never_changes() -> None:
    assert derived("flow/leg", "event", 0) == derived("flow/leg", "event", 0)
    assert derived("flow/leg", "event", 0) != derived("flow/leg", "event", 1)


def test_a_trace_id_has_the_form_of_a_trace_context() -> None:
    trace = trace_of("any id, of any length")
    assert len(trace) == 32
    assert int(trace, 16) > 0
