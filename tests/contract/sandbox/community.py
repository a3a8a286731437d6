"""A caller of the simulated Trading Grid for tests: token, keys and tags are arguments."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx

BASE = "/trading-grid/api/active-community/v1"
TOKEN_URL = "/trading-grid/oauth2/token"
CONTROL = "/_sandbox/trading-grid"
CREDENTIALS = ("gridwire", "gridwire-secret")
PARTNER = {"id": "pt_acme", "name": "Acme", "status": "active", "skus": ["LAMP"]}
OTHER_PARTNER = {"id": "pt_bolt", "name": "Bolt", "status": "active"}
REF = {"system": "bigcommerce", "type": "order", "id": "1001/pt_acme/1"}
THREAD = {
    "kind": "order_exception",
    "subject": "Order 1001 is short of stock",
    "partner_id": "pt_acme",
    "external_refs": [REF],
}
RESOLUTION = {"code": "shipped", "action": "ship"}


def token(http: httpx.Client, scope: str = "", credentials: tuple[str, str] = CREDENTIALS) -> str:
    form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
    answer = http.post(TOKEN_URL, auth=credentials, data=form)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


class Community:
    """Calls with a valid token, a fresh Idempotency-Key on POST, and `etag` as If-Match."""

    def __init__(self, http: httpx.Client, *, limit: int = 1_000) -> None:
        self.http = http
        self.control("configure", {"rate_limit": limit})
        self.control("seed", {"partners": [PARTNER, OTHER_PARTNER]})
        self.token = token(http)

    def control(self, what: str, body: Any) -> Any:
        answer = self.http.post(f"{CONTROL}/{what}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def trigger(self, event: str, **body: Any) -> Any:
        return self.control(f"trigger/{event}", body)

    def state(self, collection: str) -> Any:
        return self.http.get(f"{CONTROL}/state/{collection}").json()

    def call(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "",
        etag: str | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        sent = {"authorization": f"Bearer {self.token}"}
        if verb == "POST" and key is not None:
            sent["idempotency-key"] = key or str(uuid4())
        if etag is not None:
            sent["if-match"] = etag
        sent |= headers or {}
        if body is not None:
            more["json"] = body
        return self.http.request(verb, BASE + path, headers=sent, **more)

    def made(self, path: str, body: Any) -> Any:
        answer = self.call("POST", path, body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def move(self, path: str, body: Any) -> httpx.Response:
        """A transition with the ETag of now."""
        etag = self.call("GET", path).headers["etag"]
        return self.call("POST", f"{path}/transitions", body, etag=etag)
