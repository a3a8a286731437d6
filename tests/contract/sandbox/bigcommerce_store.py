"""What the tests of the simulated BigCommerce store share: a caller, a seed, cases as data."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

TOKEN = "sandbox-token"
READER = "reader-token"
STRANGER = "stranger-token"
SECRET = "s3cret-of-the-app"
ACCOUNTS = [
    {"client_id": "app", "client_secret": SECRET, "access_token": TOKEN},
    {
        "client_id": "reader",
        "client_secret": "reader-secret",
        "access_token": READER,
        "scopes": ["store_v2_orders_read_only"],
    },
    {"client_id": "stranger", "client_secret": "stranger-secret", "access_token": STRANGER},
]
SEED: dict[str, Any] = {
    "locations": [{"id": 2, "code": "EAST", "label": "East"}],
    "channels": [
        {"id": 2, "name": "Market", "type": "marketplace", "platform": "amazon"},
    ],
    "customers": [{"id": 7, "email": "ann@example.com", "first_name": "Ann", "last_name": "B"}],
    "products": [
        {"id": 1, "sku": "LAMP", "name": "Lamp", "price": 10, "inventory_level": 5}
        | {"brand_name": "Acme", "custom_fields": [{"id": 1, "name": "line", "value": "light"}]},
        {
            "id": 2,
            "sku": "SHIRT",
            "name": "Shirt",
            "price": 20,
            "inventory_tracking": "variant",
            "variants": [
                {"id": 21, "sku": "SHIRT-RED", "inventory_level": 3},
                {"id": 22, "sku": "SHIRT-BLUE", "stock": {"1": 0, "2": 4}},
            ],
        },
        {"id": 3, "sku": "CARD", "name": "Card", "price": 3, "inventory_tracking": "none"},
    ],
    "orders": [
        {
            "id": 100,
            "customer_id": 7,
            "lines": [{"sku": "LAMP", "quantity": 2}, {"sku": "SHIRT-RED", "quantity": 1}],
            "shipping_cost": 5,
            "date_created": "2026-01-01T00:00:00Z",
        },
        {
            "id": 101,
            "lines": [{"sku": "CARD"}],
            "status_id": 1,
            "payment_status": "authorized",
            "billing_address": {"email": "guest@example.com"},
            "date_created": "2026-01-02T00:00:00Z",
        },
        {
            "id": 102,
            "customer_id": 7,
            "lines": [{"sku": "CARD", "quantity": 4}],
            "status_id": 6,
            "payment_status": "declined",
            "date_created": "2026-01-03T00:00:00Z",
            "date_modified": "2026-02-03T10:00:00Z",
        },
    ],
    "messages": [
        {"id": 5, "order_id": 100, "subject": "Late", "message": "Where?", "is_flagged": True},
        {"id": 6, "order_id": 100, "from": "staff", "subject": "Soon", "message": "On its way"},
    ],
    "assignments": [{"product_id": 1, "channel_id": 1}],
}


class Shop:
    """Calls the store's API and the sandbox's control API."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = TOKEN,
        headers: dict[str, str] | None = None,
        store_hash: str = "sandbox",
    ) -> httpx.Response:
        """`path` begins with /v2 or /v3; the body is JSON."""
        sent = {"accept": "application/json", **(headers or {})}
        if token is not None:
            sent["x-auth-token"] = token
        content = None
        if body is not None:
            sent.setdefault("content-type", "application/json")
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"/bigcommerce/stores/{store_hash}{path}"
        return self._http.request(method, url, content=content, headers=sent)

    def send_bare(self, path: str) -> httpx.Response:
        """A GET without an Accept header."""
        request = self._http.build_request(
            "GET", f"/bigcommerce/stores/sandbox{path}", headers={"x-auth-token": TOKEN}
        )
        del request.headers["accept"]
        return self._http.send(request)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer that must be a success."""
        answer = self.api(method, path, body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._http.request(method, f"/_sandbox/{path}", json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def refused(self, path: str, body: Any) -> httpx.Response:
        """A control call that must be refused."""
        answer = self._http.post(f"/_sandbox/{path}", json=body)
        assert answer.is_client_error, f"{path}: {answer.status_code} {answer.text}"
        return answer

    def trigger(self, event: str, **body: Any) -> Any:
        return self.control("POST", f"bigcommerce/trigger/{event}", body)

    def configure(self, **settings: Any) -> Any:
        return self.control("POST", "bigcommerce/configure", settings)

    def state(self, collection: str) -> Any:
        return self.control("GET", f"bigcommerce/state/{collection}")

    def deliveries(self, state: str) -> Any:
        return self.control("GET", f"bigcommerce/deliveries?state={state}")

    def begin(self, **settings: Any) -> None:
        """ACCOUNTS and SEED in the store, which the `http` fixture has reset."""
        self.configure(accounts=ACCOUNTS, **settings)
        self.control("POST", "bigcommerce/seed", SEED)

    def scopes(self) -> list[str]:
        """The scopes of all events so far, in order."""
        return [event["scope"] for event in self.state("events")]


def fact(body: Any, path: str) -> Any:
    """The value at a dotted path: `data.0.sku`; `#` is the length of what stands there."""
    for step in path.split("."):
        if step == "#":
            body = len(body)
        elif isinstance(body, list):
            body = body[int(step)]
        else:
            body = body[step]
    return body


@dataclass(frozen=True)
class Case:
    """One request to the seeded store and what must hold of its answer."""

    says: str
    method: str
    path: str
    status: int
    facts: dict[str, Any] = field(default_factory=dict)
    body: Any = None


def check(shop: Shop, case: Case) -> None:
    """Send the request; assert status, error shape and facts."""
    answer = shop.api(case.method, case.path, case.body)
    assert answer.status_code == case.status, answer.text
    if answer.status_code == 204:
        assert answer.content == b""
        return
    body = answer.json()
    if answer.is_error:
        assert_error_shape(case, body)
    for path, expected in case.facts.items():
        assert fact(body, path) == expected, f"{path} of {body}"


def assert_error_shape(case: Case, body: Any) -> None:
    """V2 errors are an array of {status, message}; V3 errors one object with title and type."""
    if case.path.startswith("/v2"):
        assert isinstance(body, list)
        assert set(body[0]) == {"status", "message"}
        assert body[0]["status"] == case.status
    else:
        assert {"status", "title", "type"} <= set(body)
        assert body["status"] == case.status
        assert body["type"].startswith("https://")
