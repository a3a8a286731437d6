"""The promise to readers is set in the registry, subject by subject, and whoever starts says where it is not."""

import json
import logging
from collections.abc import Iterator

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient, SchemaRegistryError

from gridwire import cli, compatibility
from gridwire.codec import Registry, RegistryUnavailableError
from gridwire.compatibility import LEVEL, SUBJECTS, ensure, weaker
from gridwire.records import SCHEMAS
from gridwire.topics import ENRICHED_ENGAGEMENT
from sandbox import kafka as local_kafka
from sandbox.registry import RunningRegistry

SUBJECT = ENRICHED_ENGAGEMENT.subject
TEXT = SCHEMAS[ENRICHED_ENGAGEMENT.record]


@pytest.fixture
def loose(own_registry: RunningRegistry) -> Iterator[SchemaRegistryClient]:
    """A registry with Confluent's own default."""
    with SchemaRegistryClient({"url": own_registry.url, "max.retries": 0}) as client:
        client.set_compatibility(level="BACKWARD")
        yield client


@pytest.fixture
def registry(own_registry: RunningRegistry) -> Iterator[Registry]:
    asked = Registry(own_registry.url)
    yield asked
    asked.close()


def without_a_required_field() -> str:
    schema = json.loads(TEXT)
    schema["fields"] = [one for one in schema["fields"] if one["name"] != "source"]
    return json.dumps(schema)


def test_a_subject_keeps_its_promise_whatever_the_registrys_default(
    loose: SchemaRegistryClient, registry: Registry
) -> None:
    assert ensure(registry) == list(SUBJECTS)
    assert {loose.get_compatibility(subject) for subject in SUBJECTS} == {LEVEL}
    assert ensure(registry) == []
    registry.register(SUBJECT, TEXT)
    registry.register("other-value", TEXT)
    registry.register("other-value", without_a_required_field())  # BACKWARD lets it through
    with pytest.raises(SchemaRegistryError) as refused:
        registry.register(SUBJECT, without_a_required_field())
    assert refused.value.http_status_code == 409


def test_one_that_was_lowered_is_named_and_raised_again(
    loose: SchemaRegistryClient, registry: Registry
) -> None:
    ensure(registry)
    loose.set_compatibility(SUBJECT, "NONE")
    assert list(weaker(registry, lambda: False)) == [(SUBJECT, "NONE")]
    assert ensure(registry) == [SUBJECT]
    assert list(weaker(registry, lambda: False)) == []


@pytest.mark.usefixtures("loose")
def test_who_starts_warns_of_all_that_is_weaker_and_stops_when_told(
    own_registry: RunningRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        compatibility.warn(own_registry.url, lambda: True)
        assert caplog.records == []
        compatibility.warn(own_registry.url, lambda: False)
    [said] = caplog.records
    assert vars(said)["levels"] == dict.fromkeys(SUBJECTS, "BACKWARD")
    assert "gridwire topics --apply" in vars(said)["fix"]


def test_a_registry_that_is_away_is_told_and_ends_nothing(
    own_registry: RunningRegistry, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    own_registry.stop()
    with pytest.raises(RegistryUnavailableError):
        ensure(registry)
    with caplog.at_level(logging.WARNING):
        compatibility.warn(own_registry.url, lambda: False)
    assert "not known" in caplog.records[-1].message


def test_topics_apply_sets_it_and_says_so(
    loose: SchemaRegistryClient,
    own_registry: RunningRegistry,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with local_kafka.start(allow=("mock",)) as running:
        monkeypatch.setenv("KAFKA_BOOTSTRAP", running.broker.bootstrap)
        monkeypatch.setenv("SCHEMA_REGISTRY_URL", own_registry.url)
        monkeypatch.setenv("GRIDWIRE_TOPIC_CREATION", "metadata")
        cli.main(["topics", "--apply"])  # the mock tells no configuration of topics: that fails
        assert f"compatibility set to {LEVEL}: " in capsys.readouterr().out
        assert loose.get_compatibility(SUBJECT) == LEVEL
        own_registry.stop()
        assert cli.main(["topics", "--apply"]) != 0
        assert "compatibility is not set" in capsys.readouterr().out
