"""Braze: what becomes of profiles, and what each customer received."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.sandbox.receiver import Receiver
from tests.contract.sandbox.workspace import NOW, Workspace

EVENT = {"external_id": "ann", "name": "viewed", "time": NOW}
FUTURE = "2099-01-01T00:00:00+00:00"
FUTURE_S = 4_070_908_800


def to(*external_ids: str, **more: Any) -> list[dict[str, Any]]:
    return [{"external_user_id": one, **more} for one in external_ids]


def trigger(workspace: Workspace, campaign_id: str, **body: Any) -> httpx.Response:
    return workspace.post("/campaigns/trigger/send", {"campaign_id": campaign_id, **body})


def heard(workspace: Workspace) -> list[tuple[str, str]]:
    return [(one["external_id"], one["channel"]) for one in workspace.state("messages")]


def test_a_bad_item_is_reported_and_the_others_are_processed(http: httpx.Client) -> None:
    workspace = Workspace(http)
    body = {"attributes": [{"external_id": "ann", "tier": "gold"}, {"tier": "lost"}]}
    answer = workspace.post("/users/track", {**body, "events": [EVENT, {**EVENT, "time": "x"}]})
    assert answer.status_code == 201
    said = answer.json()
    assert (said["attributes_processed"], said["events_processed"]) == (1, 1)
    assert [(e["input_array"], e["index"]) for e in said["errors"]] == [
        ("attributes", 1),
        ("events", 1),
    ]
    ann = workspace.user("ann")
    assert ann["attributes"]["tier"] == "gold"
    assert [event["name"] for event in ann["events"]] == ["viewed"]


def test_an_unknown_external_id_becomes_a_user_unless_existing_only(http: httpx.Client) -> None:
    workspace = Workspace(http)
    new = [{"external_id": "zoe", "tier": "new"}]
    ghost = [{"external_id": "ghost", "tier": "x", "_update_existing_only": True}]
    workspace.post("/users/track", {"attributes": new + ghost})
    assert workspace.user("zoe")["attributes"] == {"tier": "new"}
    assert {one["external_id"] for one in workspace.state("users")} == {"ann", "bob", "cyn", "zoe"}


def test_attributes_are_set_removed_added_to_and_counted(http: httpx.Client) -> None:
    workspace = Workspace(http)
    changes: list[dict[str, Any]] = [
        {"tags": ["a", "b"], "points": 1, "gone": "x"},
        {"tags": {"add": ["c"], "remove": ["a"]}, "points": {"inc": 4}, "gone": None},
        {"email_subscribe": "opted_in", "push_subscribe": "unsubscribed"},
        {
            "subscription_groups": [
                {"subscription_group_id": "g", "subscription_state": "subscribed"}
            ]
        },
    ]
    for change in changes:
        workspace.post("/users/track", {"attributes": [{"external_id": "bob", **change}]})
    bob = workspace.user("bob")
    assert bob["attributes"] == {"email": "bob@example.com", "tags": ["b", "c"], "points": 5}
    assert bob["consent"] == {"email": "opted_in", "push": "unsubscribed"}
    assert bob["subscription_groups"] == {"g": "subscribed"}


def test_the_same_event_twice_is_two_events(http: httpx.Client) -> None:
    workspace = Workspace(http)
    for _ in range(2):
        workspace.post("/users/track", {"events": [EVENT]})
    assert len(workspace.user("ann")["events"]) == 2


def test_a_campaign_reaches_whom_consent_allows_with_their_properties(http: httpx.Client) -> None:
    workspace = Workspace(http)
    recipients = [*to("ann", trigger_properties={"order": "1"}), *to("cyn", "ghost")]
    answer = trigger(workspace, "case", trigger_properties={"case": 7}, recipients=recipients)
    assert answer.status_code == 201
    (message,) = workspace.state("messages")
    assert (message["external_id"], message["campaign_id"]) == ("ann", "case")
    assert message["trigger_properties"] == {"case": 7, "order": "1"}
    assert message["dispatch_id"] == answer.json()["dispatch_id"]
    reasons = [one["reason"] for one in workspace.state("withheld")]
    assert reasons == ["unsubscribed", "unknown_user"]


def test_a_message_goes_by_every_channel_that_reaches_the_user(http: httpx.Client) -> None:
    workspace = Workspace(http)
    trigger(workspace, "all-channels", recipients=to("ann", "bob"))
    assert sorted(heard(workspace)) == [
        ("ann", "email"),
        ("ann", "sms"),
        ("bob", "email"),
        ("bob", "push"),
    ]


@pytest.mark.parametrize("campaign_id", ["paused", "archived"])
def test_a_campaign_that_is_not_active_answers_201_with_a_notice_and_sends_nothing(
    http: httpx.Client, campaign_id: str
) -> None:
    workspace = Workspace(http)
    recipients = to("ann", attributes={"tier": "gold"})
    answer = trigger(workspace, campaign_id, recipients=recipients)
    assert answer.status_code == 201
    assert campaign_id in answer.json()["notice"]
    assert answer.json()["message"] == "success"
    assert workspace.state("messages") == []
    assert "tier" not in workspace.user("ann")["attributes"]


def test_attributes_of_a_recipient_are_set_before_the_message(http: httpx.Client) -> None:
    workspace = Workspace(http)
    trigger(workspace, "case", recipients=to("ann", attributes={"partner_case_status": "open"}))
    (message,) = workspace.state("messages")
    assert message["attributes"]["partner_case_status"] == "open"


def test_a_new_user_is_created_only_on_request(http: httpx.Client) -> None:
    workspace = Workspace(http)
    attributes = {"email": "new@example.com"}
    trigger(workspace, "case", recipients=to("new", attributes=attributes))
    assert heard(workspace) == []
    wanted = to("new", attributes=attributes, send_to_existing_only=False)
    trigger(workspace, "case", recipients=wanted)
    assert heard(workspace) == [("new", "email")]


def test_a_campaign_of_a_group_reaches_its_members_only(http: httpx.Client) -> None:
    workspace = Workspace(http)
    group = {"subscription_group_id": "sg-1", "subscription_state": "subscribed"}
    body = {"subscription_groups": [{**group, "external_ids": ["bob", "ghost"]}]}
    assert workspace.post("/v2/subscription/status/set", body).status_code == 201
    trigger(workspace, "group-only", recipients=to("ann", "bob"))
    assert heard(workspace) == [("bob", "email")]
    query = {"subscription_group_id": "sg-1", "external_id[]": ["ann", "bob"]}
    status = workspace.call("GET", "/subscription/status/get", params=query).json()["status"]
    assert status == {"ann": "unknown", "bob": "Subscribed"}
    users = workspace.call("GET", "/subscription/user/status", params={"external_id": "bob"}).json()
    assert users["users"][0]["subscription_groups"][0]["id"] == "sg-1"


def test_an_unsubscribed_address_hears_nothing_more(http: httpx.Client) -> None:
    workspace = Workspace(http)
    body = {"email": ["ann@example.com"], "subscription_state": "unsubscribed"}
    assert workspace.post("/email/status", body).status_code == 201
    trigger(workspace, "case", recipients=to("ann"))
    assert heard(workspace) == []


def test_a_canvas_is_entered_with_its_context_and_left_at_the_matching_event(
    http: httpx.Client,
) -> None:
    workspace = Workspace(http)
    for order in ("1", "2"):
        body = {"canvas_id": "apology", "recipients": to("ann", context={"order": order})}
        assert workspace.post("/canvas/trigger/send", body).status_code == 201
    leave = {"external_id": "ann", "name": "exception_withdrawn", "time": NOW}
    workspace.post("/users/track", {"events": [{**leave, "properties": {"order": "2"}}]})
    entries = workspace.state("canvas_entries")
    assert [one["context"]["order"] for one in entries] == ["1", "2"]
    assert [one["exit_reason"] for one in entries] == [None, "exception_withdrawn"]


def test_a_stopped_canvas_answers_a_notice_and_nobody_enters(http: httpx.Client) -> None:
    workspace = Workspace(http)
    body = {"canvas_id": "stopped", "recipients": to("ann")}
    assert "notice" in workspace.post("/canvas/trigger/send", body).json()
    assert workspace.state("canvas_entries") == []


def test_the_older_name_of_the_context_is_taken_too(http: httpx.Client) -> None:
    workspace = Workspace(http)
    body = {"canvas_id": "apology", "canvas_entry_properties": {"a": 1}, "recipients": to("ann")}
    workspace.post("/canvas/trigger/send", body)
    assert workspace.state("messages")[0]["context"] == {"a": 1}


def test_a_schedule_is_sent_when_its_time_comes(http: httpx.Client) -> None:
    workspace = Workspace(http)
    body = {"campaign_id": "case", "recipients": to("ann"), "schedule": {"time": FUTURE}}
    made = workspace.post("/campaigns/trigger/schedule/create", body)
    assert made.status_code == 201
    assert heard(workspace) == []
    now_s = http.get("/_sandbox/clock").json()["now_s"]
    http.post("/_sandbox/clock", json={"offset_s": FUTURE_S - now_s + 60})
    assert heard(workspace) == [("ann", "email")]
    delete = {"campaign_id": "case", "schedule_id": made.json()["schedule_id"]}
    late = workspace.post("/campaigns/trigger/schedule/delete", delete)
    assert late.json() == {"message": "success"}
    assert workspace.state("schedules")[0]["state"] == "sent"


def test_a_deleted_schedule_is_never_sent(http: httpx.Client) -> None:
    workspace = Workspace(http)
    body = {"canvas_id": "apology", "recipients": to("ann"), "schedule": {"time": FUTURE}}
    schedule_id = workspace.post("/canvas/trigger/schedule/create", body).json()["schedule_id"]
    other = {"canvas_id": "back-in-stock", "schedule_id": schedule_id}
    assert workspace.post("/canvas/trigger/schedule/delete", other).status_code == 400
    delete = {"canvas_id": "apology", "schedule_id": schedule_id}
    assert workspace.post("/canvas/trigger/schedule/delete", delete).status_code == 201
    http.post("/_sandbox/clock", json={"offset_s": FUTURE_S})
    assert heard(workspace) == []
    assert workspace.state("schedules")[0]["state"] == "deleted"


def test_a_transactional_send_id_sends_once_in_a_day(http: httpx.Client) -> None:
    workspace = Workspace(http)
    path = "/transactional/v1/campaigns/receipt/send"
    body = {"external_send_id": "th_1:open:2=", "recipient": {"external_user_id": "ann"}}
    assert workspace.post(path, body).status_code == 400
    body["external_send_id"] = "th_1-open+2/="
    first, second = workspace.post(path, body), workspace.post(path, body)
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert first.json()["metadata"]["external_send_id"] == "th_1-open+2/="
    assert len(heard(workspace)) == 1
    http.post("/_sandbox/clock", json={"offset_s": 86_401})
    workspace.post(path, body)
    assert len(heard(workspace)) == 2


def test_a_transactional_send_is_told_of_by_postbacks(
    http: httpx.Client, receiver: Receiver
) -> None:
    workspace = Workspace(http)
    workspace.control("configure", {"postback_url": f"{receiver.url}/postback?secret=s"})
    path = "/transactional/v1/campaigns/receipt/send"
    for user in ("ann", "cyn"):
        workspace.post(path, {"recipient": {"external_user_id": user}})
    statuses = sorted(one.json["status"] for one in receiver.wait_for(5))
    assert statuses == ["aborted", "delivered", "processed", "sent", "sent"]
    assert receiver.received[0].path == "/postback?secret=s"


def test_an_export_names_known_users_and_unknown_ids(http: httpx.Client) -> None:
    workspace = Workspace(http)
    workspace.post("/users/track", {"events": [EVENT, EVENT]})
    body = {
        "external_ids": ["ann", "ghost"],
        "fields_to_export": ["external_id", "email", "custom_events"],
    }
    answer = workspace.post("/users/export/ids", body).json()
    events = [{"name": "viewed", "count": 2}]
    assert answer["users"] == [
        {"external_id": "ann", "email": "ann@example.com", "custom_events": events}
    ]
    assert answer["invalid_user_ids"] == ["ghost"]
