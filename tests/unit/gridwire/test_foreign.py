"""Schemas of others: what is refused, what the registry's answers mean, and odd numbers in records."""

import json
import math
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryError

from gridwire import records as r
from gridwire import topics
from gridwire.codec import (
    CodecError,
    Registry,
    RegistryUnavailableError,
    TopicCodec,
    foreign,
    parse,
)
from gridwire.foreign import boundless
from gridwire.records import SCHEMAS
from streams.driver import LocalRegistry


def record(*fields: Any, name: str = "Outer") -> dict[str, Any]:
    parts = [{"name": f"f{n}", "type": kind} for n, kind in enumerate(fields)]
    return {"type": "record", "name": name, "fields": parts}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


NOTHING = {"type": "record", "name": "Nothing", "fields": []}
ENDLESS = {
    "of nulls": array("null"),
    "of records without fields": array(NOTHING),
    "of records of nulls": array(record("null", name="Nulls")),
    "of fixed of no bytes": array({"type": "fixed", "name": "F", "size": 0}),
    "within a map within a union": ["null", {"type": "map", "values": array("null")}],
    "within an array": array(array("null")),
}
DEEP = {
    "by a union": record(["null", "Outer"]),
    "by an array": record(array("Outer")),
    "by a map": record({"type": "map", "values": "Outer"}),
    "over another record": record(record("Outer", name="Inner")),
}
SOUND = {
    "the same type twice, not within itself": record(record("long", name="Inner"), "Inner"),
    "an array of unions with null": record(array(["null", "long"])),
    "an array of enums": record(array({"type": "enum", "name": "E", "symbols": ["a"]})),
    "an array of a named record": record(record("long", name="Inner"), array("Inner")),
    "logical types": record({"type": "long", "logicalType": "timestamp-millis"}),
    "a bare type": "string",
}


@pytest.mark.parametrize("kind", ENDLESS.values(), ids=ENDLESS.keys())
def test_an_array_that_may_promise_any_number_of_items_is_refused(kind: Any) -> None:
    with pytest.raises(CodecError, match="schema without bounds: an array of items without bytes"):
        foreign(json.dumps(record("long", kind)))


@pytest.mark.parametrize("kind", DEEP.values(), ids=DEEP.keys())
def test_a_type_that_holds_itself_is_refused(kind: Any) -> None:
    with pytest.raises(CodecError, match="schema without bounds: a type that holds itself"):
        foreign(json.dumps(kind))


@pytest.mark.parametrize("kind", SOUND.values(), ids=SOUND.keys())
def test_what_has_bounds_is_not_refused(kind: Any) -> None:
    assert boundless(foreign(json.dumps(kind))) == ""


def test_every_schema_of_ours_has_bounds() -> None:
    assert [text for text in SCHEMAS.values() if boundless(parse(text))] == []


@pytest.mark.parametrize("text", ["", "syntax = 'proto3';", '{"type": "object"}', '"unheard of"'])
def test_a_schema_that_is_no_avro_is_refused(text: str) -> None:
    with pytest.raises(CodecError, match="schema not readable as Avro"):
        foreign(text)


class _Client:
    """Answers with a schema text, or raises; counts how often it was asked."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer, self.asked = answer, 0

    def get_schema(self, _schema_id: int) -> Schema:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return Schema(self.answer, "AVRO")


def registry(answer: str | Exception) -> tuple[Registry, _Client]:
    found, client = Registry("http://127.0.0.1:1"), _Client(answer)
    found.close()
    found._client = client  # type: ignore[assignment]
    return found, client


@pytest.mark.parametrize("status", [400, 404, 422])
def test_an_id_that_the_registry_does_not_know_is_asked_for_once(status: int) -> None:
    found, client = registry(SchemaRegistryError(status, 40403, "not found"))
    for _ in range(2):
        with pytest.raises(CodecError, match="unknown schema id: 7"):
            found.schema(7)
    assert client.asked == 1


def test_a_schema_that_cannot_be_used_is_asked_for_once() -> None:
    found, client = registry(json.dumps(record(array("null"))))
    for _ in range(2):
        with pytest.raises(CodecError, match="schema without bounds"):
            found.schema(7)
    assert client.asked == 1


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
def test_a_registry_in_trouble_costs_no_record_and_is_asked_again(status: int) -> None:
    found, client = registry(SchemaRegistryError(status, 50001, "later"))
    for _ in range(2):
        with pytest.raises(RegistryUnavailableError, match=str(status)):
            found.schema(7)
    assert client.asked == 2


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7e308])
def test_every_double_goes_there_and_back(number: float) -> None:
    codec = TopicCodec(topics.BRAZE_PROFILES, LocalRegistry())
    profile = r.BrazeProfile(event_id="e", customer_ref="c", known=True, churn_risk=number)
    found = codec.decode(codec.encode(profile)).churn_risk
    assert found is not None
    assert math.copysign(1, found) == math.copysign(1, number)
    assert found == number or (math.isnan(found) and math.isnan(number))
