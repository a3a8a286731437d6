"""Schema texts: parsed, checked, and brought to one form in which equal schemas are equal."""

import json
from collections.abc import Callable
from typing import Any

from avro.errors import AvroException
from avro.schema import (
    ArraySchema,
    EnumSchema,
    FixedSchema,
    MapSchema,
    RecordSchema,
    Schema,
    UnionSchema,
    parse,
)

INT_RANGE = range(-(2**31), 2**31)
LONG_RANGE = range(-(2**63), 2**63)


class InvalidSchemaError(Exception):
    """The text is not a valid Avro schema; the message says where and why."""


def parsed(text: str) -> Schema:
    """The schema. Raises InvalidSchemaError, also for a default that its field's type does not allow."""
    try:
        schema = parse(text)
    except AvroException as error:
        raise InvalidSchemaError(str(error)) from error
    _check_defaults(schema, set())
    return schema


def canonical(text: str) -> str:
    """One text for all spellings of a schema: white space, key order and {"type": "x"} for "x" do not matter.

    Docs and further properties do: as in Confluent's registry, a changed doc is a new version.
    """
    return json.dumps(_collapsed(json.loads(text)), sort_keys=True, separators=(",", ":"))


def compact(text: str) -> str:
    """The text as it is handed out: keys in the author's order, no white space."""
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


def _collapsed(node: Any) -> Any:
    if isinstance(node, list):
        return [_collapsed(item) for item in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {"type"}:
        return _collapsed(node["type"])
    # A default is data, in which {"type": ...} would mean itself.
    return {name: value if name == "default" else _collapsed(value) for name, value in node.items()}


def _children(schema: Schema) -> list[Schema]:
    if isinstance(schema, RecordSchema):
        return [field.type for field in schema.fields]
    if isinstance(schema, ArraySchema):
        return [schema.items]
    if isinstance(schema, MapSchema):
        return [schema.values]
    return list(schema.schemas) if isinstance(schema, UnionSchema) else []


def _check_defaults(schema: Schema, seen: set[int]) -> None:
    if id(schema) in seen:
        return
    seen.add(id(schema))
    if isinstance(schema, RecordSchema):
        for field in schema.fields:
            if field.has_default and not _allows(field.type, field.default):
                raise InvalidSchemaError(
                    f"field {field.name} of {schema.fullname}: the default {json.dumps(field.default)} "
                    f"is not of its type {json.dumps(field.type.to_json())}"
                )
    for child in _children(schema):
        _check_defaults(child, seen)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_bytes(value: Any) -> bool:
    """Bytes stand in JSON as a string of the code points 0-255."""
    return isinstance(value, str) and all(ord(character) < 256 for character in value)


_PRIMITIVES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "int": lambda value: _is_int(value) and value in INT_RANGE,
    "long": lambda value: _is_int(value) and value in LONG_RANGE,
    "float": _is_number,
    "double": _is_number,
    "bytes": _is_bytes,
    "string": lambda value: isinstance(value, str),
}


def _allows(schema: Schema, value: Any) -> bool:
    if isinstance(schema, UnionSchema):
        return any(_allows(branch, value) for branch in schema.schemas)
    if isinstance(schema, EnumSchema):
        return value in schema.symbols
    if isinstance(schema, FixedSchema):
        return _is_bytes(value) and len(value) == schema.size
    if isinstance(schema, ArraySchema):
        return isinstance(value, list) and all(_allows(schema.items, item) for item in value)
    if isinstance(schema, MapSchema):
        return isinstance(value, dict) and all(
            _allows(schema.values, item) for item in value.values()
        )
    if isinstance(schema, RecordSchema):
        return isinstance(value, dict) and all(
            _allows(field.type, value[field.name]) if field.name in value else field.has_default
            for field in schema.fields
        )
    return _PRIMITIVES[schema.type](value)
