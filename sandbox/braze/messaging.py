"""Who received what of campaigns and canvases, and who did not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from sandbox.braze.journeys import Entry, Journeys
from sandbox.braze.profiles import SUBSCRIBED, Profile
from sandbox.braze.programs import Program

MESSAGES_KEPT_MAX = 100_000


@dataclass(slots=True)
class Outbox:
    """Programs, and what came of them: messages received, messages withheld, ways through canvases."""

    now_s: Callable[[], float]
    programs: dict[tuple[str, str], Program] = field(default_factory=dict)
    received: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MESSAGES_KEPT_MAX))
    withheld: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MESSAGES_KEPT_MAX))
    journeys: Journeys = field(init=False)

    def __post_init__(self) -> None:
        self.journeys = Journeys(self.now_s, self._canvas, self._deliver)

    def _canvas(self, canvas_id: str) -> Program | None:
        return self.programs.get(("canvas", canvas_id))

    @property
    def entries(self) -> deque[Entry]:
        return self.journeys.entries

    def clear(self) -> None:
        self.programs.clear()
        self.received.clear()
        self.withheld.clear()
        self.journeys.clear()

    def send(
        self, program: Program, profile: Profile, properties: dict[str, Any], dispatch_id: str
    ) -> bool:
        """A campaign's message, or the entry into a canvas; answers whether any was received by now."""
        if program.kind == "campaign":
            return self._deliver(program, profile, properties, dispatch_id, "")
        if not program.reentry and self.journeys.is_in(program.id, profile):
            self._withhold(program, profile, dispatch_id, "already_in_canvas")
            return False
        return self.journeys.enter(program, profile, properties, dispatch_id)

    def _deliver(
        self,
        program: Program,
        profile: Profile,
        properties: dict[str, Any],
        dispatch_id: str,
        step: str,
    ) -> bool:
        """One message per channel that the user allows. A program that does not run sends nothing."""
        if program.status != "active":
            self._withhold(program, profile, dispatch_id, f"{program.kind}_{program.status}")
            return False
        message = {
            "at": self.now_s(),
            "external_id": profile.external_id,
            "braze_id": profile.braze_id,
            f"{program.kind}_id": program.id,
            "name": program.name,
            "step": step,
            "dispatch_id": dispatch_id,
            "context" if program.kind == "canvas" else "trigger_properties": properties,
            "attributes": dict(profile.attributes),
        }
        outcomes = [
            self._send_by(channel, program, profile, message) for channel in program.channels
        ]
        return any(outcomes)

    def _send_by(
        self, channel: str, program: Program, profile: Profile, message: dict[str, Any]
    ) -> bool:
        reason = profile.unreachable(channel)
        group = program.subscription_group_id
        if reason is None and group is not None:
            state = profile.subscription_groups.get(group, "unsubscribed")
            reason = None if state in SUBSCRIBED else "not_in_subscription_group"
        sent = {**message, "channel": channel}
        if reason is None:
            self.received.append(sent)
        else:
            self.withheld.append({**sent, "reason": reason})
        return reason is None

    def _withhold(self, program: Program, profile: Profile, dispatch_id: str, reason: str) -> None:
        self.withheld.append(
            {
                "at": self.now_s(),
                "external_id": profile.external_id,
                f"{program.kind}_id": program.id,
                "dispatch_id": dispatch_id,
                "reason": reason,
            }
        )

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
        """Ends the canvases whose exit event this is, then enters those whose entry event it is."""
        programs = tuple(self.programs.values())
        if any(program.exit_event == event["name"] for program in programs):
            self.journeys.exit(profile, event)
        for program in programs:
            running = program.kind == "canvas" and program.status == "active"
            if running and program.entry_event == event["name"]:
                self.send(program, profile, dict(event.get("properties") or {}), uuid4().hex)
