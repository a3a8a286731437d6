"""Any record of any schema, for property tests."""

import json
from typing import Any

from hypothesis import strategies as st

from gridwire import records
from gridwire.records import SCHEMAS, Record

LONG = st.integers(-(1 << 63), (1 << 63) - 1)
INT = st.integers(-(1 << 31), (1 << 31) - 1)
TEXT = st.text(max_size=200)


def _named(node: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    parts = (
        node if isinstance(node, list) else list(node.values()) if isinstance(node, dict) else []
    )
    for part in parts:
        found |= _named(part) if isinstance(part, dict | list) else {}
    if isinstance(node, dict) and node.get("type") in ("record", "enum"):
        found[node["name"]] = node
    return found


def _values(kind: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of an Avro type, as records hold them."""
    if isinstance(kind, list):
        return st.one_of([_values(branch, named) for branch in kind])
    if isinstance(kind, dict):
        return _composed(kind, named)
    simple: dict[str, st.SearchStrategy[Any]] = {
        "null": st.none(),
        "string": TEXT,
        "long": LONG,
        "int": INT,
        "double": st.floats(allow_nan=False),
        "boolean": st.booleans(),
    }
    return simple[kind] if kind in simple else _composed(named[kind.rsplit(".")[-1]], named)


def _composed(kind: dict[str, Any], named: dict[str, Any]) -> st.SearchStrategy[Any]:
    if kind["type"] == "record":
        made = getattr(records, kind["name"])
        fields = {part["name"]: _values(part["type"], named) for part in kind["fields"]}
        return st.builds(made, **fields)
    if kind["type"] == "enum":
        return st.sampled_from(kind["symbols"])
    if kind["type"] == "array":
        return st.lists(_values(kind["items"], named), max_size=3).map(tuple)
    if kind["type"] == "map":
        return st.dictionaries(TEXT, _values(kind["values"], named), max_size=3)
    return _values(kind["type"], named)


def records_of(kind: type[Record]) -> st.SearchStrategy[Any]:
    """Records of one type, every field arbitrary."""
    schema = json.loads(SCHEMAS[kind])
    return _values(schema, _named(schema))
