"""Catalogs: fields, the rules for items, and what an accepted change does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from sandbox.braze.track import is_time
from sandbox.core.simulator import ControlError

ITEM_ID = re.compile(r"[A-Za-z0-9\-_]+")
ITEM_ID_CHARS_MAX = 250
VALUE_CHARS_MAX = 5_000
BULK_ITEMS_MAX = 50
NESTING_MAX = 50
ITEMS_MAX = 500_000

Item = dict[str, Any]
StockChanged = Callable[["Catalog", str, Any, Any], None]

COERCE: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str | int | float | bool),
    "number": lambda value: isinstance(value, int | float) or _is_numeric(value),
    "boolean": lambda value: isinstance(value, bool) or value in ("true", "false"),
    "time": is_time,
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: (
        isinstance(value, list) or (isinstance(value, dict) and value.keys() <= {"$add", "$remove"})
    ),
}


@dataclass(frozen=True, slots=True)
class ItemError:
    """`id` is the vendor's error id; values are what it is about."""

    id: str
    message: str
    parameters: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "message": self.message,
            "parameters": list(self.parameters),
            "parameter_values": list(self.values),
        }


@dataclass(slots=True)
class Catalog:
    """fields: name -> type. stock_field and back_in_stock_event switch back-in-stock on."""

    name: str
    fields: dict[str, str] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    stock_field: str | None = None
    back_in_stock_event: str | None = None
    back_in_stock_canvas: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {**{n: getattr(self, n) for n in self.__slots__}, "items": [*self.items.values()]}


def _is_numeric(value: object) -> bool:
    try:
        return isinstance(value, str) and isfinite(float(value))
    except ValueError:
        return False


def parse_catalog(given: dict[str, Any]) -> Catalog:
    """From seed data {name, fields: [{name, type}], items?, …}. Raises ControlError."""
    try:
        fields = {one["name"]: one["type"] for one in given.get("fields", [])}
        items = {one["id"]: one for one in given.get("items", [])}
        rest = {n: v for n, v in given.items() if n not in ("fields", "items")}
        catalog = Catalog(fields=fields, items=items, **rest)
    except (KeyError, TypeError) as error:
        raise ControlError(
            f"a catalog is {{name, fields: [{{name, type}}], …}}: {error}"
        ) from error
    if not set(fields.values()) <= COERCE.keys():
        raise ControlError(f"catalog {catalog.name}: field types are of {sorted(COERCE)}")
    return catalog


def check_ids(items: list[Any]) -> ItemError | None:
    """The first thing wrong with the ids of a bulk request."""
    if len(items) > BULK_ITEMS_MAX:
        return ItemError("request-includes-too-many-items", f"at most {BULK_ITEMS_MAX} items")
    if any("id" not in item for item in items):
        return ItemError("items-missing-ids", "every item needs an id")
    ids = [item["id"] for item in items]
    if any(not isinstance(one, str) for one in ids):
        return ItemError("ids-not-strings", "item ids are strings", ("id",))
    if any(len(one) > ITEM_ID_CHARS_MAX for one in ids):
        return ItemError("ids-too-large", f"item ids have at most {ITEM_ID_CHARS_MAX} characters")
    bad = tuple(one for one in ids if ITEM_ID.fullmatch(one) is None)
    if bad:
        return ItemError("invalid-ids", "ids have letters, digits, - and _ only", ("id",), bad)
    if len(set(ids)) < len(ids):
        return ItemError("ids-not-unique", "an id stands twice in the request", ("id",))
    return None


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def check_values(catalog: Catalog, item: Item) -> ItemError | None:
    """The first thing wrong with the values of one item."""
    for name, value in item.items():
        if name == "id" or value is None:
            continue
        if name not in catalog.fields:
            return ItemError("invalid-fields", "not a field of the catalog", ("field",), (name,))
        if isinstance(value, str) and len(value) > VALUE_CHARS_MAX:
            return ItemError("items-too-large", f"{name}: over {VALUE_CHARS_MAX} characters")
        if _depth(value) > NESTING_MAX:
            return ItemError("too-deep-nesting", f"{name}: over {NESTING_MAX} levels")
        if not COERCE[catalog.fields[name]](value):
            return ItemError(
                "unable-to-coerce-value",
                f"{name} must be of type {catalog.fields[name]}",
                ("field", "value"),
                (name, value),
            )
    return None


def coerced(kind: str, value: Any) -> Any:
    if kind == "number" and isinstance(value, str):
        return float(value)
    if kind == "boolean" and isinstance(value, str):
        return value == "true"
    return str(value) if kind == "string" and value is not None else value


def _patched(before: Any, value: Any) -> Any:
    """Arrays are changed by {$add, $remove}; everything else is replaced."""
    if isinstance(value, dict) and value and value.keys() <= {"$add", "$remove"}:
        kept = [one for one in (before or []) if one not in value.get("$remove", [])]
        return [*kept, *(one for one in value.get("$add", []) if one not in kept)]
    return value


def write(catalog: Catalog, verb: str, item: Item, stock_changed: StockChanged) -> bool:
    """POST creates, PATCH edits, PUT does either, DELETE removes; answers whether it could."""
    item_id = item["id"]
    before = catalog.items.get(item_id)
    if verb == "DELETE":
        return catalog.items.pop(item_id, None) is not None
    if (verb == "POST") == (before is not None) and verb != "PUT":
        return False
    if before is None and len(catalog.items) >= ITEMS_MAX:
        return False
    base = before if verb == "PATCH" and before else {"id": item_id}
    values = {
        name: _patched(base.get(name), coerced(catalog.fields.get(name, "string"), value))
        for name, value in item.items()
    }
    after = {**base, **values}
    catalog.items[item_id] = after
    if catalog.stock_field is not None:
        was = (before or {}).get(catalog.stock_field)
        stock_changed(catalog, item_id, was, after.get(catalog.stock_field))
    return True
