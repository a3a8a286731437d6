"""Where the committed rows of a partition live: in memory here, on disk in `streams.runtime.disk_home`.

Both hold the same thing: encoded rows by key, per store, and nothing that is not committed. They have an owner, the
round loop: in one thread at a time, whichever it is (see ARCHITECTURE.md, "Threads"). Others only look.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

DECODED_MAX = 50_000  # rows that stay decoded per store; beyond it that cache starts anew

Due = tuple[int, str, str]  # due (epoch ms), key, timer name


class StateError(Exception):
    """State cannot be read or written where it lives. The process must end; the text names the fix.

    No record is at fault: whoever catches what a flow raises lets this one through.
    """


class Rows(Protocol):
    """Committed rows of one store in one partition. Every method may raise StateError."""

    decoded_max: int  # how many rows may be kept decoded beside it

    def __len__(self) -> int:
        """Others may ask as well, once the state is restored; beside a commit they are told the number before it."""

    def get(self, key: str) -> bytes | None:
        """The row, or None."""

    def peek(self, key: str) -> bytes | None:
        """The same for others than the owner, at any time: also beside a commit, or when it is closed just then.

        A StateError of theirs says nothing about the state.
        """

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Takes rows over; None deletes."""

    def restore(self, changes: Mapping[str, bytes | None]) -> None:
        """The same with what a changelog says."""

    def items(self) -> Iterator[tuple[str, bytes]]:
        """All rows, in no particular order. Nothing may be written meanwhile."""

    def walk(self) -> Iterator[str]:
        """All keys; rows may be written meanwhile, and a key may be gone when it comes up."""


class DueIndex(Protocol):
    """Due times in order, where the rows are too many for a heap in memory."""

    def write(self, added: Sequence[Due], removed: Sequence[Due]) -> None: ...

    def page(self, after: Due | None, at_most: int) -> list[Due]:
        """The earliest entries behind `after`."""


class Home(Protocol):
    """All stores of one partition."""

    def rows(self, store: str) -> Rows: ...

    def dues(self, store: str) -> DueIndex | None:
        """None: all due times of the store fit into memory."""


class MemoryRows:
    """Rows in a dict."""

    decoded_max = DECODED_MAX

    def __init__(self) -> None:
        self._rows: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: str) -> bytes | None:
        return self._rows.get(key)

    peek = get

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        rows = self._rows
        for key, value in changes.items():
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value

    restore = write

    def items(self) -> Iterator[tuple[str, bytes]]:
        return iter(self._rows.items())

    def walk(self) -> Iterator[str]:
        return iter(list(self._rows))


class MemoryHome:
    """Everything in memory."""

    def __init__(self) -> None:
        self._stores: dict[str, MemoryRows] = {}

    def rows(self, store: str) -> MemoryRows:
        return self._stores.setdefault(store, MemoryRows())

    def dues(self, store: str) -> None:  # noqa: ARG002 -- as Home asks
        return None
