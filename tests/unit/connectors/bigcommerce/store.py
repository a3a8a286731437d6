"""BigCommerce's JSON as its documents show it, and settings to read it with."""

from __future__ import annotations

from typing import Any

from connectors.bigcommerce.settings import BigCommerceSettings
from gridwire.ids import derived
from gridwire.records import Notice
from gridwire.settings import Secret

MODIFIED = "Thu, 09 Oct 2025 08:53:20 +0000"
MODIFIED_S = 1_760_000_000


def settings(**changed: Any) -> BigCommerceSettings:
    given: dict[str, Any] = {
        "store_hash": "abc123",
        "access_token": Secret("store-token"),
        "hook_secret": Secret("hook-secret"),
    }
    return BigCommerceSettings(**(given | changed))


def order(**changed: Any) -> dict[str, Any]:
    """GET /v2/orders/{id}."""
    link = {"url": "https://api.bigcommerce.com/stores/abc123/v2/x", "resource": "/x"}
    whole: dict[str, Any] = {
        "id": 1001,
        "customer_id": 7,
        "date_created": "Wed, 08 Oct 2025 08:53:20 +0000",
        "date_modified": MODIFIED,
        "date_shipped": "",
        "status_id": 11,
        "status": "Awaiting Fulfillment",
        "payment_status": "captured",
        "total_inc_tax": "39.9800",
        "staff_notes": None,
        "products": link,
        "shipping_addresses": link,
    }
    return whole | changed


def line(**changed: Any) -> dict[str, Any]:
    """One of /v2/orders/{id}/products."""
    whole: dict[str, Any] = {
        "id": 31,
        "order_id": 1001,
        "product_id": 77,
        "variant_id": 0,
        "sku": "SKU-1",
        "name": "Shoe",
        "quantity": 2,
        "quantity_shipped": 0,
        "quantity_refunded": 0,
        "is_refunded": False,
        "return_id": 0,
        "base_price": "19.9900",
    }
    return whole | changed


ADDRESS = {"id": 5, "country": "United States", "country_iso2": "US", "state": "California"}


def product(**changed: Any) -> dict[str, Any]:
    """A product with variants and custom fields."""
    whole: dict[str, Any] = {
        "id": 77,
        "name": "Shoe",
        "sku": "SHOE",
        "date_modified": "2025-10-09T08:53:20+00:00",
        "availability": "available",
        "is_visible": True,
        "brand_id": 4,
        "inventory_tracking": "variant",
        "inventory_level": 9,
        "variants": [
            {"id": 701, "product_id": 77, "sku": "SKU-1", "purchasing_disabled": False},
            {"id": 702, "product_id": 77, "sku": "SKU-2", "purchasing_disabled": True},
        ],
        "custom_fields": [
            {"id": 1, "name": "product_line", "value": "Outdoor"},
            {"id": 2, "name": "substitute_sku", "value": "SKU-9"},
            {"id": 3, "name": "handling_days", "value": "3"},
        ],
    }
    return whole | changed


def stock(variant_id: int, *units: int) -> dict[str, Any]:
    """One of /v3/inventory/items, with a location per number of units."""
    places = [
        {"location_id": place, "available_to_sell": one, "location_enabled": True}
        for place, one in enumerate(units, start=1)
    ]
    return {"identity": {"product_id": 77, "variant_id": variant_id}, "locations": places}


def data(rows: Any, pages: int = 1) -> dict[str, Any]:
    """A V3 answer."""
    return {"data": rows, "meta": {"pagination": {"total_pages": pages, "current_page": 1}}}


def hook(scope: str, about: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A webhook callback."""
    whole: dict[str, Any] = {
        "producer": "stores/abc123",
        "hash": "3f9ea420af83450d7ef9f78b08c8af25b2213637",
        "created_at": MODIFIED_S + 5,
        "store_id": "1025646",
        "scope": scope,
        "data": about,
    }
    return whole | changed


def notice(resource: str, resource_id: str, event_type: str, **detail: str) -> Notice:
    """A notice as our hooks make them."""
    event_id = derived("a", "notice", event_type)
    return Notice(
        event_id=event_id,
        occurred_at=(MODIFIED_S + 5) * 1000,
        trace_id="t" * 32,
        platform="bigcommerce",
        resource=resource,
        resource_id=resource_id,
        key="k",
        event_type=event_type,
        detail=detail,
    )
