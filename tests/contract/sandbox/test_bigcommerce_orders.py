"""Orders V2 and their shipments as a table of requests and facts."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.sandbox.bigcommerce_store import Case, Shop, check

V2_404 = {"0.status": 404}
SHIP = "/v2/orders/100/shipments"


def shipment(**changes: Any) -> dict[str, Any]:
    items = [{"order_product_id": 1, "quantity": 1}]
    return {"order_address_id": 1, "items": items, "tracking_number": "T1", **changes}


ORDERS_V2 = (
    Case("orders are listed by id", "GET", "/v2/orders", 200, {"#": 3, "0.id": 100, "2.id": 102}),
    Case("a page is cut", "GET", "/v2/orders?limit=2&page=2", 200, {"#": 1, "0.id": 102}),
    Case("a page behind the last is 204", "GET", "/v2/orders?page=9", 204),
    Case("a limit above 250 is 413", "GET", "/v2/orders?limit=251", 413, {"0.status": 413}),
    Case("a limit that is no number is 400", "GET", "/v2/orders?limit=x", 400),
    Case("status filters", "GET", "/v2/orders?status_id=6", 200, {"#": 1, "0.id": 102}),
    Case("nothing found is 204", "GET", "/v2/orders?status_id=13", 204),
    Case("an unknown filter is 400", "GET", "/v2/orders?colour=red", 400, {"0.status": 400}),
    Case(
        "a modified window takes RFC 2822",
        "GET",
        "/v2/orders?min_date_modified=Tue,%2003%20Feb%202026%2010:00:00%20%2B0000",
        200,
        {"#": 1, "0.id": 102},
    ),
    Case(
        "a modified window takes ISO 8601",
        "GET",
        "/v2/orders?min_date_modified=2026-01-02T00:00:00Z&max_date_modified=2026-01-31",
        200,
        {"#": 1, "0.id": 101},
    ),
    Case("a date that is none is 400", "GET", "/v2/orders?min_date_modified=soon", 400),
    Case(
        "orders sort by modification",
        "GET",
        "/v2/orders?sort=date_modified:desc",
        200,
        {"0.id": 102, "2.id": 100},
    ),
    Case("an unknown sort is 400", "GET", "/v2/orders?sort=colour", 400),
    Case("orders of an e-mail", "GET", "/v2/orders?email=guest@example.com", 200, {"0.id": 101}),
    Case("orders by total", "GET", "/v2/orders?min_total=44&max_total=46", 200, {"0.id": 100}),
    Case("orders are counted", "GET", "/v2/orders/count", 200, {"count": 3}),
    Case(
        "an order has decimal strings, RFC 2822 dates and links",
        "GET",
        "/v2/orders/100",
        200,
        {
            "total_inc_tax": "45.0000",
            "refunded_amount": "0.0000",
            "date_created": "Thu, 01 Jan 2026 00:00:00 +0000",
            "date_shipped": "",
            "status": "Awaiting Fulfillment",
            "items_total": 3,
            "products.resource": "/orders/100/products",
        },
    ),
    Case("an unknown order is 404", "GET", "/v2/orders/9", 404, V2_404),
    Case("a PUT is partial", "PUT", "/v2/orders/100", 200, {"status_id": 2}, {"status_id": 2}),
    Case("a status may be a string", "PUT", "/v2/orders/100", 200, {}, {"status_id": "2"}),
    Case("a status that is none is 400", "PUT", "/v2/orders/100", 400, {}, {"status_id": 99}),
    Case("the id is read-only", "PUT", "/v2/orders/100", 400, {"0.status": 400}, {"id": 100}),
    Case("totals are read-only", "PUT", "/v2/orders/100", 400, {}, {"total_inc_tax": "1"}),
    Case("an unknown field is 400", "PUT", "/v2/orders/100", 400, {}, {"colour": "red"}),
    Case("a body that is no object is 400", "PUT", "/v2/orders/100", 400, {}, []),
    Case("lines", "GET", "/v2/orders/100/products", 200, {"#": 2, "0.sku": "LAMP", "0.id": 1}),
    Case("one line", "GET", "/v2/orders/100/products/2", 200, {"variant_id": 21}),
    Case("a line of another order is 404", "GET", "/v2/orders/101/products/1", 404, V2_404),
    Case("ship-to", "GET", "/v2/orders/100/shipping_addresses", 200, {"0.items_total": 3}),
    Case("no coupons is 204", "GET", "/v2/orders/100/coupons", 204),
    Case("messages", "GET", "/v2/orders/100/messages", 200, {"#": 2, "0.customer_id": 7}),
    Case("flagged only", "GET", "/v2/orders/100/messages?is_flagged=true", 200, {"#": 1}),
    Case("no messages is 204", "GET", "/v2/orders/101/messages", 204),
    Case("messages cannot be written", "POST", "/v2/orders/100/messages", 405, {}, {}),
    Case("statuses", "GET", "/v2/order_statuses", 200, {"11.id": 11, "11.order": 11}),
    Case("one status", "GET", "/v2/order_statuses/12", 200, {"id": 12}),
    Case("PATCH does not exist", "PATCH", "/v2/orders/100", 501, {}, {}),
    Case("the store has a clock", "GET", "/v2/time", 200),
)

SHIPMENTS = (
    Case(
        "a shipment is 201",
        "POST",
        SHIP,
        201,
        {"order_id": 100, "items.0.product_id": 1, "customer_id": 7},
        shipment(),
    ),
    Case(
        "the address may be a string",
        "POST",
        SHIP,
        201,
        {},
        shipment(order_address_id="1"),
    ),
    Case("no shipments is 204", "GET", SHIP, 204),
    Case("shipments are counted", "GET", "/v2/orders/100/shipments/count", 200, {"count": 0}),
    Case(
        "more than is left is 400",
        "POST",
        SHIP,
        400,
        {"0.status": 400},
        shipment(items=[{"order_product_id": 1, "quantity": 3}]),
    ),
    Case(
        "a line twice counts together",
        "POST",
        SHIP,
        400,
        {},
        shipment(
            items=[{"order_product_id": 1, "quantity": 2}, {"order_product_id": 1, "quantity": 1}]
        ),
    ),
    Case(
        "a line of another order is 400",
        "POST",
        SHIP,
        400,
        {},
        shipment(items=[{"order_product_id": 3, "quantity": 1}]),
    ),
    Case(
        "product_id in an item is 400",
        "POST",
        SHIP,
        400,
        {},
        shipment(items=[{"order_product_id": 1, "quantity": 1, "product_id": 1}]),
    ),
    Case(
        "an address of another order is 400",
        "POST",
        SHIP,
        400,
        {},
        shipment(order_address_id=2),
    ),
    Case("no items is 400", "POST", SHIP, 400, {}, shipment(items=[])),
    Case(
        "a long tracking number is 400",
        "POST",
        SHIP,
        400,
        {},
        shipment(tracking_number="1" * 51),
    ),
    Case(
        "an unknown provider is 400",
        "POST",
        SHIP,
        400,
        {},
        shipment(shipping_provider="pigeon"),
    ),
    Case(
        "a custom carrier is fine",
        "POST",
        SHIP,
        201,
        {},
        shipment(shipping_provider="carrier_9"),
    ),
    Case("an unknown shipment is 404", "GET", "/v2/orders/100/shipments/1", 404, V2_404),
)
CASES = (*ORDERS_V2, *SHIPMENTS)


@pytest.fixture
def shop(http: httpx.Client) -> Shop:
    shop = Shop(http)
    shop.begin()
    return shop


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says.replace(" ", "_"))
def test_the_store_answers(shop: Shop, case: Case) -> None:
    check(shop, case)
