"""What the driver checks and a worker cannot afford to: a state and the rows looked up beside it lie in one partition.

A worker has only what lies in the partition of the record that it reads. The driver has one partition, where a flow
that keys wrongly would look right; so it notes from where each state and row is reached, as if there were many.
Look-ups of columns legs are not checked: what they ask for is not asked for one record.
"""

from typing import Any

from gridwire.murmur2 import partition_of
from gridwire.records import Record
from streams.engine.lookups import MissingRow
from streams.engine.message import Message
from streams.engine.plan import BoundLeg, table_store
from streams.engine.runner import Runner
from streams.engine.store import Held
from streams.flow import Fired, Fold, Input, Lookup, Table

PARTITIONS = 4_096  # so many that two keys of a test hardly ever share one


class PlacementError(Exception):
    """A flow would find something else, or nothing, where there are several partitions."""


class Placement:
    """From which message key each state of a leg, and each row of a partitioned table, was reached first."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], tuple[bytes, str]] = {}

    def reached(self, store: str, key: str, message_key: bytes, by: str) -> None:
        """Raises PlacementError where it was reached from another partition before."""
        first, first_by = self._first.setdefault((store, key), (message_key, by))
        if partition_of(first, PARTITIONS) != partition_of(message_key, PARTITIONS):
            raise PlacementError(
                f"{store}[{key!r}] is reached from two partitions: by {first_by} from message key {first!r}, by {by} "
                f"from message key {message_key!r}. A worker has the rows of one partition only: key the topic by what "
                "the state is keyed by (a leg before this one may write such a topic), or key the state otherwise"
            )

    def home(self, store: str, key: str) -> bytes | None:
        """The message key that a state was reached from; None where it never was."""
        found = self._first.get((store, key))
        return found[0] if found else None


class PlacedRunner(Runner):
    """A runner that checks each record before its leg has it, and each timer's look-ups."""

    def __init__(self, placement: Placement, *parts: Any, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._placement = placement

    def attempt(
        self, bound: BoundLeg, source: Input, message: Message, record: Record, now_ms: int
    ) -> MissingRow | None:
        key = message.key()
        if key is not None and key == _own_key(source, record):
            self._check(bound, source, record, key)
        return super().attempt(bound, source, message, record, now_ms)

    def _check(self, bound: BoundLeg, source: Input, record: Record, message_key: bytes) -> None:
        by = f"{bound.label} ({source.topic.name})"
        if source.key and bound.store and (state_key := _state_key(source, record)) is not None:
            self._placement.reached(bound.store, state_key, message_key, by)
        self._check_rows(source.lookups, record, message_key, by)

    def _check_rows(
        self, lookups: tuple[Lookup[Any, Any], ...], given: Any, message_key: bytes, by: str
    ) -> None:
        for lookup in lookups:
            if lookup.table.copy_of is None:
                for key in _keys(lookup, given):
                    self._placement.reached(table_store(lookup.table), key, message_key, by)

    def fire(self, bound: BoundLeg, fired: Fired[Any], held: Held[Any]) -> None:
        home = self._placement.home(bound.store or "", fired.key)
        if home is not None and isinstance(bound.leg, Fold) and bound.leg.on_timer is not None:
            self._check_rows(bound.leg.on_timer.lookups, fired, home, f"a timer of {bound.label}")
        super().fire(bound, fired, held)


def placed(placement: Placement, table: Table[Any], key: str) -> None:
    """A row that a test puts into a table: where its own key says."""
    if table.copy_of is None:
        placement.reached(table_store(table), key, key.encode(), "a row that was put there")


def _own_key(source: Input, record: Record) -> bytes:
    """Where the topic puts the record. One that lies elsewhere is its producer's mistake, not the flow's."""
    return source.topic.key(record).encode(errors="replace")


def _state_key(source: Input, record: Record) -> str | None:
    """None where the leg's function raises: then the record is dead and reaches nothing."""
    try:
        return source.key(record) if source.key else None
    except Exception:  # noqa: BLE001 -- the runner calls it again and makes a dead letter of it
        return None


def _keys(lookup: Lookup[Any, Any], given: Any) -> list[str]:
    """None where the leg's function raises, as for `_state_key`."""
    try:
        return list(lookup.keys(given))
    except Exception:  # noqa: BLE001 -- see _state_key
        return []
