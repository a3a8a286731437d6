"""Campaigns and canvases, and who received what of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.braze.profiles import SUBSCRIBED, Profile
from sandbox.core.simulator import ControlError

MESSAGES_KEPT_MAX = 100_000
ENTRIES_KEPT_MAX = 100_000
STATUSES = ("active", "paused", "archived", "stopped", "draft")
CHANNELS = ("email", "push", "sms", "in_app_message", "webhook")


@dataclass(frozen=True, slots=True)
class Program:
    """A campaign or canvas.

    exit_event: a custom event that ends a canvas for its user; with exit_match only where the
    event's property of that name equals the entry's context.
    """

    id: str
    kind: str
    name: str = ""
    status: str = "active"
    channels: tuple[str, ...] = ("email",)
    subscription_group_id: str | None = None
    transactional: bool = False
    exit_event: str | None = None
    exit_match: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Entry:
    """A user's way through a canvas."""

    canvas_id: str
    braze_id: str
    external_id: str | None
    context: dict[str, Any]
    dispatch_id: str
    entered_at: float
    exited_at: float | None = None
    exit_reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def parse_program(kind: str, given: dict[str, Any]) -> Program:
    """Raises ControlError naming what is wrong with a seeded campaign or canvas."""
    values = {**given, "channels": tuple(given.get("channels", ("email",)))}
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


@dataclass(slots=True)
class Outbox:
    """Programs, and what came of them: messages received, messages withheld, canvas entries."""

    now_s: Callable[[], float]
    programs: dict[tuple[str, str], Program] = field(default_factory=dict)
    received: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MESSAGES_KEPT_MAX))
    withheld: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MESSAGES_KEPT_MAX))
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=ENTRIES_KEPT_MAX))

    def clear(self) -> None:
        self.programs.clear()
        self.received.clear()
        self.withheld.clear()
        self.entries.clear()

    def send(
        self, program: Program, profile: Profile, properties: dict[str, Any], dispatch_id: str
    ) -> bool:
        """One message per channel that the user allows; answers whether any was received."""
        if program.kind == "canvas":
            self._enter(program, profile, properties, dispatch_id)
        outcomes = [
            self._send_by(channel, program, profile, properties, dispatch_id)
            for channel in program.channels
        ]
        return any(outcomes)

    def _enter(
        self, program: Program, profile: Profile, context: dict[str, Any], dispatch_id: str
    ) -> None:
        self.entries.append(
            Entry(
                program.id,
                profile.braze_id,
                profile.external_id,
                context,
                dispatch_id,
                self.now_s(),
            )
        )

    def _send_by(
        self,
        channel: str,
        program: Program,
        profile: Profile,
        properties: dict[str, Any],
        dispatch_id: str,
    ) -> bool:
        reason = profile.unreachable(channel)
        group = program.subscription_group_id
        if reason is None and group is not None:
            state = profile.subscription_groups.get(group, "unsubscribed")
            reason = None if state in SUBSCRIBED else "not_in_subscription_group"
        message = {
            "at": self.now_s(),
            "external_id": profile.external_id,
            "braze_id": profile.braze_id,
            "channel": channel,
            f"{program.kind}_id": program.id,
            "name": program.name,
            "dispatch_id": dispatch_id,
            "context" if program.kind == "canvas" else "trigger_properties": properties,
            "attributes": dict(profile.attributes),
        }
        if reason is None:
            self.received.append(message)
        else:
            self.withheld.append({**message, "reason": reason})
        return reason is None

    def withhold_unknown(self, program: Program, identity: dict[str, Any], dispatch: str) -> None:
        """Nobody there: recorded, so that a test can tell it from a lost call."""
        self.withheld.append(
            {
                "at": self.now_s(),
                "identity": identity,
                f"{program.kind}_id": program.id,
                "dispatch_id": dispatch,
                "reason": "unknown_user",
            }
        )

    def event_seen(self, profile: Profile, event: dict[str, Any]) -> None:
        """Ends the canvases whose exit event this is."""
        exits = {program.exit_event for program in self.programs.values()}
        if event["name"] not in exits:
            return
        properties = event.get("properties") or {}
        for entry in self.entries:
            if entry.braze_id != profile.braze_id or entry.exited_at is not None:
                continue
            canvas = self.programs.get(("canvas", entry.canvas_id))
            if canvas is None or canvas.exit_event != event["name"]:
                continue
            match = canvas.exit_match
            if match is None or entry.context.get(match) == properties.get(match):
                entry.exited_at = self.now_s()
                entry.exit_reason = event["name"]
