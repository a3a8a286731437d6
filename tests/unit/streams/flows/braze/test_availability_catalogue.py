"""braze.availability: Braze's catalogue has what partners have, and nothing else."""

from typing import Any

import pytest

from streams.driver import START_MS
from streams.tables import PARTNERS
from tests.unit.streams.flows.braze.availability_products import (
    FLOW,
    driven,
    filtered,
    items,
    say,
    stocks,
)
from tests.unit.streams.making import DAY_MS, HOUR_MS, SKU, partner


def test_the_item_has_what_partners_confirm() -> None:
    driver = driven()
    say(driver, quantity=7, lead_time_days=3)
    (item,) = items(driver)
    assert (item.catalog, item.sku, item.stock, item.sequence) == ("products", SKU, 7, 1)
    assert item.fields == {
        "name": "Lamp",
        "status": "available",
        "available_from": "",
        "lead_time_days": "3",
        "substitute_sku": "",
    }


def test_stock_is_the_sum_over_partners_and_locations() -> None:
    driver = driven()
    say(driver, quantity=7)
    say(driver, quantity=5, location_code="EAST")
    say(driver, quantity=4, partner_id="pt_2")
    say(driver, 2, quantity=1)
    assert stocks(driver) == [7, 12, 16, 10]
    assert [item.sequence for item in items(driver)] == [1, 2, 3, 4]


@pytest.mark.parametrize("decision", ["proposed", "rejected", "superseded", "expired"])
def test_only_what_was_accepted_counts(decision: str) -> None:
    driver = driven()
    say(driver, quantity=7)
    say(driver, 2, decision=decision, quantity=9)
    assert stocks(driver) == [7]
    assert filtered(driver, "not accepted") == 1


def test_what_was_accepted_and_is_taken_back_does_not_count_any_more() -> None:
    driver = driven()
    say(driver, quantity=7)
    say(driver, decision="expired", quantity=7, occurred_at=START_MS + HOUR_MS)
    assert stocks(driver) == [7, 0]


def test_an_older_sequence_changes_nothing() -> None:
    driver = driven()
    say(driver, 5, quantity=7)
    say(driver, 4, quantity=1)
    assert stocks(driver) == [7]
    assert filtered(driver, "older sequence") == 1


def test_zero_is_written_and_what_follows_it_too() -> None:
    driver = driven()
    for sequence, quantity in enumerate([3, 0, 5], start=1):
        say(driver, sequence, quantity=quantity, minutes=0)
    assert stocks(driver) == [3, 0, 5]


def test_a_backorder_shows_its_date_and_no_stock() -> None:
    driver = driven()
    say(driver, quantity=7)
    say(driver, 2, type="backorder", available_from=START_MS + 10 * DAY_MS)
    last = items(driver)[-1]
    assert (last.stock, last.fields["status"]) == (0, "backorder")
    assert last.fields["available_from"] == "2026-01-11"


def test_a_date_that_has_come_is_no_backorder_any_more() -> None:
    driver = driven()
    say(driver, type="backorder", available_from=START_MS + DAY_MS)
    driver.advance(hours=25)
    assert [item.fields["status"] for item in items(driver)] == ["backorder", "out_of_stock"]


def test_what_one_partner_discontinued_and_another_was_to_have_by_now_is_out_of_stock() -> None:
    driver = driven()
    say(driver, partner_id="pt_2", type="backorder", available_from=START_MS + DAY_MS)
    say(driver, type="discontinuation")
    driver.advance(hours=25)
    assert [item.fields["status"] for item in items(driver)] == ["backorder", "out_of_stock"]


def test_a_launch_is_on_sale_from_its_day_on() -> None:
    driver = driven()
    say(driver, quantity=50, effective_at=START_MS + DAY_MS)
    driver.advance(hours=25)
    assert stocks(driver) == [0, 50]


def test_the_stock_of_a_partner_that_was_suspended_does_not_count_until_it_is_active_again() -> (
    None
):
    driver = driven()
    say(driver, quantity=4, partner_id="pt_2")
    driver.row(PARTNERS, partner("pt_1", status="suspended", version=2))
    say(driver, quantity=7)
    assert stocks(driver) == [4]
    driver.row(PARTNERS, partner("pt_1", version=3))
    driver.advance(minutes=16)
    assert stocks(driver) == [4, 11]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": "gossip"}, "unknown type of update"),
        ({"partner_id": "pt_3"}, "another partner's product"),
    ],
)
def test_who_has_no_say_is_counted(fields: dict[str, Any], reason: str) -> None:
    driver = driven()
    driver.row(PARTNERS, partner("pt_3", skus=("SKU-9",)))
    say(driver, quantity=7, **fields)
    assert items(driver) == []
    assert filtered(driver, reason) == 1


def test_what_is_said_again_is_not_written_again() -> None:
    driver = driven()
    say(driver, quantity=7)
    say(driver, 2, quantity=7)
    assert stocks(driver) == [7]
    assert filtered(driver, "no change") == 1


def test_an_update_waits_for_its_product_and_ends_as_a_dead_letter_without() -> None:
    driver = driven()
    say(driver, sku="SKU-9", partner_id="pt_9", minutes=31)
    assert [(flow, why) for flow, _, why, _ in driver.dead] == [
        (FLOW, "no row of products in time")
    ]
