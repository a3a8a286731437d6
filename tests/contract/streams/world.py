"""What a case of the contract may do to a runner of flows, and what it may see."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from gridwire.records import Record
from gridwire.topics import Topic
from streams.flow import Table

R = TypeVar("R", bound=Record)
Row = TypeVar("Row", bound=Record)


@dataclass(frozen=True, slots=True)
class Raw:
    """A message as it is, readable or not. `timestamp_ms`: as its producer says; None: now."""

    value: bytes | None
    key: str | bytes | None
    timestamp_ms: int | None = None
    headers: Sequence[tuple[str, bytes | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, put together again where it came in parts. `leg`: flow id/leg, "" where none was concerned."""

    topic: str
    key: bytes | None
    value: bytes | None
    reason: str
    leg: str


Damage = Mapping[str, Mapping[str, bytes]]  # store → key → what its changelog says of it now


class World(Protocol):
    """A runner with the flows of the suite. Everything that was sent is processed when a method returns."""

    @property
    def now_ms(self) -> int:
        """Epoch milliseconds."""

    def name(self, text: str) -> str:
        """A key that no other case uses. Only what has such a key is seen."""

    def encoded(self, topic: Topic[R], record: R) -> bytes:
        """The message value of a record as it is sent."""

    def registered(self, schema: str) -> int:
        """The id of a schema of somebody else's."""

    def send(self, topic: Topic[R], *records: R) -> None:
        """Publishes records; header fields that are empty are filled in."""

    def send_raw(self, topic: Topic[Any], *messages: Raw) -> None:
        """Publishes messages as they are."""

    def row(self, table: Table[Row], row: Row) -> None:
        """Publishes a row of a full copy."""

    def advance(self, *, minutes: float) -> None:
        """Moves the clock; what is due fires."""

    def interlude(self) -> None:
        """Where the runner may be restarted in the middle of a case."""

    def restart(self, damage: Damage | None = None) -> None:
        """Memory is lost, and restored from the changelogs, in which there is some damage by then."""

    def out(self, topic: Topic[R]) -> list[R]:
        """What was written so far, in order per key."""

    def dead(self) -> list[Letter]:
        """All dead letters of this case."""

    def ends(self, flow: str, leg: str) -> Counter[str]:
        """How many records of a leg ended how: in, processed, kept, filtered, dead, timers."""

    def table(self, table: Table[Row]) -> Mapping[str, Row]:
        """Rows of this case in a table."""

    def parked(self) -> int:
        """Records of this case that wait for a row."""


def of(records: Sequence[R], topic: Topic[R], key: str) -> list[R]:
    """Those of one key."""
    return [record for record in records if topic.key(record) == key]


def adds_up(world: World, flow: str, leg: str, waiting: int = 0) -> bool:
    """Every record that came in has an end, or waits."""
    found = world.ends(flow, leg)
    ended = sum(found[what] for what in ("processed", "kept", "filtered", "dead"))
    return found["in"] > 0 and found["in"] == ended + waiting
