"""Seed data: objects as they are, with their ids and statuses, and without events."""

from __future__ import annotations

from typing import Any

from sandbox.core.simulator import ControlError
from sandbox.trading_grid.events import SYSTEM
from sandbox.trading_grid.fields import check
from sandbox.trading_grid.kind import Kind
from sandbox.trading_grid.kinds import KINDS
from sandbox.trading_grid.problems import Problem
from sandbox.trading_grid.rules import DERIVE
from sandbox.trading_grid.store import Object, Store, iso

COLLECTIONS = {
    "partners": "partner",
    "contacts": "contact",
    "threads": "thread",
    "comments": "comment",
    "documents": "document",
    "announcements": "announcement",
    "launches": "launch",
    "availability_updates": "availability",
    "purchase_orders": "purchase_order",
    "fulfilments": "fulfilment",
    "milestones": "milestone",
}


def _seeded(store: Store, kind: Kind, given: Object, now_s: float) -> Object:
    errors = check(kind.all_fields, {n: v for n, v in given.items() if n not in kind.readonly})
    if errors:
        raise ControlError(f"{kind.name} {given.get('id', '')}: {errors}")
    now = iso(now_s)
    status = {kind.machine.field: kind.machine.initial} if kind.machine else {}
    if (
        kind.machine
        and given.get(kind.machine.field, kind.machine.initial) not in kind.machine.graph
    ):
        raise ControlError(f"{kind.name}: no status {given[kind.machine.field]!r}")
    return {
        "id": store.next_id(kind.prefix),
        "external_refs": [],
        "custom": {},
        **kind.defaults,
        **status,
        "created_at": now,
        "updated_at": now,
        "created_by": SYSTEM.as_json(),
        "version": 1,
        **given,
    }


def seed(store: Store, data: dict[str, Any], now_s: float) -> dict[str, int]:
    """Insert or replace by id; answers how many per collection. Raises ControlError."""
    unknown = sorted(data.keys() - COLLECTIONS.keys())
    if unknown:
        raise ControlError(f"unknown collections {unknown}; known are {sorted(COLLECTIONS)}")
    counts = {}
    for collection, name in COLLECTIONS.items():
        objects = data.get(collection, [])
        if not isinstance(objects, list) or not all(isinstance(one, dict) for one in objects):
            raise ControlError(f"{collection} must be a list of objects")
        for given in objects:
            obj = DERIVE.get(name, dict)(_seeded(store, KINDS[name], given, now_s))
            try:
                store.put(name, obj)
            except Problem as problem:
                raise ControlError(str(problem), problem.status) from problem
        if objects:
            counts[collection] = len(objects)
    return counts
