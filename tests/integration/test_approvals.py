"""`gridwire approvals` against a real Kafka: a question is listed, decided once, and its flow can read the decision."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from gridwire import cli
from gridwire import kafka as clients
from gridwire.codec import Codec, Registry
from gridwire.commands.approvals.command import load
from gridwire.ids import derived
from gridwire.records import Approval
from gridwire.settings import KafkaSettings
from gridwire.topics import APPROVALS
from sandbox.kafka import RunningBroker

pytestmark = pytest.mark.timeout(600)
HOUR_MS = 3_600_000
Call = Callable[..., tuple[int, str, str]]


def approval(number: int, expires_in_ms: int = HOUR_MS) -> Approval:
    now_ms = time.time_ns() // 1_000_000
    return Approval(
        event_id=derived("test", "record", number),
        occurred_at=now_ms,
        produced_at=now_ms,
        source="braze.service-recovery/recover",
        trace_id="ab" * 16,
        approval_id=derived("test", "approval", number),
        flow="braze.service-recovery",
        key=f"customer-{number}",
        question="Pay 80.00 EUR for a damaged item?",
        order_ref="bigcommerce:1001",
        amount_minor=8_000,
        currency="EUR",
        limit_minor=5_000,
        asked_at=now_ms,
        expires_at=now_ms + expires_in_ms,
    )


@pytest.fixture
def settings(own_kafka: RunningBroker, registry: str) -> KafkaSettings:
    found = KafkaSettings(bootstrap=own_kafka.broker.bootstrap, registry_url=registry)
    clients.create_topics(found, [])
    return found


@pytest.fixture
def call(
    settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", settings.bootstrap)
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", settings.registry_url)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = cli.main(["approvals", *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def ask(settings: KafkaSettings, *approvals: Approval) -> None:
    registry = Registry(settings.registry_url)
    codec = Codec(registry).of(APPROVALS)
    producer = clients.producer(settings)
    for one in approvals:
        producer.produce(APPROVALS.name, codec.encode(one), one.key.encode())
    assert producer.flush(30) == 0
    registry.close()


def rows(call: Call, *words: str) -> dict[str, Any]:
    _, out, _ = call("list", "--json", "--state", "any", *words)
    return {row["id"]: row for row in map(json.loads, out.splitlines())}


def test_questions_are_listed_decided_once_and_expire(settings: KafkaSettings, call: Call) -> None:
    assert call("list")[0] == 3
    first, second, late = approval(1), approval(2), approval(3, expires_in_ms=-1)
    ask(settings, first, second, late, first)
    assert {one["state"] for one in rows(call).values()} == {"open", "expired"}
    assert len(rows(call)) == 3
    status, out, _ = call("list")
    assert (status, first.approval_id in out, late.approval_id in out) == (0, True, False)
    assert "customer-1" not in out

    status, out, _ = call("grant", first.approval_id, "--by", "ann", "--note", "fair")
    assert (status, out) == (0, f"{first.approval_id}: granted\n")
    assert call("refuse", second.approval_id, "--by", "bob")[0] == 0
    assert call("grant", first.approval_id)[0] == 0, "to say it again is harmless"
    status, _, said = call("refuse", first.approval_id)
    assert (status, "granted already by ann" in said) == (1, True)
    status, _, said = call("grant", late.approval_id)
    assert (status, "given up" in said) == (1, True)
    assert call("grant", derived("nobody"))[0] == 3

    found = rows(call)
    assert found[first.approval_id]["state"] == "granted"
    assert (found[first.approval_id]["by"], found[first.approval_id]["note"]) == ("ann", "fair")
    assert found[second.approval_id]["state"] == "refused"
    assert list(rows(call, "--flow", "no.flow")) == []

    registry = Registry(settings.registry_url)
    decisions = load(settings, Codec(registry)).decisions
    registry.close()
    assert {one.key for one in decisions.values()} == {"customer-1", "customer-2"}
