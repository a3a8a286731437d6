"""BigCommerce's operations, driven by hand."""

from __future__ import annotations

from typing import Any

import pytest

from connectors import bigcommerce
from connectors.bigcommerce.settings import BigCommerceSettings
from connectors.bigcommerce.sink import (
    ONE_BY_ONE,
    UNITS_MAX,
    set_inventory,
    set_inventory_of_many,
    set_selling,
    set_selling_of_many,
)
from connectors.kit.connector import Bulk, Done, Item, OperationError, Rejected, Request
from gridwire.ids import derived
from gridwire.records import BigCommerceCommand, SetInventory, SetSelling
from gridwire.topics import BIGCOMMERCE_COMMANDS, BIGCOMMERCE_RECEIPTS
from tests.unit.connectors.bigcommerce.store import settings
from tests.unit.connectors.steps import answer, play

COMMAND = BigCommerceCommand(
    event_id=derived("a", "command"),
    flow="bigcommerce.availability",
    lane="SKU-1",
    operation="set_inventory",
)
SAVED = answer(200, {"data": {"id": 77}, "meta": {}})


# ---- stock ---------------------------------------------------------------------------------------
def stocked(location_code: str, quantity: int, **changed: Any) -> tuple[Any, str | None]:
    change = SetInventory(sku="SKU-1", location_code=location_code, quantity=quantity, sequence=4)
    steps = set_inventory(COMMAND, change, settings(**changed))
    played = play(steps, answer(200, {"transaction_id": "tx-1"}))
    (asked,) = played.requests
    assert (asked.method, asked.path) == ("PUT", "/v3/inventory/adjustments/absolute")
    return asked.json, played.value.object_id


def test_stock_is_set_absolutely_at_the_mapped_location() -> None:
    body, object_id = stocked("DC-EAST", 12, locations={"DC-EAST": 3})
    assert body["items"] == [{"location_id": 3, "sku": "SKU-1", "quantity": 12}]
    assert COMMAND.event_id in body["reason"]
    assert object_id == "tx-1"


def test_stock_without_a_location_goes_to_the_default_one() -> None:
    body, _ = stocked("", 0, default_location_id=2)
    assert body["items"][0]["location_id"] == 2


def test_a_location_without_an_id_is_refused_with_the_fix() -> None:
    with pytest.raises(OperationError) as caught:
        stocked("MOON", 1)
    assert isinstance(caught.value.verdict, Rejected)
    assert "BIGCOMMERCE_LOCATIONS" in caught.value.verdict.reason


@pytest.mark.parametrize("quantity", [-1, UNITS_MAX + 1])
def test_units_that_bigcommerce_would_not_save_are_refused_before_the_call(quantity: int) -> None:
    with pytest.raises(OperationError) as caught:
        stocked("", quantity)
    assert isinstance(caught.value.verdict, Rejected)


# ---- stock of many at once -----------------------------------------------------------------------
def stocks(*changes: SetInventory) -> list[Item]:
    return [Item(COMMAND, change) for change in changes]


def stock(sku: str, quantity: int = 1, location_code: str = "") -> SetInventory:
    return SetInventory(sku=sku, location_code=location_code, quantity=quantity, sequence=1)


def test_stock_of_several_skus_goes_in_one_call_and_shares_its_transaction() -> None:
    items = stocks(stock("A", 3), stock("B", 0), stock("C", 9))
    saved = answer(200, {"transaction_id": "tx-7"})
    played = play(set_inventory_of_many(items, settings(default_location_id=2)), saved)
    (asked,) = played.requests
    assert (asked.method, asked.path) == ("PUT", "/v3/inventory/adjustments/absolute")
    assert asked.json["items"] == [
        {"location_id": 2, "sku": "A", "quantity": 3},
        {"location_id": 2, "sku": "B", "quantity": 0},
        {"location_id": 2, "sku": "C", "quantity": 9},
    ]
    assert asked.json["reason"] == f"gridwire {COMMAND.event_id} and 2 more"
    assert played.value == [Done("tx-7")] * 3


def test_what_bigcommerce_would_not_save_is_left_out_and_refused_by_itself() -> None:
    items = stocks(stock("A", -1), stock("B", 5), stock("C", 5, "MOON"))
    saved = answer(200, {"transaction_id": "tx-7"})
    played = play(set_inventory_of_many(items, settings()), saved)
    assert [one["sku"] for one in played.requests[0].json["items"]] == ["B"]
    refused, done, unknown = played.value
    assert isinstance(refused, Rejected)
    assert done == Done("tx-7")
    assert isinstance(unknown, Rejected)
    assert "BIGCOMMERCE_LOCATIONS" in unknown.reason


def test_where_nothing_is_left_to_save_nothing_is_sent() -> None:
    played = play(set_inventory_of_many(stocks(stock("A", -1), stock("B", -2)), settings()))
    assert [type(one) for one in played.value] == [Rejected, Rejected]


def test_stock_is_grouped_by_location_and_never_written_twice_for_a_sku() -> None:
    given = settings(locations={"EAST": 2, "E": 2, "WEST": 3}, default_location_id=3)
    bulk = bulk_of("set_inventory", given)
    east, same, west, none = (
        bulk.group(COMMAND, stock("A", 1, code)) for code in ("EAST", "E", "WEST", "")
    )
    assert east == same != west == none
    assert bulk.apart is not None
    assert bulk.apart(COMMAND, stock("A", 1)) == bulk.apart(COMMAND, stock("A", 2))


def bulk_of(operation: str, given: BigCommerceSettings) -> Bulk:
    bulk = bigcommerce.sink(given).operations[operation].bulk
    assert bulk is not None
    return bulk


def test_calls_for_many_items_never_run_beside_one_another() -> None:
    given = settings(inventory_items_max=2_000)
    both = [bulk_of(name, given) for name in ("set_inventory", "set_selling")]
    assert {(bulk.line, bulk.parallel_max) for bulk in both} == {(ONE_BY_ONE, 1)}
    assert [bulk.items_max for bulk in both] == [2_000, 10]
    assert bulk_of("set_inventory", settings()).items_max == 10


# ---- selling -------------------------------------------------------------------------------------
RELEASE_MS = 1_767_225_600_000


def sold(*answers: Any, **change: Any) -> list[Request]:
    given = SetSelling(sku="SKU-1", product_id=77, **change)
    return play(set_selling(COMMAND, given), *answers).requests


def test_a_variant_has_a_switch_of_its_own() -> None:
    (asked,) = sold(SAVED, variant_id=701, purchasable=False, message="Discontinued")
    assert (asked.method, asked.path) == ("PUT", "/v3/catalog/products/77/variants/701")
    assert asked.json == {
        "purchasing_disabled": True,
        "purchasing_disabled_message": "Discontinued",
    }


def test_lead_time_and_limits_of_a_variant_are_set_on_its_product() -> None:
    first, second = sold(
        SAVED,
        SAVED,
        variant_id=701,
        purchasable=False,
        availability_description="Ships in 5 days",
        quantity_minimum=1,
        quantity_maximum=4,
    )
    assert first.path == "/v3/catalog/products/77/variants/701"
    assert (second.path, second.json) == (
        "/v3/catalog/products/77",
        {
            "availability_description": "Ships in 5 days",
            "order_quantity_minimum": 1,
            "order_quantity_maximum": 4,
        },
    )


@pytest.mark.parametrize(
    ("purchasable", "availability"), [(True, "available"), (False, "disabled")]
)
def test_a_product_without_variants_is_switched_itself(
    purchasable: bool, availability: str
) -> None:
    (asked,) = sold(SAVED, purchasable=purchasable)
    assert asked.json == {"availability": availability}


def test_a_product_shows_the_message_as_its_lead_time() -> None:
    (asked,) = sold(SAVED, purchasable=False, message="Discontinued, see SKU-9")
    assert asked.json == {
        "availability": "disabled",
        "availability_description": "Discontinued, see SKU-9",
    }


def test_a_preorder_starts_with_its_release_date() -> None:
    (asked,) = sold(SAVED, purchasable=True, preorder_release_at=RELEASE_MS)
    assert asked.json == {
        "availability": "preorder",
        "preorder_release_date": "2026-01-01T00:00:00.000Z",
    }


def test_a_product_that_may_not_be_bought_does_not_become_a_preorder() -> None:
    (asked,) = sold(SAVED, purchasable=False, preorder_release_at=RELEASE_MS)
    assert asked.json["availability"] == "disabled"


@pytest.mark.parametrize(
    "change", [{"preorder_release_at": 0}, {"variant_id": 701, "purchasable": True}]
)
def test_a_preorder_ends_only_where_one_is_on(change: dict[str, Any]) -> None:
    switch = [SAVED] if "variant_id" in change else []
    on, off = (answer(200, {"data": {"availability": one}}) for one in ("preorder", "disabled"))
    *_, looked, ended = sold(*switch, on, SAVED, **change)
    assert (looked.method, looked.query) == ("GET", {"include_fields": "availability"})
    assert ended.json == {"availability": "available", "preorder_release_date": None}
    assert [one.method for one in sold(*switch, off, **change)][-1] == "GET"


# ---- selling of many at once ---------------------------------------------------------------------
def sold_together(changes: list[SetSelling], *answers: Any) -> Any:
    return play(set_selling_of_many([Item(COMMAND, change) for change in changes]), *answers)


def selling(product_id: int, **change: Any) -> SetSelling:
    return SetSelling(sku=f"SKU-{product_id}", product_id=product_id, **change)


def test_products_are_saved_in_one_call_variants_before_them() -> None:
    changes = [
        selling(1, purchasable=False),
        selling(2, variant_id=21, purchasable=False, availability_description="Ships in 5 days"),
        selling(3, variant_id=31, purchasable=False, message="Gone"),
    ]
    played = sold_together(changes, SAVED, SAVED)
    variants, products = played.requests
    assert (variants.method, variants.path) == ("PUT", "/v3/catalog/variants")
    assert variants.json == [
        {"id": 21, "purchasing_disabled": True},
        {"id": 31, "purchasing_disabled": True, "purchasing_disabled_message": "Gone"},
    ]
    assert (products.method, products.path) == ("PUT", "/v3/catalog/products")
    assert products.json == [
        {"id": 1, "availability": "disabled"},
        {"id": 2, "availability_description": "Ships in 5 days"},
    ]
    assert played.value == [Done("1"), Done("21"), Done("31")]


def test_preorders_are_asked_for_in_one_call() -> None:
    rows = [{"id": 1, "availability": "preorder"}, {"id": 2, "availability": "available"}]
    changes = [selling(1, preorder_release_at=0), selling(2, preorder_release_at=0)]
    played = sold_together(changes, answer(200, {"data": rows}), SAVED)
    looked, saved = played.requests
    assert (looked.method, looked.path) == ("GET", "/v3/catalog/products")
    assert looked.query["id:in"] == "1,2"
    assert saved.json == [{"id": 1, "availability": "available", "preorder_release_date": None}]


def test_a_product_that_the_store_does_not_have_refuses_the_whole() -> None:
    rows = answer(200, {"data": [{"id": 1, "availability": "preorder"}]})
    with pytest.raises(OperationError) as caught:
        sold_together([selling(1, preorder_release_at=0), selling(2, preorder_release_at=0)], rows)
    assert isinstance(caught.value.verdict, Rejected)


def test_a_part_that_was_not_saved_refuses_the_whole_which_is_then_narrowed_down() -> None:
    partly = answer(207, {"data": [], "errors": {"errors": {"x": "could not be saved"}}})
    with pytest.raises(OperationError) as caught:
        sold_together([selling(1, purchasable=True), selling(2, quantity_minimum=1)], partly)
    assert isinstance(caught.value.verdict, Rejected)


def test_changes_that_change_nothing_are_done_without_a_call() -> None:
    assert sold_together([selling(1), selling(2)]).value == [Done("1"), Done("2")]


def test_two_changes_of_one_product_never_share_a_call() -> None:
    apart = bulk_of("set_selling", settings()).apart
    assert apart is not None
    one, other = selling(1, variant_id=11), selling(1, variant_id=12)
    assert apart(COMMAND, one) == apart(COMMAND, other) != apart(COMMAND, selling(2))


def test_the_sink_carries_out_bigcommerces_commands_and_no_others() -> None:
    sink = bigcommerce.sink(settings())
    assert (sink.commands, sink.receipts) == (BIGCOMMERCE_COMMANDS, BIGCOMMERCE_RECEIPTS)
    assert set(sink.operations) == {"set_inventory", "set_selling"}
    assert {one.safety_of(None) for one in sink.operations.values()} == {"natural"}
    assert sink.platform.base_url == "https://api.bigcommerce.com/stores/abc123"
    assert sink.platform.headers["accept"] == "application/json"
    assert "store-token" not in repr(sink)
