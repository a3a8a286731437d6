"""A caller of the simulated Braze workspace for tests."""

from __future__ import annotations

from typing import Any

import httpx

CONTROL = "/_sandbox/braze"
KEY = "braze-rest-key"
NOW = "2026-01-01T10:00:00Z"
SEED: dict[str, Any] = {
    "users": [
        {"external_id": "ann", "attributes": {"email": "ann@example.com", "phone": "+491"}},
        {"external_id": "bob", "attributes": {"email": "bob@example.com"}, "devices": 1},
        {
            "external_id": "cyn",
            "attributes": {"email": "cyn@example.com"},
            "consent": {"email": "unsubscribed"},
        },
    ],
    "campaigns": [
        {"id": "case", "name": "Case status"},
        {"id": "all-channels", "channels": ["email", "push", "sms"]},
        {"id": "paused", "status": "paused"},
        {"id": "archived", "status": "archived"},
        {"id": "group-only", "subscription_group_id": "sg-1"},
        {"id": "receipt", "transactional": True},
    ],
    "canvases": [
        {
            "id": "apology",
            "exit_event": "exception_withdrawn",
            "exit_match": "order",
        },
        {"id": "stopped", "status": "stopped"},
        {"id": "back-in-stock"},
    ],
    "catalogs": [
        {
            "name": "products",
            "fields": [
                {"name": "stock", "type": "number"},
                {"name": "title", "type": "string"},
                {"name": "tags", "type": "array"},
                {"name": "on_sale", "type": "boolean"},
            ],
            "items": [{"id": "LAMP", "stock": 0, "title": "Lamp", "tags": ["new"]}],
            "stock_field": "stock",
            "back_in_stock_event": "wants_stock",
            "back_in_stock_canvas": "back-in-stock",
        }
    ],
}


class Workspace:
    """Calls with the REST key of the workspace."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.control("seed", SEED)

    def control(self, what: str, body: Any) -> Any:
        answer = self.http.post(f"{CONTROL}/{what}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def state(self, collection: str) -> Any:
        return self.http.get(f"{CONTROL}/state/{collection}").json()

    def user(self, external_id: str) -> Any:
        (found,) = (one for one in self.state("users") if one["external_id"] == external_id)
        return found

    def call(
        self, verb: str, path: str, body: Any = None, *, key: str = KEY, **more: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"} | more.pop("headers", {})
        if body is not None:
            more["json"] = body
        return self.http.request(verb, f"/braze{path}", headers=headers, **more)

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.call("POST", path, body)
