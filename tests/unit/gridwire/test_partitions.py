"""One sentence about partitions that are not as configured, whoever notices."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from connectors.kit.role import _topics
from gridwire import cli
from gridwire.partitions import JOINED, NAMED_MAX, differing
from gridwire.settings import KafkaSettings
from sandbox import kafka as local_kafka
from streams.engine.plan import plan
from streams.feeds import FEEDS
from streams.flows import FLOWS

MOCK_PARTITIONS = 4
WANTED = 3


@pytest.fixture
def bootstrap() -> Iterator[str]:
    """A broker whose topics all have MOCK_PARTITIONS."""
    with local_kafka.start(allow=("mock",)) as running:
        yield running.broker.bootstrap


def settings(bootstrap: str, partitions: int) -> KafkaSettings:
    url = "http://127.0.0.1:1"
    return KafkaSettings(
        bootstrap=bootstrap,
        registry_url=url,
        partitions=partitions,
        topic_creation="metadata",
    )


def test_every_topic_that_the_flows_join_is_looked_at() -> None:
    assert set(plan((*FEEDS, *FLOWS)).by_topic) <= set(JOINED)


def test_topics_that_differ_are_named_and_those_that_are_not_there_do_not_count() -> None:
    assert differing(WANTED, {}) is None
    assert differing(WANTED, dict.fromkeys(JOINED, WANTED)) is None
    said = differing(WANTED, {JOINED[0]: 5}) or ""
    assert f"need {WANTED} partitions each (GRIDWIRE_PARTITIONS), but {JOINED[0]} has 5" in said
    many = differing(WANTED, dict.fromkeys(JOINED, 5)) or ""
    assert f"and {len(JOINED) - NAMED_MAX} more" in many


def test_sources_and_sinks_say_it_when_they_start_and_go_on(
    bootstrap: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        asyncio.run(_topics(settings(bootstrap, MOCK_PARTITIONS), asyncio.Event()))
        assert caplog.records == []
        asyncio.run(_topics(settings(bootstrap, WANTED), asyncio.Event()))
    [said] = caplog.records
    assert vars(said)["problem"] == differing(WANTED, dict.fromkeys(JOINED, MOCK_PARTITIONS))


def test_topics_apply_says_it_and_fails(
    bootstrap: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", bootstrap)
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("GRIDWIRE_TOPIC_CREATION", "metadata")
    monkeypatch.setenv("GRIDWIRE_PARTITIONS", str(WANTED))
    assert cli.main(["topics", "--apply"]) == 1
    said = capsys.readouterr().err
    assert f"joined topics need {WANTED} partitions each (GRIDWIRE_PARTITIONS), but " in said
