"""What Braze is asked for beside messages: events, Canvases, schedules, subscriptions."""

from __future__ import annotations

from typing import Any

import pytest

from connectors import braze
from connectors.braze.operations.canvases import entry_body
from connectors.braze.operations.events import track_events
from connectors.braze.operations.schedules import delete_schedule
from connectors.kit.connector import (
    Done,
    Item,
    ItemResult,
    Misconfigured,
    OperationError,
    Rejected,
    Response,
    Transient,
)
from gridwire.ids import derived
from gridwire.records import (
    BrazeCommand,
    BrazeSchedule,
    DeleteSchedule,
    RefreshProfile,
    ScheduleCampaign,
    ScheduleCanvas,
    SetAttributes,
    SetSubscription,
    TrackEvent,
    TriggerCampaign,
    TriggerCanvas,
    UpsertCatalogItem,
)
from gridwire.topics import BRAZE_SCHEDULES
from tests.unit.connectors.braze.events import settings
from tests.unit.connectors.steps import NOW_MS, Played, answer, play

AT = "2025-10-09T08:53:20.000Z"  # NOW_MS
DATE = {"date": "Thu, 09 Oct 2025 08:53:20 GMT"}
OPERATIONS = braze.sink(settings()).operations


def command(operation: str, body: Any, number: int = 1) -> BrazeCommand:
    return BrazeCommand(
        event_id=derived("a", "command", number),
        produced_at=NOW_MS - 1,
        trace_id="t" * 32,
        flow="braze.journey-adjustment",
        lane="c-1",
        operation=operation,
        **{operation: body},
    )


def carried_out(operation: str, body: Any, *answers: Response, **changed: Any) -> Played[Done]:
    steps: Any = braze.sink(settings(**changed)).operations[operation].steps
    return play(steps(command(operation, body), body), *answers)


# ---- events --------------------------------------------------------------------------------------
def event(ref: str = "c-1", *, repeatable: bool = False) -> TrackEvent:
    return TrackEvent(
        customer_ref=ref,
        name="partner_exception_opened",
        time=NOW_MS,
        properties={"order_ref": "bigcommerce:1001"},
        repeatable=repeatable,
    )


def test_an_event_carries_the_commands_id_and_makes_no_user() -> None:
    played = carried_out("track_event", event(), answer(201, {"message": "success"}))
    (asked,) = played.requests
    assert (asked.method, asked.path) == ("POST", "/users/track")
    assert asked.json == {
        "events": [
            {
                "external_id": "c-1",
                "name": "partner_exception_opened",
                "time": AT,
                "properties": {
                    "order_ref": "bigcommerce:1001",
                    "hub_event_id": derived("a", "command", 1),
                },
                "_update_existing_only": True,
            }
        ]
    }


def test_only_an_event_that_changes_nothing_the_second_time_may_be_repeated() -> None:
    operation = OPERATIONS["track_event"]
    assert operation.safety_of(event()) == "unsafe"
    assert operation.safety_of(event(repeatable=True)) == "natural"
    for repeatable in (True, False):
        body = event(repeatable=repeatable)
        played = carried_out("track_event", body, answer(201, {"message": "success"}))
        assert played.requests[0].idempotent == repeatable


def tracked(body: Any, status: int = 201) -> list[ItemResult]:
    items = [
        Item(command("track_event", event(ref), number), event(ref))
        for number, ref in enumerate(("ann", "bob", "cyn"))
    ]
    steps: Any = track_events(items)
    played: Played[Any] = play(steps, answer(status, body))
    (asked,) = played.requests
    assert [one["external_id"] for one in asked.json["events"]] == ["ann", "bob", "cyn"]
    return list(played.value)


def test_an_error_of_one_event_is_its_own() -> None:
    error = {"type": "name is required", "input_array": "events", "index": 1}
    first, second, third = tracked({"message": "success", "errors": [error]})
    assert (first, third) == (Done(), Done())
    assert isinstance(second, Rejected)
    assert "name is required" in second.reason


@pytest.mark.parametrize("body", [{"message": "success"}, {"message": "queued"}])
def test_what_braze_accepts_or_queues_is_done(body: Any) -> None:
    assert tracked(body, 202) == [Done()] * 3


@pytest.mark.parametrize(
    "error",
    [
        "something is wrong",
        {"type": "bad", "input_array": "attributes", "index": 0},
        {"type": "bad", "input_array": "events", "index": 3},
        {"type": "bad", "input_array": "events"},
    ],
)
def test_an_error_that_names_no_event_narrows_the_batch_down(error: Any) -> None:
    with pytest.raises(OperationError) as caught:
        tracked({"message": "success", "errors": [error]})
    assert isinstance(caught.value.verdict, Rejected)


def test_two_events_of_one_user_never_share_a_request() -> None:
    bulk = OPERATIONS["track_event"].bulk
    assert bulk is not None
    assert bulk.apart is not None
    same = [bulk.apart(command("track_event", event(ref)), event(ref)) for ref in ("ann", "ann")]
    assert same[0] == same[1] != bulk.apart(None, event("bob"))
    assert bulk.items_max == 50


# ---- Canvases ------------------------------------------------------------------------------------
ENTRY = TriggerCanvas(canvas_id="apology", customer_ref="c-1", context={"order": "1001"})


def test_a_canvas_is_entered_by_one_existing_user_and_never_by_all() -> None:
    played = carried_out("trigger_canvas", ENTRY, answer(201, {"dispatch_id": "d-1"}))
    (asked,) = played.requests
    assert (asked.path, asked.idempotent) == ("/canvas/trigger/send", False)
    assert asked.json == {
        "canvas_id": "apology",
        "recipients": [
            {
                "external_user_id": "c-1",
                "send_to_existing_only": True,
                "context": {"order": "1001"},
            }
        ],
    }
    assert played.value == Done("d-1")
    assert OPERATIONS["trigger_canvas"].safety_of(ENTRY) == "unsafe"


def test_the_name_of_the_context_is_configured() -> None:
    entry = TriggerCanvas(
        canvas_id="x", customer_ref="c-1", context={"a": "1"}, attributes={"b": "2"}
    )
    (recipient,) = entry_body(entry, "canvas_entry_properties")["recipients"]
    assert recipient["canvas_entry_properties"] == {"a": "1"}
    assert recipient["attributes"] == {"b": "2"}
    played = carried_out(
        "schedule_canvas",
        ScheduleCanvas(canvas_id="x", customer_ref="c-1", send_at=NOW_MS, about="f"),
        answer(201, {}),
        schedule_context="canvas_entry_properties",
    )
    assert "canvas_entry_properties" in played.requests[0].json["recipients"][0]


# ---- schedules -----------------------------------------------------------------------------------
SURVEY = ScheduleCampaign(
    campaign_id="survey",
    customer_ref="c-1",
    trigger_properties={"order": "1001"},
    send_at=NOW_MS,
    order_ref="bigcommerce:1001",
    about="braze.service-recovery",
)


def learnt(done: Done) -> BrazeSchedule:
    ((topic, record),) = done.records
    assert topic is BRAZE_SCHEDULES
    assert isinstance(record, BrazeSchedule)
    return record


def test_a_schedule_is_remembered_with_what_is_needed_to_take_it_back() -> None:
    made = answer(201, {"schedule_id": "s-1", "dispatch_id": "d-1"}, DATE)
    played = carried_out("schedule_campaign", SURVEY, made)
    (asked,) = played.requests
    assert (asked.path, asked.idempotent) == ("/campaigns/trigger/schedule/create", False)
    assert asked.json["schedule"] == {"time": AT}
    assert "broadcast" not in asked.json
    assert played.value.object_id == "s-1"
    found = learnt(played.value)
    assert (found.schedule_id, found.state, found.send_at) == ("s-1", "created", NOW_MS)
    assert (found.campaign_id, found.canvas_id) == ("survey", None)
    assert (found.customer_ref, found.order_ref) == ("c-1", "bigcommerce:1001")
    assert (found.about, found.occurred_at) == ("braze.service-recovery", NOW_MS)


def test_a_scheduled_entry_is_a_canvas_schedule() -> None:
    body = ScheduleCanvas(canvas_id="apology", customer_ref="c-1", send_at=NOW_MS, about="f")
    played = carried_out("schedule_canvas", body, answer(201, {"schedule_id": "s-2"}))
    assert played.requests[0].path == "/canvas/trigger/schedule/create"
    assert learnt(played.value).canvas_id == "apology"


def test_a_schedule_that_braze_only_queued_is_done_though_nobody_can_take_it_back() -> None:
    played = carried_out("schedule_campaign", SURVEY, answer(202, {"message": "queued"}))
    assert played.value == Done()


def taken_back(*answers: Response, **changed: Any) -> Played[Done]:
    whose = {"campaign_id": "survey"} | changed
    body = DeleteSchedule(schedule_id="s-1", customer_ref="c-1", about="f", **whose)
    return play(delete_schedule(command("delete_schedule", body), body), *answers)


@pytest.mark.parametrize(("status", "state"), [(201, "deleted"), (400, "gone"), (404, "gone")])
def test_a_schedule_that_is_not_there_is_as_good_as_deleted(status: int, state: str) -> None:
    played = taken_back(answer(status, {"message": "success"}))
    (asked,) = played.requests
    assert asked.path == "/campaigns/trigger/schedule/delete"
    assert asked.json == {"campaign_id": "survey", "schedule_id": "s-1"}
    assert learnt(played.value).state == state


def test_a_404_that_is_not_brazes_says_nothing_of_the_schedule() -> None:
    with pytest.raises(OperationError) as raised:
        taken_back(Response(404, {}, b"<html>"))
    assert isinstance(raised.value.verdict, Misconfigured)


def test_a_canvas_schedule_is_deleted_where_it_is() -> None:
    played = taken_back(answer(201, {}), campaign_id=None, canvas_id="apology")
    assert played.requests[0].path == "/canvas/trigger/schedule/delete"


@pytest.mark.parametrize("canvas", [None, "apology"])
def test_a_schedule_of_nothing_or_of_two_is_refused(canvas: str | None) -> None:
    campaign = None if canvas is None else "survey"
    body = DeleteSchedule(
        schedule_id="s", customer_ref="c-1", about="f", campaign_id=campaign, canvas_id=canvas
    )
    with pytest.raises(OperationError, match="either a campaign's or a Canvas'"):
        next(delete_schedule(command("delete_schedule", body), body))


def test_creating_is_unsafe_and_deleting_is_not() -> None:
    assert OPERATIONS["schedule_campaign"].safety_of(SURVEY) == "unsafe"
    assert OPERATIONS["schedule_canvas"].safety_of(None) == "unsafe"
    assert OPERATIONS["delete_schedule"].safety_of(None) == "natural"


# ---- subscriptions -------------------------------------------------------------------------------
def subscription(ref: str, state: str = "unsubscribed") -> SetSubscription:
    return SetSubscription(customer_ref=ref, group_id="sg-1", state=state)


def test_users_of_one_group_and_state_share_a_request() -> None:
    bulk = OPERATIONS["set_subscription"].bulk
    assert bulk is not None
    items = [Item(None, subscription(ref)) for ref in ("ann", "bob", "ann")]
    steps: Any = bulk.steps(items)
    played: Played[Any] = play(steps, answer(201, {"message": "success"}))
    (asked,) = played.requests
    assert asked.path == "/v2/subscription/status/set"
    assert asked.json == {
        "subscription_groups": [
            {
                "subscription_group_id": "sg-1",
                "subscription_state": "unsubscribed",
                "external_ids": ["ann", "bob"],
            }
        ]
    }
    assert played.value == [Done()] * 3
    groups = {bulk.group(None, subscription("ann", state)) for state in ("subscribed", "x")}
    assert len(groups) == 2


def test_a_subscription_of_one_user_is_the_same_request() -> None:
    played = carried_out("set_subscription", subscription("ann"), answer(201, {}))
    assert played.requests[0].json["subscription_groups"][0]["external_ids"] == ["ann"]


# ---- answers -------------------------------------------------------------------------------------
def test_a_paused_canvas_is_refused_though_braze_answers_201() -> None:
    sink = braze.sink(settings())
    body = {"notice": "The Canvas is paused.", "dispatch_id": "d", "message": "success"}
    steps = sink.operations["trigger_canvas"].steps(command("trigger_canvas", ENTRY), ENTRY)
    found = sink.platform.verdict(next(steps), answer(201, body))  # type: ignore[arg-type]
    assert isinstance(found, Rejected)
    assert "paused" in found.reason


def test_sends_share_one_budget_and_schedules_another() -> None:
    def budget(operation: str, body: Any) -> str:
        sink = braze.sink(settings())
        step = next(sink.operations[operation].steps(command(operation, body), body))
        return sink.platform.budget(step)  # type: ignore[arg-type]

    assert budget("trigger_canvas", ENTRY) == "sends"
    assert budget("schedule_campaign", SURVEY) == "shared"
    assert budget("track_event", event()) == "/users/track"


def test_a_fault_of_braze_is_tried_again() -> None:
    sink = braze.sink(settings())
    steps = sink.operations["schedule_campaign"].steps(command("schedule_campaign", SURVEY), SURVEY)
    assert isinstance(sink.platform.verdict(next(steps), answer(503)), Transient)  # type: ignore[arg-type]


BODIES: dict[str, Any] = {
    "track_event": event(),
    "trigger_canvas": ENTRY,
    "schedule_campaign": SURVEY,
    "schedule_canvas": ScheduleCanvas(canvas_id="x", customer_ref="c", send_at=1, about="f"),
    "delete_schedule": DeleteSchedule(
        schedule_id="s", customer_ref="c", campaign_id="survey", about="f"
    ),
    "set_subscription": subscription("ann"),
    "trigger_campaign": TriggerCampaign(campaign_id="case", customer_ref="c"),
    "set_attributes": SetAttributes(customer_ref="c"),
    "refresh_profile": RefreshProfile(customer_ref="c"),
    "upsert_catalog_item": UpsertCatalogItem(catalog="p", sku="A", stock=0, sequence=1),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_operation_ever_asks_for_a_broadcast_or_for_an_audience(name: str) -> None:
    steps: Any = OPERATIONS[name].steps(command(name, BODIES[name]), BODIES[name])
    asked = next(steps)
    assert not {"broadcast", "audience", "segment_id"} & set(asked.json)
    recipients = asked.json.get("recipients")
    assert recipients is None or len(recipients) == 1
