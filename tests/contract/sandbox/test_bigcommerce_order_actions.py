"""Metafields, transactions and refunds of orders as a table of requests and facts."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.sandbox.bigcommerce_store import Case, Shop, check

QUOTES = "/v3/orders/100/payment_actions/refund_quotes"
REFUNDS = "/v3/orders/100/payment_actions/refunds"
ORDER_FIELDS = "/v3/orders/100/metafields"


def metafield(**changes: Any) -> dict[str, Any]:
    fields = {"namespace": "tg", "key": "thread", "value": "1", "permission_set": "app_only"}
    return {**fields, **changes}


ORDERS_V3 = (
    Case(
        "a metafield is made",
        "POST",
        ORDER_FIELDS,
        200,
        {"data.resource_id": 100, "data.owner_client_id": "app"},
        metafield(),
    ),
    Case(
        "a value is required",
        "POST",
        ORDER_FIELDS,
        422,
        {"errors.value": "is required"},
        {"namespace": "tg", "key": "a", "permission_set": "read"},
    ),
    Case("a long key is 422", "POST", ORDER_FIELDS, 422, {}, metafield(key="k" * 65)),
    Case(
        "an unknown permission is 422",
        "POST",
        ORDER_FIELDS,
        422,
        {},
        metafield(permission_set="all"),
    ),
    Case(
        "a metafield of no order is 404",
        "POST",
        "/v3/orders/9/metafields",
        404,
        {"status": 404, "instance": ""},
        metafield(),
    ),
    Case(
        "no metafields is an empty page",
        "GET",
        ORDER_FIELDS,
        200,
        {"data": [], "meta.pagination.total": 0, "meta.pagination.per_page": 50},
    ),
    Case(
        "a batch says which failed",
        "POST",
        "/v3/orders/metafields",
        207,
        {"meta.success": 1, "meta.failed": 1, "errors.0.status": 404},
        [metafield(resource_id=100), metafield(resource_id=9)],
    ),
    Case(
        "a batch that went well is 200",
        "POST",
        "/v3/orders/metafields",
        200,
        {"meta.total": 2, "errors": []},
        [metafield(resource_id=100), metafield(resource_id=101)],
    ),
    Case("an empty batch is 422", "POST", "/v3/orders/metafields", 422, {}, []),
    Case("no transactions is 204", "GET", "/v3/orders/100/transactions", 204),
    Case(
        "transactions of no order is 404", "GET", "/v3/orders/9/transactions", 404, {"status": 404}
    ),
    Case(
        "a quote is 201",
        "POST",
        QUOTES,
        201,
        {
            "data.total_refund_amount": 20.0,
            "data.refund_methods.#": 3,
            "data.refund_methods.0.0.provider_id": "examplepay",
        },
        {"items": [{"item_type": "PRODUCT", "item_id": 1, "quantity": 2}]},
    ),
    Case(
        "a quote for too many is 422",
        "POST",
        QUOTES,
        422,
        {"status": 422},
        {"items": [{"item_type": "PRODUCT", "item_id": 1, "quantity": 3}]},
    ),
    Case(
        "a quote for shipping",
        "POST",
        QUOTES,
        201,
        {"data.total_refund_amount": 5.0},
        {"items": [{"item_type": "SHIPPING", "item_id": 1, "amount": 5}]},
    ),
    Case(
        "too much shipping is 422",
        "POST",
        QUOTES,
        422,
        {},
        {"items": [{"item_type": "SHIPPING", "item_id": 1, "amount": 5.01}]},
    ),
    Case(
        "an order amount counts at order level",
        "POST",
        QUOTES,
        201,
        {"data.order_level_refund_amount": 7.5},
        {"items": [{"item_type": "ORDER", "item_id": 100, "amount": 7.5}]},
    ),
    Case(
        "more than the order is 422",
        "POST",
        QUOTES,
        422,
        {},
        {"items": [{"item_type": "ORDER", "item_id": 100, "amount": 46}]},
    ),
    Case(
        "an unknown item type is 422",
        "POST",
        QUOTES,
        422,
        {},
        {"items": [{"item_type": "GOODWILL", "item_id": 1, "amount": 1}]},
    ),
    Case(
        "payments must add up",
        "POST",
        REFUNDS,
        422,
        {},
        {
            "items": [{"item_type": "ORDER", "item_id": 100, "amount": 10}],
            "payments": [{"provider_id": "examplepay", "amount": 9}],
        },
    ),
    Case(
        "a provider must be on offer",
        "POST",
        REFUNDS,
        422,
        {},
        {
            "items": [{"item_type": "ORDER", "item_id": 100, "amount": 10}],
            "payments": [{"provider_id": "piggybank", "amount": 10}],
        },
    ),
    Case(
        "a positive adjustment is 422",
        "POST",
        REFUNDS,
        422,
        {},
        {
            "items": [
                {
                    "item_type": "PRODUCT",
                    "item_id": 1,
                    "quantity": 1,
                    "adjustments": [{"amount": 1}],
                }
            ],
            "payments": [{"provider_id": "examplepay", "amount": 11}],
        },
    ),
    Case(
        "an unpaid order is not refunded",
        "POST",
        "/v3/orders/101/payment_actions/refunds",
        422,
        {},
        {
            "items": [{"item_type": "ORDER", "item_id": 101, "amount": 1}],
            "payments": [{"provider_id": "examplepay", "amount": 1}],
        },
    ),
    Case(
        "an authorised payment is captured", "POST", "/v3/orders/101/payment_actions/capture", 201
    ),
    Case(
        "a captured payment is not captured again",
        "POST",
        "/v3/orders/100/payment_actions/capture",
        422,
    ),
    Case(
        "an unknown refund is 404",
        "GET",
        "/v3/orders/payment_actions/refunds/1",
        404,
        {"status": 404},
    ),
)
CASES = ORDERS_V3


@pytest.fixture
def shop(http: httpx.Client) -> Shop:
    shop = Shop(http)
    shop.begin()
    return shop


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says.replace(" ", "_"))
def test_the_store_answers(shop: Shop, case: Case) -> None:
    check(shop, case)
