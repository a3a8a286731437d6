"""What a command came to, kept beside it until it is written: what was answered once is not asked again."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

from gridwire.records import Record
from gridwire.topics import Topic

EndOutcome = Literal["unknown", "delivered", "rejected", "expired"]
HAD_EFFECT: frozenset[EndOutcome] = frozenset({"delivered", "unknown"})  # perhaps, and not again
LOOKED_S = (
    10.0  # what waits is looked at every second: what was not for so long went with its partition
)


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more is sent for a command that has one. `records`: what was learnt, with their topics."""

    outcome: EndOutcome
    reason: str | None = None
    object_id: str | None = None
    records: tuple[tuple[Topic[Any], Record], ...] = ()

    @property
    def had_effect(self) -> bool:
        """Whether the platform did it, or may have done it."""
        return self.outcome in HAD_EFFECT


@dataclass(slots=True)
class Unwritten:
    """Commands that have their end, while the schema registry is away. Bounded: meanwhile nothing new is sent."""

    monotonic_s: Callable[[], float]
    _looked: dict[Hashable, float] = field(default_factory=dict)

    def waits(self, command: Hashable) -> None:
        self._looked[command] = self.monotonic_s()

    def written(self, command: Hashable) -> None:
        self._looked.pop(command, None)

    @property
    def problem(self) -> str | None:
        """Why nothing is sent; None where no outcome waits."""
        if not self._looked:
            return None
        since = self.monotonic_s() - LOOKED_S
        self._looked = {one: at for one, at in self._looked.items() if at >= since}
        if not self._looked:
            return None
        return (
            f"{len(self._looked)} commands were carried out and their outcomes cannot be written: the schema registry "
            "is away or refuses a schema. Nothing is sent meanwhile: check SCHEMA_REGISTRY_URL and the version deployed"
        )
