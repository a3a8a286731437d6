"""What a flow is.

A flow is a frozen value: id, purpose, settings, and its legs. A leg reads topics, looks rows up in tables and has one
pure function from record (+ rows, + state) to *effects*. Time comes with the record or from the timer; a function
here never asks a clock. What a function may yield:

- a record: goes to the topic among the leg's `writes` that carries this type of record. Header fields that are left
  empty are stamped: `event_id` becomes a function of the cause, so that a replay yields the same id.
- `Filtered(reason)`: the record ends here on purpose; counted by reason. A function that yields nothing for a record
  counts as filtered with reason "nothing to do".
- in a fold: `Keep(state)`, `Forget()`, `SetTimer(name, due_ms)`, `CancelTimer(name)`.
- in columns, by records: `Caused(record, output)`; by Arrow columns: `Outputs`. A bare output there is caused by the
  whole batch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import msgspec

from gridwire.records import Record
from gridwire.topics import Topic
from streams.effects import (
    CancelTimer,
    Caused,
    Effect,
    Effects,
    Filtered,
    Forget,
    Keep,
    Outputs,
    SetTimer,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "CancelTimer", "Caused", "Columns", "Drop", "Effect", "Effects", "Filtered", "Fired", "Flow",
    "Fold", "Forget", "GoOn", "Input", "Join", "Keep", "Leg", "Lookup", "Map", "Missing",
    "NoSettings", "OnTimer", "Outputs", "Rows", "SetTimer", "Table", "Wait", "join", "map_leg",
    "on", "on_timer",
]  # fmt: skip

R = TypeVar("R")  # what a leg reads: a record, or a fired timer
R_contra = TypeVar("R_contra", contravariant=True)
Row = TypeVar("Row", bound=Record)
S = TypeVar("S", bound=msgspec.Struct)
H = TypeVar("H")  # the state as a fold's function takes it: `State | None`
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)


# ---- tables and look-ups -----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Wait:
    """Park the record until the row comes; dead-letter it after `minutes`.

    `ask`: what to emit once when the record is parked, so that the row comes at all.
    """

    minutes: float
    ask: Callable[[Any], Record] | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Without the row the record is filtered, with this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class GoOn:
    """Without the row the function gets None."""


Missing = Wait | Drop | GoOn


@dataclass(frozen=True, slots=True)
class Lookup(Generic[R_contra, A]):
    """One look-up of a leg: which rows of which table. `mode`: row (one), each (by key), where (by index)."""

    table: "Table[Any]"
    keys: Callable[[Any], Iterable[str]]
    mode: str
    missing: Missing = GoOn()
    index: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Table(Generic[Row]):
    """Rows by key. Only newer versions of a row (`version`) are accepted; an equal one replaces.

    `copy_of`: None for a partitioned table (its rows live with their partition and are written by folds that keep
    it); else the compacted topic of which every worker holds a full copy, which also has `indexes`: name → the
    index keys of a row. `retain_days`: a row of a partitioned table that nobody has written for longer is deleted,
    within hours of the partition's time; None keeps rows for ever.
    """

    name: str
    row: type[Row]
    key: Callable[[Row], str]
    doc: str
    copy_of: Topic[Row] | None = None
    indexes: Mapping[str, Callable[[Row], Iterable[str]]] = field(default_factory=dict)
    retain_days: float | None = None

    def __post_init__(self) -> None:
        if self.retain_days is not None and (self.copy_of is not None or self.retain_days <= 0):
            raise ValueError(
                f"{self.name}: retain_days is for partitioned tables, and more than 0; a full copy holds what "
                "its topic holds"
            )

    @property
    def changelog(self) -> Topic[Row]:
        """The compacted topic that holds the rows."""
        return self.copy_of or Topic(
            name=f"table.{self.name}",
            record=self.row,
            key=self.key,
            kind="internal",
            doc=self.doc,
            compacted=True,
        )

    @overload
    def by(self, key: Callable[[R], str | None], missing: GoOn) -> Lookup[R, Row | None]: ...
    @overload
    def by(self, key: Callable[[R], str | None], missing: Wait | Drop) -> Lookup[R, Row]: ...
    def by(self, key: Callable[[R], str | None], missing: Missing) -> Lookup[R, Any]:
        """The row with this key. A key of None counts as a missing row that will never come (no waiting)."""

        def keys(record: R) -> tuple[str, ...]:
            found = key(record)
            return () if found is None else (found,)

        return Lookup(self, keys, "row", missing)

    def each(self, keys: Callable[[R], Iterable[str]]) -> Lookup[R, Mapping[str, Row]]:
        """The rows with these keys, by key; missing ones are absent."""
        return Lookup(self, keys, "each")

    def where(
        self, index: str, keys: Callable[[R], Iterable[str]]
    ) -> Lookup[R, Mapping[str, tuple[Row, ...]]]:
        """The rows of a full copy whose index holds these keys, by index key, sorted by row key."""
        if index not in self.indexes:
            raise ValueError(
                f"table {self.name} has no index {index!r}: it has {', '.join(self.indexes) or 'none'}"
            )
        return Lookup(self, keys, "where", index=index)


class Rows:
    """Read access to the tables a columns leg named; implemented by whoever runs the leg."""

    def get(self, table: Table[Row], key: str) -> Row | None:
        raise NotImplementedError

    def where(self, table: Table[Row], index: str, key: str) -> tuple[Row, ...]:
        raise NotImplementedError


# ---- legs --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Input:
    """One topic that a leg reads: how its records find their state key and rows, and the function."""

    topic: Topic[Any]
    apply: Callable[..., Effects]
    lookups: tuple[Lookup[Any, Any], ...] = ()
    key: Callable[[Any], str | None] | None = (
        None  # folds only; None as the key: the record concerns no state
    )


@dataclass(frozen=True, slots=True)
class Fired(Generic[S]):
    """A timer of one key that came due. `now_ms` is at or after `due_ms`."""

    name: str
    key: str
    due_ms: int
    now_ms: int
    state: S


@dataclass(frozen=True, slots=True)
class OnTimer:
    """What a fold does when one of its timers comes due."""

    apply: Callable[..., Effects]
    lookups: tuple[Lookup[Any, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Map:
    """Record in, records out."""

    name: str
    input: Input
    writes: tuple[Topic[Any], ...]


@dataclass(frozen=True, slots=True)
class Join:
    """Record and rows in, records out."""

    name: str
    input: Input
    writes: tuple[Topic[Any], ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Records change a state per key; outputs follow at once or by durable timers.

    `state` is a private struct, or a partitioned table whose rows are the state (others may look them up).
    All records of one state, and the rows looked up beside it, must lie in one partition: so their topic key follows
    from the state key (it is the same, or a part of it). The driver raises PlacementError where they do not.
    """

    name: str
    state: type[msgspec.Struct] | Table[Any]
    inputs: tuple[Input, ...]
    writes: tuple[Topic[Any], ...]
    on_timer: OnTimer | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """A whole batch of one partition at a time, for high volume.

    `rows` is the reference implementation, by records. `batches` does the same on an Arrow record batch (a column per
    field; timestamps are int64 milliseconds) and is used where there is one; both must give equal outputs.
    """

    name: str
    reads: Topic[Any]
    tables: tuple[Table[Any], ...]
    rows: Callable[[Sequence[Any], Rows], Effects]
    writes: tuple[Topic[Any], ...]
    batches: "Callable[[pa.RecordBatch, Rows], Effects] | None" = None


Leg = Map | Join | Fold | Columns


def map_leg(
    *, name: str, reads: Topic[Row], emits: Callable[[Row], Effects], writes: tuple[Topic[Any], ...]
) -> Map:
    """A leg without look-ups."""
    return Map(name, Input(reads, emits), writes)


@overload
def on(
    topic: Topic[Row], key: Callable[[Row], str | None], apply: Callable[[Row, H], Effects]
) -> Input: ...
@overload
def on(
    topic: Topic[Row],
    key: Callable[[Row], str | None],
    apply: Callable[[Row, H, A], Effects],
    lookups: tuple[Lookup[Row, A]],
) -> Input: ...
@overload
def on(
    topic: Topic[Row],
    key: Callable[[Row], str | None],
    apply: Callable[[Row, H, A, B], Effects],
    lookups: tuple[Lookup[Row, A], Lookup[Row, B]],
) -> Input: ...
@overload
def on(
    topic: Topic[Row],
    key: Callable[[Row], str | None],
    apply: Callable[[Row, H, A, B, C], Effects],
    lookups: tuple[Lookup[Row, A], Lookup[Row, B], Lookup[Row, C]],
) -> Input: ...
def on(
    topic: Topic[Any],
    key: Callable[[Any], str | None],
    apply: Callable[..., Effects],
    lookups: tuple[Lookup[Any, Any], ...] = (),
) -> Input:
    """One input of a fold: `apply(record, state or None, *rows)`."""
    return Input(topic, apply, lookups, key)


@overload
def on_timer(apply: Callable[[Fired[S]], Effects]) -> OnTimer: ...
@overload
def on_timer(
    apply: Callable[[Fired[S], A], Effects], lookups: tuple[Lookup[Fired[S], A]]
) -> OnTimer: ...
@overload
def on_timer(
    apply: Callable[[Fired[S], A, B], Effects],
    lookups: tuple[Lookup[Fired[S], A], Lookup[Fired[S], B]],
) -> OnTimer: ...
@overload
def on_timer(
    apply: Callable[[Fired[S], A, B, C], Effects],
    lookups: tuple[Lookup[Fired[S], A], Lookup[Fired[S], B], Lookup[Fired[S], C]],
) -> OnTimer: ...
def on_timer(apply: Callable[..., Effects], lookups: tuple[Lookup[Any, Any], ...] = ()) -> OnTimer:
    """What a fold does when a timer comes due: `apply(fired, *rows)`. Look-ups here must not wait."""
    waiting = [lookup.table.name for lookup in lookups if isinstance(lookup.missing, Wait)]
    if waiting:
        raise ValueError(f"a timer cannot wait for rows of {', '.join(waiting)}: use Drop or GoOn")
    return OnTimer(apply, lookups)


@overload
def join(
    *,
    name: str,
    reads: Topic[Row],
    lookups: tuple[Lookup[Row, A]],
    emits: Callable[[Row, A], Effects],
    writes: tuple[Topic[Any], ...],
) -> Join: ...
@overload
def join(
    *,
    name: str,
    reads: Topic[Row],
    lookups: tuple[Lookup[Row, A], Lookup[Row, B]],
    emits: Callable[[Row, A, B], Effects],
    writes: tuple[Topic[Any], ...],
) -> Join: ...
@overload
def join(
    *,
    name: str,
    reads: Topic[Row],
    lookups: tuple[Lookup[Row, A], Lookup[Row, B], Lookup[Row, C]],
    emits: Callable[[Row, A, B, C], Effects],
    writes: tuple[Topic[Any], ...],
) -> Join: ...
@overload
def join(
    *,
    name: str,
    reads: Topic[Row],
    lookups: tuple[Lookup[Row, A], Lookup[Row, B], Lookup[Row, C], Lookup[Row, D]],
    emits: Callable[[Row, A, B, C, D], Effects],
    writes: tuple[Topic[Any], ...],
) -> Join: ...
def join(
    *,
    name: str,
    reads: Topic[Any],
    lookups: tuple[Lookup[Any, Any], ...],
    emits: Callable[..., Effects],
    writes: tuple[Topic[Any], ...],
) -> Join:
    """A leg with look-ups: `emits(record, *rows)`, one argument per look-up, in order."""
    return Join(name, Input(reads, emits, lookups), writes)


# ---- flows -------------------------------------------------------------------------------------------------------
class NoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A flow without settings."""


@dataclass(frozen=True, slots=True, eq=False)
class Flow(Generic[SettingsT]):
    """One flow. `legs(settings)` builds its legs; `settings` is the type, with a default for every field.

    `needs`: the platforms that must be configured for it to be active.
    """

    id: str
    purpose: str
    needs: tuple[str, ...]
    settings: type[SettingsT]
    legs: Callable[[SettingsT], tuple[Leg, ...]]

    def default_legs(self) -> tuple[Leg, ...]:
        """The legs as built from default settings: for documentation and derived names."""
        return self.legs(self.settings())
