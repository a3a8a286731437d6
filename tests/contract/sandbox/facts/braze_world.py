"""What the simulated Braze is seeded with for the facts, and what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from tests.contract.sandbox.facts.fact import (
    Ask,
)

KEY = "braze-rest-key"
NOW = "2026-01-01T10:00:00Z"
SEED: Mapping[str, Any] = {
    "users": [
        {
            "external_id": "ann",
            "attributes": {"email": "ann@example.com"},
            "subscription_groups": {"sms": "subscribed"},
        },
        {"external_id": "bob", "attributes": {"email": "bob@example.com"}},
    ],
    "campaigns": [
        {"id": "case"},
        {"id": "paused", "status": "paused"},
        {"id": "receipt", "transactional": True},
    ],
    "canvases": [{"id": "apology"}, {"id": "stopped", "status": "stopped"}],
    "subscription_groups": [{"id": "sms", "name": "Texts"}],
    "catalogs": [
        {
            "name": "products",
            "fields": [{"name": "stock", "type": "number"}],
            "items": [{"id": "LAMP", "stock": 0}],
        }
    ],
}
TRACK, SEND, ITEMS = "/users/track", "/campaigns/trigger/send", "/catalogs/products/items"
TO_ANN = [{"external_user_id": "ann"}]
EVENT = {"external_id": "ann", "name": "seen", "time": NOW}
PURCHASE = EVENT | {"product_id": "LAMP", "currency": "EUR", "price": 12.5}
SEEN = Ask("POST", TRACK, {"events": [EVENT]})
LATER = "2036-01-01T10:00:00Z"
TWICE = {"external_send_id": "case-1/open/1", "recipient": {"external_user_id": "ann"}}
RECEIPT = "/transactional/v1/campaigns/receipt/send"


def credentials(_http: httpx.Client) -> Mapping[str, str]:
    return {"authorization": f"Bearer {KEY}"}
