"""What a simulated platform is, and the world that it lives in.

Each package `sandbox.<platform>` exports `create(world: World) -> Simulator`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.routing import BaseRoute

from sandbox.core.calls import CallLog
from sandbox.core.clock import Clock
from sandbox.core.faults import FaultPlan
from sandbox.core.webhooks import WebhookSender

JsonObject = dict[str, Any]


class ControlError(Exception):
    """A control request that cannot be done; `status` is the HTTP status of the answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class World:
    """One platform's surroundings; the clock is shared by all platforms, the rest is its own."""

    clock: Clock
    webhooks: WebhookSender
    faults: FaultPlan
    calls: CallLog

    def now_s(self) -> float:
        """Seconds since the epoch, moved by the offset of POST /_sandbox/clock."""
        return self.clock.now_s()


class Simulator(Protocol):
    """A stateful platform. Every method but `routes` serves the control API."""

    name: str
    """The URL prefix without slash: braze, trading-grid, bigcommerce."""

    def routes(self) -> Sequence[BaseRoute]:
        """Starlette routes with paths relative to the prefix (`/users/track`)."""

    def seed(self, data: JsonObject) -> JsonObject:
        """Merge seed data into the state; answers counts. Raises ControlError."""

    def state(self) -> JsonObject:
        """The whole state as JSON, one key per collection."""

    def trigger(self, event: str, body: JsonObject) -> JsonObject:
        """Make a business event happen (webhooks are queued). Raises ControlError."""

    def configure(self, settings: JsonObject) -> JsonObject:
        """Change destinations, secrets, limits; answers what now holds. Raises ControlError."""

    def reset(self) -> None:
        """Back to the state right after `create`, configuration included."""
