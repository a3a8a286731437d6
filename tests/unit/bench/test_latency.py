"""A steady rate, and latencies that leave nothing out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import latency
from bench.workload import Encoded
from bench.world import READS


class FakeProducer:
    """Takes everything."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.topics: list[str] = []

    def produce(self, topic: str, value: bytes, _key: str) -> None:
        self.topics.append(topic)
        self.taken.append(value)

    def poll(self, _timeout_s: float) -> int:
        return 0


class FakeClock:
    """Moves when it is waited on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def _events(count: int) -> list[Encoded]:
    return [Encoded(f"e{n}", "k", f"{n}".encode()) for n in range(count)]


def _sent(count: int, rate: float) -> tuple[FakeProducer, FakeClock, dict[str, float]]:
    producer, clock = FakeProducer(), FakeClock()
    taker: Any = producer
    sent = latency.send_paced(taker, _events(count), rate, clock=clock, sleep=clock.sleep)
    return producer, clock, sent


@given(st.integers(1, 500), st.floats(10.0, 100_000.0))
def test_every_event_is_sent_once_in_order(count: int, rate: float) -> None:
    producer, _, sent = _sent(count, rate)
    assert producer.taken == [f"{n}".encode() for n in range(count)]
    assert list(sent) == [f"e{n}" for n in range(count)]


def test_events_are_sent_at_the_rate_that_was_asked_for() -> None:
    _, clock, sent = _sent(count=10_000, rate=2_000.0)
    assert clock.now_s - 100.0 == pytest.approx(5.0, rel=0.01)
    assert sent["e5000"] - 100.0 == pytest.approx(2.5, rel=0.01)


def test_of_a_mixed_load_only_what_is_enriched_is_waited_for() -> None:
    producer, clock = FakeProducer(), FakeClock()
    taker: Any = producer
    events = [*_events(3), Encoded("order", "k", b"", "source.bigcommerce.orders")]
    sent = latency.send_paced(taker, events, 100.0, clock=clock, sleep=clock.sleep)
    assert list(sent) == ["e0", "e1", "e2"]
    assert producer.topics == [READS] * 3 + ["source.bigcommerce.orders"]


def test_a_latency_is_from_sent_to_seen_in_milliseconds() -> None:
    found = latency.measured_ms({"a": 1.0, "b": 2.0}, {"a": 1.05, "b": 2.2, "of before": 0.5})
    assert found == [pytest.approx(50.0), pytest.approx(200.0)]


def test_an_event_that_did_not_come_out_is_no_latency_but_a_failure() -> None:
    with pytest.raises(latency.LatencyError, match="1 of 2 events"):
        latency.measured_ms({"a": 1.0, "b": 2.0}, {"a": 1.05})
