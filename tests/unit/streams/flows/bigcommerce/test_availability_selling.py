"""bigcommerce.availability: how products sell, whose word counts, and bounds."""

from typing import Any

import pytest

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS
from streams.tables import PARTNERS, PRODUCTS
from tests.unit.streams.flows.bigcommerce.availability_shop import (
    FLOW,
    buy,
    driven,
    filtered,
    hear,
    selling,
    stock,
)
from tests.unit.streams.making import (
    DAY_MS,
    MINUTE_MS,
    SKU,
    line,
    order,
    partner,
    product,
    update,
)


# ---- selling ---------------------------------------------------------------------------------------
def test_a_lead_time_becomes_the_text_that_shoppers_read() -> None:
    driver = driven()
    hear(driver, update(1, type="lead_time", lead_time_days=3))
    (change,) = selling(driver)
    assert change == r.SetSelling(
        sku=SKU, product_id=77, availability_description="Ships within 3 days."
    )
    hear(driver, update(2, type="lead_time", lead_time_days=1))
    assert selling(driver)[0].availability_description == "Ships within 1 day."


def test_an_allocation_limits_what_one_order_may_hold() -> None:
    driver = driven()
    hear(driver, update(1, quantity=50), update(2, type="allocation", allocation_limit=20))
    (change,) = selling(driver)
    assert (change.quantity_maximum, change.purchasable) == (20, None)


def test_an_allocation_of_nothing_stops_the_sale() -> None:
    driver = driven()
    hear(driver, update(1, type="allocation", allocation_limit=0))
    (change,) = selling(driver)
    assert (change.purchasable, change.quantity_maximum) == (False, None)


def test_a_backorder_is_a_preorder_until_its_date_and_sells_what_its_quantity_says() -> None:
    driver = driven()
    release = START_MS + 5 * DAY_MS
    hear(driver, update(1, quantity=0))
    hear(driver, update(2, type="backorder", quantity=4, available_from=release))
    commands = driver.take(topics.BIGCOMMERCE_COMMANDS)
    assert [one.operation for one in commands] == ["set_inventory", "set_inventory", "set_selling"]
    assert commands[1].set_inventory is not None
    assert commands[1].set_inventory.quantity == 4
    assert commands[2].set_selling is not None
    assert commands[2].set_selling.preorder_release_at == release
    driver.advance(to_ms=release)
    assert [one.preorder_release_at for one in selling(driver)] == [0]


def test_a_backorder_without_a_quantity_sells_nothing_of_the_old_stock() -> None:
    driver = driven()
    hear(driver, update(1, quantity=9))
    hear(driver, update(2, type="backorder", available_from=START_MS + DAY_MS))
    assert stock(driver) == [("", 9), ("", 0)]


def test_new_stock_ends_a_backorder() -> None:
    driver = driven()
    hear(driver, update(1, type="backorder", quantity=4, available_from=START_MS + DAY_MS))
    driver.take(topics.BIGCOMMERCE_COMMANDS)
    hear(driver, update(2, quantity=7))
    commands = driver.take(topics.BIGCOMMERCE_COMMANDS)
    assert commands[0].set_inventory is not None
    assert commands[0].set_inventory.quantity == 7
    assert commands[1].set_selling is not None
    assert commands[1].set_selling.preorder_release_at == 0


def test_a_discontinued_product_cannot_be_bought_and_names_its_substitute() -> None:
    driver = driven()
    driver.row(PRODUCTS, product("SKU-2", name="Better Shoe"))
    hear(driver, update(1, quantity=9))
    driver.take(topics.BIGCOMMERCE_COMMANDS)
    hear(driver, update(2, type="discontinuation", substitute_sku="SKU-2"))
    commands = driver.take(topics.BIGCOMMERCE_COMMANDS)
    assert [one.operation for one in commands] == ["set_selling", "set_inventory"]
    assert commands[0].set_selling is not None
    text = "This product is discontinued. We suggest Better Shoe instead."
    assert commands[0].set_selling == r.SetSelling(
        sku=SKU, product_id=77, purchasable=False, message=text, availability_description=text
    )
    assert commands[1].set_inventory is not None
    assert commands[1].set_inventory.quantity == 0


@pytest.mark.parametrize(
    ("fields", "name"),
    [({}, "SKU-3"), ({"substitute_sku": "SKU-2"}, "SKU-2")],
    ids=["the shop's", "the partner's"],
)
def test_a_substitute_without_a_name_goes_by_its_sku(fields: dict[str, Any], name: str) -> None:
    driver = driven()
    driver.row(PRODUCTS, product(substitute_sku="SKU-3", version=2))
    hear(driver, update(2, type="discontinuation", **fields))
    (change,) = selling(driver)
    assert change.message == f"This product is discontinued. We suggest {name} instead."


def test_a_product_that_another_partner_still_supplies_stays_on_sale() -> None:
    driver = driven()
    hear(driver, update(1, quantity=4), update(1, quantity=3, partner_id="pt_2", update_id="b"))
    driver.take(topics.BIGCOMMERCE_COMMANDS)
    hear(driver, update(2, type="discontinuation"))
    commands = driver.take(topics.BIGCOMMERCE_COMMANDS)
    assert [one.operation for one in commands] == ["set_inventory"]
    assert commands[0].set_inventory is not None
    assert commands[0].set_inventory.quantity == 3


def test_a_partner_that_discontinues_without_a_location_does_so_everywhere() -> None:
    driver = driven()
    hear(driver, update(1, quantity=4, location_code="WH1"))
    driver.take(topics.BIGCOMMERCE_COMMANDS)
    driver.advance(minutes=1)
    hear(driver, update(1, type="discontinuation"))
    commands = driver.take(topics.BIGCOMMERCE_COMMANDS)
    assert [one.operation for one in commands] == ["set_selling", "set_inventory"]
    driver.advance(minutes=1)
    hear(driver, update(2, quantity=6, location_code="WH1"))
    back = driver.take(topics.BIGCOMMERCE_COMMANDS)
    assert [one.operation for one in back] == ["set_inventory", "set_selling"]


def test_newer_stock_brings_a_discontinued_product_back_as_it_was() -> None:
    driver = driven()
    hear(driver, update(1, type="lead_time", lead_time_days=2))
    hear(driver, update(2, type="discontinuation"))
    driver.take(topics.BIGCOMMERCE_COMMANDS)
    hear(driver, update(3, quantity=5))
    (change,) = selling(driver)
    assert (change.purchasable, change.message, change.availability_description) == (
        True,
        "",
        "Ships within 2 days.",
    )


def test_a_substitution_is_suggested_beside_the_lead_time() -> None:
    driver = driven()
    driver.row(PRODUCTS, product("SKU-2", name="Better Shoe"))
    hear(driver, update(1, type="lead_time", lead_time_days=2))
    hear(driver, update(2, type="substitution", substitute_sku="SKU-2"))
    texts = [change.availability_description for change in selling(driver)]
    assert texts[-1] == "Ships within 2 days. We suggest Better Shoe instead."


def test_of_several_variants_the_switch_is_set_on_the_one() -> None:
    driver = driven()
    driver.row(PRODUCTS, product(variants=3, version=2))
    hear(driver, update(1, type="discontinuation"))
    (change,) = selling(driver)
    assert (change.variant_id, change.availability_description) == (770, None)


def test_where_the_shop_does_not_track_stock_no_stock_stops_the_sale() -> None:
    driver = driven()
    driver.row(PRODUCTS, product(available_to_sell=None, version=2))
    hear(driver, update(1, quantity=0))
    assert [change.purchasable for change in selling(driver)] == [False]
    hear(driver, update(2, quantity=3))
    assert [change.purchasable for change in selling(driver)] == [True]


def test_a_partner_without_a_word_to_say_switches_nothing() -> None:
    driver = driven()
    hear(driver, update(1, quantity=3))
    assert selling(driver) == []


# ---- partners and products -------------------------------------------------------------------------
def test_a_suspended_partner_has_nothing_to_sell_until_it_is_active_again() -> None:
    driver = driven()
    hear(driver, update(1, quantity=5))
    driver.row(PARTNERS, partner("pt_1", status="suspended", version=2))
    hear(driver, update(2, quantity=9), update(3, quantity=8))
    assert stock(driver) == [("", 5), ("", 0)]
    assert filtered(driver, "partner is not active") == 1
    driver.row(PARTNERS, partner("pt_1", version=3))
    driver.advance(minutes=15)
    assert stock(driver) == [("", 8)]


def test_a_partner_that_is_still_coming_is_not_heard() -> None:
    driver = driven()
    driver.row(PARTNERS, partner("pt_1", status="onboarding", version=2))
    hear(driver, update(1, quantity=9), update(2, type="discontinuation"))
    assert driver.take(topics.BIGCOMMERCE_COMMANDS) == []
    assert filtered(driver, "partner is not active yet") == 2


def test_a_partner_has_no_say_in_anothers_product() -> None:
    driver = driven()
    driver.row(PARTNERS, partner("pt_3", skus=("SKU-3",)))
    hear(driver, update(1, quantity=9, partner_id="pt_3"))
    assert stock(driver) == []
    assert filtered(driver, "another partner's product") == 1


def test_an_update_of_a_product_that_the_shop_does_not_have_is_parked_then_dead() -> None:
    driver = driven()
    hear(driver, update(1, quantity=9, sku="SKU-9"))
    assert driver.parked == 1
    driver.advance(minutes=31)
    assert [(flow, why) for flow, _, why, _ in driver.dead] == [
        (FLOW, "no row of products in time")
    ]


def test_an_update_waits_for_its_product() -> None:
    driver = driven()
    driver.row(PARTNERS, partner("pt_1", skus=("SKU-9",), version=2))
    hear(driver, update(1, quantity=9, sku="SKU-9"))
    driver.row(PRODUCTS, product("SKU-9"))
    assert stock(driver) == [("", 9)]


def test_a_product_that_was_deleted_gets_nothing() -> None:
    driver = driven()
    driver.row(PRODUCTS, product(bigcommerce_product_id=None, version=2))
    hear(driver, update(1, quantity=9))
    assert driver.take(topics.BIGCOMMERCE_COMMANDS) == []
    assert filtered(driver, "not sold in BigCommerce") == 1


def test_an_unknown_type_of_update_is_counted() -> None:
    driver = driven()
    hear(driver, update(1, type="weather", quantity=9))
    assert filtered(driver, "unknown type of update") == 1


# ---- bounds ----------------------------------------------------------------------------------------
def test_units_of_a_sku_that_no_partner_supplies_are_not_kept() -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line(sku="SKU-9")))
    assert filtered(driver, "no partner supplies it") == 1


def test_lines_beyond_the_bound_are_taken_together_and_still_count() -> None:
    driver = driven(lines_max=3)
    hear(driver, update(1, quantity=100))
    for number in range(10):
        driver.advance(seconds=1)
        buy(driver, 2, number)
    assert stock(driver)[-1] == ("", 80)


def test_updates_of_a_sku_are_bounded() -> None:
    driver = driven(updates_max=2)
    hear(
        driver, *(update(1, quantity=1, location_code=f"WH{n}", update_id=f"{n}") for n in range(3))
    )
    assert len(stock(driver)) == 2
    assert filtered(driver, "too many updates of one product") == 1


def test_orders_without_any_statement_are_forgotten_after_a_while() -> None:
    driver = driven(order_memory_hours=1)
    buy(driver, 3)
    states = driver._task.state.folds[f"{FLOW}/shelve"]
    assert list(states) == [SKU]
    driver.advance(minutes=61)
    assert list(states) == []


def test_orders_are_remembered_back_to_the_oldest_statement_that_holds() -> None:
    driver = driven(order_memory_hours=1)
    hear(driver, update(1, quantity=10))
    driver.advance(minutes=1)
    buy(driver, 3)
    driver.advance(hours=100)
    buy(driver, 1, 2)
    assert stock(driver) == [("", 10), ("", 7), ("", 6)]
    assert driver.now_ms > START_MS + 100 * 60 * MINUTE_MS


@pytest.mark.parametrize("text", ["Ships in {weeks}.", "Ships in {}.", "Ships in {days."])
def test_a_text_with_other_braces_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match=r"lead_time_text: only \{days\}"):
        driven(lead_time_text=text)
