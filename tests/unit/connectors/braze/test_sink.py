"""Braze's operations, driven by hand."""

from __future__ import annotations

import re
from typing import Any

import pytest

from connectors import braze
from connectors.braze.operations.attributes import set_attributes, set_attributes_of_many
from connectors.braze.operations.campaigns import trigger_campaign
from connectors.braze.operations.profiles import refresh_profile
from connectors.kit.connector import Done, Item, OperationError, Rejected, Transient
from gridwire.ids import derived
from gridwire.records import (
    BrazeCommand,
    BrazeProfile,
    Record,
    RefreshProfile,
    SetAttributes,
    TriggerCampaign,
)
from gridwire.topics import BRAZE_COMMANDS, BRAZE_PROFILES, BRAZE_RECEIPTS
from tests.unit.connectors.braze.events import SMS_GROUP, settings
from tests.unit.connectors.steps import NOW_MS, answer, play

EXTERNAL_SEND_ID = re.compile(r"^[a-zA-Z0-9-_+/=]+$")
DATE = {"date": "Thu, 09 Oct 2025 08:53:20 GMT"}  # NOW_MS


def command(operation: str, **body: Any) -> BrazeCommand:
    return BrazeCommand(
        event_id=derived("a", "command"),
        trace_id="t" * 32,
        flow="braze.case-notification",
        lane="c-1",
        operation=operation,
        **body,
    )


def trigger(*, transactional: bool, **attributes: str) -> TriggerCampaign:
    return TriggerCampaign(
        campaign_id="order-exception-open",
        customer_ref="c-1",
        trigger_properties={"case_id": "th_1", "status": "open"},
        attributes=attributes,
        transactional=transactional,
    )


def test_a_campaign_goes_to_one_existing_user_and_is_never_a_broadcast() -> None:
    body = trigger(transactional=False, partner_case_status="open")
    played = play(
        trigger_campaign(command("trigger_campaign"), body),
        answer(201, {"message": "success", "dispatch_id": "d-1"}),
    )
    (asked,) = played.requests
    assert (asked.method, asked.path) == ("POST", "/campaigns/trigger/send")
    assert asked.json == {
        "campaign_id": "order-exception-open",
        "recipients": [
            {
                "external_user_id": "c-1",
                "send_to_existing_only": True,
                "trigger_properties": {"case_id": "th_1", "status": "open"},
                "attributes": {"partner_case_status": "open"},
            }
        ],
    }
    assert not asked.idempotent
    assert played.value.object_id == "d-1"


def test_a_transactional_send_is_deduplicated_by_the_commands_id() -> None:
    given = command("trigger_campaign")
    played = play(
        trigger_campaign(given, trigger(transactional=True)),
        answer(201, {"dispatch_id": "d-1", "status": "sent"}),
    )
    (asked,) = played.requests
    assert asked.path == "/transactional/v1/campaigns/order-exception-open/send"
    assert asked.json["external_send_id"] == given.event_id
    assert EXTERNAL_SEND_ID.match(given.event_id)
    assert asked.json["recipient"] == {"external_user_id": "c-1"}
    assert asked.idempotent


def test_a_campaign_id_cannot_change_the_path() -> None:
    odd = TriggerCampaign(campaign_id="../x?y", customer_ref="c-1", transactional=True)
    played = play(trigger_campaign(command("trigger_campaign"), odd), answer(201, {}))
    assert played.requests[0].path == "/transactional/v1/campaigns/..%2Fx%3Fy/send"


def test_only_transactional_sends_are_safe_to_repeat() -> None:
    operation = braze.sink(settings()).operations["trigger_campaign"]
    assert operation.safety_of(trigger(transactional=True)) == "keyed"
    assert operation.safety_of(trigger(transactional=False)) == "unsafe"


def test_attributes_are_set_on_an_existing_user_and_cannot_name_another() -> None:
    change = SetAttributes(
        customer_ref="c-1",
        attributes={"partner_case_status": "resolved", "external_id": "somebody-else"},
    )
    played = play(set_attributes(command("set_attributes"), change), answer(201, {}))
    assert played.requests[0].json == {
        "attributes": [
            {
                "external_id": "c-1",
                "_update_existing_only": True,
                "partner_case_status": "resolved",
            }
        ]
    }


# ---- many at once --------------------------------------------------------------------------------
def changes(count: int) -> list[Item]:
    given = command("set_attributes")
    return [
        Item(given, SetAttributes(customer_ref=f"c-{n}", attributes={"tier": f"t-{n}"}))
        for n in range(count)
    ]


def tracked(count: int, body: Any, status: int = 201) -> list[Any]:
    played = play(set_attributes_of_many(changes(count)), answer(status, body))
    (asked,) = played.requests
    assert (asked.method, asked.path) == ("POST", "/users/track")
    assert [one["external_id"] for one in asked.json["attributes"]] == [
        f"c-{n}" for n in range(count)
    ]
    return list(played.value)


def test_attributes_of_several_users_go_in_one_call() -> None:
    done = tracked(3, {"message": "success", "attributes_processed": 3})
    assert done == [Done(), Done(), Done()]


@pytest.mark.parametrize(
    "body", [None, {"message": "queued"}, {"message": "success", "errors": []}]
)
def test_what_braze_has_accepted_without_naming_an_error_is_done(body: Any) -> None:
    assert tracked(2, body, 202) == [Done(), Done()]


def test_only_the_items_that_are_listed_were_refused() -> None:
    errors = [
        {"type": "'c-1' is not valid", "input_array": "attributes", "index": 1},
        {"type": "tier is too long", "input_array": "attributes", "index": 3},
    ]
    found = tracked(4, {"message": "success", "attributes_processed": 2, "errors": errors})
    assert found[0] == found[2] == Done()
    assert isinstance(found[1], Rejected)
    assert isinstance(found[3], Rejected)
    assert found[3].reason == "braze refused the item: tier is too long"
    assert "c-1" not in found[1].reason


@pytest.mark.parametrize(
    "errors",
    [
        ["attributes could not be processed"],
        "attributes could not be processed",
        [{"type": "no index", "input_array": "attributes"}],
        [{"type": "of another array", "input_array": "events", "index": 0}],
        [{"type": "nobody's", "input_array": "attributes", "index": 7}],
        [{"type": "one of them", "input_array": "attributes", "index": 0}, "and another"],
    ],
)
def test_an_error_that_names_no_item_refuses_the_whole_which_is_then_narrowed_down(
    errors: Any,
) -> None:
    with pytest.raises(OperationError) as caught:
        tracked(3, {"message": "success", "errors": errors})
    assert isinstance(caught.value.verdict, Rejected)


def test_as_many_go_at_once_as_the_contract_allows() -> None:
    for given in (1, 50, 75):
        bulk = braze.sink(settings(track_items_max=given)).operations["set_attributes"].bulk
        assert bulk is not None
        assert bulk.items_max == given
    default = braze.sink(settings()).operations["set_attributes"].bulk
    assert default is not None
    assert default.items_max == 50


def test_two_changes_of_one_user_never_share_a_call() -> None:
    bulk = braze.sink(settings()).operations["set_attributes"].bulk
    assert bulk is not None
    assert bulk.apart is not None
    one, other = (SetAttributes(customer_ref=ref) for ref in ("c-1", "c-2"))
    assert bulk.apart(None, one) == bulk.apart(None, one) != bulk.apart(None, other)


# ---- profiles ------------------------------------------------------------------------------------
USER = {
    "external_id": "c-1",
    "email_subscribe": "opted_in",
    "push_subscribe": "unsubscribed",
    "country": "DE",
    "custom_attributes": {"value_tier": "gold", "churn_risk": 0.7},
}


def refreshed(*answers: Any, **changed: Any) -> tuple[list[Any], BrazeProfile]:
    given = command("refresh_profile")
    steps = refresh_profile(given, RefreshProfile(customer_ref="c-1"), settings(**changed))
    played = play(steps, *answers)
    ((topic, record),) = played.value.records
    assert topic is BRAZE_PROFILES
    assert isinstance(record, BrazeProfile)
    return played.requests, record


def test_a_profile_is_read_with_its_consent_segment_and_region() -> None:
    status = {"status": {"c-1": "Subscribed"}, "message": "success"}
    asked, found = refreshed(
        answer(201, {"message": "success", "users": [USER]}, DATE), answer(200, status)
    )
    assert asked[0].json["external_ids"] == ["c-1"]
    assert asked[1].query == {"subscription_group_id": SMS_GROUP, "external_id[]": "c-1"}
    assert (found.email, found.push, found.sms) == ("opted_in", "unsubscribed", "subscribed")
    assert (found.value_tier, found.churn_risk, found.region) == ("gold", 0.7, "DE")
    assert (found.known, found.customer_ref) == (True, "c-1")
    assert found.version == found.occurred_at == NOW_MS
    assert found.causation_id == command("refresh_profile").event_id


def test_a_region_attribute_goes_before_the_country() -> None:
    user = USER | {"custom_attributes": {"region": "US-CA"}}
    _, found = refreshed(answer(201, {"users": [user]}), sms_group_id=None)
    assert (found.region, found.value_tier, found.churn_risk) == ("US-CA", None, None)


@pytest.mark.parametrize("risk", [-0.1, 1.5, "high", None, [1]])
def test_a_churn_risk_outside_of_zero_to_one_is_none(risk: Any) -> None:
    user = USER | {"custom_attributes": {"churn_risk": risk}}
    _, found = refreshed(answer(201, {"users": [user]}), sms_group_id=None)
    assert found.churn_risk is None


@pytest.mark.parametrize(
    "body",
    [
        {"users": [], "invalid_user_ids": ["c-1"]},
        {"users": []},
        {"users": [{"external_id": "c-2"}]},
    ],
)
def test_a_user_that_braze_does_not_have_is_reported_as_unknown(body: Any) -> None:
    _, found = refreshed(answer(201, body))
    assert (found.known, found.email, found.region) == (False, None, None)


def test_without_a_group_for_sms_only_the_export_is_asked() -> None:
    asked, found = refreshed(answer(201, {"users": [USER]}, DATE), sms_group_id=None)
    assert len(asked) == 1
    assert found.sms is None


@pytest.mark.parametrize("body", [{"message": "queued"}, None, {"users": "none"}])
def test_an_export_without_users_is_tried_again(body: Any) -> None:
    with pytest.raises(OperationError) as caught:
        refreshed(answer(202, body))
    assert isinstance(caught.value.verdict, Transient)


def test_the_sink_carries_out_brazes_commands_and_no_others() -> None:
    sink = braze.sink(settings())
    assert (sink.commands, sink.receipts) == (BRAZE_COMMANDS, BRAZE_RECEIPTS)
    head = {*Record.__struct_fields__, "flow", "lane", "operation"}
    assert set(sink.operations) == set(BrazeCommand.__struct_fields__) - head
    assert "rest-key" not in repr(sink)
