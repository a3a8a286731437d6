"""Times read off the first bytes of records, and histograms that count what a sample stands for."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from gridwire import topics
from gridwire.codec import Codec
from streams.driver import LocalRegistry
from streams.runtime import latency
from tests.unit.streams.engine.flows import event

ID = "4f5c1d0e-7a56-5b6a-9d0c-2a4b6c8d0e1f"
NOW_MS = 1_767_225_600_000
CODEC = Codec(LocalRegistry()).of(topics.BRAZE_ENGAGEMENT)


@dataclass
class Value:
    raw: bytes | None

    def value(self) -> bytes | None:
        return self.raw


def encoded(occurred_ms: int, produced_ms: int) -> Value:
    times = {"occurred_at": occurred_ms, "produced_at": produced_ms}
    return Value(CODEC.encode(event("u", "S", event_id=ID, **times)))


@given(st.integers(0, latency.TIME_MS_END - 1), st.integers(1, latency.TIME_MS_END - 1))
def test_the_times_are_those_of_the_record(occurred_ms: int, produced_ms: int) -> None:
    assert latency.head(encoded(occurred_ms, produced_ms).raw) == (occurred_ms, produced_ms)


@given(st.binary(max_size=60))
def test_other_bytes_give_plausible_times_or_none(raw: bytes) -> None:
    found = latency.head(raw)
    assert found is None or all(0 <= time < latency.TIME_MS_END for time in found)


@pytest.mark.parametrize("raw", [None, b"", b"\0\0\0\0\1", b"\0\0\0\0\1" + b"\xff" * 40])
def test_what_is_no_record_has_no_times(raw: bytes | None) -> None:
    assert latency.head(raw) is None


@given(st.integers(1, 5_000))
def test_the_samples_of_a_batch_stand_for_all_of_it(count: int) -> None:
    messages = [encoded(NOW_MS, NOW_MS)] * count
    found = latency.samples(messages)
    assert len(found) == min(count, latency.SAMPLES_MAX)
    assert sum(stands_for for _, _, stands_for in found) == count


def test_a_sample_that_is_no_record_is_left_out() -> None:
    found = latency.samples([Value(None), encoded(NOW_MS - 5, NOW_MS)])
    assert found == [(NOW_MS - 5, NOW_MS, 1)]


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def counted(stage: str, label: dict[str, str], within_s: str) -> tuple[float, float]:
    """How many within a bucket, and how many at all."""
    name = f"gridwire_{stage}_latency_seconds"
    return sample(f"{name}_bucket", **label, le=within_s), sample(f"{name}_count", **label)


def test_a_commit_counts_each_stage_for_each_flow_that_reads_the_topic() -> None:
    name = topics.BRAZE_ENGAGEMENT.name
    flows = {name: ("flow.one", "flow.two")}
    taken: Any = {name: [(NOW_MS - 5_000, NOW_MS - 200, 90), (NOW_MS - 60_000, NOW_MS - 300, 10)]}
    intake_before = counted("intake", {"topic": name}, "5.0")
    latency.account(taken, topics.BY_NAME, flows, NOW_MS)
    for flow in flows[name]:
        assert counted("processing", {"flow": flow}, "0.25") == (90, 100)
        assert counted("end_to_end", {"flow": flow}, "5.0") == (90, 100)
        assert counted("end_to_end", {"flow": flow}, "60.0") == (100, 100)
    intake = counted("intake", {"topic": name}, "5.0")
    assert (intake[0] - intake_before[0], intake[1] - intake_before[1]) == (90, 100)


def test_an_absurd_time_does_not_outweigh_the_others() -> None:
    name = topics.BRAZE_ENGAGEMENT.name
    taken: Any = {name: [(1, NOW_MS, 1), (NOW_MS + 10**12, NOW_MS, 1)]}
    latency.account(taken, {}, {name: ("flow.absurd",)}, NOW_MS)
    total = sample("gridwire_end_to_end_latency_seconds_sum", flow="flow.absurd")
    assert total == latency.AGE_S_MAX
