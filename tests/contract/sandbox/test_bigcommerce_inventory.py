"""Inventory V3 as a table of requests and facts."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.sandbox.bigcommerce_store import Case, Shop, check

ABSOLUTE = "/v3/inventory/adjustments/absolute"
RELATIVE = "/v3/inventory/adjustments/relative"


def units(count: int) -> dict[str, Any]:
    return {"items": [{"location_id": 1, "sku": "LAMP", "quantity": 1}] * count}


INVENTORY = (
    Case(
        "stock is set",
        "PUT",
        ABSOLUTE,
        200,
        {},
        {"reason": "count", "items": [{"location_id": 1, "sku": "LAMP", "quantity": 7}]},
    ),
    Case("2,000 items fit", "PUT", ABSOLUTE, 200, {}, units(2_000)),
    Case("2,001 items are 422", "PUT", ABSOLUTE, 422, {"errors.items": "2001 given"}, units(2_001)),
    Case("no items is 422", "PUT", ABSOLUTE, 422, {}, {"items": []}),
    Case(
        "an unknown location is 422",
        "PUT",
        ABSOLUTE,
        422,
        {"errors": {"items.0.location_id": "is no location of the store"}},
        {"items": [{"location_id": 9, "sku": "LAMP", "quantity": 7}]},
    ),
    Case(
        "an unknown sku is 422",
        "PUT",
        ABSOLUTE,
        422,
        {},
        {"items": [{"location_id": 1, "sku": "NONE", "quantity": 7}]},
    ),
    Case(
        "two identities are 422",
        "PUT",
        ABSOLUTE,
        422,
        {},
        {"items": [{"location_id": 1, "sku": "LAMP", "product_id": 1, "quantity": 7}]},
    ),
    Case(
        "a negative absolute quantity is 422",
        "PUT",
        ABSOLUTE,
        422,
        {},
        {"items": [{"location_id": 1, "sku": "LAMP", "quantity": -1}]},
    ),
    Case(
        "a variant of a product tracked by product is 422",
        "PUT",
        ABSOLUTE,
        422,
        {"status": 422},
        {"items": [{"location_id": 1, "variant_id": 1, "quantity": 7}]},
    ),
    Case(
        "a product tracked by variant is 422",
        "PUT",
        ABSOLUTE,
        422,
        {},
        {"items": [{"location_id": 1, "product_id": 2, "quantity": 7}]},
    ),
    Case(
        "a product that is not tracked is 422",
        "PUT",
        ABSOLUTE,
        422,
        {},
        {"items": [{"location_id": 1, "sku": "CARD", "quantity": 7}]},
    ),
    Case(
        "too few units are 422",
        "POST",
        RELATIVE,
        422,
        {},
        {"items": [{"location_id": 1, "sku": "LAMP", "quantity": -6}]},
    ),
    Case(
        "items by sku",
        "GET",
        "/v3/inventory/items?sku:in=LAMP,SHIRT-BLUE",
        200,
        {
            "data.#": 2,
            "data.0.identity": {"sku": "LAMP", "variant_id": 1, "product_id": 1, "sku_id": None},
            "data.1.locations.1.available_to_sell": 4,
        },
    ),
    Case(
        "items at one place",
        "GET",
        "/v3/inventory/items?location_code:in=EAST&variant_id:in=22",
        200,
        {"data.0.locations.#": 1, "data.0.locations.0.location_id": 2},
    ),
    Case(
        "an item limit above 1,000 is 413",
        "GET",
        "/v3/inventory/items?limit=1001",
        413,
        {"status": 413},
    ),
    Case("an unknown item filter is 400", "GET", "/v3/inventory/items?colour=red", 400),
    Case(
        "a location's items",
        "GET",
        "/v3/inventory/locations/2/items",
        200,
        {"data.2.total_inventory_onhand": 4},
    ),
    Case(
        "a setting is required",
        "PUT",
        "/v3/inventory/locations/1/items",
        422,
        {},
        {"settings": [{"identity": {"sku": "LAMP"}}]},
    ),
    Case("locations", "GET", "/v3/inventory/locations", 200, {"data.#": 2, "data.1.code": "EAST"}),
)
CASES = INVENTORY


@pytest.fixture
def shop(http: httpx.Client) -> Shop:
    shop = Shop(http)
    shop.begin()
    return shop


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says.replace(" ", "_"))
def test_the_store_answers(shop: Shop, case: Case) -> None:
    check(shop, case)
