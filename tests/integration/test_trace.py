"""`gridwire trace`: from an event to everything that follows from it, without personal data."""

import json

import pytest

from gridwire import kafka as clients
from gridwire import records as r
from gridwire import topics
from gridwire.commands import trace as module
from gridwire.commands.trace import NOT_FOUND, trace
from gridwire.settings import KafkaSettings
from sandbox.kafka import RunningBroker
from tests.roles import Topics
from tests.unit.streams.engine.flows import enriched, event

TRACE = "ab" * 16


@pytest.fixture
def settings(kafka: RunningBroker, registry: str) -> KafkaSettings:
    found = KafkaSettings(bootstrap=kafka.broker.bootstrap, registry_url=registry)
    clients.create_topics(found, [])
    return found


def test_an_event_is_followed_to_its_receipt(
    settings: KafkaSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = Topics(settings)
    source = event(
        "ann-secret", event_id="trace-e1", trace_id=TRACE, produced_at=1_000, occurred_at=1
    )
    out = enriched(event("ann-secret"), "P1")
    out = r.EnrichedEngagement(
        **{name: getattr(out, name) for name in out.__struct_fields__ if name not in HEADER},
        event_id="trace-e2",
        causation_id="trace-e1",
        trace_id=TRACE,
        produced_at=2_000,
    )
    receipt = r.Receipt(
        event_id="trace-e3",
        trace_id=TRACE,
        produced_at=3_000,
        command_id="trace-c1",
        flow="braze.case-notification",
        platform="braze",
        operation="trigger_campaign",
        lane="ann-secret",
        outcome="delivered",
        object_id=None,
        reason=None,
        attempts=1,
        latency_ms=5,
    )
    writer.write(topics.BRAZE_ENGAGEMENT, [source])
    writer.write(topics.ENRICHED_ENGAGEMENT, [out])
    writer.write(topics.BRAZE_RECEIPTS, [receipt])
    writer.close()
    assert trace(settings, "trace-e2", since_hours=1, as_json=True) == 0
    text = capsys.readouterr().out
    found = json.loads(text)
    assert [entry["event_id"] for entry in found] == ["trace-e1", "trace-e2", "trace-e3"]
    assert found[2]["facts"]["outcome"] == "delivered"
    assert "ann-secret" not in text


def test_an_unknown_id_says_what_to_try(
    settings: KafkaSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trace(settings, "no-such-id", since_hours=1, as_json=False) == NOT_FOUND
    assert "--since-hours" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("bound", "value", "why"),
    [("READ_S_MAX", -1.0, "takes longer than"), ("ENTRIES_MAX", 1, "more than 1 records")],
)
def test_a_trace_that_is_not_whole_says_so(  # noqa: PLR0917 -- two fixtures, one case
    settings: KafkaSettings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    value: float,
    why: str,
) -> None:
    writer = Topics(settings)
    two = [event("bob", event_id=f"cut-{n}", trace_id="cd" * 16, occurred_at=1) for n in range(2)]
    writer.write(topics.BRAZE_ENGAGEMENT, two)
    writer.close()
    monkeypatch.setattr(module, bound, value)
    status = trace(settings, "cut-0", since_hours=1, as_json=True)
    said = capsys.readouterr()
    assert "this is not all" in said.err
    assert why in said.err
    if status == 0:
        assert len(json.loads(said.out)) == 1


HEADER = {
    "event_id",
    "occurred_at",
    "produced_at",
    "source",
    "version",
    "trace_id",
    "causation_id",
}
