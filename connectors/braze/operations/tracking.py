"""Custom events of existing users, in one request for many.

Braze takes the same event twice for two events. An event that ends a journey, though, changes nothing the second time:
its command says so (`repeatable`), and only such events are repeated or share a request.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.braze import verdicts
from connectors.braze.settings import BrazeSettings
from connectors.kit.connector import (
    Bulk,
    BulkSteps,
    Done,
    Item,
    ItemResult,
    Operation,
    OperationError,
    Rejected,
    Request,
    Response,
    Safety,
    Steps,
)
from connectors.kit.reading import ms_iso, vendor_text
from gridwire.records import BrazeCommand, TrackEvent

SUCCESS = frozenset(range(200, 300))
EVENT_ID = "hub_event_id"


def operations(settings: BrazeSettings) -> tuple[Operation, ...]:
    """Events of one user keep their order: no two of them share a request."""
    bulk = Bulk(
        steps=track_events,
        items_max=settings.track_objects_max,
        apart=lambda _command, event: event.customer_ref,
    )
    return (Operation("track_event", safety, track_event, bulk),)


def safety(event: TrackEvent) -> Safety:
    """Braze has no key and no look-up for events."""
    return "natural" if event.repeatable else "unsafe"


def track_event(command: BrazeCommand, event: TrackEvent) -> Steps:
    """One event of one existing user; a user that Braze does not know stays unknown."""
    body = {"events": [event_body(command, event)]}
    yield Request("POST", verdicts.TRACK, json=body, idempotent=event.repeatable)
    return Done()


def event_body(command: BrazeCommand, event: TrackEvent) -> dict[str, Any]:
    """One of `events`; `hub_event_id` tells the same event from another of its name."""
    return {
        "external_id": event.customer_ref,
        "name": event.name,
        "time": ms_iso(event.time),
        "properties": {**event.properties, EVENT_ID: command.event_id},
        "_update_existing_only": True,
    }


def track_events(items: Sequence[Item]) -> BulkSteps:
    """Events of several users in one request, with a result for each."""
    body = {"events": [event_body(item.command, item.body) for item in items]}
    request = Request("POST", verdicts.TRACK, json=body, expect=SUCCESS)
    return results(request, (yield request), "events", len(items))


def results(request: Request, response: Response, array: str, count: int) -> list[ItemResult]:
    """What an answer says of each item of `array`: what its errors do not list has been processed.

    Raises OperationError for an error that names no item: then the batch is narrowed down.
    """
    body = response.json()
    errors = body.get("errors") if isinstance(body, Mapping) else None
    found: list[ItemResult] = [Done()] * count
    for error in errors if isinstance(errors, list) else [errors] if errors else []:
        said = " ".join(map(str, error.values())) if isinstance(error, Mapping) else error
        why = Rejected(f"braze refused the item: {vendor_text(said, request)}")
        place = _place(error, array, count)
        if place is None:
            raise OperationError(why)
        found[place] = why
    return found


def _place(error: Any, array: str, count: int) -> int | None:
    """Which item an error is about; None where it does not say."""
    if not isinstance(error, Mapping) or error.get("input_array") != array:
        return None
    index = error.get("index")
    return index if isinstance(index, int) and 0 <= index < count else None
