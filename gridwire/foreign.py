"""Schemas that others registered: parsed, and refused where reading with them would know no bounds.

A message names its writer's schema, and fastavro follows that through bytes that our own schema does not have. A type
that holds itself lets a message nest as deep as it is long, which ends the process; an array whose items have no bytes
lets eight bytes promise a trillion items, which never ends. No schema of ours has either.
"""

from typing import Any

NAMED = ("record", "error", "enum", "fixed")
Named = dict[str, Any]


def boundless(schema: Any) -> str:
    """Why reading with a schema (as `fastavro.parse_schema` returns it) would know no bounds; "" where it would."""
    return _fault(schema, {}, ())


def _fault(schema: Any, named: Named, around: tuple[str, ...]) -> str:
    if isinstance(schema, list):
        return _first(schema, named, around)
    if isinstance(schema, str):
        return "a type that holds itself" if schema in around else ""
    kind = schema["type"]
    if kind in ("record", "error"):
        named[schema["name"]] = schema
        parts = [field["type"] for field in schema["fields"]]
        return _first(parts, named, (*around, schema["name"]))
    if kind == "array":
        fault = _fault(schema["items"], named, around)
        if not fault and _weightless(schema["items"], named):
            return "an array of items without bytes"
        return fault
    if kind == "map":
        return _fault(schema["values"], named, around)
    if kind in NAMED:
        named[schema["name"]] = schema
        return ""
    return _fault(kind, named, around) if isinstance(kind, dict | list) else ""


def _first(schemas: list[Any], named: Named, around: tuple[str, ...]) -> str:
    faults = [_fault(schema, named, around) for schema in schemas]
    return next((fault for fault in faults if fault), "")


def _weightless(schema: Any, named: Named) -> bool:
    """A value takes no byte. Asked only of schemas without a type that holds itself."""
    if isinstance(schema, str):
        return schema == "null" or (schema in named and _weightless(named[schema], named))
    if isinstance(schema, list):
        return False  # a union takes a byte to say which branch
    kind = schema["type"]
    if kind in ("record", "error"):
        return all(_weightless(field["type"], named) for field in schema["fields"])
    if kind == "fixed":
        return bool(schema["size"] == 0)
    if isinstance(kind, dict | list):
        return _weightless(kind, named)
    return bool(kind == "null")
