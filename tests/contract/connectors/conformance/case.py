"""A case of the suite: what it says, which role it needs, and what is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.contract.connectors.conformance.stage import Side, Stage
from tests.contract.connectors.conformance.value import Conformance

Group = Literal["answers", "deliveries", "gateway", "fetches", "polls"]
SIDES: dict[Group, Side] = {
    "answers": "sinks",
    "deliveries": "sinks",
    "gateway": "sources",
    "fetches": "sources",
    "polls": "sources",
}


@dataclass(frozen=True, slots=True)
class Case:
    """`name` is what `Conformance.inapplicable` refers to; a group's name there means all of its cases."""

    group: Group
    name: str
    check: Callable[[Stage], None]

    @property
    def side(self) -> Side:
        return SIDES[self.group]

    def why_not(self, value: Conformance) -> str | None:
        """Why this case makes no sense for a connector; None where it does."""
        return value.inapplicable.get(self.name) or value.inapplicable.get(self.group)
