"""Custom attributes of existing users, in one request for many."""

from collections.abc import Sequence
from typing import Any

from connectors.braze import endpoints, verdicts
from connectors.braze.answers import tracked
from connectors.braze.settings import BrazeSettings
from connectors.kit.connector import Bulk, BulkSteps, Done, Item, Operation, Request, Steps, Written
from gridwire.records import BrazeCommand, SetAttributes


def operations(settings: BrazeSettings) -> tuple[Operation, ...]:
    """Setting a value twice is setting it once. Values of one user keep their order: no two share a request."""
    bulk = Bulk(
        steps=set_attributes_of_many,
        items_max=settings.track_items_max,
        bytes_max=endpoints.BODY_BYTES_MAX,
        apart=lambda _command, change: change.customer_ref,
        parallel_max=settings.concurrency,
    )
    return (Operation("set_attributes", "natural", set_attributes, bulk, writes=_attributes_set),)


def _attributes_set(change: SetAttributes) -> Written:
    return frozenset(("attribute", change.customer_ref, name) for name in change.attributes)


def set_attributes(_command: BrazeCommand, change: SetAttributes) -> Steps:
    """Custom attributes of one existing user; a user that Braze does not know stays unknown."""
    yield Request(method="POST", path=endpoints.TRACK, json=attributes_body(change))
    return Done()


def set_attributes_of_many(items: Sequence[Item]) -> BulkSteps:
    """Custom attributes of several users. Raises OperationError where Braze does not say whose it refused."""
    request = Request(
        method="POST",
        path=endpoints.TRACK,
        json=attributes_body(*(item.body for item in items)),
        expect=frozenset(verdicts.SUCCESS),
    )
    response = yield request
    return tracked(request, response, "attributes", len(items))


def attributes_body(*changes: SetAttributes) -> dict[str, Any]:
    """/users/track for existing users."""
    return {"attributes": [_attributes(change) for change in changes]}


def _attributes(change: SetAttributes) -> dict[str, Any]:
    own = {"external_id": change.customer_ref, "_update_existing_only": True}
    return {**change.attributes, **own}
