"""What the simulated BigCommerce is seeded with for the facts, and what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from tests.contract.sandbox.facts.fact import (
    begins,
    text,
    whole,
)

TOKEN, READER = "sandbox-token", "reader-token"
ACCOUNTS = [
    {"client_id": "app", "client_secret": "app-secret", "access_token": TOKEN},
    {
        "client_id": "reader",
        "client_secret": "reader-secret",
        "access_token": READER,
        "scopes": ["store_v2_orders_read_only"],
    },
]
SEED: Mapping[str, Any] = {
    "locations": [{"id": 2, "code": "EAST", "label": "East"}],
    "channels": [{"id": 2, "name": "Market", "type": "marketplace", "platform": "amazon"}],
    "customers": [{"id": 7, "email": "ann@example.com", "first_name": "Ann"}],
    "products": [
        {"id": 1, "sku": "LAMP", "name": "Lamp", "price": 10, "inventory_level": 5},
        {"id": 2, "sku": "SHADE", "name": "Shade", "price": 4, "inventory_level": 9},
    ],
    "orders": [
        {
            "id": 100,
            "customer_id": 7,
            "status_id": 11,
            "lines": [{"sku": "LAMP", "quantity": 2}],
            "date_created": "2026-01-01T00:00:00Z",
        }
    ],
}
PRODUCTS, STOCK = "/v3/catalog/products", "/v3/inventory/adjustments"
V3 = {"status": whole, "title": text, "type": begins("https://")}
REFUND = {
    "items": [{"item_type": "ORDER", "item_id": 100, "amount": 1, "reason": "late"}],
    "payments": [{"provider_id": "storecredit", "amount": 1, "offline": False}],
}
FIELD = {
    "permission_set": "app_only",
    "namespace": "trading_grid",
    "key": "thread_id",
    "value": "th_1",
}


def credentials(_http: httpx.Client) -> Mapping[str, str]:
    return {"x-auth-token": TOKEN, "accept": "application/json"}
