"""Braze's connector against the simulated workspace."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from connectors import braze
from connectors.braze.settings import BrazeSettings
from connectors.kit.connector import Rejected, Sink, Transient
from gridwire.ids import derived
from gridwire.records import (
    BrazeCommand,
    BrazeProfile,
    Engagement,
    RefreshProfile,
    SetAttributes,
    TriggerCampaign,
)
from gridwire.settings import Secret
from tests.contract.connectors.world import World, done, refused, taken

ENGAGEMENTS = 400
WINDOW_S = 3_600  # long, so that no test meets the end of a window
SEED = {
    "users": [
        {
            "external_id": "ann",
            "attributes": {
                "email": "ann@example.com",
                "country": "DE",
                "value_tier": "gold",
                "churn_risk": 0.25,
            },
            "consent": {"email": "opted_in", "push": "unsubscribed"},
            "subscription_groups": {"sms": "subscribed"},
        },
        {"external_id": "bob", "attributes": {"email": "bob@example.com"}},
    ],
    "campaigns": [
        {"id": "case-open"},
        {"id": "paused", "status": "paused"},
        {"id": "receipt", "transactional": True},
    ],
}


def settings(world: World, **changed: Any) -> BrazeSettings:
    given: dict[str, Any] = {
        "base_url": f"{world.url}/braze",
        "api_key": Secret("braze-rest-key"),
        "currents_token": Secret("currents-token"),
        "sms_group_id": "sms",
    }
    return BrazeSettings(**(given | changed))


@pytest.fixture
def sink(world: World) -> Sink:
    world.control("braze", "seed", SEED)
    return braze.sink(settings(world))


def command(operation: str, body: Any, number: int = 1) -> BrazeCommand:
    return BrazeCommand(
        event_id=derived("command", operation, number),
        flow="braze.case-notification",
        lane="ann",
        operation=operation,
        **{operation: body},
    )


def steps(sink: Sink, operation: str, body: Any, number: int = 1) -> Any:
    return sink.operations[operation].steps(command(operation, body, number), body)


def trigger(campaign_id: str = "case-open", ref: str = "ann", **more: Any) -> TriggerCampaign:
    return TriggerCampaign(
        campaign_id=campaign_id,
        customer_ref=ref,
        trigger_properties={"case_id": "th_1"},
        attributes={"partner_case_status": "open"},
        **more,
    )


async def test_a_campaign_reaches_the_customer_with_its_attribute(world: World, sink: Sink) -> None:
    outcome = await done(sink.platform, steps(sink, "trigger_campaign", trigger()))
    (message,) = world.state("braze", "messages")
    assert (message["external_id"], message["campaign_id"]) == ("ann", "case-open")
    assert message["trigger_properties"] == {"case_id": "th_1"}
    assert message["attributes"]["partner_case_status"] == "open"
    assert outcome.object_id == message["dispatch_id"]


async def test_nobody_is_created_by_a_message(world: World, sink: Sink) -> None:
    await done(sink.platform, steps(sink, "trigger_campaign", trigger(ref="nobody")))
    assert world.state("braze", "messages") == []
    known = {user["external_id"] for user in world.state("braze", "users")}
    assert known == {"ann", "bob"}


async def test_a_paused_campaign_is_rejected_although_braze_answers_201(
    world: World, sink: Sink
) -> None:
    found = await refused(sink.platform, steps(sink, "trigger_campaign", trigger("paused")))
    assert isinstance(found, Rejected)
    (call,) = world.calls("braze", "POST", "/campaigns/trigger/send")
    assert call["status"] == 201


async def test_an_unknown_campaign_is_rejected(sink: Sink) -> None:
    for body in (trigger("nowhere"), trigger("nowhere", transactional=True)):
        found = await refused(sink.platform, steps(sink, "trigger_campaign", body))
        assert isinstance(found, Rejected)


async def test_a_repeated_transactional_send_reaches_the_customer_once(
    world: World, sink: Sink
) -> None:
    body = trigger("receipt", transactional=True)
    first = await done(sink.platform, steps(sink, "trigger_campaign", body))
    again = await done(sink.platform, steps(sink, "trigger_campaign", body))
    await done(sink.platform, steps(sink, "trigger_campaign", body, number=2))
    assert first.object_id == again.object_id
    assert len(world.state("braze", "messages")) == 2


async def test_attributes_are_set_on_existing_users_alone(world: World, sink: Sink) -> None:
    for ref in ("ann", "nobody"):
        change = SetAttributes(customer_ref=ref, attributes={"partner_case_status": "resolved"})
        await done(sink.platform, steps(sink, "set_attributes", change))
    users = {user["external_id"]: user for user in world.state("braze", "users")}
    assert users["ann"]["attributes"]["partner_case_status"] == "resolved"
    assert "nobody" not in users


async def profile(sink: Sink, ref: str) -> BrazeProfile:
    wanted = RefreshProfile(customer_ref=ref)
    outcome = await done(sink.platform, steps(sink, "refresh_profile", wanted))
    ((_, record),) = outcome.records
    assert isinstance(record, BrazeProfile)
    return record


async def test_a_profile_is_read_with_consent_and_segment(sink: Sink) -> None:
    found = await profile(sink, "ann")
    assert (found.email, found.push, found.sms) == ("opted_in", "unsubscribed", "subscribed")
    assert (found.value_tier, found.churn_risk, found.region) == ("gold", 0.25, "DE")
    assert found.known
    assert (await profile(sink, "bob")).sms is None


async def test_a_user_that_braze_does_not_know_is_reported_as_unknown(sink: Sink) -> None:
    assert not (await profile(sink, "nobody")).known


async def test_under_maintenance_messages_are_accepted_and_look_ups_wait(
    world: World, sink: Sink
) -> None:
    world.control("braze", "configure", {"maintenance": True})
    await done(sink.platform, steps(sink, "trigger_campaign", trigger()))
    look_up = steps(sink, "refresh_profile", RefreshProfile(customer_ref="ann"))
    assert isinstance(await refused(sink.platform, look_up), Transient)


async def test_a_429_says_when_to_come_back_and_budgets_are_apart(world: World, sink: Sink) -> None:
    limit = {"limit": 1, "window_s": WINDOW_S}
    world.control("braze", "configure", {"rate_limits": {"users.export.ids": limit}})
    await profile(sink, "ann")
    again = steps(sink, "refresh_profile", RefreshProfile(customer_ref="ann"))
    found = await refused(sink.platform, again)
    assert isinstance(found, Transient)
    assert found.throttled
    assert found.after_s is not None
    assert 0 <= found.after_s <= WINDOW_S
    await done(sink.platform, steps(sink, "trigger_campaign", trigger()))


# ---- Currents ------------------------------------------------------------------------------------
def test_generated_engagement_is_read_without_anything_left_over(world: World) -> None:
    (route,) = braze.source(settings(world)).routes
    currents = {"url": f"{world.receiver.url}/braze/currents", "token": "currents-token"}
    world.control("braze", "configure", {"currents": currents})
    made = world.trigger(
        "braze", "engagement", n=ENGAGEMENTS, seed=7, duplicates=0.1, bots=0.1, machine_opens=0.1
    )
    world.receiver.wait_for(ENGAGEMENTS // 100)
    intakes = [taken(route, one) for one in world.receiver.received]
    assert all(not one.broken and not one.unknown and not one.filtered for one in intakes), made
    records = [record for one in intakes for _, record in one.records]
    events = [record for record in records if isinstance(record, Engagement)]
    assert len(events) == len(records) >= ENGAGEMENTS
    kinds = Counter(event.kind for event in events)
    assert {"email_click", "product_view", "cart_update", "order_placed"} <= kinds.keys()
    assert all(event.sku for event in events if event.kind in ("email_click", "cart_update"))
    assert any(event.suspected_bot for event in events)
    assert any(event.machine_open for event in events)
    assert all(event.revenue_minor for event in events if event.kind == "order_placed")
    assert len({event.event_id for event in events}) < len(events), "duplicates keep their ids"
