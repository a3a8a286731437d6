"""Trading Grid: business triggers, the event feed, signed webhooks and their retries."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest

from tests.contract.sandbox.community import RESOLUTION, THREAD, Community
from tests.contract.sandbox.receiver import Received, Receiver
from tests.waiting import until

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
SHELF = {"partner_id": "pt_acme", "sku": "LAMP", "location_code": "EAST", "type": "stock"}


def listening(http: httpx.Client, receiver: Receiver, **more: Any) -> Community:
    community = Community(http)
    webhook = {"url": f"{receiver.url}/tg", "secret": SECRET, **more}
    community.control("configure", {"webhook": webhook})
    return community


def signatures(one: Received, secret: str) -> bool:
    """Whether any of the signatures is right, computed here from the specification."""
    key = base64.b64decode(secret[len("whsec_") :])
    content = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode()
    digest = hmac.digest(key, content + one.body, hashlib.sha256)
    wanted = "v1," + base64.b64encode(digest).decode()
    return wanted in one.headers["webhook-signature"].split(" ")


def test_a_partner_opens_discusses_and_resolves_a_thread(
    http: httpx.Client, receiver: Receiver
) -> None:
    community = listening(http, receiver)
    thread = community.trigger("thread-opened", **THREAD)
    community.trigger("thread-commented", id=thread["id"], body="A lamp is broken")
    community.trigger("thread-resolved", id=thread["id"], resolution=RESOLUTION)
    told = sorted((one.json for one in receiver.wait_for(5)), key=lambda one: one["sequence"])
    assert [one["type"] for one in told] == [
        "thread.created",
        "thread.comment_added",
        "thread.status_changed",
        "thread.status_changed",
        "thread.status_changed",
    ]
    assert [one["sequence"] for one in told] == [1, 2, 3, 4, 5]
    assert {one["subject"] for one in told} == {f"thread/{thread['id']}"}
    last = told[-1]["data"]
    assert (last["previous_status"], last["status"]) == ("in_progress", "resolved")
    assert last["version"] == community.call("GET", f"/threads/{thread['id']}").json()["version"]
    assert last["actor"] == {"type": "partner", "id": "pt_acme"}
    assert sorted(last["changed"]) == ["resolution", "status"]
    assert last["external_refs"] == THREAD["external_refs"]


def test_events_of_our_own_writes_name_our_client(http: httpx.Client) -> None:
    community = Community(http)
    community.made("/threads", THREAD)
    (event,) = community.state("events")
    assert event["data"]["actor"] == {"type": "internal", "id": "gridwire"}


@pytest.mark.parametrize(
    ("patch", "types"),
    [
        ({"name": "Acme Ltd"}, ["partner.updated"]),
        ({"compliance": {"status": "expiring"}}, ["partner.compliance_changed"]),
        (
            {"onboarding": {"stage": "docs", "tasks": [{"key": "w9", "status": "done"}]}},
            ["partner.onboarding_task_completed"],
        ),
        (
            {"compliance": {"status": "unknown"}, "selling_enabled": False},
            ["partner.compliance_changed", "partner.updated"],
        ),
    ],
)
def test_a_changed_partner_tells_what_kind_of_change_it_is(
    http: httpx.Client, patch: dict[str, Any], types: list[str]
) -> None:
    community = Community(http)
    community.trigger("partner-changed", id="pt_acme", patch=patch)
    assert [event["type"] for event in community.state("events")] == types


def test_a_partner_publishes_and_the_company_decides(http: httpx.Client) -> None:
    community = Community(http)
    update = community.trigger("availability-published", **SHELF, quantity=4)
    community.trigger("availability-decided", id=update["id"], decision="accepted")
    created, decided = community.state("events")
    assert created["type"] == "availability.updated"
    assert created["data"]["actor"]["type"] == "partner"
    assert decided["type"] == "availability.decision_changed"
    assert decided["data"]["actor"]["type"] == "internal"
    assert decided["data"]["status"] == "accepted"


def test_a_trigger_that_makes_no_sense_says_why(http: httpx.Client) -> None:
    community = Community(http)
    cases: tuple[tuple[str, dict[str, Any], int], ...] = (
        ("dance", {}, 404),
        ("thread-opened", {"kind": "claim"}, 422),
        ("thread-status", {"id": "th_0", "to": "closed"}, 404),
        ("availability-decided", {"decision": "accepted"}, 400),
        ("created", {"kind": "gossip"}, 400),
    )
    for event, body, status in cases:
        answer = http.post(f"/_sandbox/trading-grid/trigger/{event}", json=body)
        assert answer.status_code == status, event
        assert answer.json()["error"]
    assert community.state("events") == []


def test_the_feed_is_read_on_from_its_cursor(http: httpx.Client) -> None:
    community = Community(http)
    thread = community.made("/threads", THREAD)
    first = community.call("GET", "/events").json()
    assert [event["type"] for event in first["data"]] == ["thread.created"]
    assert first["page"]["has_more"] is False
    for body in ("One", "Two", "Three"):
        community.trigger("thread-commented", id=thread["id"], body=body)
    community.trigger("partner-changed", id="pt_bolt", patch={"gln": "1"})
    cursor = first["page"]["next_cursor"]
    second = community.call("GET", f"/events?limit=2&cursor={cursor}").json()
    assert [event["sequence"] for event in second["data"]] == [2, 3]
    assert second["page"]["has_more"] is True
    third = community.call("GET", f"/events?cursor={second['page']['next_cursor']}").json()
    assert [event["subject"] for event in third["data"]] == [
        f"thread/{thread['id']}",
        "partner/pt_bolt",
    ]
    only = community.call("GET", "/events?types=partner.updated").json()
    assert [event["type"] for event in only["data"]] == ["partner.updated"]


def test_the_feed_forgets_after_seven_days_and_says_so(http: httpx.Client) -> None:
    community = Community(http)
    community.control("configure", {"token_ttl_s": 10**7})
    community = Community(http)
    first = community.call("GET", "/events").json()["page"]["next_cursor"]
    community.made("/threads", THREAD)
    http.post("/_sandbox/clock", json={"offset_s": 8 * 86_400})
    assert community.call("GET", "/events").json()["data"] == []
    expired = community.call("GET", f"/events?cursor={first}")
    assert (expired.status_code, expired.json()["code"]) == (400, "cursor_expired")


def test_a_webhook_is_signed_over_its_raw_body(http: httpx.Client, receiver: Receiver) -> None:
    community = listening(http, receiver)
    community.trigger("thread-opened", **{**THREAD, "subject": "Größe falsch"})
    (one,) = receiver.wait_for(1)
    assert signatures(one, SECRET)
    assert not signatures(one, "whsec_" + base64.b64encode(b"x" * 32).decode())
    assert one.headers["content-type"] == "application/json"
    assert len(one.body) <= 20_000
    assert one.json == community.state("events")[0]


def test_a_failed_webhook_comes_again_with_the_same_id(
    http: httpx.Client, receiver: Receiver
) -> None:
    community = listening(http, receiver)
    receiver.answers.extend([500, 302, 429, 400])
    community.trigger("thread-opened", **THREAD)
    tries = receiver.wait_for(5)
    assert len({one.headers["webhook-id"] for one in tries}) == 1
    assert len({one.body for one in tries}) == 1
    assert all(signatures(one, SECRET) for one in tries)

    def delivered() -> bool:
        (delivery,) = http.get("/_sandbox/trading-grid/deliveries").json()
        return bool(delivery["state"] == "delivered")

    until(delivered, "the delivery is noted as delivered")
    (delivery,) = http.get("/_sandbox/trading-grid/deliveries").json()
    assert [one["status"] for one in delivery["attempts"]] == [500, 302, 429, 400, 204]


def test_the_retries_end_and_the_endpoint_is_disabled(
    http: httpx.Client, receiver: Receiver
) -> None:
    community = listening(http, receiver)
    community.control("configure", {"webhooks": {"time_scale": 0}})
    receiver.answers.extend([500] * 10)
    community.trigger("thread-opened", **THREAD)

    def disabled() -> bool:
        (endpoint,) = community.state("webhook_endpoints")
        return bool(endpoint["status"] == "auto_disabled")

    until(disabled, "the endpoint is disabled")
    assert len(receiver.received) == 10
    (delivery,) = http.get("/_sandbox/trading-grid/deliveries?state=exhausted").json()
    community.trigger("partner-changed", id="pt_acme", patch={"gln": "1"})
    assert len(http.get("/_sandbox/trading-grid/deliveries").json()) == 1
    community.call("POST", f"/webhook-endpoints/deliveries/{delivery['id']}/replay", {})
    replayed = receiver.wait_for(11)[-1]
    assert replayed.headers["webhook-id"] == receiver.received[0].headers["webhook-id"]


def test_a_410_disables_the_endpoint_at_once(http: httpx.Client, receiver: Receiver) -> None:
    community = listening(http, receiver)
    receiver.answers.append(410)
    community.trigger("thread-opened", **THREAD)
    until(
        lambda: community.state("webhook_endpoints")[0]["status"] == "disabled",
        "the endpoint is disabled",
    )
    assert len(receiver.received) == 1


def test_an_endpoint_is_registered_filtered_rotated_tested_and_deleted(
    http: httpx.Client, receiver: Receiver
) -> None:
    community = Community(http)
    body = {"url": receiver.url, "event_types": ["thread.created"]}
    endpoint = community.made("/webhook-endpoints", body)
    path = f"/webhook-endpoints/{endpoint['id']}"
    assert "secret" not in community.call("GET", path).json()
    rotated = community.call("POST", f"{path}/rotate-secret", {}).json()
    assert rotated["secret"] != endpoint["secret"]
    community.trigger("partner-changed", id="pt_acme", patch={"gln": "1"})
    community.trigger("thread-opened", **THREAD)
    (one,) = receiver.wait_for(1)
    assert one.json["type"] == "thread.created"
    assert signatures(one, endpoint["secret"])
    assert signatures(one, rotated["secret"])
    http.post("/_sandbox/clock", json={"offset_s": 86_401})
    community = Community(http)
    assert community.call("POST", f"{path}/test", {}).status_code == 202
    test = receiver.wait_for(2)[1]
    assert test.json["type"] == "webhook.test"
    assert signatures(test, rotated["secret"])
    assert not signatures(test, endpoint["secret"])
    assert len(community.call("GET", f"{path}/deliveries").json()["data"]) == 2
    assert community.call("DELETE", path).status_code == 204
    assert community.call("GET", path).status_code == 404


def test_a_webhook_stays_within_twenty_kilobytes(http: httpx.Client, receiver: Receiver) -> None:
    community = listening(http, receiver)
    references = [
        {"system": "sfcc", "type": "order", "id": f"{number:0200d}"} for number in range(200)
    ]
    community.trigger("thread-opened", **{**THREAD, "external_refs": references})
    (one,) = receiver.wait_for(1)
    assert len(one.body) <= 20_000
    assert json.loads(one.body)["data"]["version"] == 1
