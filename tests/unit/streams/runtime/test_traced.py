"""Ids of spans are read off a record's first bytes, and are those of the record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridwire import records as r
from gridwire import tracing
from gridwire.topics import BRAZE_COMMANDS
from streams.engine.outbox import Fire
from streams.runtime.traced import fires, head, heads
from tests.unit.connectors.kit.registry import Avro
from tests.unit.gridwire.test_tracing import TRACE, Kept

TEXT = st.text(max_size=80)
AVRO = Avro()


@given(
    TEXT,
    st.integers(0, 2**42),
    TEXT,
    st.integers(-(2**63), 2**63 - 1),
    TEXT,
    st.none() | TEXT,
)
def test_a_head_is_what_the_record_says(  # noqa: PLR0917 -- a record's first fields
    event_id: str, at_ms: int, source: str, version: int, trace_id: str, causation_id: str | None
) -> None:
    record = r.BrazeCommand(
        event_id=event_id,
        occurred_at=at_ms // 2,
        produced_at=at_ms,
        source=source,
        version=version,
        trace_id=trace_id,
        causation_id=causation_id,
        flow="f",
        lane="l",
        operation="o",
    )
    raw = AVRO.codec.of(BRAZE_COMMANDS).encode(record)
    assert head(raw) == (event_id, at_ms, source, trace_id, causation_id)


@pytest.mark.parametrize(
    "raw", [b"", b"\x00" * 4, b"\x00" * 5 + b"\xff" * 30, b"\x00\x00\x00\x00\x01\x08\xff\xfe"]
)
def test_what_is_no_record_has_no_head(raw: bytes) -> None:
    assert head(raw) is None


def test_only_records_and_timers_of_wanted_traces_are_taken() -> None:
    record = r.BrazeCommand(event_id="e-1", trace_id=TRACE, flow="f", lane="l", operation="o")
    raw = AVRO.codec.of(BRAZE_COMMANDS).encode(record)
    values = [raw, None, b"no record"]
    for ratio, count in ((1.0, 1), (0.0, 0)):
        spans = tracing.Spans(Kept(), None, ratio)
        assert len(list(heads(spans, "t", values))) == count
        assert len(list(fires(spans, [Fire("f/leg", "t-1", TRACE, "e-1")], 7))) == count
