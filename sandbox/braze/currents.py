"""Currents: events posted in batches to the configured endpoint, with a bearer token."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.braze.settings import Settings
from sandbox.core.simulator import ControlError
from sandbox.core.webhooks import Delivery, WebhookSender

BATCH_MAX = 100
RETRY_SCHEDULE_S = (10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, *([14_400.0] * 29))
"""The pace is ours; its length, five days until the connector is disabled, is the vendor's."""

Event = dict[str, Any]


def batches(events: list[Event], size: int) -> Iterator[list[Event]]:
    for start in range(0, len(events), size):
        yield events[start : start + size]


class CurrentsConnector:
    """Any answer but 2xx is retried; when the retries are spent the connector is disabled."""

    def __init__(self, webhooks: WebhookSender, settings: Callable[[], Settings]) -> None:
        self._webhooks = webhooks
        self._settings = settings
        self.disabled = False
        self.dropped_events = 0
        self.posted_events = 0

    def clear(self) -> None:
        self.disabled = False
        self.dropped_events = 0
        self.posted_events = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "disabled": self.disabled,
            "dropped_events": self.dropped_events,
            "posted_events": self.posted_events,
        }

    def post(self, events: list[Event]) -> int:
        """Queue the events in batches; answers how many batches. Raises ControlError."""
        currents = self._settings().currents
        if currents is None:
            raise ControlError("configure currents {url, token?} first")
        if self.disabled:
            self.dropped_events += len(events)
            return 0
        size = min(BATCH_MAX, max(1, currents.batch_max))
        authorization = {"authorization": f"Bearer {currents.token}"} if currents.token else {}
        count = 0
        for batch in batches(events, size):
            self._webhooks.deliver(
                currents.url,
                json.dumps({"events": batch}, separators=(",", ":")).encode(),
                {"content-type": "application/json", **authorization},
                retry_schedule_s=RETRY_SCHEDULE_S,
                on_finish=self._finished,
                about={"kind": "currents", "events": len(batch)},
            )
            count += 1
        self.posted_events += len(events)
        return count

    def _finished(self, delivery: Delivery) -> None:
        if delivery.state == "exhausted":
            self.disabled = True
            self.dropped_events += delivery.about["events"]
