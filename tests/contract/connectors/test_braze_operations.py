"""Braze's operations beside messages against the simulated workspace: what customers get, what they are spared."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from connectors import braze
from connectors.kit.connector import Delivery, Done, Item, Rejected, Sink
from gridwire.ids import derived
from gridwire.records import (
    BrazeCommand,
    BrazeFeedback,
    BrazeSchedule,
    BrazeSend,
    DeleteSchedule,
    ScheduleCampaign,
    ScheduleCanvas,
    SetSubscription,
    StockSubscription,
    TrackEvent,
    TriggerCampaign,
    TriggerCanvas,
    UpsertCatalogItem,
)
from gridwire.settings import Secret
from tests.contract.connectors.test_braze import settings
from tests.contract.connectors.world import World, done, refused, taken

HOUR_MS, DAY_S = 3_600_000, 86_400
SEED = {
    "users": [
        {"external_id": one, "attributes": {"email": f"{one}@example.com"}}
        for one in ("ann", "bob")
    ],
    "campaigns": [
        {"id": "survey"},
        {"id": "receipt", "transactional": True},
        {"id": "club-news", "subscription_group_id": "club"},
    ],
    "canvases": [
        {
            "id": "shipment",
            "steps": [{"name": "packed"}, {"name": "on-its-way", "delay_s": DAY_S}],
            "exit_event": "order_exception_opened",
            "exit_match": "order_ref",
        },
        {"id": "apology"},
        {"id": "paused", "status": "paused"},
        {"id": "back"},
    ],
    "catalogs": [
        {
            "name": "products",
            "fields": [{"name": "stock", "type": "number"}, {"name": "status", "type": "string"}],
            "items": [{"id": "LAMP__2F1", "stock": 0}],
            "stock_field": "stock",
            "back_in_stock_event": "back_in_stock_subscribed",
            "back_in_stock_canvas": "back",
        }
    ],
}


@pytest.fixture
def sink(world: World) -> Sink:
    world.control("braze", "seed", SEED)
    # A test does not wait for the minute's ten requests.
    return braze.sink(settings(world, catalog_requests_per_min=16_000))


def command(operation: str, body: Any, number: int = 1) -> BrazeCommand:
    return BrazeCommand(
        event_id=derived("command", operation, number),
        flow="braze.journey-adjustment",
        lane="ann",
        operation=operation,
        **{operation: body},
    )


def steps(sink: Sink, operation: str, body: Any, number: int = 1) -> Any:
    return sink.operations[operation].steps(command(operation, body, number), body)


def together(sink: Sink, operation: str, *bodies: Any) -> Any:
    bulk = sink.operations[operation].bulk
    assert bulk is not None
    items = [
        Item(command(operation, body, number), body) for number, body in enumerate(bodies, start=1)
    ]
    return bulk.steps(items)


def heard(world: World, ref: str = "ann") -> list[str]:
    """What a customer received: campaign, or canvas and step."""
    return [
        one.get("campaign_id") or f"{one['canvas_id']}/{one['step']}"
        for one in world.state("braze", "messages")
        if one["external_id"] == ref
    ]


def later(world: World, seconds: float) -> None:
    world.http.post("/_sandbox/clock", json={"offset_s": seconds}).raise_for_status()


def enter(canvas_id: str = "shipment", order: str = "bigcommerce:1001") -> TriggerCanvas:
    return TriggerCanvas(
        canvas_id=canvas_id,
        customer_ref="ann",
        context={"order_ref": order},
        attributes={"partner_case_status": "open"},
    )


def exit_event(order: str = "bigcommerce:1001", ref: str = "ann") -> TrackEvent:
    return TrackEvent(
        customer_ref=ref,
        name="order_exception_opened",
        time=1_767_225_600_000,
        properties={"order_ref": order},
        repeatable=True,
    )


# ---- journeys ------------------------------------------------------------------------------------
async def test_a_customer_leaves_the_journey_that_is_not_true_for_its_replacement(
    world: World, sink: Sink
) -> None:
    await done(sink.platform, steps(sink, "trigger_canvas", enter()))
    for number in (1, 2):  # twice: the answer to the first was lost
        await done(sink.platform, steps(sink, "track_event", exit_event(), number))
    entered = await done(sink.platform, steps(sink, "trigger_canvas", enter("apology")))
    later(world, DAY_S + 60)
    assert heard(world) == ["shipment/packed", "apology/"]
    first, second = world.state("braze", "canvas_entries")
    assert first["exit_reason"] == "order_exception_opened"
    assert (second["exited_at"], second["context"]) == (None, {"order_ref": "bigcommerce:1001"})
    assert entered.object_id == second["dispatch_id"]
    (user,) = [one for one in world.state("braze", "users") if one["external_id"] == "ann"]
    assert user["attributes"]["partner_case_status"] == "open"
    ids = {event["properties"]["hub_event_id"] for event in user["events"]}
    assert ids == {derived("command", "track_event", number) for number in (1, 2)}


async def test_an_exit_concerns_the_journey_of_its_order_alone(world: World, sink: Sink) -> None:
    for order in ("bigcommerce:1", "bigcommerce:2"):
        await done(sink.platform, steps(sink, "trigger_canvas", enter(order=order)))
    events = [exit_event("bigcommerce:2"), exit_event("bigcommerce:2", "bob")]
    results = await done(sink.platform, together(sink, "track_event", *events))
    assert list(results) == [Done(), Done()]
    assert len(world.calls("braze", "POST", "/users/track")) == 1
    exits = [one["exited_at"] is not None for one in world.state("braze", "canvas_entries")]
    assert exits == [False, True]


async def test_an_event_that_braze_refuses_is_refused_and_its_neighbours_happen(
    world: World, sink: Sink
) -> None:
    odd = TrackEvent(customer_ref="bob", name="", time=0, repeatable=True)
    good, bad = await done(sink.platform, together(sink, "track_event", exit_event(), odd))
    assert good == Done()
    assert isinstance(bad, Rejected)
    (user,) = [one for one in world.state("braze", "users") if one["external_id"] == "ann"]
    assert [event["name"] for event in user["events"]] == ["order_exception_opened"]


async def test_a_paused_canvas_is_refused_and_nobody_enters(world: World, sink: Sink) -> None:
    found = await refused(sink.platform, steps(sink, "trigger_canvas", enter("paused")))
    assert isinstance(found, Rejected)
    assert world.state("braze", "canvas_entries") == []


async def test_nobody_is_created_by_an_event_or_an_entry(world: World, sink: Sink) -> None:
    await done(sink.platform, steps(sink, "track_event", exit_event(ref="nobody")))
    body = TriggerCanvas(canvas_id="apology", customer_ref="nobody", attributes={"a": "b"})
    await done(sink.platform, steps(sink, "trigger_canvas", body))
    assert {one["external_id"] for one in world.state("braze", "users")} == {"ann", "bob"}


async def test_the_older_name_of_the_context_can_be_configured(world: World, sink: Sink) -> None:
    older = braze.sink(settings(world, canvas_context="canvas_entry_properties"))
    await done(older.platform, steps(older, "trigger_canvas", enter("apology")))
    (way,) = world.state("braze", "canvas_entries")
    assert way["context"] == {"order_ref": "bigcommerce:1001"}


# ---- schedules -----------------------------------------------------------------------------------
def survey() -> ScheduleCampaign:
    return ScheduleCampaign(
        campaign_id="survey",
        customer_ref="ann",
        trigger_properties={"order": "bigcommerce:1001"},
        send_at=int(time.time() * 1000) + HOUR_MS,
        order_ref="bigcommerce:1001",
        about="braze.service-recovery",
    )


def learnt(outcome: Done) -> BrazeSchedule:
    ((_, record),) = outcome.records
    assert isinstance(record, BrazeSchedule)
    return record


def deleting(record: BrazeSchedule) -> DeleteSchedule:
    return DeleteSchedule(
        schedule_id=record.schedule_id,
        customer_ref=record.customer_ref,
        campaign_id=record.campaign_id,
        canvas_id=record.canvas_id,
        order_ref=record.order_ref,
        about=record.about,
    )


async def test_a_scheduled_message_goes_out_at_its_time(world: World, sink: Sink) -> None:
    outcome = await done(sink.platform, steps(sink, "schedule_campaign", survey()))
    assert learnt(outcome).state == "created"
    assert heard(world) == []
    later(world, 2 * HOUR_MS / 1000)
    assert heard(world) == ["survey"]


async def test_a_message_that_is_taken_back_in_time_is_never_sent(world: World, sink: Sink) -> None:
    entry = ScheduleCanvas(
        canvas_id="apology", customer_ref="ann", send_at=survey().send_at, about="f"
    )
    for operation, body in (("schedule_campaign", survey()), ("schedule_canvas", entry)):
        made = learnt(await done(sink.platform, steps(sink, operation, body)))
        for _ in range(2):
            gone = await done(sink.platform, steps(sink, "delete_schedule", deleting(made)))
            assert learnt(gone).state == "deleted"
    later(world, 2 * HOUR_MS / 1000)
    assert heard(world) == []


async def test_a_schedule_that_braze_does_not_have_is_gone(sink: Sink) -> None:
    made = learnt(await done(sink.platform, steps(sink, "schedule_campaign", survey())))
    body = deleting(made)
    for changed in ({"schedule_id": "never"}, {"campaign_id": "receipt"}):
        other = msgspec.structs.replace(body, **changed)
        outcome = await done(sink.platform, steps(sink, "delete_schedule", other))
        assert learnt(outcome).state == "gone"


# ---- catalogues ----------------------------------------------------------------------------------
def lamp(stock: int, sequence: int = 1, **fields: str) -> UpsertCatalogItem:
    return UpsertCatalogItem(
        catalog="products", sku="LAMP/1", stock=stock, sequence=sequence, fields=fields
    )


def wish(world: World, ref: str = "ann") -> None:
    properties = {"id": "LAMP__2F1", "catalog_name": "products", "type": ["back_in_stock"]}
    event = {"external_id": ref, "name": "back_in_stock_subscribed", "properties": properties}
    world.trigger("braze", "event", **event)


async def test_who_waits_hears_that_a_product_is_back_though_updates_went_out_together(
    world: World, sink: Sink
) -> None:
    wish(world)
    updates = [lamp(0, 1), lamp(4, 2, status="few"), lamp(9, 3, status="many")]
    other = UpsertCatalogItem(catalog="products", sku="SHOE", stock=3, sequence=1)
    results = await done(sink.platform, together(sink, "upsert_catalog_item", *updates, other))
    assert all(isinstance(one, Done) for one in results)
    assert heard(world) == ["back/"]
    (catalog,) = world.state("braze", "catalogs")
    items = {one["id"]: one for one in catalog["items"]}
    assert items["LAMP__2F1"] == {"id": "LAMP__2F1", "stock": 9, "status": "many"}
    assert items["SHOE"]["stock"] == 3
    assert len(world.calls("braze", "PUT", "/catalogs/products/items")) == 2


async def test_a_field_that_the_catalogue_lacks_costs_only_its_item(
    world: World, sink: Sink
) -> None:
    odd = UpsertCatalogItem(
        catalog="products", sku="SHOE", stock=3, sequence=1, fields={"colour": "red"}
    )
    good, bad = await done(sink.platform, together(sink, "upsert_catalog_item", lamp(5), odd))
    assert isinstance(good, Done)
    assert isinstance(bad, Rejected)
    (catalog,) = world.state("braze", "catalogs")
    assert [(one["id"], one["stock"]) for one in catalog["items"]] == [("LAMP__2F1", 5)]


async def test_an_unknown_catalogue_is_said_so(sink: Sink) -> None:
    nowhere = UpsertCatalogItem(catalog="nowhere", sku="SHOE", stock=3, sequence=1)
    for found in (
        await refused(sink.platform, steps(sink, "upsert_catalog_item", nowhere)),
        *await done(sink.platform, together(sink, "upsert_catalog_item", nowhere)),
    ):
        assert isinstance(found, Rejected)
        assert "no such catalog" in found.reason


# ---- subscriptions -------------------------------------------------------------------------------
async def test_a_subscription_lets_a_message_through(world: World, sink: Sink) -> None:
    news = TriggerCampaign(campaign_id="club-news", customer_ref="ann")
    await done(sink.platform, steps(sink, "trigger_campaign", news))
    assert heard(world) == []
    joins = [
        SetSubscription(customer_ref=ref, group_id="club", state="subscribed")
        for ref in ("ann", "bob", "nobody")
    ]
    await done(sink.platform, together(sink, "set_subscription", *joins))
    await done(sink.platform, steps(sink, "trigger_campaign", news, 2))
    assert heard(world) == ["club-news"]
    assert len(world.calls("braze", "POST", "/v2/subscription")) == 1


async def test_a_state_that_there_is_not_is_refused(sink: Sink) -> None:
    body = SetSubscription(customer_ref="ann", group_id="club", state="perhaps")
    found = await refused(sink.platform, steps(sink, "set_subscription", body))
    assert isinstance(found, Rejected)


# ---- what comes back -----------------------------------------------------------------------------
def receiving(world: World, name: str) -> Any:
    """The route of this name, its sender configured."""
    tokens = {"webhook_token": Secret("hook"), "postback_secret": Secret("s3cret")}
    (route,) = [one for one in braze.source(settings(world, **tokens)).routes if one.name == name]
    url = f"{world.receiver.url}{route.path}"
    told = {
        "braze.webhooks": {"webhook_step": {"url": url, "token": "hook"}},
        "braze.postbacks": {"postback_url": f"{url}?secret=s3cret"},
        "braze.currents": {"currents": {"url": url, "token": "currents-token"}},
    }
    world.control("braze", "configure", told[name])
    return route


def test_feedback_of_a_webhook_step_is_read(world: World) -> None:
    route = receiving(world, "braze.webhooks")
    answer = {
        "event_type": "low_rating",
        "external_user_id": "ann",
        "order_ref": "1001",
        "concerns": "damage",
        "question": "How did it arrive?",
        "score": "1",
        "scale_max": 5,
        "text": "in pieces",
    }
    world.trigger("braze", "webhook", **answer)
    (intake,) = [taken(route, one) for one in world.receiver.wait_for(1)]
    ((_, found),) = intake.records
    assert isinstance(found, BrazeFeedback)
    assert (found.kind, found.concerns, found.score) == ("low_rating", "damage", 1.0)
    assert found.order_ref == "bigcommerce:1001"


async def test_postbacks_say_what_became_of_a_transactional_message(
    world: World, sink: Sink
) -> None:
    route = receiving(world, "braze.postbacks")
    receipt = TriggerCampaign(campaign_id="receipt", customer_ref="ann", transactional=True)
    await done(sink.platform, steps(sink, "trigger_campaign", receipt))
    intakes = [route.read(one) for one in map(_delivery, world.receiver.wait_for(3))]
    found = [record for one in intakes for _, record in one.records]
    assert all(isinstance(one, BrazeSend) for one in found)
    assert {one.status for one in found} == {"sent", "processed", "delivered"}
    assert {one.external_send_id for one in found} == {derived("command", "trigger_campaign", 1)}
    assert world.receiver.received[0].path.endswith("?secret=s3cret")


def test_a_wish_to_hear_of_stock_comes_by_currents(world: World, sink: Sink) -> None:
    assert sink.platform.name == "braze"
    route = receiving(world, "braze.currents")
    wish(world)
    (intake,) = [taken(route, one) for one in world.receiver.wait_for(1)]
    (found,) = [record for _, record in intake.records if isinstance(record, StockSubscription)]
    assert (found.sku, found.customer_ref) == ("LAMP/1", "ann")


def _delivery(received: Any) -> Any:
    return Delivery(received.path, received.headers, {}, received.json, received.body, 0)
