"""Braze: ways through canvases with steps and delays, and what users and webhook steps do by themselves."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.sandbox.receiver import Receiver
from tests.contract.sandbox.workspace import NOW, Workspace

DAY_S = 86_400
STEPS = [{"name": "sent"}, {"name": "how-was-it", "delay_s": DAY_S}, {"delay_s": DAY_S}]


def canvas(workspace: Workspace, **changed: Any) -> None:
    given = {"id": "shipment", "steps": STEPS, "exit_event": "delayed", "exit_match": "order"}
    workspace.control("seed", {"canvases": [given | changed]})


def enter(workspace: Workspace, order: str = "1", user: str = "ann") -> None:
    body = {"external_id": user, "canvas_id": "shipment", "context": {"order": order}}
    workspace.control("trigger/enter", body)


def leave(workspace: Workspace, order: str = "1") -> None:
    event = {"external_id": "ann", "name": "delayed", "time": NOW, "properties": {"order": order}}
    assert workspace.post("/users/track", {"events": [event]}).status_code == 201


def days(http: httpx.Client, number: float) -> None:
    http.post("/_sandbox/clock", json={"offset_s": number * DAY_S + 60}).raise_for_status()


def heard(workspace: Workspace) -> list[str]:
    return [one["step"] for one in workspace.state("messages")]


def test_messages_of_a_canvas_follow_one_another_after_their_delays(http: httpx.Client) -> None:
    workspace = Workspace(http)
    canvas(workspace)
    enter(workspace)
    assert heard(workspace) == ["sent"]
    (way,) = workspace.state("canvas_entries")
    assert (way["position"], way["left_at"]) == (1, None)
    days(http, 1)
    assert heard(workspace) == ["sent", "how-was-it"]
    days(http, 5)
    assert heard(workspace) == ["sent", "how-was-it", ""]
    (way,) = workspace.state("canvas_entries")
    assert way["left_at"] is not None
    assert way["exited_at"] is None


def test_who_exits_during_a_delay_leaves_when_it_is_over_and_hears_nothing_more(
    http: httpx.Client,
) -> None:
    workspace = Workspace(http)
    canvas(workspace)
    enter(workspace, "1")
    enter(workspace, "2")
    leave(workspace, "1")
    first, second = workspace.state("canvas_entries")
    assert (first["exit_reason"], first["left_at"]) == ("delayed", None)
    assert second["exited_at"] is None
    days(http, 9)
    messages = [(one["context"]["order"], one["step"]) for one in workspace.state("messages")]
    assert messages == [("1", "sent"), ("2", "sent"), ("2", "how-was-it"), ("2", "")]
    first, _ = workspace.state("canvas_entries")
    assert first["left_at"] == pytest.approx(first["entered_at"] + DAY_S)


def test_an_exit_comes_too_late_for_who_has_left(http: httpx.Client) -> None:
    workspace = Workspace(http)
    canvas(workspace, steps=[{"name": "only"}])
    enter(workspace)
    leave(workspace)
    (way,) = workspace.state("canvas_entries")
    assert (way["exited_at"], way["left_at"] is None) == (None, False)


def test_a_canvas_that_is_paused_meanwhile_withholds_what_comes_due(http: httpx.Client) -> None:
    workspace = Workspace(http)
    canvas(workspace)
    enter(workspace)
    canvas(workspace, status="paused")
    days(http, 1)
    assert heard(workspace) == ["sent"]
    assert [one["reason"] for one in workspace.state("withheld")] == ["canvas_paused"]


def test_without_reentry_nobody_is_on_the_way_twice(http: httpx.Client) -> None:
    workspace = Workspace(http)
    canvas(workspace, reentry=False)
    enter(workspace)
    enter(workspace)
    assert len(workspace.state("canvas_entries")) == 1
    assert [one["reason"] for one in workspace.state("withheld")] == ["already_in_canvas"]
    days(http, 3)
    assert len(heard(workspace)) == 3
    enter(workspace)
    assert len(workspace.state("canvas_entries")) == 2


def test_consent_that_is_withdrawn_on_the_way_counts(http: httpx.Client) -> None:
    workspace = Workspace(http)
    canvas(workspace)
    enter(workspace)
    body = {"email": "ann@example.com", "subscription_state": "unsubscribed"}
    workspace.post("/email/status", body)
    days(http, 1)
    assert heard(workspace) == ["sent"]


def test_an_event_lets_its_user_into_an_action_based_canvas(http: httpx.Client) -> None:
    workspace = Workspace(http)
    canvas(workspace, entry_event="shipped")
    event = {"external_id": "bob", "name": "shipped", "time": NOW, "properties": {"order": "7"}}
    workspace.post("/users/track", {"events": [event]})
    (way,) = workspace.state("canvas_entries")
    assert (way["external_id"], way["context"]) == ("bob", {"order": "7"})


@pytest.mark.parametrize(
    "steps", [[], "one", [{"delay_s": -1}], [{"delay_s": "soon"}], ["one"], [{}] * 51]
)
def test_steps_that_are_none_are_refused(http: httpx.Client, steps: Any) -> None:
    Workspace(http)
    answer = http.post(
        "/_sandbox/braze/seed", json={"canvases": [{"id": "shipment", "steps": steps}]}
    )
    assert answer.status_code == 400
    assert "shipment" in answer.text


# ---- users ---------------------------------------------------------------------------------------
WISH = {"id": "LAMP", "catalog_name": "products", "type": ["back_in_stock"]}


def wish(workspace: Workspace, user: str = "ann") -> Any:
    body = {"external_id": user, "name": "wants_stock", "properties": WISH}
    return workspace.control("trigger/event", body)


def put(workspace: Workspace, stock: int) -> None:
    body = {"items": [{"id": "LAMP", "stock": stock}]}
    assert workspace.call("PUT", "/catalogs/products/items", body).status_code == 202


def test_what_a_user_does_is_told_by_currents_and_has_its_effect(
    http: httpx.Client, receiver: Receiver
) -> None:
    workspace = Workspace(http)
    workspace.control("configure", {"currents": {"url": f"{receiver.url}/currents", "token": "t"}})
    wish(workspace)
    (batch,) = receiver.wait_for(1)
    (event,) = batch.json["events"]
    assert event["event_type"] == "users.behaviors.CustomEvent"
    assert event["user"]["external_user_id"] == "ann"
    assert event["properties"]["name"] == "wants_stock"
    assert event["properties"]["custom_properties"] == WISH
    assert [one["external_id"] for one in workspace.state("back_in_stock")] == ["ann"]
    assert [one["name"] for one in workspace.user("ann")["events"]] == ["wants_stock"]


def test_news_of_stock_come_to_whoever_waits_at_ten_requests_a_minute_and_no_more(
    http: httpx.Client,
) -> None:
    workspace = Workspace(http)
    wish(workspace)
    for _ in range(5):
        put(workspace, 0)
        put(workspace, 3)
    assert [one["external_id"] for one in workspace.state("messages")] == ["ann"]
    assert workspace.state("overlooked_stock") == []
    put(workspace, 0)
    wish(workspace)
    put(workspace, 4)
    assert len(workspace.state("messages")) == 1, "nobody looked"
    (*_, overlooked) = workspace.state("overlooked_stock")
    assert (overlooked["item_id"], overlooked["was"], overlooked["now"]) == ("LAMP", 0, 4)


# ---- webhook steps -------------------------------------------------------------------------------
ANSWER = {"event_type": "survey_answered", "external_user_id": "ann", "score": "2"}


def test_a_webhook_step_posts_its_template_with_its_token(
    http: httpx.Client, receiver: Receiver
) -> None:
    workspace = Workspace(http)
    workspace.control("configure", {"webhook_step": {"url": f"{receiver.url}/hooks", "token": "w"}})
    told = workspace.control("trigger/webhook", ANSWER)
    (posted,) = receiver.wait_for(1)
    assert posted.headers["authorization"] == "Bearer w"
    assert posted.json == told
    assert posted.json["dispatch_id"]
    assert posted.json["occurred_at"].endswith("Z")


def test_nobody_and_nowhere_are_refused_with_what_to_do(http: httpx.Client) -> None:
    Workspace(http)
    for trigger, body, fix in (
        ("webhook", ANSWER, "configure webhook_step"),
        ("event", {"external_id": "nobody", "name": "x"}, "seed it first"),
        ("enter", {"external_id": "ann", "canvas_id": "nowhere"}, "seed it first"),
        ("event", {"external_id": "ann"}, "name"),
    ):
        answer = http.post(f"/_sandbox/braze/trigger/{trigger}", json=body)
        assert answer.status_code == 400
        assert fix in answer.text
