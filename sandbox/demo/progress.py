"""How the demo speaks while it runs: one refreshed table on a terminal, plain lines elsewhere."""

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TextIO

State = Literal["waiting", "playing", "checking", "done", "failed"]
MARKS: dict[State, str] = {
    "waiting": "·",
    "playing": "▸",
    "checking": "…",
    "done": "✓",
    "failed": "✗",
}
ROOM_LINES = 3  # of a terminal, beside the rows: the head of the table and what follows
LINE_EVERY_S = 5.0
UP_AND_CLEAR = "\x1b[{lines}F\x1b[J"


@dataclass(frozen=True, slots=True)
class Row:
    """One story as it stands."""

    name: str
    state: State
    unmet: tuple[str, ...]
    came_in: int
    emitted: int
    delivered: int


class Progress:
    """Says what goes on."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._live = self._out.isatty()
        self._began = time.monotonic()
        self._drawn = 0
        self._said: dict[str, State] = {}
        self._line_at = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        """A line that stays."""
        self._erase()
        print(f"[{self.seconds:5.1f} s] {text}", file=self._out, flush=True)

    def show(self, rows: Sequence[Row]) -> None:
        """The stories as they stand; on a terminal in the place of the last time."""
        if self._live:
            self._erase()
            lines = table(rows, *shutil.get_terminal_size())
            print("\n".join(lines), file=self._out, flush=True)
            self._drawn = len(lines)
            return
        for row in rows:
            if self._said.get(row.name) != row.state:
                self._said[row.name] = row.state
                self.say(f"{MARKS[row.state]} {row.name}: {row.state}")
        if time.monotonic() - self._line_at >= LINE_EVERY_S:
            self._line_at = time.monotonic()
            self._waiting_for(rows)

    def _waiting_for(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if row.unmet and row.state == "checking":
                more = f" (and {len(row.unmet) - 1} more)" if len(row.unmet) > 1 else ""
                self.say(f"  {row.name} waits for: {row.unmet[0]}{more}")

    def _erase(self) -> None:
        if self._drawn:
            print(UP_AND_CLEAR.format(lines=self._drawn), end="", file=self._out)
            self._drawn = 0


def table(rows: Sequence[Row], columns: int, height: int) -> list[str]:
    """The lines of the live table, cut to a terminal: where not all fit, those that are not done."""
    shown = list(rows)
    if len(shown) + ROOM_LINES > height:
        shown = [row for row in rows if row.state != "done"][: max(1, height - ROOM_LINES - 1)]
    width = max((len(row.name) for row in shown), default=0)
    lines = [f"  {'':{width}}  {'in':>7} {'emitted':>8} {'delivered':>9}"]
    for row in shown:
        figures = f"{row.came_in:>7} {row.emitted:>8} {row.delivered:>9}"
        unmet = f"  {row.unmet[0]}" if row.unmet else ""
        lines.append(f"{MARKS[row.state]} {row.name:{width}}  {figures}{unmet}")
    if len(shown) < len(rows):
        done = sum(row.state == "done" for row in rows)
        lines.append(f"{MARKS['done']} {done} of {len(rows)} are done")
    return [line[: columns - 1] for line in lines]
