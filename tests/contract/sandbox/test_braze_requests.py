"""Braze: what is asked, what is answered. One row per request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.contract.sandbox.workspace import KEY, NOW, Workspace

TO_ANN = [{"external_user_id": "ann"}]
EVENT = {"external_id": "ann", "name": "viewed", "time": NOW}
PURCHASE = {"external_id": "ann", "product_id": "LAMP", "currency": "EUR", "price": 9, "time": NOW}
SCHEDULE = {"time": "2099-01-01T00:00:00Z"}


@dataclass(frozen=True)
class Case:
    """One request and the status that it must get; `says` is part of the answer's text."""

    name: str
    path: str
    body: Any
    status: int = 400
    says: str = ""
    verb: str = "POST"


def track(name: str, body: Any, says: str = "") -> Case:
    return Case(f"track: {name}", "/users/track", body, says=says)


def campaign(name: str, **body: Any) -> Case:
    sent = {"campaign_id": "case", **body}
    return Case(f"campaign: {name}", "/campaigns/trigger/send", sent)


def canvas(name: str, **body: Any) -> Case:
    sent = {"canvas_id": "apology", **body}
    return Case(f"canvas: {name}", "/canvas/trigger/send", sent)


def items(name: str, error_id: str, given: Any, *, verb: str = "PUT", at: str = "products") -> Case:
    status = 404 if error_id == "catalog-not-found" else 400
    path = f"/catalogs/{at}/items"
    return Case(f"catalog: {name}", path, {"items": given}, status, error_id, verb)


CASES = (
    track("nothing", {}),
    track("not a list", {"events": EVENT}),
    track("76 events", {"events": [EVENT] * 76}, "Max Input Length Exceeded"),
    track(
        "51 combined", {"events": [EVENT] * 26, "purchases": [PURCHASE] * 25}, "Max Input Length"
    ),
    track("nobody named", {"attributes": [{"colour": "red"}]}, "external_id"),
    track("an event without time", {"events": [{**EVENT, "time": None}]}, "time"),
    track("an event without name", {"events": [{**EVENT, "name": ""}]}, "name"),
    track(
        "a property that starts with $", {"events": [{**EVENT, "properties": {"$a": 1}}]}, "propert"
    ),
    track(
        "a property of 256 characters",
        {"events": [{**EVENT, "properties": {"a": "x" * 256}}]},
        "255",
    ),
    track(
        "properties of over 50 KB",
        {"events": [{**EVENT, "properties": {"a": [0] * 30_000}}]},
        "bytes",
    ),
    track(
        "a purchase without currency", {"purchases": [{**PURCHASE, "currency": "euro"}]}, "currency"
    ),
    track("a purchase with a text price", {"purchases": [{**PURCHASE, "price": "9"}]}, "price"),
    track(
        "a consent that does not exist",
        {"attributes": [{"external_id": "ann", "email_subscribe": "maybe"}]},
        "email_subscribe",
    ),
    campaign("nobody", recipients=[]),
    campaign("no recipients at all"),
    campaign("51 recipients", recipients=TO_ANN * 51),
    campaign("broadcast and recipients", recipients=TO_ANN, broadcast=True),
    campaign("unknown campaign", recipients=TO_ANN, campaign_id="nope"),
    campaign("no campaign", recipients=TO_ANN, campaign_id=None),
    campaign("two identities", recipients=[{"external_user_id": "ann", "email": "a@example.com"}]),
    campaign("no identity", recipients=[{"attributes": {}}]),
    campaign("email without prioritization", recipients=[{"email": "ann@example.com"}]),
    campaign("properties as a list", recipients=TO_ANN, trigger_properties=[1]),
    campaign(
        "new user without attributes",
        recipients=[{"external_user_id": "z", "send_to_existing_only": False}],
    ),
    canvas("unknown canvas", recipients=TO_ANN, canvas_id="nope"),
    canvas("context of over 50 KB", recipients=TO_ANN, context={"a": "x" * 52_000}),
    Case(
        "schedule: in the past",
        "/campaigns/trigger/schedule/create",
        {"campaign_id": "case", "recipients": TO_ANN, "schedule": {"time": "2001-01-01T00:00:00Z"}},
    ),
    Case(
        "schedule: no time",
        "/canvas/trigger/schedule/create",
        {"canvas_id": "apology", "recipients": TO_ANN, "schedule": {}},
    ),
    Case(
        "schedule: delete an unknown one",
        "/canvas/trigger/schedule/delete",
        {"canvas_id": "apology", "schedule_id": "x"},
    ),
    Case(
        "transactional: unknown campaign",
        "/transactional/v1/campaigns/nope/send",
        {"recipient": TO_ANN[0]},
        404,
    ),
    Case(
        "transactional: not one", "/transactional/v1/campaigns/case/send", {"recipient": TO_ANN[0]}
    ),
    Case(
        "transactional: many recipients",
        "/transactional/v1/campaigns/receipt/send",
        {"recipient": TO_ANN},
    ),
    Case(
        "transactional: a bad send id",
        "/transactional/v1/campaigns/receipt/send",
        {"recipient": TO_ANN[0], "external_send_id": "a b"},
    ),
    items("no such catalog", "catalog-not-found", [{"id": "A"}], at="nope"),
    items("51 items", "request-includes-too-many-items", [{"id": f"A{n}"} for n in range(51)]),
    items("no id", "items-missing-ids", [{"title": "x"}]),
    items("a number as id", "ids-not-strings", [{"id": 7}]),
    items("an id too long", "ids-too-large", [{"id": "x" * 251}]),
    items("an id with a dot", "invalid-ids", [{"id": "a.b"}]),
    items("one id twice", "ids-not-unique", [{"id": "A"}, {"id": "A"}]),
    items("an unknown field", "invalid-fields", [{"id": "A", "colour": "red"}]),
    items("a text as number", "unable-to-coerce-value", [{"id": "A", "stock": "many"}]),
    items("a value too long", "items-too-large", [{"id": "A", "title": "x" * 5_001}], verb="POST"),
    items("no array", "item-array-invalid", {"id": "A"}, verb="PATCH"),
    Case(
        "groups: no ids",
        "/v2/subscription/status/set",
        {
            "subscription_groups": [
                {"subscription_group_id": "g", "subscription_state": "subscribed"}
            ]
        },
    ),
    Case(
        "groups: emails and phones",
        "/v2/subscription/status/set",
        {
            "subscription_groups": [
                {
                    "subscription_group_id": "g",
                    "subscription_state": "subscribed",
                    "emails": ["a"],
                    "phones": ["b"],
                }
            ]
        },
    ),
    Case(
        "groups: 51 ids",
        "/v2/subscription/status/set",
        {
            "subscription_groups": [
                {
                    "subscription_group_id": "g",
                    "subscription_state": "subscribed",
                    "external_ids": ["a"] * 51,
                }
            ]
        },
    ),
    Case(
        "email status: wrong",
        "/email/status",
        {"email": "ann@example.com", "subscription_state": "maybe"},
    ),
    Case("export: 51 ids", "/users/export/ids", {"external_ids": ["a"] * 51}),
    Case("export: nobody", "/users/export/ids", {}),
    Case("an unknown URL", "/users/nope", {}, 404),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_wrong_request_is_refused_and_nobody_hears_anything(
    http: httpx.Client, case: Case
) -> None:
    workspace = Workspace(http)
    answer = workspace.call(case.verb, case.path, case.body)
    assert answer.status_code == case.status, answer.text
    assert answer.json()["message"] not in ("success", "queued")
    assert case.says in answer.text
    assert workspace.state("messages") == []
    assert [one["id"] for one in workspace.state("catalogs")[0]["items"]] == ["LAMP"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": f"Basic {KEY}"}, 401),
        ({"content-type": "text/plain"}, 400),
        ({}, 201),
    ],
)
def test_key_and_content_type_are_checked(
    http: httpx.Client, headers: dict[str, str], status: int
) -> None:
    assert Workspace(http).call(
        "POST", "/users/track", {"events": [EVENT]}, headers=headers
    ).status_code == (status)


def test_a_key_without_the_permission_gets_403(http: httpx.Client) -> None:
    workspace = Workspace(http)
    keys = [{"key": KEY}, {"key": "track-only", "permissions": ["users.track"]}]
    workspace.control("configure", {"keys": keys})
    body = {"campaign_id": "case", "recipients": TO_ANN}
    send = workspace.call("POST", "/campaigns/trigger/send", body, key="track-only")
    assert send.status_code == 403
    track_answer = workspace.call("POST", "/users/track", {"events": [EVENT]}, key="track-only")
    assert track_answer.status_code == 201
    assert workspace.state("messages") == []


def test_a_body_over_four_megabytes_gets_413(http: httpx.Client) -> None:
    body = {"events": [{**EVENT, "properties": {"a": "x" * (4 * 1024 * 1024)}}]}
    assert Workspace(http).post("/users/track", body).status_code == 413


def test_broken_json_gets_400(http: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    answer = Workspace(http).call("POST", "/users/track", headers=headers, content="{")
    assert answer.status_code == 400


def test_the_rate_limit_shows_in_headers_and_ends_in_429(http: httpx.Client) -> None:
    workspace = Workspace(http)
    limits = {"users.track": {"limit": 2, "window_s": 3_600}}
    workspace.control("configure", {"rate_limits": limits})
    now_s = http.get("/_sandbox/clock").json()["now_s"]
    answers = [workspace.post("/users/track", {"events": [EVENT]}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    resets = {int(answer.headers["x-ratelimit-reset"]) for answer in answers}
    assert all(now_s < reset <= now_s + 3_601 for reset in resets)
    other = {"campaign_id": "case", "recipients": TO_ANN}
    assert workspace.post("/campaigns/trigger/send", other).status_code == 201
    assert len(workspace.user("ann")["events"]) == 2


def test_broadcasts_have_a_limit_of_their_own(http: httpx.Client) -> None:
    workspace = Workspace(http)
    workspace.control("configure", {"rate_limits": {"broadcasts": {"limit": 1, "window_s": 3_600}}})
    everybody = {"campaign_id": "case", "broadcast": True}
    assert workspace.post("/campaigns/trigger/send", everybody).status_code == 201
    assert workspace.post("/campaigns/trigger/send", everybody).status_code == 429
    one = {"campaign_id": "case", "recipients": TO_ANN}
    assert workspace.post("/campaigns/trigger/send", one).status_code == 201
    assert [m["external_id"] for m in workspace.state("messages")] == ["ann", "bob", "ann"]


def test_in_maintenance_calls_are_queued_and_take_effect(http: httpx.Client) -> None:
    workspace = Workspace(http)
    workspace.control("configure", {"maintenance": True})
    answer = workspace.post("/users/track", {"events": [EVENT]})
    assert (answer.status_code, answer.json()) == (202, {"message": "queued"})
    assert len(workspace.user("ann")["events"]) == 1


def test_the_limits_of_track_are_configurable(http: httpx.Client) -> None:
    workspace = Workspace(http)
    workspace.control("configure", {"track": {"combined_max": None}})
    body = {"events": [EVENT] * 75, "purchases": [PURCHASE] * 75}
    assert workspace.post("/users/track", body).status_code == 201
    assert workspace.post("/users/track", {"events": [EVENT] * 76}).status_code == 400
