"""Rough bodies and queries at every endpoint: the store refuses, and never breaks."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from sandbox.bigcommerce.simulator import ENDPOINTS
from tests.contract.sandbox.bigcommerce_store import Shop

ONE: dict[str, Any] = {
    "id": 1,
    "product_id": "1",
    "variant_id": None,
    "sku": 7,
    "items": [None, 3, {"order_product_id": []}],
    "settings": [{"identity": {"sku": 5}, "safety_stock": 1}],
    "order_address_id": 1,
    "headers": {"x": []},
    "scope": [],
    "destination": 4,
    "fees": [1],
    "products": ["x"],
    "billing_address": {"email": {}},
    "payments": [None],
    "emails": [1],
    "value": {},
}
ITEMS: tuple[Any, ...] = (
    {"items": [{"item_type": "PRODUCT", "item_id": 1, "quantity": 1, "adjustments": [4]}]},
    {"items": [{"item_type": "ORDER", "item_id": 100, "amount": "NaN"}]},
    {"items": [{"item_type": [], "item_id": {}}], "payments": []},
    {"items": [{"location_id": [], "sku": "LAMP", "quantity": 1}]},
    {"items": [{"location_id": 1, "sku": [], "quantity": 1}]},
    {"settings": [{"identity": {"variant_id": "x"}, "safety_stock": 1}]},
    {"settings": [{"identity": {"sku": []}, "safety_stock": 1}]},
    {"order_address_id": 1, "items": [{"order_product_id": 1, "quantity": True}]},
    {"order_address_id": 1, "items": [{"order_product_id": 1, "quantity": 0}]},
    {"products": [{"id": 1, "quantity": -1}], "fees": [{"type": "x", "cost_inc_tax": "y"}]},
    {"discount_amount": "NaN"},
    [{"id": 1, "categories": [[]], "custom_fields": [1], "price": "x"}],
    [{"listing_id": 1, "product_id": 1, "state": "active", "variants": [1]}],
    [{"product_id": 1, "channel_id": "1"}],
    [{"id": {}}],
)
BODIES: tuple[Any, ...] = (None, [], {}, "text", 1, [None], [[]], [1], ONE, [ONE], [{}], *ITEMS)
NO_JSON = (b"NaN", b"{", b'{"discount_amount": Infinity}', b"[" * 50_000, b"\xff")
QUERIES = (
    "page=0",
    "limit=-1",
    "page=x&limit=%C2%B2",
    "id:in=,",
    "min_id=--5",
    "sort=:",
    "min_total=NaN",
    "after=x",
    "date_modified:min=0",
    "include=,,",
    "id:min=x",
    "status:in=%00",
    "created:min=never",
    "is_flagged=perhaps",
    "max_date_modified=Mon,%2099%20Foo%202026",
)
WRITES = [one for one in ENDPOINTS if one.method in ("POST", "PUT")]
READS = [one for one in ENDPOINTS if one.method in ("GET", "DELETE")]


@pytest.fixture
def shop(http: httpx.Client) -> Shop:
    shop = Shop(http)
    shop.begin(quota_requests=100_000)
    shop.ok(
        "POST", "/v3/channels/2/listings", [{"product_id": 1, "state": "active", "variants": []}]
    )
    return shop


def filled(path: str) -> str:
    """The path with the seed's ids, 1 where it has none."""
    ids = {"order_id": "100", "product_id": "1", "channel_id": "2", "variant_id": "1"}
    return re.sub(r"{(\w+)}", lambda found: ids.get(found[1], "1"), path)


@pytest.mark.parametrize("endpoint", WRITES, ids=lambda one: f"{one.method} {one.path}")
def test_a_rough_body_is_refused_or_taken_but_never_breaks_the_store(
    shop: Shop, endpoint: Any
) -> None:
    for body in BODIES:
        raw = json.dumps(body).encode()
        answer = shop.api(endpoint.method, filled(endpoint.path), raw)
        assert answer.status_code < 500, f"{body!r}: {answer.text}"
        if answer.is_error:
            assert answer.json(), body
    for collection in ("orders", "products", "inventory", "hooks", "metafields", "shipments"):
        assert isinstance(shop.state(collection), list)


def test_what_is_no_json_is_400(shop: Shop) -> None:
    for raw in NO_JSON:
        assert shop.api("PUT", "/v2/orders/100", raw).status_code == 400, raw[:20]
        assert shop.api("PUT", "/v3/catalog/products", raw).status_code == 400, raw[:20]


@pytest.mark.parametrize("endpoint", READS, ids=lambda one: f"{one.method} {one.path}")
def test_a_rough_query_is_refused_or_taken_but_never_breaks_the_store(
    shop: Shop, endpoint: Any
) -> None:
    for query in QUERIES:
        answer = shop.api(endpoint.method, f"{filled(endpoint.path)}?{query}")
        assert answer.status_code < 500, f"{query}: {answer.text}"
