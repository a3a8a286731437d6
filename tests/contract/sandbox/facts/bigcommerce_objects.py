"""What BigCommerce's contract promises of money, stock, catalogue and webhooks (§6 to §9)."""

from __future__ import annotations

from typing import Any

from tests.contract.sandbox.facts.bigcommerce_world import (
    FIELD,
    PRODUCTS,
    REFUND,
    STOCK,
    V3,
)
from tests.contract.sandbox.facts.fact import (
    Ask,
    Fact,
    has,
    text,
    whole,
)


def units(quantity: int, count: int = 1) -> Any:
    item = {"location_id": 1, "sku": "LAMP", "quantity": quantity}
    return {"reason": "count", "items": [item] * count}


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
