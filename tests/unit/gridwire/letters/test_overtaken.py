"""Which commands undo which: every operation of every sink says what it writes over."""

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.kit.connector import Operation
from gridwire.commands.letters.overtaken import written
from gridwire.commands.sink_pages import sample_sinks
from gridwire.records import (
    AddComment,
    BigCommerceCommand,
    BrazeCommand,
    DeleteSchedule,
    MoveThread,
    OpenThread,
    PutInsight,
    RefreshProfile,
    ScheduleCampaign,
    ScheduleCanvas,
    SetAttributes,
    SetInventory,
    SetSelling,
    SetSubscription,
    TrackEvent,
    TradingGridCommand,
    TriggerCampaign,
    TriggerCanvas,
    UpsertCatalogItem,
)

SINKS = {sink.platform.name: sink for sink in sample_sinks()}
EVERY: list[tuple[str, Operation]] = [
    (platform, one) for platform, sink in SINKS.items() for one in sink.operations.values()
]
HEADER: dict[str, Any] = {
    "event_id": "e",
    "occurred_at": 1,
    "produced_at": 1,
    "flow": "f",
    "lane": "lane",
}
RECORDS: Mapping[str, Any] = {
    "trading-grid": TradingGridCommand,
    "braze": BrazeCommand,
    "bigcommerce": BigCommerceCommand,
}
THREAD: dict[str, Any] = {"external_ref": "o-1", "system": "bigcommerce"}


def over(platform: str, operation: str, body: Any) -> frozenset[Any]:
    command = RECORDS[platform](operation=operation, **HEADER, **{operation: body})
    return written(SINKS[platform].operations, command)


def insight(key: str) -> PutInsight:
    words: dict[str, Any] = {"partner_id": "p", "kind": "k", "region": "r", "sku": "s"}
    return PutInsight(key=key, window_from=0, window_to=1, **words)


def move(ref: str) -> MoveThread:
    return MoveThread(external_ref=ref, system="b", to="closed", reason_code="r", note="n")


def stock(sku: str, place: str, quantity: int) -> SetInventory:
    return SetInventory(sku=sku, location_code=place, quantity=quantity, sequence=1)


@pytest.mark.parametrize(
    ("platform", "operation"), EVERY, ids=lambda one: getattr(one, "name", one)
)
def test_every_operation_says_what_it_writes_over(platform: str, operation: Operation) -> None:
    assert operation.writes is not None, (
        f"{platform}: Operation({operation.name!r}, …, writes=…) must say what a late command would undo: a function "
        "of the body that names it, or writes_over_nothing"
    )


def test_insights_of_one_lane_undo_one_another_only_under_one_key() -> None:
    first = over("trading-grid", "put_insight", insight("a"))
    assert first == over("trading-grid", "put_insight", insight("a"))
    assert not first & over("trading-grid", "put_insight", insight("b"))


def test_threads_are_moved_by_their_reference_and_opening_or_commenting_undoes_nothing() -> None:
    moved = over("trading-grid", "move_thread", move("o-1"))
    assert moved
    assert not moved & over("trading-grid", "move_thread", move("o-2"))
    words: dict[str, Any] = {"kind": "k", "subject": "s", "body": "b", "priority": "p"}
    assert not over("trading-grid", "open_thread", OpenThread(**THREAD, **words))
    comment = AddComment(**THREAD, body="b", visibility="v", source_ref="s")
    assert not over("trading-grid", "add_comment", comment)


def test_stock_is_that_of_a_sku_at_a_location() -> None:
    first = over("bigcommerce", "set_inventory", stock("s", "here", 1))
    assert first == over("bigcommerce", "set_inventory", stock("s", "here", 2))
    assert not first & over("bigcommerce", "set_inventory", stock("s", "there", 2))
    assert not first & over("bigcommerce", "set_inventory", stock("t", "here", 2))


def test_selling_is_that_of_what_the_change_is_about() -> None:
    def selling(product_id: int, **change: Any) -> frozenset[Any]:
        body = SetSelling(sku="s", product_id=product_id, **change)
        return over("bigcommerce", "set_selling", body)

    assert selling(1, quantity_minimum=2) & selling(1, availability_description="soon")
    assert not selling(1, quantity_minimum=2) & selling(2, quantity_minimum=2)
    of_variant = selling(1, variant_id=7, purchasable=False)
    assert of_variant & selling(1, variant_id=7, purchasable=True)
    assert ("variant", 8) not in of_variant


def test_attributes_are_undone_where_the_same_one_is_set_later_and_messages_never() -> None:
    def attributes(who: str, *names: str) -> frozenset[Any]:
        body = SetAttributes(customer_ref=who, attributes=dict.fromkeys(names, "x"))
        return over("braze", "set_attributes", body)

    assert attributes("ann", "tier", "risk") & attributes("ann", "risk")
    assert not attributes("ann", "tier") & attributes("ann", "risk")
    assert not attributes("ann", "tier") & attributes("bob", "tier")
    trigger = TriggerCampaign(campaign_id="c", customer_ref="ann", attributes={"tier": "x"})
    assert not over("braze", "trigger_campaign", trigger)
    assert not over("braze", "refresh_profile", RefreshProfile(customer_ref="ann"))


def test_a_catalogue_item_is_undone_by_itself_alone_and_a_subscription_by_the_group() -> None:
    def item(catalog: str, sku: str, stock: int) -> frozenset[Any]:
        body = UpsertCatalogItem(catalog=catalog, sku=sku, stock=stock, sequence=stock)
        return over("braze", "upsert_catalog_item", body)

    assert item("products", "LAMP", 0) & item("products", "LAMP", 7)
    assert not item("products", "LAMP", 0) & item("products", "CHAIR", 7)
    assert not item("products", "LAMP", 0) & item("outlet", "LAMP", 7)

    def group(who: str, group_id: str, state: str) -> frozenset[Any]:
        body = SetSubscription(customer_ref=who, group_id=group_id, state=state)
        return over("braze", "set_subscription", body)

    assert group("ann", "club", "subscribed") & group("ann", "club", "unsubscribed")
    assert not group("ann", "club", "subscribed") & group("ann", "sale", "unsubscribed")
    assert not group("ann", "club", "subscribed") & group("bob", "club", "unsubscribed")


def test_a_late_exit_is_undone_by_the_entry_behind_it_about_the_same_order_and_customer() -> None:
    def left(who: str, repeatable: bool = True, **facts: str) -> frozenset[Any]:
        body = TrackEvent(
            customer_ref=who, name="left", time=1, properties=facts, repeatable=repeatable
        )
        return over("braze", "track_event", body)

    def entered(who: str, **facts: str) -> frozenset[Any]:
        body = TriggerCanvas(canvas_id="journey", customer_ref=who, context=facts)
        return over("braze", "trigger_canvas", body)

    exit_of_1 = left("ann", order_ref="o-1", case_id="c-1")
    assert exit_of_1 & entered("ann", order_ref="o-1", resumed="true")
    assert exit_of_1 & left("ann", case_id="c-1", order_ref="o-1")
    assert entered("ann", case_id="c-1", order_ref="o-1", status="open") & exit_of_1
    assert not exit_of_1 & entered("ann", order_ref="o-2", resumed="true")
    assert not exit_of_1 & entered("bob", order_ref="o-1", resumed="true")
    assert not left("ann", status="open") & entered("ann", status="open")
    assert not left("ann", order_ref="") & entered("ann", order_ref="")
    assert not left("ann", repeatable=False, order_ref="o-1")


def test_schedules_are_made_anew_each_and_taking_one_back_late_undoes_nothing() -> None:
    when: dict[str, Any] = {"customer_ref": "ann", "order_ref": "o-1", "about": "f"}
    campaign = ScheduleCampaign(campaign_id="c", send_at=1, **when)
    canvas = ScheduleCanvas(canvas_id="c", send_at=1, **when)
    taken_back = DeleteSchedule(schedule_id="s", campaign_id="c", **when)
    assert not over("braze", "schedule_campaign", campaign)
    assert not over("braze", "schedule_canvas", canvas)
    assert not over("braze", "delete_schedule", taken_back)
