"""bigcommerce.availability: what partners have is what the shop sells, and no more."""

import pytest

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS
from tests.unit.streams.flows.bigcommerce.availability_shop import (
    FLOW,
    buy,
    driven,
    filtered,
    hear,
    stock,
)
from tests.unit.streams.making import (
    HOUR_MS,
    SKU,
    update,
)


# ---- stock -----------------------------------------------------------------------------------------
def test_an_accepted_update_sets_the_stock_of_its_location() -> None:
    driver = driven()
    hear(driver, update(4, quantity=10, location_code="WH1"))
    (command,) = driver.out(topics.BIGCOMMERCE_COMMANDS)
    assert (command.flow, command.lane, command.operation) == (FLOW, SKU, "set_inventory")
    assert command.set_inventory == r.SetInventory(
        sku=SKU, location_code="WH1", quantity=10, sequence=4
    )


def test_pushed_stock_is_the_smaller_of_quantity_and_allocation_less_what_was_ordered() -> None:
    driver = driven()
    hear(driver, update(1, quantity=10, allocation_limit=8))
    driver.advance(minutes=1)
    buy(driver, 3)
    assert stock(driver) == [("", 8), ("", 5)]


def test_orders_from_before_a_statement_are_in_it_already() -> None:
    driver = driven()
    buy(driver, 3)
    driver.advance(minutes=1)
    hear(driver, update(1, quantity=10))
    assert stock(driver) == [("", 10)]


def test_an_order_of_the_same_second_as_a_statement_is_not_in_it_for_sure() -> None:
    driver = driven()
    hear(driver, update(1, quantity=10, effective_at=START_MS + 400))
    driver.advance(to_ms=START_MS + 700)
    buy(driver, 3, created_at=START_MS)  # the shop tells whole seconds
    assert stock(driver) == [("", 10), ("", 7)]


def test_a_statement_that_arrives_after_an_order_it_does_not_know_is_reduced_by_it() -> None:
    driver = driven()
    driver.advance(minutes=10)
    buy(driver, 3)
    hear(driver, update(1, quantity=10, effective_at=START_MS))
    assert stock(driver) == [("", 7)]


def test_what_was_ordered_while_a_proposal_waited_is_not_in_the_statement() -> None:
    driver = driven()
    hear(driver, update(1, quantity=10, decision="proposed"))
    driver.advance(hours=1)
    buy(driver, 3)
    driver.advance(hours=1)
    hear(driver, update(1, quantity=10))
    assert stock(driver) == [("", 7)]


def test_the_same_statement_changed_again_does_not_forget_what_was_ordered_since() -> None:
    driver = driven()
    hear(driver, update(1, quantity=10))
    driver.advance(minutes=1)
    buy(driver, 3)
    driver.advance(minutes=1)
    hear(driver, update(1, quantity=10, event_id="touched"))
    assert stock(driver) == [("", 10), ("", 7)]
    assert filtered(driver, "no change") == 1


def test_a_cancelled_order_gives_its_units_back() -> None:
    driver = driven()
    hear(driver, update(1, quantity=10))
    buy(driver, 3)
    buy(driver, 3, version=2, status_id=5, created_at=START_MS)
    assert stock(driver) == [("", 10), ("", 7), ("", 10)]


def test_shipped_units_have_left_the_stock_until_the_partner_states_it_anew() -> None:
    driver = driven()
    hear(driver, update(1, quantity=10))
    buy(driver, 3)
    buy(driver, 3, version=2, status_id=2, created_at=START_MS)
    assert stock(driver) == [("", 10), ("", 7)]
    driver.advance(minutes=1)
    hear(driver, update(2, quantity=7))
    assert stock(driver) == []
    driver.advance(minutes=1)
    hear(driver, update(3, quantity=9))
    assert stock(driver) == [("", 9)]


def test_stock_is_never_below_nothing() -> None:
    driver = driven()
    hear(driver, update(1, quantity=2))
    buy(driver, 5)
    hear(driver, update(2, quantity=-4))
    assert stock(driver) == [("", 2), ("", 0)]


def test_partners_share_a_location_and_have_others_of_their_own() -> None:
    driver = driven()
    hear(driver, update(1, quantity=5), update(1, quantity=3, partner_id="pt_2", update_id="b"))
    hear(driver, update(1, quantity=4, partner_id="pt_2", location_code="WH2", update_id="c"))
    assert stock(driver) == [("", 5), ("", 8), ("WH2", 4)]


def test_an_ordered_unit_is_subtracted_once_over_all_locations() -> None:
    driver = driven()
    hear(driver, update(1, quantity=2, location_code="A"), update(1, quantity=5, location_code="B"))
    buy(driver, 3)
    assert stock(driver) == [("A", 2), ("B", 5), ("A", 0), ("B", 4)]


def test_an_allocation_without_a_quantity_is_all_there_is() -> None:
    driver = driven()
    hear(driver, update(1, type="allocation", allocation_limit=6))
    buy(driver, 2)
    assert stock(driver) == [("", 6), ("", 4)]


def test_the_same_value_again_is_not_pushed() -> None:
    driver = driven()
    hear(driver, update(1, quantity=5), update(2, quantity=5))
    assert stock(driver) == [("", 5)]
    assert filtered(driver, "no change") == 1


# ---- sequences and decisions -----------------------------------------------------------------------
def test_the_newest_sequence_wins_and_an_older_one_is_dropped() -> None:
    driver = driven()
    hear(driver, update(5, quantity=5), update(4, quantity=40))
    assert stock(driver) == [("", 5)]
    assert filtered(driver, "older sequence") == 1


def test_sequences_are_apart_by_partner_and_location() -> None:
    driver = driven()
    hear(driver, update(5, quantity=5), update(1, quantity=2, location_code="WH2"))
    hear(driver, update(2, quantity=1, partner_id="pt_2"))
    assert stock(driver) == [("", 5), ("WH2", 2), ("", 6)]
    assert filtered(driver, "older sequence") == 0


def test_a_word_about_lead_time_does_not_undo_an_older_word_about_stock() -> None:
    driver = driven()
    hear(driver, update(5, type="lead_time", lead_time_days=3), update(4, quantity=5))
    assert stock(driver) == [("", 5)]


@pytest.mark.parametrize("decision", ["proposed", "rejected", "superseded", "expired"])
def test_what_is_not_accepted_is_not_pushed(decision: str) -> None:
    driver = driven()
    hear(driver, update(1, quantity=5, decision=decision))
    assert stock(driver) == []
    assert filtered(driver, "not accepted") == 1


def test_a_proposal_does_not_stop_an_older_accepted_update() -> None:
    driver = driven()
    hear(driver, update(6, quantity=9, decision="proposed"), update(5, quantity=5))
    assert stock(driver) == [("", 5)]


@pytest.mark.parametrize("decision", ["rejected", "superseded", "expired"])
def test_a_held_update_that_is_withdrawn_leaves_nothing_to_sell(decision: str) -> None:
    driver = driven()
    hear(driver, update(5, quantity=5))
    driver.advance(minutes=1)
    hear(driver, update(5, quantity=5, decision=decision))
    assert stock(driver) == [("", 5), ("", 0)]


def test_a_withdrawal_of_another_update_changes_nothing() -> None:
    driver = driven()
    hear(driver, update(5, quantity=5), update(6, quantity=6))
    stock(driver)
    hear(driver, update(5, quantity=5, decision="superseded", event_id="s"))
    hear(driver, update(7, quantity=7, decision="rejected"))
    assert stock(driver) == []
    assert filtered(driver, "older sequence") == 1
    assert filtered(driver, "not accepted") == 1


def test_an_acceptance_that_comes_after_its_withdrawal_does_not_bring_it_back() -> None:
    driver = driven()
    driver.advance(minutes=1)
    hear(driver, update(5, quantity=5, decision="expired"))
    hear(driver, update(5, quantity=5, occurred_at=START_MS))
    assert stock(driver) == []
    assert filtered(driver, "older version") == 1


# ---- time ------------------------------------------------------------------------------------------
def test_an_update_takes_effect_at_its_time_also_after_a_restart() -> None:
    driver = driven()
    hear(driver, update(1, quantity=5), update(2, quantity=9, effective_at=START_MS + HOUR_MS))
    assert stock(driver) == [("", 5)]
    driver.restart()
    driver.advance(minutes=59)
    assert stock(driver) == []
    driver.advance(minutes=1)
    assert stock(driver) == [("", 9)]


def test_an_update_that_waits_for_its_time_is_kept_and_not_counted_as_filtered() -> None:
    driver = driven()
    hear(driver, update(1, quantity=9, effective_at=START_MS + HOUR_MS))
    assert not any(flow == FLOW for flow, _, _ in driver.filtered)
    assert driver.counts[FLOW, "shelve", "kept", ""] == 1


def test_an_update_before_a_future_one_still_holds_until_then() -> None:
    driver = driven()
    hear(driver, update(3, quantity=9, effective_at=START_MS + HOUR_MS), update(2, quantity=4))
    assert stock(driver) == [("", 4)]
    driver.advance(hours=1)
    assert stock(driver) == [("", 9)]


def test_an_update_that_expires_leaves_nothing_to_sell() -> None:
    driver = driven()
    hear(driver, update(1, quantity=5, expires_at=START_MS + HOUR_MS))
    driver.advance(hours=1)
    (first, last) = driver.out(topics.BIGCOMMERCE_COMMANDS)
    assert (first.occurred_at, last.occurred_at) == (START_MS, START_MS + HOUR_MS)
    assert stock(driver) == [("", 5), ("", 0)]


def test_an_update_that_has_expired_before_it_came_pushes_nothing() -> None:
    driver = driven()
    hear(driver, update(1, quantity=5, expires_at=START_MS - 1))
    driver.advance(hours=1)
    assert stock(driver) == []
