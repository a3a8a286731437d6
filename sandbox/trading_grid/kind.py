"""What a resource kind is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.trading_grid.fields import Fields
from sandbox.trading_grid.machines import Machine

COMMON_FIELDS: Fields = {"external_refs": "shapes:external_ref", "custom": "object"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource kind.

    name: also the subject prefix of its events. status_events: status -> event type, `*` for
    the rest; a status without one moves in silence. once: fields fixed at creation.
    derived: fields that the platform computes.
    """

    name: str
    path: str
    prefix: str
    area: str
    fields: Fields
    ops: frozenset[str]
    machine: Machine | None = None
    created_event: str | None = None
    updated_event: str | None = None
    status_events: Mapping[str, str] = field(default_factory=dict)
    filters: tuple[str, ...] = ()
    once: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    derived: frozenset[str] = frozenset()
    parent: str | None = None

    @property
    def all_fields(self) -> Fields:
        parent = {f"{self.parent}_id": f"ref:{self.parent}!"} if self.parent else {}
        return {**self.fields, **parent, **COMMON_FIELDS}

    @property
    def readonly(self) -> frozenset[str]:
        own = {"id", "version", "created_at", "updated_at", "created_by"}
        return self.derived | own | ({self.machine.field} if self.machine else set())


def ops(words: str) -> frozenset[str]:
    return frozenset(words.split())
