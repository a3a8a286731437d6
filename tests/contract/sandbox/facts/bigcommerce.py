"""What BigCommerce's contract promises, section by section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from tests.contract.sandbox.facts.fact import (
    ABSENT,
    Ask,
    Fact,
    Table,
    begins,
    between,
    has,
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
JSON_BODY = {"content-type": "application/json"}
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


def units(quantity: int, count: int = 1) -> Any:
    item = {"location_id": 1, "sku": "LAMP", "quantity": quantity}
    return {"reason": "count", "items": [item] * count}


def quota(**settings: Any) -> tuple[tuple[str, Any], ...]:
    window = {"quota_requests": 1, "quota_window_s": 3_600}
    return (("bigcommerce/configure", {**window, **settings}),)


TRANSPORT = (
    Fact(
        "1",
        "a body that is not declared as JSON",
        Ask("PUT", f"{PRODUCTS}/1", b"{}", {"content-type": "text/plain"}),
        415,
    ),
    Fact(
        "1",
        "a token without the scope",
        Ask("GET", PRODUCTS, None, {"x-auth-token": READER}),
        403,
        fields=V3,
    ),
)
PAGES = (
    Fact("2", "a list of V2 is a bare array", Ask("GET", "/v2/orders"), 200, fields={"#": 1}),
    Fact("2", "an empty list of V2 has no body", Ask("GET", "/v2/orders?min_id=900"), 204, raw=b""),
    Fact("2", "an order without shipments", Ask("GET", "/v2/orders/100/shipments"), 204, raw=b""),
    Fact(
        "2",
        "a list of V3 has data and pages",
        Ask("GET", f"{PRODUCTS}?limit=1"),
        200,
        fields={
            "data.#": 1,
            "meta.pagination.total": 2,
            "meta.pagination.count": 1,
            "meta.pagination.per_page": 1,
            "meta.pagination.current_page": 1,
            "meta.pagination.total_pages": 2,
            "meta.pagination.links": has("current", "next"),
        },
    ),
    Fact(
        "2",
        "products come fifty a page",
        Ask("GET", PRODUCTS),
        200,
        fields={"meta.pagination.per_page": 50},
    ),
    Fact("2", "a page of more than 250 products", Ask("GET", f"{PRODUCTS}?limit=251"), 413),
    Fact(
        "2",
        "an empty list of V3 is a list",
        Ask("GET", f"{PRODUCTS}?sku=NO"),
        200,
        fields={"data": []},
    ),
    Fact(
        "2",
        "customers have cursors",
        Ask("GET", "/v3/customers?limit=1"),
        200,
        fields={"meta.cursor_pagination": has("start_cursor", "end_cursor")},
    ),
)
LIMITS = (
    Fact(
        "3",
        "every answer tells the quota",
        Ask("GET", "/v2/orders/100"),
        200,
        headers={
            "x-rate-limit-time-window-ms": "30000",
            "x-rate-limit-time-reset-ms": between(0, 30_000),
            "x-rate-limit-requests-quota": whole,
            "x-rate-limit-requests-left": whole,
        },
    ),
    Fact(
        "3",
        "a refusal tells it, too",
        Ask("GET", "/v2/orders/999"),
        404,
        headers={"x-rate-limit-requests-left": whole, "x-rate-limit-time-reset-ms": whole},
    ),
    Fact(
        "3",
        "beyond the quota the headers say when it is renewed",
        Ask("GET", "/v2/orders/100"),
        429,
        headers={"x-rate-limit-requests-left": "0", "x-rate-limit-time-reset-ms": whole},
        control=quota(),
        before=(Ask("GET", "/v2/orders/100"),),
    ),
    Fact(
        "3",
        "a platform under load answers 429 without headers",
        Ask("GET", "/v2/orders/100"),
        429,
        headers={"x-rate-limit-time-reset-ms": ABSENT, "retry-after": ABSENT},
        control=quota(quota_headers_on_429=False),
        before=(Ask("GET", "/v2/orders/100"),),
    ),
)
ERRORS = (
    Fact(
        "4",
        "an error of V2 is an array",
        Ask("GET", "/v2/orders/999"),
        404,
        fields={"#": 1, "0.status": 404, "0.message": text},
    ),
    Fact("4", "an error of V3 is an object", Ask("GET", f"{PRODUCTS}/999"), 404, fields=V3),
    Fact(
        "4",
        "a field that is not valid is named",
        Ask("PUT", f"{PRODUCTS}/1", {"availability": "perhaps"}),
        422,
        fields={**V3, "errors.availability": text},
    ),
    Fact(
        "4",
        "a product that is saved in part",
        Ask("PUT", f"{PRODUCTS}/1", {"availability": "disabled", "inventory_level": 3}),
        207,
        fields={"data.availability": "disabled", "errors": bool, "meta": {}},
        control=(("bigcommerce/configure", {"partial_failure_product_ids": [1]}),),
    ),
)
ORDERS = (
    Fact(
        "5",
        "an order has dates as in mails, sums as text, and links",
        Ask("GET", "/v2/orders/100"),
        200,
        fields={
            "date_created": "Thu, 01 Jan 2026 00:00:00 +0000",
            "subtotal_ex_tax": text,
            "products": has("url", "resource"),
            "shipping_addresses": has("url", "resource"),
            "status_id": 11,
            "status": "Awaiting Fulfillment",
        },
    ),
    Fact(
        "5",
        "a status is changed alone",
        Ask("PUT", "/v2/orders/100", {"status_id": 2}),
        200,
        fields={"status_id": 2, "status": "Shipped", "customer_id": 7},
    ),
    Fact(
        "5",
        "the lines of an order",
        Ask("GET", "/v2/orders/100/products"),
        200,
        fields={
            "0.sku": "LAMP",
            "0.quantity": 2,
            "0.quantity_shipped": 0,
            "0.order_address_id": whole,
        },
    ),
    Fact("5", "the number of orders", Ask("GET", "/v2/orders/count"), 200, fields={"count": 1}),
    Fact(
        "5",
        "a message cannot be made",
        Ask("POST", "/v2/orders/100/messages", {"message": "x"}),
        405,
    ),
    Fact(
        "5",
        "a status by its id",
        Ask("GET", "/v2/order_statuses/12"),
        200,
        fields={"id": 12, "name": "Manual Verification Required", "custom_label": text},
    ),
    Fact(
        "5",
        "orders changed until a time before them all",
        Ask("GET", "/v2/orders?max_date_modified=2020-01-01T00:00:00Z"),
        204,
        raw=b"",
    ),
)
MONEY = (
    Fact(
        "6",
        "a metafield knows its owner",
        Ask("POST", "/v3/orders/100/metafields", FIELD),
        200,
        fields={
            "data.id": whole,
            "data.resource_type": text,
            "data.resource_id": 100,
            "data.owner_client_id": "app",
        },
    ),
    Fact(
        "6",
        "a metafield of the same name",
        Ask("POST", "/v3/orders/100/metafields", FIELD),
        409,
        before=(Ask("POST", "/v3/orders/100/metafields", FIELD),),
    ),
    Fact(
        "6",
        "a quote of a refund",
        Ask("POST", "/v3/orders/100/payment_actions/refund_quotes", {"items": REFUND["items"]}),
        201,
        fields={
            "data.order_id": 100,
            "data.total_refund_amount": lambda value: float(value) == 1,
            "data.refund_methods.0.0": has("provider_id", "amount", "offline"),
        },
    ),
    Fact(
        "6",
        "a refund of an order that is not there",
        Ask("POST", "/v3/orders/999/payment_actions/refunds", REFUND),
        404,
    ),
    Fact(
        "6",
        "a refund of nothing",
        Ask("POST", "/v3/orders/100/payment_actions/refunds", {"items": [], "payments": []}),
        422,
        fields=V3,
    ),
)
INVENTORY = (
    Fact(
        "7",
        "an absolute adjustment has a transaction",
        Ask("PUT", f"{STOCK}/absolute", units(4)),
        200,
        fields={"transaction_id": text},
    ),
    Fact(
        "7",
        "a relative adjustment below zero",
        Ask("POST", f"{STOCK}/relative", units(-400)),
        422,
    ),
    Fact(
        "7",
        "more than 2,000 items",
        Ask("PUT", f"{STOCK}/absolute", units(1, 2_001)),
        422,
    ),
    Fact(
        "7",
        "the stock of a sku by location",
        Ask("GET", "/v3/inventory/items?sku:in=LAMP"),
        200,
        fields={
            "data.0.identity": has("sku", "variant_id", "product_id"),
            "data.0.locations.0": has(
                "location_id", "location_code", "available_to_sell", "total_inventory_onhand"
            ),
            "data.0.locations.0.settings": has("safety_stock", "is_in_stock", "warning_level"),
        },
    ),
)
CATALOGUE = (
    Fact(
        "8",
        "a part of a product is changed",
        Ask("PUT", f"{PRODUCTS}/1", {"availability_description": "Ships in 5 days"}),
        200,
        fields={"data.availability_description": "Ships in 5 days", "data.name": "Lamp"},
    ),
    Fact(
        "8",
        "a description of more than 255 characters",
        Ask("PUT", f"{PRODUCTS}/1", {"availability_description": "x" * 256}),
        422,
    ),
    Fact(
        "8",
        "more than ten products in a batch",
        Ask("PUT", PRODUCTS, [{"id": 1, "price": 1}] * 11),
        413,
    ),
    Fact(
        "8",
        "a product that is not there",
        Ask("PUT", f"{PRODUCTS}/999", {"price": 1}),
        404,
        fields=V3,
    ),
    Fact(
        "8",
        "a variant by its sku",
        Ask("GET", "/v3/catalog/variants?sku=LAMP"),
        200,
        fields={"data.#": 1, "data.0.product_id": 1, "data.0.purchasing_disabled": False},
    ),
    Fact(
        "8",
        "channels are assigned without an answer",
        Ask("PUT", f"{PRODUCTS}/channel-assignments", [{"product_id": 1, "channel_id": 1}]),
        204,
        raw=b"",
    ),
    Fact(
        "8",
        "a listing that is not there is answered 200 with nothing",
        Ask(
            "PUT",
            "/v3/channels/2/listings",
            [{"listing_id": 999, "product_id": 1, "state": "active", "variants": []}],
        ),
        200,
        fields={"data": []},
    ),
)
HOOKS = (
    Fact(
        "9",
        "a hook is made with 200",
        Ask(
            "POST",
            "/v3/hooks",
            {"scope": "store/order/*", "destination": "https://hub.example/bc", "is_active": True},
        ),
        200,
        fields={
            "data": has("id", "client_id", "store_hash", "scope", "destination", "headers"),
            "data.store_hash": "sandbox",
            "data.is_active": True,
            "data.created_at": whole,
            "data.updated_at": whole,
        },
    ),
    Fact(
        "9",
        "a destination on another port than 443",
        Ask(
            "POST",
            "/v3/hooks",
            {"scope": "store/order/*", "destination": "https://hub.example:8443/bc"},
        ),
        422,
    ),
)

BIGCOMMERCE = Table(
    platform="bigcommerce",
    prefix="/bigcommerce/stores/sandbox",
    seed=SEED,
    configure={"accounts": ACCOUNTS},
    authorize=credentials,
    facts=(
        *TRANSPORT,
        *PAGES,
        *LIMITS,
        *ERRORS,
        *ORDERS,
        *MONEY,
        *INVENTORY,
        *CATALOGUE,
        *HOOKS,
    ),
)
