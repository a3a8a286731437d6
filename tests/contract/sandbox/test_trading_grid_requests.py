"""Trading Grid: what is asked, what is answered. One row per request."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.contract.sandbox.community import (
    CREDENTIALS,
    PARTNER,
    REF,
    THREAD,
    TOKEN_URL,
    Community,
    token,
)


@dataclass(frozen=True)
class Case:
    """One request and the status and problem code that it must get."""

    name: str
    verb: str
    path: str
    body: Any = None
    status: int = 422
    code: str | None = None
    pointer: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def refused_thread(name: str, change: dict[str, Any], pointer: str) -> Case:
    return Case(name, "POST", "/threads", {**THREAD, **change}, 422, "validation_failed", pointer)


def wrong_parameter(query: str) -> Case:
    return Case(query, "GET", f"/threads?{query}", status=400, code="invalid_parameter")


CASES = (
    refused_thread("no subject", {"subject": None}, "/subject"),
    refused_thread("a kind that is not in the list", {"kind": "gossip"}, "/kind"),
    refused_thread("a field that does not exist", {"colour": "red"}, "/colour"),
    refused_thread("a status at creation", {"status": "resolved"}, "/status"),
    refused_thread("a partner that does not exist", {"partner_id": "pt_0"}, "/partner_id"),
    refused_thread("a priority beyond urgent", {"priority": "now"}, "/priority"),
    refused_thread("a line without reference", {"lines": [{"sku": "A"}]}, "/lines/0/line_ref"),
    refused_thread(
        "a due time without zone", {"sla": {"respond_by": "2026-01-01T00:00"}}, "/sla/respond_by"
    ),
    refused_thread(
        "a reference without id",
        {"external_refs": [{"system": "x", "type": "y"}]},
        "/external_refs/0/id",
    ),
    Case(
        "no idempotency key",
        "POST",
        "/threads",
        THREAD,
        400,
        "idempotency_key_required",
        options={"key": None},
    ),
    Case(
        "a key that is no UUID",
        "POST",
        "/threads",
        THREAD,
        400,
        "idempotency_key_invalid",
        options={"key": "abc"},
    ),
    Case("a JSON list", "POST", "/threads", [THREAD], 400, "invalid_json"),
    Case("an unknown thread", "GET", "/threads/th_0", status=404, code="not_found"),
    Case("an unknown route", "GET", "/gossip", status=404, code="unknown_route"),
    Case("no If-Match", "PATCH", "/partners/pt_acme", {"name": "A"}, 428, "if_match_required"),
    Case(
        "a stale If-Match",
        "PATCH",
        "/partners/pt_acme",
        {"name": "A"},
        412,
        "etag_mismatch",
        options={"etag": '"pt_acme.9"'},
    ),
    Case(
        "another community",
        "GET",
        "/partners",
        status=403,
        code="community_forbidden",
        options={"headers": {"x-community-id": "elsewhere"}},
    ),
    Case(
        "a wrong token",
        "GET",
        "/partners",
        status=401,
        code="invalid_token",
        options={"headers": {"authorization": "Bearer no"}},
    ),
    wrong_parameter("limit=0"),
    wrong_parameter("limit=201"),
    wrong_parameter("colour=red"),
    wrong_parameter("external_ref=1001"),
    wrong_parameter("updated_since=yesterday"),
    Case("a foreign cursor", "GET", "/threads?cursor=xyz", status=400, code="invalid_cursor"),
    Case(
        "an insight without metrics",
        "PUT",
        "/insights/k",
        {
            "partner_id": "pt_acme",
            "kind": "demand",
            "window": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
        },
        422,
        "validation_failed",
        "/metrics",
    ),
    Case(
        "a plain http webhook elsewhere",
        "POST",
        "/webhook-endpoints",
        {"url": "http://example.com/h"},
        422,
        "validation_failed",
        "/url",
    ),
    Case(
        "an event type that does not exist",
        "POST",
        "/webhook-endpoints",
        {"url": "https://example.com/h", "event_types": ["thread.gossip"]},
        422,
        "validation_failed",
        "/event_types",
    ),
    Case(
        "availability of nothing",
        "POST",
        "/availability-updates",
        {"partner_id": "pt_acme"},
        422,
        "validation_failed",
        "/sku",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_wrong_request_is_refused_with_a_problem_that_names_it(
    http: httpx.Client, case: Case
) -> None:
    answer = Community(http).call(case.verb, case.path, case.body, **case.options)
    assert answer.status_code == case.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == case.status
    assert problem["code"] == case.code
    assert problem["trace_id"] == answer.headers["x-correlation-id"]
    if case.pointer:
        assert case.pointer in [error["pointer"] for error in problem["errors"]]


def test_a_refused_request_changes_nothing(http: httpx.Client) -> None:
    community = Community(http)
    community.call("POST", "/threads", {**THREAD, "kind": "gossip"})
    assert community.state("threads") == []
    assert community.state("events") == []


def test_a_created_object_has_the_common_fields_and_an_etag(http: httpx.Client) -> None:
    community = Community(http)
    answer = community.call("POST", "/threads", THREAD)
    assert answer.status_code == 201
    made = answer.json()
    assert made["version"] == 1
    assert made["status"] == "open"
    assert made["external_refs"] == [REF]
    assert made["created_by"] == {"type": "internal", "id": "gridwire"}
    read = community.call("GET", f"/threads/{made['id']}")
    assert read.json() == made
    assert read.headers["etag"] == answer.headers["etag"]


def test_the_correlation_id_comes_back(http: httpx.Client) -> None:
    answer = Community(http).call("GET", "/partners", headers={"x-correlation-id": "trace-7"})
    assert answer.headers["x-correlation-id"] == "trace-7"


@pytest.mark.parametrize(
    ("form", "credentials", "status", "error"),
    [
        ({"grant_type": "password"}, CREDENTIALS, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, ("gridwire", "no"), 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, ("nobody", ""), 401, "invalid_client"),
        (
            {"grant_type": "client_credentials", "scope": "moon.read"},
            CREDENTIALS,
            400,
            "invalid_scope",
        ),
    ],
)
def test_a_wrong_token_request_is_refused(
    http: httpx.Client, form: dict[str, str], credentials: tuple[str, str], status: int, error: str
) -> None:
    answer = http.post(TOKEN_URL, auth=credentials, data=form)
    assert answer.status_code == status
    assert answer.json()["error"] == error


def test_a_token_carries_only_the_scopes_that_were_asked_for(http: httpx.Client) -> None:
    community = Community(http)
    community.token = token(http, "threads.read")
    assert community.call("GET", "/threads").status_code == 200
    refused = community.call("POST", "/threads", THREAD)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")


def test_a_token_ends_with_its_time(http: httpx.Client) -> None:
    community = Community(http)
    assert community.call("GET", "/partners").status_code == 200
    http.post("/_sandbox/clock", json={"offset_s": 3_601})
    assert community.call("GET", "/partners").status_code == 401


def test_expired_tokens_are_refused_until_a_new_one_is_fetched(http: httpx.Client) -> None:
    community = Community(http)
    community.trigger("tokens-expired")
    assert community.call("GET", "/partners").status_code == 401
    community.token = token(http)
    assert community.call("GET", "/partners").status_code == 200


def test_the_rate_limit_shows_in_headers_and_ends_in_429(http: httpx.Client) -> None:
    community = Community(http)
    community.control("configure", {"rate_limit": {"limit": 3, "window_s": 3_600}})
    answers = [community.call("GET", "/partners") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[3].json()["code"] == "rate_limited"
    assert int(answers[3].headers["retry-after"]) >= 1
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {"3"}


def test_a_body_that_is_not_json_gets_415_or_400(http: httpx.Client) -> None:
    community = Community(http)
    plain = community.call("POST", "/threads", headers={"content-type": "text/plain"}, content="x")
    assert plain.status_code == 415
    broken = community.call(
        "POST", "/threads", headers={"content-type": "application/json"}, content="{"
    )
    assert (broken.status_code, broken.json()["code"]) == (400, "invalid_json")


def test_a_body_over_a_mebibyte_gets_413(http: httpx.Client) -> None:
    answer = Community(http).call("POST", "/threads", {**THREAD, "body": "x" * 1_100_000})
    assert answer.status_code == 413


def test_a_list_is_read_page_by_page_without_gap_or_repeat(http: httpx.Client) -> None:
    community = Community(http)
    partners = [{"id": f"pt_{n:03d}", "name": f"Partner {n}"} for n in range(25)]
    community.control("seed", {"partners": partners})
    seen: list[str] = []
    more: list[bool] = []
    cursor = ""
    for _ in range(3):
        answer = community.call("GET", f"/partners?limit=10{cursor}").json()
        seen += [one["id"] for one in answer["data"]]
        more.append(answer["page"]["has_more"])
        cursor = f"&cursor={answer['page']['next_cursor']}"
    assert len(seen) == len(set(seen)) == 27
    assert more == [True, True, False]
    assert cursor == "&cursor=None"


def test_updated_since_includes_its_own_instant(http: httpx.Client) -> None:
    community = Community(http)
    etag = community.call("GET", "/partners/pt_acme").headers["etag"]
    http.post("/_sandbox/clock", json={"offset_s": 60})
    changed = community.call("PATCH", "/partners/pt_acme", {"gln": "42"}, etag=etag).json()
    page = community.call("GET", "/partners", params={"updated_since": changed["updated_at"]})
    assert [one["id"] for one in page.json()["data"]] == ["pt_acme"]


def test_lists_filter_by_reference_status_and_partner(http: httpx.Client) -> None:
    community = Community(http)
    thread = community.made("/threads", THREAD)
    community.made("/threads", {"kind": "claim", "subject": "Lost", "partner_id": "pt_bolt"})
    reference = ":".join((REF["system"], REF["type"], REF["id"]))
    for query in (f"external_ref={reference}", "partner_id=pt_acme", "kind=order_exception"):
        found = community.call("GET", f"/threads?{query}").json()["data"]
        assert [one["id"] for one in found] == [thread["id"]], query
    assert len(community.call("GET", "/threads?status=open").json()["data"]) == 2
    assert community.call("GET", "/threads?status=closed").json()["data"] == []


def test_contacts_belong_to_their_partner(http: httpx.Client) -> None:
    community = Community(http)
    contact = community.trigger("contact-added", partner_id="pt_acme", name="Ann", role="quality")
    listed = community.call("GET", "/partners/pt_acme/contacts").json()["data"]
    assert [one["id"] for one in listed] == [contact["id"]]
    assert community.call("GET", "/partners/pt_bolt/contacts").json()["data"] == []
    path = f"/partners/pt_acme/contacts/{contact['id']}"
    etag = community.call("GET", path).headers["etag"]
    changed = community.call("PATCH", path, {"consent": {"email": "no"}}, etag=etag)
    assert changed.json()["consent"] == {"email": "no"}
    assert community.call("GET", f"/partners/pt_bolt/contacts/{contact['id']}").status_code == 404
    types = [event["type"] for event in community.state("events")]
    assert types == ["partner.contact_added", "partner.contact_updated"]


def test_a_file_is_uploaded_scanned_and_downloaded(http: httpx.Client) -> None:
    community = Community(http)
    community.control("configure", {"scan_delay_s": 60})
    files = {"file": ("label.pdf", b"%PDF-1.7 label", "application/pdf")}
    made = community.call("POST", "/attachments", files=files).json()
    assert (made["scan_status"], made["size"]) == ("pending", 14)
    authorization = {"authorization": f"Bearer {community.token}"}
    assert http.get(made["download_url"], headers=authorization).status_code == 404
    http.post("/_sandbox/clock", json={"offset_s": 61})
    again = community.call("GET", f"/attachments/{made['id']}").json()
    assert again["scan_status"] == "clean"
    assert http.get(again["download_url"], headers=authorization).content == b"%PDF-1.7 label"


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("tool.exe", b"MZ", 415),
        ("huge.csv", b"x" * (25 * 1024 * 1024 + 1), 413),
    ],
)
def test_files_of_wrong_type_or_size_are_refused(
    http: httpx.Client, name: str, content: bytes, status: int
) -> None:
    community = Community(http)
    answer = community.call("POST", "/attachments", files={"file": (name, content)})
    assert answer.status_code == status


def test_an_infected_file_cannot_be_shared(http: httpx.Client) -> None:
    community = Community(http)
    virus = base64.b64decode("RUlDQVItU1RBTkRBUkQtQU5USVZJUlVTLVRFU1QtRklMRQ==")
    made = community.call("POST", "/attachments", files={"file": ("a.csv", virus)}).json()
    assert made["scan_status"] == "infected"
    thread = community.made("/threads", THREAD)
    for attachment_id in (made["id"], "at_unknown"):
        body = {"body": "see", "attachments": [attachment_id]}
        answer = community.call("POST", f"/threads/{thread['id']}/comments", body)
        assert answer.status_code == 422


def test_the_same_insight_key_replaces(http: httpx.Client) -> None:
    community = Community(http)
    window = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z"}
    body = {"partner_id": "pt_acme", "kind": "engagement", "window": window, "region": "north"}
    first = community.call("PUT", "/insights/w1", {**body, "metrics": {"views": 3}})
    second = community.call("PUT", "/insights/w1", {**body, "metrics": {"views": 5}})
    assert [first.status_code, second.status_code] == [201, 200]
    (kept,) = community.state("insights")
    assert kept["metrics"] == {"views": 5}
    assert kept["version"] == 2
    stale = community.call(
        "PUT", "/insights/w1", {**body, "metrics": {}}, etag=first.headers["etag"]
    )
    assert stale.status_code == 412


def test_a_reset_leaves_nothing_of_the_test_before(http: httpx.Client) -> None:
    community = Community(http)
    community.made("/threads", THREAD)
    http.post("/_sandbox/trading-grid/reset")
    assert community.state("threads") == community.state("partners") == []
    assert Community(http).state("partners")[0]["name"] == PARTNER["name"]


def test_ids_are_never_used_twice(http: httpx.Client) -> None:
    first = Community(http).made("/threads", THREAD)
    http.post("/_sandbox/trading-grid/reset")
    second = Community(http).made("/threads", THREAD)
    assert first["id"] != second["id"]
