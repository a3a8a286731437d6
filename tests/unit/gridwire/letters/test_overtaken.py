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
    MoveThread,
    OpenThread,
    PutInsight,
    RefreshProfile,
    SetAttributes,
    SetInventory,
    SetSelling,
    TradingGridCommand,
    TriggerCampaign,
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
