"""Custom events of existing users, in one request for many.

Braze takes the same event twice for two events. An event that ends a journey, though, changes nothing the second time:
its command says so (`repeatable`), and only such events are repeated or share a request.
"""

from collections.abc import Sequence
from typing import Any

from connectors.braze import endpoints, verdicts
from connectors.braze.answers import tracked
from connectors.braze.journeys import journeys
from connectors.braze.settings import BrazeSettings
from connectors.kit.connector import (
    Bulk,
    BulkSteps,
    Done,
    Item,
    Operation,
    Request,
    Safety,
    Steps,
    Written,
    writes_over_nothing,
)
from connectors.kit.reading import ms_iso
from gridwire.records import BrazeCommand, TrackEvent

EVENT_ID = "hub_event_id"


def operations(settings: BrazeSettings) -> tuple[Operation, ...]:
    """Events of one user keep their order: no two of them share a request."""
    bulk = Bulk(
        steps=track_events,
        items_max=settings.track_items_max,
        bytes_max=endpoints.BODY_BYTES_MAX,
        apart=lambda _command, event: event.customer_ref,
    )
    return (Operation("track_event", safety, track_event, bulk, writes=_journey_left),)


def _journey_left(event: TrackEvent) -> Written:
    """Only what ends a journey may be repeated; any other event is a fact, whenever it comes."""
    if not event.repeatable:
        return writes_over_nothing(event)
    return journeys(event.customer_ref, event.properties)


def safety(event: TrackEvent) -> Safety:
    """Braze has no key and no look-up for events."""
    return "natural" if event.repeatable else "unsafe"


def track_event(command: BrazeCommand, event: TrackEvent) -> Steps:
    """One event of one existing user; a user that Braze does not know stays unknown."""
    body = {"events": [event_body(command, event)]}
    yield Request("POST", endpoints.TRACK, json=body, idempotent=event.repeatable)
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
    request = Request("POST", endpoints.TRACK, json=body, expect=frozenset(verdicts.SUCCESS))
    return tracked(request, (yield request), "events", len(items))
