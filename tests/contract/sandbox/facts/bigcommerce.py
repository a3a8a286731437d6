"""What BigCommerce's contract promises, section by section."""

from __future__ import annotations

from typing import Any

from tests.contract.sandbox.facts.bigcommerce_objects import (
    CATALOGUE,
    HOOKS,
    INVENTORY,
    MONEY,
)
from tests.contract.sandbox.facts.bigcommerce_world import (
    ACCOUNTS,
    PRODUCTS,
    READER,
    SEED,
    V3,
    credentials,
)
from tests.contract.sandbox.facts.fact import (
    ABSENT,
    Ask,
    Fact,
    Table,
    between,
    has,
    text,
    whole,
)


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
