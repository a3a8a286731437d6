"""What users do and marketers have set up: custom events in the app, ways into canvases, webhook steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sandbox.braze.currents import CurrentsConnector
from sandbox.braze.messaging import Outbox
from sandbox.braze.profiles import Profile, ProfileError, Profiles
from sandbox.braze.settings import Settings
from sandbox.braze.track import Track
from sandbox.core.simulator import ControlError
from sandbox.core.webhooks import WebhookSender

RETRIES_S = (30.0, 90.0, 240.0, 480.0, 960.0)
"""Up to five retries within half an hour, and none of an answer that says the request is wrong."""
RETRIED = frozenset({408, 429, *range(500, 600)})

Body = dict[str, Any]


class Life:
    """Handlers of the triggers `event`, `enter` and `webhook`."""

    def __init__(
        self,
        profiles: Profiles,
        outbox: Outbox,
        track: Track,
        *,
        currents: CurrentsConnector,
        webhooks: WebhookSender,
        settings: Callable[[], Settings],
    ) -> None:
        self._profiles = profiles
        self._outbox = outbox
        self._track = track
        self._currents = currents
        self._webhooks = webhooks
        self._settings = settings

    def event(self, body: Body) -> Body:
        """{external_id, name, properties?}: a custom event, with all that follows; Currents tells of it."""
        profile = self._profile(body)
        name, properties = str(_required(body, "name")), body.get("properties") or {}
        try:
            self._track.happened(
                profile, {"name": name, "time": self._now(), "properties": properties}
            )
        except ProfileError as error:
            raise ControlError(f"event {name}: {error}") from error
        if self._settings().currents is None:
            return {"batches": 0}
        told = {
            "event_type": "users.behaviors.CustomEvent",
            "id": str(uuid4()),
            "time": int(self._outbox.now_s()),
            "user": {"user_id": profile.braze_id, "external_user_id": profile.external_id},
            "properties": {"app_id": "app-1", "name": name, "custom_properties": properties},
        }
        return {"batches": self._currents.post([told]), "event": told}

    def enter(self, body: Body) -> Body:
        """{external_id, canvas_id, context?}: a way begins that nobody asked for by the API."""
        profile = self._profile(body)
        wanted = str(_required(body, "canvas_id"))
        canvas = self._outbox.programs.get(("canvas", wanted))
        if canvas is None:
            raise ControlError(f"no canvas {wanted!r}: seed it first")
        dispatch_id = uuid4().hex
        self._outbox.send(canvas, profile, dict(body.get("context") or {}), dispatch_id)
        return {"dispatch_id": dispatch_id}

    def webhook(self, body: Body) -> Body:
        """{event_type, external_user_id, …}: a webhook step fills its template and posts it, with a dispatch id of its
        own unless one is given.
        """
        target = self._settings().webhook_step
        if target is None:
            raise ControlError("configure webhook_step {url, token?} first")
        _required(body, "event_type")
        _required(body, "external_user_id")
        filled = {
            "dispatch_id": uuid4().hex,
            "campaign_id": "",
            "canvas_id": "",
            "occurred_at": self._now(),
            **body,
        }
        authorization = {"authorization": f"Bearer {target.token}"} if target.token else {}
        self._webhooks.deliver(
            target.url,
            json.dumps(filled).encode(),
            {"content-type": "application/json", **authorization},
            retry_schedule_s=RETRIES_S,
            give_up=lambda status: status not in RETRIED,
            about={"kind": "webhook", "dispatch_id": filled["dispatch_id"]},
        )
        return filled

    def _profile(self, body: Body) -> Profile:
        wanted = str(_required(body, "external_id"))
        profile = self._profiles.by_external_id(wanted)
        if profile is None:
            raise ControlError(f"no user {wanted!r}: seed it first")
        return profile

    def _now(self) -> str:
        at = datetime.fromtimestamp(self._outbox.now_s(), UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _required(body: Body, name: str) -> Any:
    value = body.get(name)
    if not value:
        raise ControlError(f"the trigger needs {name!r}")
    return value
