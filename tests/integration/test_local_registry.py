"""The local registry, through the client that everybody uses."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError

from sandbox import registry as local_registry

Field = dict[str, Any]


def record(*fields: Field, name: str = "Order", **more: Any) -> Schema:
    return Schema(
        json.dumps({"type": "record", "name": name, "fields": list(fields), **more}), "AVRO"
    )


ID: Field = {"name": "id", "type": "string"}
TOTAL: Field = {"name": "total", "type": ["null", "long"], "default": None}
NOTE: Field = {"name": "note", "type": "string", "default": ""}
REQUIRED: Field = {"name": "customer", "type": "string"}


@pytest.fixture
def client(own_registry: local_registry.RunningRegistry) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": own_registry.url, "max.retries": 0}) as client:
        yield client


def refused(code: int, status: int) -> pytest.RaisesExc[SchemaRegistryError]:
    return pytest.RaisesExc(
        SchemaRegistryError,
        check=lambda error: (error.error_code, error.http_status_code) == (code, status),
    )


def test_a_registered_schema_is_found_by_id_by_subject_and_by_text(
    client: SchemaRegistryClient,
) -> None:
    schema_id = client.register_schema("orders-value", record(ID))
    assert client.get_schema(schema_id).schema_str == json.dumps(
        json.loads(record(ID).schema_str or ""), separators=(",", ":")
    )
    assert client.get_subjects() == ["orders-value"]
    latest = client.get_latest_version("orders-value")
    assert (latest.schema_id, latest.version) == (schema_id, 1)
    assert client.lookup_schema("orders-value", record(ID)).version == 1
    assert client.get_version("orders-value", 1).schema_id == schema_id


def test_equal_schemas_have_one_id_over_spellings_and_subjects(
    client: SchemaRegistryClient,
) -> None:
    first = client.register_schema("a-value", record(ID))
    spelt_otherwise = Schema(
        '{ "fields": [ {"type": {"type": "string"}, "name": "id"} ],\n "name": "Order", "type": "record" }',
        "AVRO",
    )
    assert client.register_schema("a-value", spelt_otherwise) == first
    assert client.register_schema("b-value", record(ID)) == first
    assert client.get_versions("a-value") == [1]
    uses = {(use.subject, use.version) for use in client.get_schema_versions(first)}
    assert uses == {("a-value", 1), ("b-value", 1)}
    assert sorted(client.get_subjects_by_schema_id(first)) == ["a-value", "b-value"]


def test_a_changed_doc_is_a_new_version(client: SchemaRegistryClient) -> None:
    first = client.register_schema("a-value", record(ID))
    assert client.register_schema("a-value", record(ID, doc="An order.")) != first
    assert client.get_versions("a-value") == [1, 2]


def test_an_optional_field_may_come_and_go_under_full_transitive(
    client: SchemaRegistryClient,
) -> None:
    assert client.get_compatibility() == "FULL_TRANSITIVE"
    for version in (record(ID), record(ID, TOTAL), record(ID, NOTE)):
        client.register_schema("orders-value", version)
    assert client.get_versions("orders-value") == [1, 2, 3]


@pytest.mark.parametrize(
    "changed",
    [
        record(ID, REQUIRED),
        record(),
        record({"name": "id", "type": "long"}),
        record(ID, name="Invoice"),
    ],
    ids=["a required field more", "a required field less", "another type", "another name"],
)
def test_an_incompatible_schema_gets_409_and_changes_nothing(
    client: SchemaRegistryClient, changed: Schema
) -> None:
    client.register_schema("orders-value", record(ID))
    assert not client.test_compatibility("orders-value", changed, "latest")
    with refused(409, 409):
        client.register_schema("orders-value", changed)
    assert client.get_versions("orders-value") == [1]


def test_transitive_levels_look_behind_the_latest_version(client: SchemaRegistryClient) -> None:
    client.set_compatibility("orders-value", "NONE")
    client.register_schema("orders-value", record({"name": "id", "type": "long"}))
    client.register_schema("orders-value", record(ID))
    client.set_compatibility("orders-value", "FULL")
    client.register_schema("orders-value", record(ID, TOTAL))
    client.set_compatibility("orders-value", "FULL_TRANSITIVE")
    with refused(409, 409):
        client.register_schema("orders-value", record(ID, NOTE))


@pytest.mark.parametrize(
    ("level", "more_required", "less_required"),
    [
        ("BACKWARD", False, True),
        ("FORWARD", True, False),
        ("FULL", False, False),
        ("NONE", True, True),
    ],
)
def test_each_level_looks_in_its_direction(
    client: SchemaRegistryClient, level: str, more_required: bool, less_required: bool
) -> None:
    client.set_compatibility("orders-value", level)
    client.register_schema("orders-value", record(ID, REQUIRED))
    more, less = record(ID, REQUIRED, {"name": "x", "type": "int"}), record(ID)
    assert client.test_compatibility("orders-value", more) is more_required
    assert client.test_compatibility("orders-value", less) is less_required


def test_what_is_missing_is_named_by_confluents_codes(client: SchemaRegistryClient) -> None:
    with refused(40401, 404):
        client.get_latest_version("nothing")
    with refused(40403, 404):
        client.get_schema(77)
    client.register_schema("orders-value", record(ID))
    with refused(40402, 404):
        client.get_version("orders-value", 9)
    with refused(40403, 404):
        client.lookup_schema("orders-value", record(ID, NOTE))
    with refused(42203, 422):
        client.set_compatibility("orders-value", "SIDEWAYS")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"type": "unheard-of"}',
        '{"type": "record", "name": "1", "fields": []}',
        '{"type": "record", "name": "R", "fields": [{"name": "n", "type": "int", "default": "x"}]}',
        '{"type": "record", "name": "R", "fields": [{"name": "n", "type": "string", "default": null}]}',
    ],
)
def test_an_invalid_schema_gets_42201(client: SchemaRegistryClient, text: str) -> None:
    with refused(42201, 422):
        client.register_schema("orders-value", Schema(text, "AVRO"))


def test_other_formats_and_references_are_refused_not_ignored(
    own_registry: local_registry.RunningRegistry,
) -> None:
    for more in (
        {"schemaType": "PROTOBUF"},
        {"references": [{"name": "a", "subject": "a", "version": 1}]},
    ):
        answer = httpx.post(
            f"{own_registry.url}/subjects/a/versions", json={"schema": '"string"', **more}
        )
        assert (answer.status_code, answer.json()["error_code"]) == (422, 42201)


def test_an_oversize_body_is_refused(own_registry: local_registry.RunningRegistry) -> None:
    answer = httpx.post(f"{own_registry.url}/subjects/a/versions", json={"schema": "x" * 1_000_001})
    assert answer.status_code == 422


def test_a_subject_is_deleted_softly_first_and_its_ids_stay_readable(
    client: SchemaRegistryClient,
) -> None:
    schema_id = client.register_schema("orders-value", record(ID))
    with refused(40405, 404):
        client.delete_subject("orders-value", permanent=True)
    client.delete_subject("orders-value")
    assert client.get_subjects() == []
    assert client.get_subjects(deleted=True) == ["orders-value"]
    client.delete_subject("orders-value", permanent=True)
    assert client.get_subjects(deleted=True) == []
    assert client.get_schema(schema_id).schema_str is not None


def test_a_deleted_version_no_longer_counts_for_compatibility(
    client: SchemaRegistryClient,
) -> None:
    client.register_schema("orders-value", record(ID))
    client.delete_version("orders-value", 1)
    client.register_schema("orders-value", record({"name": "id", "type": "long"}))
    assert client.get_versions("orders-value") == [2]


def test_a_subjects_level_falls_back_to_the_global_one_when_it_is_removed(
    client: SchemaRegistryClient,
) -> None:
    with refused(40408, 404):
        client.get_compatibility("orders-value")
    client.set_compatibility("orders-value", "NONE")
    client.set_compatibility(level="BACKWARD")
    assert client.get_compatibility("orders-value") == "NONE"
    client.delete_config("orders-value")
    with refused(40408, 404):
        client.get_compatibility("orders-value")
    assert client.get_compatibility() == "BACKWARD"


def test_a_version_that_is_no_number_gets_42202(
    client: SchemaRegistryClient, own_registry: local_registry.RunningRegistry
) -> None:
    client.register_schema("orders-value", record(ID))
    answer = httpx.get(f"{own_registry.url}/subjects/orders-value/versions/newest")
    assert (answer.status_code, answer.json()["error_code"]) == (422, 42202)


def test_everything_acknowledged_is_there_again_after_a_kill(
    client: SchemaRegistryClient, own_registry: local_registry.RunningRegistry
) -> None:
    first = client.register_schema("orders-value", record(ID))
    second = client.register_schema("orders-value", record(ID, TOTAL))
    client.register_schema("gone-value", record(ID))
    client.delete_subject("gone-value")
    client.set_compatibility("orders-value", "BACKWARD")
    url = own_registry.url
    own_registry.kill()
    own_registry.restart()
    assert own_registry.url == url
    with SchemaRegistryClient({"url": url}) as after:
        assert after.get_versions("orders-value") == [1, 2]
        assert after.register_schema("orders-value", record(ID)) == first
        assert after.get_latest_version("orders-value").schema_id == second
        assert after.get_compatibility("orders-value") == "BACKWARD"
        assert after.get_subjects() == ["orders-value"]
        assert after.register_schema("new-value", record(ID, NOTE)) == second + 1


def test_a_second_registry_on_the_same_folder_is_refused(
    own_registry: local_registry.RunningRegistry, tmp_path: Path
) -> None:
    with pytest.raises(local_registry.RegistryStartError, match="another registry runs on"):
        local_registry.start(tmp_path / "registry")
    assert httpx.get(own_registry.url).status_code == 200
