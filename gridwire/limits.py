"""Bounds on what goes wrong with records one after another: a bad deployment must not drain a topic into dead letters.

Pure: whoever counts decides what stops, and says so.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class Window:
    """The latest additions that hold at least `records_min` records together."""

    records_min: int
    records: int = 0
    dead: int = 0
    _additions: deque[tuple[int, int]] = field(default_factory=deque)

    def add(self, records: int, dead: int) -> None:
        """Records, and how many of them died. Deaths without a record of their own count with those before them."""
        if not records and self._additions:
            before, died = self._additions.pop()
            self._additions.append((before, died + dead))
        else:
            self._additions.append((records, dead))
        self.records += records
        self.dead += dead
        while self.records - self._additions[0][0] >= self.records_min:
            gone, died = self._additions.popleft()
            self.records -= gone
            self.dead -= died

    @property
    def full(self) -> bool:
        return self.records >= self.records_min


@dataclass(frozen=True, slots=True)
class Limits:
    """`in_a_row_max` deaths without a success between, or a share above `ratio_max` of the latest `ratio_records`.

    `ratio_max` of 1 or more: only the run counts. Fewer than `ratio_records` records are not judged by their share.
    """

    in_a_row_max: int
    ratio_max: float
    ratio_records: int


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that was reached: which, and in numbers, e.g. `12 dead letters in a row` (`what` names what died)."""

    limit: Literal["in_a_row_max", "ratio_max"]
    dead: int
    records: int

    def text(self, what: str) -> str:
        if self.limit == "in_a_row_max":
            return f"{self.dead} {what} in a row"
        return f"{self.dead} {what} among its last {self.records} records"


class Watch:
    """Counts one kind of records against its limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._in_a_row = 0
        self._window = Window(limits.ratio_records)

    def add(self, records: int, dead: int, *, well: bool) -> Excess | None:
        """Records of which `dead` died; `well`: at least one did not, which ends a run (its deaths came last).

        Returns the limit that is reached; deaths alone reach one.
        """
        limits = self._limits
        if well:
            self._in_a_row = 0
        self._window.add(records, dead)
        if not dead:
            return None
        self._in_a_row += dead
        if self._in_a_row >= limits.in_a_row_max:
            return Excess("in_a_row_max", self._in_a_row, self._in_a_row)
        window = self._window
        if limits.ratio_max < 1 and window.full and window.dead > limits.ratio_max * window.records:
            return Excess("ratio_max", window.dead, window.records)
        return None
