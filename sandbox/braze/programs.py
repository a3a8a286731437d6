"""Campaigns and canvases as they are set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.core.simulator import ControlError

STATUSES = ("active", "paused", "archived", "stopped", "draft")
CHANNELS = ("email", "push", "sms", "in_app_message", "webhook")
STEPS_MAX = 50


@dataclass(frozen=True, slots=True)
class Step:
    """A message of a canvas, `delay_s` after what came before it."""

    name: str = ""
    delay_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "delay_s": self.delay_s}


ONE_STEP = (Step(),)
"""Of a canvas whose steps nobody told: a message at once, and a way that only an exit ends."""


@dataclass(frozen=True, slots=True)
class Program:
    """A campaign or canvas.

    steps: messages of a canvas; without any see ONE_STEP. entry_event: a custom event that lets its user in (an
    action-based canvas). exit_event: a custom event that ends a canvas for its user; with exit_match only where the
    event's property of that name equals the entry's context. reentry: a user may enter while still on the way.
    """

    id: str
    kind: str
    name: str = ""
    status: str = "active"
    channels: tuple[str, ...] = ("email",)
    subscription_group_id: str | None = None
    transactional: bool = False
    steps: tuple[Step, ...] = ()
    entry_event: str | None = None
    exit_event: str | None = None
    exit_match: str | None = None
    reentry: bool = True

    def as_json(self) -> dict[str, Any]:
        shown = {name: getattr(self, name) for name in self.__slots__}
        return shown | {"steps": [step.as_json() for step in self.steps]}

    def exits_by(self, event: str, context: dict[str, Any], properties: dict[str, Any]) -> bool:
        """Whether an event ends a way that was begun with this context."""
        if self.exit_event != event:
            return False
        return self.exit_match is None or context.get(self.exit_match) == properties.get(
            self.exit_match
        )


def parse_program(kind: str, given: dict[str, Any]) -> Program:
    """Raises ControlError naming what is wrong with a seeded campaign or canvas."""
    values = {**given, "channels": tuple(given.get("channels", ("email",)))}
    if "steps" in given:
        values["steps"] = _steps(kind, given)
    try:
        program = Program(kind=kind, **values)
    except TypeError as error:
        known = [name for name in Program.__slots__ if name != "kind"]
        raise ControlError(f"a {kind} has {known}: {error}") from error
    if program.status not in STATUSES:
        raise ControlError(f"{kind} {program.id}: status must be one of {list(STATUSES)}")
    if not set(program.channels) <= set(CHANNELS):
        raise ControlError(f"{kind} {program.id}: channels are of {list(CHANNELS)}")
    return program


def _steps(kind: str, given: dict[str, Any]) -> tuple[Step, ...]:
    listed = given["steps"]
    where = f"{kind} {given.get('id')}"
    if kind != "canvas" or not isinstance(listed, list) or not 1 <= len(listed) <= STEPS_MAX:
        raise ControlError(f"{where}: steps are 1 to {STEPS_MAX} messages of a canvas")
    try:
        steps = tuple(
            Step(str(one.get("name", "")), float(one.get("delay_s", 0))) for one in listed
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise ControlError(f"{where}: a step is {{name?, delay_s?}}: {error}") from error
    if any(not 0 <= step.delay_s < float("inf") for step in steps):
        raise ControlError(f"{where}: delay_s is a number of at least 0")
    return steps
