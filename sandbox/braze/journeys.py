"""Users on their way through canvases: steps, delays between them, and exits.

A user who meets the exit criterion is marked as exited at once. One who waits in a delay step, though, leaves when the
delay is over: what would have followed is not sent.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sandbox.braze.profiles import Profile
from sandbox.braze.programs import ONE_STEP, Program

ENTRIES_KEPT_MAX = 100_000

Deliver = Callable[[Program, Profile, dict[str, Any], str, str], bool]
"""program, profile, context, dispatch id, step name → whether any channel reached the user."""


@dataclass(slots=True)
class Entry:
    """A user's way through a canvas. `position`: the step that comes next, at `due_at`, or never (None).

    `exited_at`: marked as exited; `left_at`: out of it, by its end or by an exit.
    """

    canvas_id: str
    profile: Profile
    context: dict[str, Any]
    dispatch_id: str
    entered_at: float
    position: int = 0
    due_at: float | None = None
    exited_at: float | None = None
    exit_reason: str | None = None
    left_at: float | None = None

    def as_json(self) -> dict[str, Any]:
        names = (name for name in self.__slots__ if name != "profile")
        return {
            "braze_id": self.profile.braze_id,
            "external_id": self.profile.external_id,
            **{name: getattr(self, name) for name in names},
        }


@dataclass(slots=True)
class Journeys:
    """All entries. `program(id)`: the canvas as it is now; None where it is gone."""

    now_s: Callable[[], float]
    program: Callable[[str], Program | None]
    deliver: Deliver
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=ENTRIES_KEPT_MAX))
    _due: list[tuple[float, int, Entry]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    def clear(self) -> None:
        self.entries.clear()
        self._due.clear()

    def is_in(self, canvas_id: str, profile: Profile) -> bool:
        """Whether the user is still on the way through this canvas."""
        return any(
            entry.canvas_id == canvas_id and entry.profile is profile and entry.left_at is None
            for entry in self.entries
        )

    def enter(
        self, canvas: Program, profile: Profile, context: dict[str, Any], dispatch_id: str
    ) -> bool:
        """The way begins; answers whether a message of a first step without delay was received."""
        now_s = self.now_s()
        entry = Entry(canvas.id, profile, context, dispatch_id, now_s)
        self.entries.append(entry)
        self._wait(entry, canvas, now_s)
        return self._go_on(entry, now_s)

    def run_due(self) -> None:
        """Take the steps that have come due; called before anybody calls or looks."""
        now_s = self.now_s()
        while self._due and self._due[0][0] <= now_s:
            _, _, entry = heapq.heappop(self._due)
            self._go_on(entry, now_s)

    def exit(self, profile: Profile, event: dict[str, Any]) -> None:
        """Marks those ways of a user as exited whose exit event this is."""
        properties = event.get("properties") or {}
        for entry in self.entries:
            over = entry.exited_at is not None or entry.left_at is not None
            if over or entry.profile is not profile:
                continue
            canvas = self.program(entry.canvas_id)
            if canvas is not None and canvas.exits_by(event["name"], entry.context, properties):
                entry.exited_at, entry.exit_reason = self.now_s(), event["name"]
                entry.left_at = None if entry.due_at is not None else entry.exited_at

    # ---- steps -----------------------------------------------------------------------------------
    def _wait(self, entry: Entry, canvas: Program, from_s: float) -> None:
        """For the next step, or the end of the way."""
        steps = canvas.steps or ONE_STEP
        if entry.position >= len(steps):
            entry.due_at = None
            entry.left_at = from_s if canvas.steps else None
            return
        entry.due_at = from_s + steps[entry.position].delay_s
        heapq.heappush(self._due, (entry.due_at, next(self._numbers), entry))

    def _go_on(self, entry: Entry, now_s: float) -> bool:
        """Whatever is due by now, one step after another."""
        received = False
        while entry.due_at is not None and entry.due_at <= now_s:
            at_s = entry.due_at
            canvas = self.program(entry.canvas_id)
            steps = (canvas.steps or ONE_STEP) if canvas is not None else ()
            if entry.exited_at is not None or canvas is None or entry.position >= len(steps):
                entry.due_at, entry.left_at = None, at_s
                break
            step = steps[entry.position]
            sent = self.deliver(canvas, entry.profile, entry.context, entry.dispatch_id, step.name)
            received = sent or received
            entry.position += 1
            self._wait(entry, canvas, at_s)
        return received
