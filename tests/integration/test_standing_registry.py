"""The registry that stays beside the local Kafka: up, down, and up again with what it knew."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from sandbox.registry import standing

SCHEMA = Schema('{"type": "record", "name": "Order", "fields": []}', "AVRO")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(standing.VARIABLE, raising=False)
    monkeypatch.setattr(standing, "folder", lambda: tmp_path)
    monkeypatch.setattr(standing, "is_free", lambda _port: False)  # whoever works here may have it
    yield
    standing.down()


def test_it_stays_until_it_is_told_to_go_and_knows_its_schemas_again() -> None:
    url = standing.up()
    assert standing.up() == url == standing.status()
    with SchemaRegistryClient({"url": url}) as client:
        known = client.register_schema("orders-value", SCHEMA)
    assert standing.down() == url
    assert standing.status() is None
    assert standing.down() is None
    with SchemaRegistryClient({"url": standing.up()}) as client:
        assert client.lookup_schema("orders-value", SCHEMA).schema_id == known


def test_one_that_is_named_is_taken_and_none_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(standing.VARIABLE, "http://registry:8081")
    assert standing.up() == "http://registry:8081"
    assert standing.down() is None
