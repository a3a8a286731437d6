"""What the assumed contract of Trading Grid promises, section by section."""

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

BASE, TOKEN = "/api/active-community/v1", "/oauth2/token"
CREDENTIALS = ("gridwire", "gridwire-secret")
REF = {"system": "bigcommerce", "type": "order", "id": "1001/pt_acme/1"}
SEED: Mapping[str, Any] = {
    "partners": [
        {"id": "pt_acme", "name": "Acme", "status": "active", "skus": ["LAMP"]},
        {"id": "pt_bolt", "name": "Bolt", "status": "suspended"},
    ],
    "threads": [
        {"id": "th_1", "kind": "order_exception", "subject": "Short", "partner_id": "pt_acme"}
        | {"external_refs": [REF]},
        {"id": "th_2", "kind": "return", "subject": "Broken", "partner_id": "pt_bolt"},
    ],
    "launches": [
        {
            "id": "la_1",
            "name": "Spring",
            "status": "preparing",
            "launch_at": "2036-01-01T00:00:00Z",
            "checklist": [{"key": "photos", "title": "Photos", "required": True, "status": "todo"}],
        }
    ],
}
KEY = {"idempotency-key": "6f1d0cf0-5f0e-4d0e-9b8a-000000000001"}
THREAD = {"kind": "order_exception", "subject": "Late", "partner_id": "pt_acme"}
OPEN = Ask("POST", "/threads", THREAD, KEY)
UPDATE = {
    "partner_id": "pt_acme",
    "sku": "LAMP",
    "location_code": "EAST",
    "type": "stock",
    "quantity": 4,
    "sequence": 7,
}
PROBLEM = {"content-type": begins("application/problem+json")}
COMMON = ("id", "external_refs", "created_at", "updated_at", "version", "created_by", "custom")
INSIGHT = {
    "partner_id": "pt_acme",
    "kind": "engagement",
    "window": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z"},
    "region": "DE",
    "sku": "LAMP",
    "metrics": {"email_click": 3},
}
ORDER = {
    "po_number": "PO-1",
    "order_ref": "bigcommerce:1001",
    "partner_id": "pt_acme",
    "lines": [{"line_no": 1, "sku": "LAMP", "quantity": 2}],
}


def token(http: httpx.Client) -> Mapping[str, str]:
    form = {"grant_type": "client_credentials"}
    answer = http.post(f"/trading-grid{TOKEN}", auth=CREDENTIALS, data=form)
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


def keyed(number: int) -> dict[str, str]:
    return {"idempotency-key": f"6f1d0cf0-5f0e-4d0e-9b8a-{number:012d}"}


def problem(section: str, says: str, ask: Ask, status: int, code: Any = text, **more: Any) -> Fact:
    """A refusal: problem details with a code and the id of the trace."""
    fields = {
        "type": text,
        "title": text,
        "status": status,
        "code": code,
        "trace_id": text,
        **more.pop("fields", {}),
    }
    return Fact(section, says, ask, status, headers=PROBLEM, fields=fields, **more)


def move(to: str, *, tagged: bool = True) -> Ask:
    """A transition of th_1."""
    path = "/threads/th_1"
    return Ask("POST", f"{path}/transitions", {"to": to}, KEY, if_match=path if tagged else "")


AUTHENTICATION = (
    problem("B1", "without a token", Ask("GET", "/partners", None, {"authorization": None}), 401),
    problem(
        "B1",
        "a token that is none",
        Ask("GET", "/partners", None, {"authorization": "Bearer x"}),
        401,
    ),
    problem(
        "B1", "another community", Ask("GET", "/partners", None, {"x-community-id": "other"}), 403
    ),
    Fact(
        "B1",
        "the correlation id comes back",
        Ask("GET", "/partners", None, {"x-correlation-id": "case-1"}),
        200,
        headers={"x-correlation-id": "case-1"},
    ),
)
IDEMPOTENCY = (
    problem("B1", "a POST without a key", Ask("POST", "/threads", THREAD), 400),
    Fact(
        "B1",
        "the same key and body get the first answer, marked as such",
        OPEN,
        201,
        headers={"idempotent-replayed": "true"},
        fields={"subject": "Late", "version": 1},
        before=(OPEN,),
    ),
    Fact("B1", "a first answer is not marked", OPEN, 201, headers={"idempotent-replayed": ABSENT}),
    problem(
        "B1",
        "the same key with another body",
        Ask("POST", "/threads", THREAD | {"subject": "Other"}, KEY),
        422,
        "idempotency_key_reuse",
        before=(OPEN,),
    ),
    problem(
        "B1",
        "a second object with the same external reference",
        Ask("POST", "/threads", THREAD | {"external_refs": [REF]}, keyed(2)),
        409,
        fields={"existing_id": "th_1"},
    ),
)
CONCURRENCY = (
    Fact(
        "B1",
        "a single object has a strong ETag",
        Ask("GET", "/threads/th_1"),
        200,
        headers={"etag": begins('"')},
    ),
    Fact("B1", "a write answers with an ETag", OPEN, 201, headers={"etag": begins('"')}),
    problem("B1", "a PATCH without If-Match", Ask("PATCH", "/threads/th_1", {"subject": "x"}), 428),
    problem(
        "B1",
        "a PATCH of another version",
        Ask("PATCH", "/threads/th_1", {"subject": "x"}, {"if-match": '"7"'}),
        412,
    ),
    problem("B1", "a transition without If-Match", move("acknowledged", tagged=False), 428),
)
LISTS = (
    Fact(
        "B1",
        "a list has data and a page",
        Ask("GET", "/threads"),
        200,
        fields={"data.#": 2, "page": {"next_cursor": None, "has_more": False}},
    ),
    Fact(
        "B1",
        "a page that is not the last has a cursor",
        Ask("GET", "/threads?limit=1"),
        200,
        fields={"data.#": 1, "page.next_cursor": text, "page.has_more": True},
    ),
    problem("B1", "a page of more than 200", Ask("GET", "/threads?limit=201"), 400),
    problem("B1", "a page of none", Ask("GET", "/threads?limit=0"), 400),
    problem("B1", "a cursor that is none", Ask("GET", "/threads?cursor=x"), 400),
    Fact(
        "B1",
        "a list by external reference",
        Ask("GET", "/threads?external_ref=bigcommerce:order:1001/pt_acme/1"),
        200,
        fields={"data.#": 1, "data.0.id": "th_1"},
    ),
    Fact(
        "B1",
        "a list by partner and status",
        Ask("GET", "/threads?partner_id=pt_bolt&status=open"),
        200,
        fields={"data.#": 1, "data.0.id": "th_2"},
    ),
    Fact(
        "B1",
        "a list of what changed since a time without changes",
        Ask("GET", "/threads?updated_since=2036-01-01T00:00:00Z"),
        200,
        fields={"data": [], "page.has_more": False},
    ),
)
ERRORS = (
    problem("B1", "an object that is not there", Ask("GET", "/threads/th_none"), 404),
    problem(
        "B1",
        "a body that is not JSON by its type",
        Ask("POST", "/threads", b"{}", {**KEY, "content-type": "text/plain"}),
        415,
    ),
    problem(
        "B1",
        "a body that is not JSON",
        Ask("POST", "/threads", b"{", {**KEY, "content-type": "application/json"}),
        400,
    ),
    problem(
        "B1",
        "a body that is not valid names each place",
        Ask("POST", "/threads", {"kind": "gossip"}, KEY),
        422,
        fields={"errors.0": has("pointer", "code", "message")},
    ),
    problem(
        "B1", "the instance of a problem", Ask("GET", "/threads/x"), 404, fields={"instance": text}
    ),
)
LIMITS = (
    Fact(
        "B1",
        "every answer tells the budget, ten a second",
        Ask("GET", "/partners"),
        200,
        headers={
            "ratelimit-limit": "10",
            "ratelimit-remaining": between(0, 9),
            "ratelimit-reset": between(0, 1),
        },
    ),
    problem(
        "B1",
        "beyond the budget",
        Ask("GET", "/partners"),
        429,
        control=(("trading-grid/configure", {"rate_limit": {"limit": 1, "window_s": 3_600}}),),
        before=(Ask("GET", "/partners"),),
    ),
    Fact(
        "B1",
        "a 429 says when to come back, in seconds",
        Ask("GET", "/partners"),
        429,
        headers={"retry-after": between(1, 3_600), "ratelimit-remaining": "0"},
        control=(("trading-grid/configure", {"rate_limit": {"limit": 1, "window_s": 3_600}}),),
        before=(Ask("GET", "/partners"),),
    ),
)
RESOURCES = (
    Fact(
        "B1", "what every object has", OPEN, 201, fields={name: lambda _: True for name in COMMON}
    ),
    Fact(
        "B2",
        "a partner",
        Ask("GET", "/partners/pt_acme"),
        200,
        fields={"status": "active", "skus": ["LAMP"], "version": whole},
    ),
    Fact(
        "B2",
        "a comment has an author and a visibility",
        Ask("POST", "/threads/th_1/comments", {"body": "Soon", "visibility": "internal"}, KEY),
        201,
        fields={"thread_id": "th_1", "author": has("id", "type"), "visibility": "internal"},
    ),
    Fact(
        "B2",
        "an availability update is proposed at first",
        Ask("POST", "/availability-updates", UPDATE, KEY),
        201,
        fields={"decision_status": "proposed", "sequence": 7},
    ),
    problem(
        "B2",
        "a sequence that is not newer",
        Ask("POST", "/availability-updates", UPDATE, keyed(2)),
        409,
        before=(Ask("POST", "/availability-updates", UPDATE, KEY),),
    ),
    Fact(
        "B2",
        "a purchase order is created",
        Ask("POST", "/purchase-orders", ORDER, KEY),
        201,
        fields={"status": "created", "lines.0.line_no": 1},
    ),
    Fact(
        "B2",
        "the feed of events always has a cursor to go on from",
        Ask("GET", "/events"),
        200,
        fields={"data": [], "page.next_cursor": text},
    ),
    Fact(
        "B2",
        "an event in the feed",
        Ask("GET", "/events"),
        200,
        fields={
            "data.0": has("type", "timestamp", "tenant_id", "community_id", "subject", "sequence"),
            "data.0.data": has("id", "version", "actor", "changed"),
        },
        before=(OPEN,),
    ),
    Fact(
        "B4",
        "an endpoint's secret is shown once, when it is made",
        Ask("POST", "/webhook-endpoints", {"url": "https://hub.example/tg"}, KEY),
        201,
        fields={"secret": begins("whsec_"), "status": "enabled"},
    ),
    problem(
        "B4",
        "an endpoint without TLS",
        Ask("POST", "/webhook-endpoints", {"url": "http://hub.example/tg"}, KEY),
        422,
    ),
    Fact(
        "B6",
        "an insight of the same key is replaced",
        Ask("PUT", "/insights/engagement-1", INSIGHT | {"metrics": {"email_click": 5}}),
        200,
        fields={"metrics": {"email_click": 5}, "version": 2},
        before=(Ask("PUT", "/insights/engagement-1", INSIGHT),),
    ),
)
MACHINES = (
    Fact(
        "B3",
        "an open thread is acknowledged",
        move("acknowledged"),
        200,
        fields={"status": "acknowledged", "version": 2},
    ),
    problem("B3", "an open thread cannot be closed", move("closed"), 422, "invalid_transition"),
    Fact(
        "B3", "any thread can be cancelled", move("cancelled"), 200, fields={"status": "cancelled"}
    ),
    problem(
        "B3",
        "a launch is not ready while its gate is shut",
        Ask("POST", "/launches/la_1/transitions", {"to": "ready"}, KEY, if_match="/launches/la_1"),
        422,
    ),
    Fact(
        "B2",
        "a gate is shut while something required is to do",
        Ask("GET", "/launches/la_1"),
        200,
        fields={"gate_open": False, "readiness_percent": 0},
    ),
)

TRADING_GRID = Table(
    platform="trading-grid",
    prefix=f"/trading-grid{BASE}",
    seed=SEED,
    configure={},
    authorize=token,
    facts=(
        *AUTHENTICATION,
        *IDEMPOTENCY,
        *CONCURRENCY,
        *LISTS,
        *ERRORS,
        *LIMITS,
        *RESOURCES,
        *MACHINES,
    ),
)
