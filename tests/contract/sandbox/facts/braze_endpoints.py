"""What Braze's contract promises of each endpoint (§5)."""

from __future__ import annotations

from typing import Any

from tests.contract.sandbox.facts.braze_world import (
    EVENT,
    ITEMS,
    LATER,
    PURCHASE,
    RECEIPT,
    SEND,
    TO_ANN,
    TRACK,
    TWICE,
)
from tests.contract.sandbox.facts.fact import (
    ABSENT,
    Ask,
    Fact,
    has,
    text,
)


def refused(item: Any, error: str, says: str, status: int = 400, path: str = ITEMS) -> Fact:
    """A catalogue's refusal: `errors` with ids, under one message."""
    return Fact(
        "5.7",
        says,
        Ask("PUT", path, item),
        status,
        fields={
            "message": "Invalid Request",
            "errors.0.id": error,
            "errors.0": has("id", "message", "parameters", "parameter_values"),
        },
    )


ENDPOINTS = (
    Fact(
        "5.1",
        "track counts what it processed",
        Ask(
            "POST",
            TRACK,
            {
                "attributes": [{"external_id": "ann", "tier": "gold"}],
                "events": [EVENT],
                "purchases": [PURCHASE],
            },
        ),
        201,
        fields={"attributes_processed": 1, "events_processed": 1, "purchases_processed": 1},
    ),
    Fact(
        "5.2",
        "a triggered campaign has one dispatch id",
        Ask("POST", SEND, {"campaign_id": "case", "recipients": TO_ANN}),
        201,
        fields={"dispatch_id": text, "message": "success", "notice": ABSENT},
    ),
    Fact(
        "5.2",
        "a broadcast has no recipients",
        Ask("POST", SEND, {"campaign_id": "case", "broadcast": True, "recipients": TO_ANN}),
        400,
    ),
    Fact(
        "5.2",
        "a recipient is named in exactly one way",
        Ask(
            "POST",
            SEND,
            {
                "campaign_id": "case",
                "recipients": [{"external_user_id": "ann", "email": "ann@example.com"}],
            },
        ),
        400,
    ),
    Fact(
        "5.3",
        "a canvas is entered with a context",
        Ask(
            "POST",
            "/canvas/trigger/send",
            {"canvas_id": "apology", "context": {"order": "1"}, "recipients": TO_ANN},
        ),
        201,
        fields={"dispatch_id": text, "message": "success"},
    ),
    Fact(
        "5.5",
        "a schedule has an id",
        Ask(
            "POST",
            "/campaigns/trigger/schedule/create",
            {"campaign_id": "case", "recipients": TO_ANN, "schedule": {"time": LATER}},
        ),
        201,
        fields={"dispatch_id": text, "schedule_id": text, "message": "success"},
    ),
    Fact(
        "5.6",
        "a transactional send answers its state",
        Ask("POST", RECEIPT, TWICE),
        201,
        fields={"dispatch_id": text, "status": text, "metadata.external_send_id": "case-1/open/1"},
    ),
)
CATALOGUES = (
    Fact(
        "5.7",
        "items in bulk are accepted",
        Ask("PATCH", ITEMS, {"items": [{"id": "LAMP", "stock": 3}]}),
        202,
        fields={"message": "success"},
    ),
    refused(
        {"items": [{"id": "A"}]},
        "catalog-not-found",
        "an unknown catalogue",
        404,
        "/catalogs/no/items",
    ),
    refused({"items": [{"stock": 1}]}, "items-missing-ids", "an item without an id"),
    refused({"items": [{"id": "A"}, {"id": "A"}]}, "ids-not-unique", "an id that stands twice"),
    refused({"items": [{"id": "a b"}]}, "invalid-ids", "an id with a blank"),
    refused({"items": [{"id": 5}]}, "ids-not-strings", "an id that is no text"),
    refused({"items": [{"id": "x" * 251}]}, "ids-too-large", "an id of more than 250 characters"),
    refused(
        {"items": [{"id": f"A{n}"} for n in range(51)]},
        "request-includes-too-many-items",
        "more than 50 items",
    ),
    refused({"items": [{"id": "A", "colour": "red"}]}, "invalid-fields", "a field that is unknown"),
    refused({"items": [{"id": "A", "stock": "x"}]}, "unable-to-coerce-value", "text for a number"),
)
READS = (
    Fact(
        "5.8",
        "an export has users and the ids that are none",
        Ask(
            "POST",
            "/users/export/ids",
            {"external_ids": ["ann", "nobody"], "fields_to_export": ["external_id", "email"]},
        ),
        201,
        fields={"message": "success", "users.0.external_id": "ann", "invalid_user_ids": ["nobody"]},
    ),
    Fact(
        "5.8",
        "an export is of 50 ids at most",
        Ask("POST", "/users/export/ids", {"external_ids": [f"u{n}" for n in range(51)]}),
        400,
    ),
    Fact(
        "5.9",
        "the state of a subscription by id",
        Ask("GET", "/subscription/status/get?subscription_group_id=sms&external_id[]=ann"),
        200,
        fields={"status.ann": "Subscribed", "message": "success"},
    ),
    Fact(
        "5.9",
        "a user of no subscription is unknown",
        Ask("GET", "/subscription/status/get?subscription_group_id=sms&external_id[]=bob"),
        200,
        fields={"status.bob": "unknown"},
    ),
    Fact(
        "5.9",
        "all subscriptions of a user",
        Ask("GET", "/subscription/user/status?external_id=ann"),
        200,
        fields={"users.0.external_id": "ann", "users.0.subscription_groups.0.id": "sms"},
    ),
    Fact(
        "5.9",
        "an address is unsubscribed",
        Ask(
            "POST",
            "/email/status",
            {"email": "ann@example.com", "subscription_state": "unsubscribed"},
        ),
        201,
        fields={"message": "success"},
    ),
)
