"""Braze Currents: batches, bearer token, retries, and a repeatable stream of engagement."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx
import pytest

from tests.contract.sandbox.receiver import Receiver
from tests.contract.sandbox.workspace import Workspace
from tests.waiting import until


def connected(http: httpx.Client, receiver: Receiver) -> Workspace:
    workspace = Workspace(http)
    currents = {"url": f"{receiver.url}/currents?workspace=1", "token": "currents-token"}
    workspace.control("configure", {"currents": currents})
    return workspace


def test_events_are_posted_in_batches_of_at_most_a_hundred(
    http: httpx.Client, receiver: Receiver
) -> None:
    workspace = connected(http, receiver)
    events = [{"id": str(number)} for number in range(250)]
    assert workspace.control("trigger/currents", {"events": events}) == {
        "batches": 3,
        "posted": 250,
    }
    batches = receiver.wait_for(3)
    assert sorted(len(one.json["events"]) for one in batches) == [50, 100, 100]
    assert sorted(int(e["id"]) for one in batches for e in one.json["events"]) == [*range(250)]
    assert {one.headers["authorization"] for one in batches} == {"Bearer currents-token"}
    assert {one.path for one in batches} == {"/currents?workspace=1"}


def test_a_refused_batch_comes_again_as_it_was(http: httpx.Client, receiver: Receiver) -> None:
    workspace = connected(http, receiver)
    receiver.answers.extend([503, 401, 429])
    workspace.control("trigger/currents", {"events": [{"id": "1"}]})
    tries = receiver.wait_for(4)
    assert {one.body for one in tries} == {b'{"events":[{"id":"1"}]}'}


def test_after_the_last_retry_currents_is_disabled_and_drops(
    http: httpx.Client, receiver: Receiver
) -> None:
    workspace = connected(http, receiver)
    workspace.control("configure", {"webhooks": {"time_scale": 0}})
    receiver.answers.extend([500] * 36)
    workspace.control("trigger/currents", {"events": [{"id": "1"}]})
    until(lambda: bool(workspace.state("currents")["disabled"]), "Currents is disabled")
    assert workspace.control("trigger/currents", {"events": [{"id": "2"}]})["batches"] == 0
    assert workspace.state("currents")["dropped_events"] == 2
    assert len(receiver.received) == 36


def test_without_a_destination_the_trigger_says_so(http: httpx.Client) -> None:
    Workspace(http)
    answer = http.post("/_sandbox/braze/trigger/engagement", json={"n": 1})
    assert answer.status_code == 400
    assert "currents" in answer.json()["error"]


def engagement(workspace: Workspace, **options: Any) -> Any:
    fixed = {"start_s": 1_700_000_000, "return_events": True, "seed": 7}
    return workspace.control("trigger/engagement", {**fixed, **options})


def test_the_same_seed_gives_the_same_events_and_another_seed_others(
    http: httpx.Client, receiver: Receiver
) -> None:
    workspace = connected(http, receiver)
    first, second = (engagement(workspace, n=200)["events"] for _ in range(2))
    other = engagement(workspace, n=200, seed=8)["events"]
    assert first == second
    assert not {one["id"] for one in first} & {one["id"] for one in other}


def test_engagement_has_the_asked_for_shares_and_says_how_many(
    http: httpx.Client, receiver: Receiver
) -> None:
    workspace = connected(http, receiver)
    shares = {"duplicates": 0.2, "bots": 0.5, "machine_opens": 0.5, "late": 0.1}
    told = engagement(workspace, n=2_000, users=50, skus=5, regions=["eu"], **shares)
    events = told["events"]
    unique = {event["id"]: event for event in events}
    assert len(unique) == told["unique"] == 2_000
    assert len(events) == told["posted"] == 2_000 + told["duplicates"]
    assert 300 < told["duplicates"] < 500
    kinds = Counter(event["event_type"] for event in unique.values())
    assert all(told[kind] == count for kind, count in kinds.items())
    bots = [e for e in unique.values() if e["properties"].get("is_suspected_bot_click")]
    machines = [e for e in unique.values() if e["properties"].get("machine_open")]
    assert (len(bots), len(machines)) == (told["bots"], told["machine_opens"])
    assert 100 < len(bots) < 260
    early = [e for e in unique.values() if e["time"] < 1_700_000_000]
    assert 0 < len(early) <= told["late"]
    assert len({event["user"]["external_user_id"] for event in events}) == 50
    posted = receiver.wait_for(told["batches"])
    assert sum(len(one.json["events"]) for one in posted) == told["posted"]


def test_engagement_is_in_the_vendors_shape(http: httpx.Client, receiver: Receiver) -> None:
    events = engagement(connected(http, receiver), n=500, regions=["eu"])["events"]
    assert {event["event_type"] for event in events} == {
        "users.messages.email.Open",
        "users.messages.email.Click",
        "users.messages.pushnotification.Open",
        "users.behaviors.CustomEvent",
        "users.behaviors.Purchase",
    }
    assert all(
        event.keys() == {"event_type", "id", "time", "user", "properties"} for event in events
    )
    assert all(isinstance(event["time"], int) for event in events)
    custom = [e["properties"] for e in events if e["event_type"].endswith("CustomEvent")]
    assert {one["name"] for one in custom} == {
        "ecommerce.product_viewed",
        "ecommerce.cart_updated",
        "ecommerce.order_placed",
    }
    assert {one["custom_properties"]["region"] for one in custom} == {"eu"}
    carts = {
        c["custom_properties"]["cart_id"] for c in custom if c["name"].endswith("cart_updated")
    }
    ordered = {c["custom_properties"]["cart_id"] for c in custom if c["name"].endswith("placed")}
    assert carts - ordered, "some carts are abandoned"


@pytest.mark.parametrize("options", [{"n": 0}, {"n": 10**9}, {"colour": 1}, {"skus": []}])
def test_wrong_options_are_refused(http: httpx.Client, options: dict[str, Any]) -> None:
    Workspace(http)
    answer = http.post("/_sandbox/braze/trigger/engagement", json=options)
    assert answer.status_code == 400
