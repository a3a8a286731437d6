"""Entries into API-triggered Canvases, one existing user each; never a broadcast."""

from typing import Any

from connectors.braze import endpoints
from connectors.braze.answers import field
from connectors.braze.journeys import journeys
from connectors.braze.settings import BrazeSettings
from connectors.kit.connector import Done, Operation, Request, Steps, Written
from gridwire.records import BrazeCommand, TriggerCanvas


def operations(settings: BrazeSettings) -> tuple[Operation, ...]:
    """Braze deduplicates no entries: an entry whose outcome is not known is not repeated unless configured so."""

    def enter(_command: BrazeCommand, entry: TriggerCanvas) -> Steps:
        response = yield Request(
            method="POST",
            path=endpoints.CANVAS_TRIGGER,
            json=entry_body(entry, settings.canvas_context),
            idempotent=False,
        )
        return Done(object_id=field(response, "dispatch_id"))

    return (Operation("trigger_canvas", "unsafe", enter, writes=_journey_entered),)


def _journey_entered(entry: TriggerCanvas) -> Written:
    return journeys(entry.customer_ref, entry.context)


def entry_body(entry: TriggerCanvas, context_key: str) -> dict[str, Any]:
    """/canvas/trigger/send for one existing user; attributes are applied before the entry."""
    recipient: dict[str, Any] = {
        "external_user_id": entry.customer_ref,
        "send_to_existing_only": True,
        context_key: dict(entry.context),
    }
    if entry.attributes:
        recipient["attributes"] = dict(entry.attributes)
    return {"canvas_id": entry.canvas_id, "recipients": [recipient]}
