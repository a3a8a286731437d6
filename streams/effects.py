"""What a leg's function may yield: see `streams.flow`, which passes these names on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from gridwire.records import Record

if TYPE_CHECKING:
    import pyarrow as pa

S = TypeVar("S", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Filtered:
    """`count` records end here on purpose. `reason`: a short fixed phrase; it becomes a metric label."""

    reason: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Keep(Generic[S]):
    """The state of this key from now on."""

    state: S


@dataclass(frozen=True, slots=True)
class Forget:
    """The key has no state and no timers any more."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Fire `name` for this key at `due_ms` (epoch milliseconds); replaces a timer of the same name.

    `name` stands in headers of dead letters: never personal data.
    """

    name: str
    due_ms: int


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Do not fire `name` for this key."""

    name: str


@dataclass(frozen=True, slots=True)
class Caused:
    """In columns: `output` follows from `cause` alone, not from the whole batch."""

    cause: Record
    output: Record


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """In Arrow columns: many outputs of one type, each caused by one record of the batch.

    `columns`: the record's own fields by name, equally long (the header is stamped). `key`: their message keys.
    `causes`: the row of the batch that each follows from, none twice; None: row i from row i.
    """

    record: type[Record]
    key: "pa.Array"
    columns: Mapping[str, "pa.Array"]
    causes: "pa.Array | None" = None


Effect = Record | Filtered | Keep[Any] | Forget | SetTimer | CancelTimer | Caused | Outputs
Effects = Iterator[Effect]
