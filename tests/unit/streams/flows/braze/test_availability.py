"""braze.availability: who waits for a product hears when it is late or gone, once."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS, Driver
from streams.tables import CUSTOMERS, PRODUCTS
from tests.unit.streams.flows.braze.availability_products import (
    driven,
    filtered,
    items,
    ordered,
    say,
    stocks,
    told,
    wishes,
)
from tests.unit.streams.flows.braze.customers import WHO, calls
from tests.unit.streams.making import DAY_MS, ORDER, SKU, customer, product, update

LATE, GONE, OTHER = "release-delayed", "product-discontinued", "product-alternative"


# ---- notices -----------------------------------------------------------------------------------------------------
def delayed(driver: Driver, sequence: int = 2, days: int = 10) -> None:
    release = START_MS + days * DAY_MS
    say(driver, sequence, type="backorder", available_from=release, location_code="MAIN")


def test_a_customer_with_an_unshipped_line_hears_of_a_delay() -> None:
    driver = driven()
    say(driver, quantity=7, location_code="MAIN")
    ordered(driver)
    delayed(driver)
    [campaign] = [
        one.trigger_campaign for one in driver.out(topics.BRAZE_COMMANDS) if one.trigger_campaign
    ]
    assert campaign.campaign_id == LATE
    assert campaign.trigger_properties == {
        "sku": SKU,
        "product_name": "Lamp",
        "news": "delayed",
        "interest": "ordered",
        "order_ref": ORDER,
        "available_from": "2026-01-11",
        "substitute_sku": "",
        "substitute_name": "",
        "channels": "email,push,sms",
    }


def test_a_date_that_is_put_off_again_is_told_again_and_an_earlier_one_is_not() -> None:
    driver = driven()
    say(driver, quantity=7, location_code="MAIN")
    ordered(driver)
    for sequence, days in ((2, 10), (3, 20), (4, 15), (5, 15)):
        delayed(driver, sequence, days)
    assert told(driver) == [(WHO, LATE), (WHO, LATE)]


def test_news_that_are_taken_back_while_they_settle_are_told_to_nobody_however_late_they_come() -> (
    None
):
    driver = driven()
    say(driver, quantity=7)
    ordered(driver)
    driver.advance(minutes=10)
    early = driver.now_ms - 300_000
    given: tuple[tuple[int, dict[str, Any]], ...]
    given = ((2, {"type": "discontinuation"}), (3, {"quantity": 7}))
    for sequence, said in given:
        late = update(sequence, occurred_at=early, produced_at=driver.now_ms, **said)
        driver.send(topics.TRADING_GRID_AVAILABILITY, late)
        driver.advance(seconds=20)
    driver.advance(minutes=5)
    assert told(driver) == []


def test_an_update_from_tomorrows_clock_ends_nothing_that_holds_today() -> None:
    driver = driven()
    month, year = driver.now_ms + 30 * DAY_MS, driver.now_ms + 365 * DAY_MS
    say(driver, quantity=5, expires_at=month, partner_id="pt_2", produced_at=driver.now_ms)
    say(driver, quantity=1, occurred_at=year, produced_at=driver.now_ms)
    assert stocks(driver) == [5]


def test_who_no_longer_has_the_order_hears_nothing_of_it() -> None:
    driver = driven()
    driver.row(CUSTOMERS, customer("customer-7"))
    say(driver, quantity=7)
    for version, who in enumerate((WHO, "customer-7"), 1):
        ordered(driver, version=version, customer_ref=who)
    say(driver, 2, type="discontinuation")
    driver.advance(minutes=5)
    assert told(driver) == [("customer-7", GONE)]


def test_a_first_word_of_a_product_is_no_delay() -> None:
    driver = driven()
    ordered(driver)
    delayed(driver)
    assert told(driver) == []


@pytest.mark.parametrize("status_id", [2, 5, 10])
def test_who_waits_no_longer_hears_nothing(status_id: int) -> None:
    driver = driven()
    say(driver, quantity=7, location_code="MAIN")
    ordered(driver)
    ordered(driver, status_id=status_id, version=2)
    delayed(driver)
    assert told(driver) == []
    assert filtered(driver, "nobody waits for it") == 1


def test_who_asked_to_hear_when_it_is_back_hears_of_a_delay_too() -> None:
    driver = driven()
    say(driver, quantity=0, location_code="MAIN")
    wishes(driver)
    delayed(driver)
    assert told(driver) == [(WHO, LATE)]


def test_a_customer_who_ordered_and_asked_hears_once() -> None:
    driver = driven()
    say(driver, quantity=0, location_code="MAIN")
    wishes(driver)
    ordered(driver)
    ordered(driver, ref="bigcommerce:1002")
    delayed(driver)
    assert told(driver) == [(WHO, LATE)]


def test_a_subscription_that_braze_has_served_or_forgotten_counts_no_more() -> None:
    driver = driven()
    say(driver, quantity=0, location_code="MAIN")
    wishes(driver)
    say(driver, 2, quantity=3, location_code="MAIN")
    delayed(driver, 3)
    driver.row(CUSTOMERS, customer("customer-8"))
    wishes(driver, "customer-8")
    driver.advance(hours=91 * 24)
    delayed(driver, 4, days=200)
    assert told(driver) == []


def test_wishes_about_prices_and_other_catalogues_are_counted() -> None:
    driver = driven()
    wishes(driver, types=("price_drop",))
    wishes(driver, catalog="menus")
    assert filtered(driver, "not about this catalogue's stock") == 2


@pytest.mark.parametrize(("substitute", "campaign"), [(None, GONE), ("SKU-2", OTHER)])
def test_who_waits_for_what_is_discontinued_is_offered_something_else(
    substitute: str | None, campaign: str
) -> None:
    driver = driven()
    driver.row(PRODUCTS, product("SKU-2", name="Lantern"))
    say(driver, quantity=7)
    ordered(driver)
    say(driver, 2, type="discontinuation", substitute_sku=substitute)
    assert told(driver) == [(WHO, campaign)]
    (notice,) = driver.out(topics.AVAILABILITY_NOTICES)
    assert notice.substitute_name == ("Lantern" if substitute else None)
    assert items(driver)[-1].fields["status"] == "discontinued"
    assert items(driver)[-1].fields["substitute_sku"] == (substitute or "")


def test_what_another_partner_still_has_is_not_discontinued() -> None:
    driver = driven()
    say(driver, quantity=7)
    say(driver, quantity=2, partner_id="pt_2")
    ordered(driver)
    say(driver, 2, type="discontinuation")
    assert stocks(driver) == [7, 9, 2]
    assert told(driver) == []


def test_news_that_are_taken_back_within_a_minute_are_not_told() -> None:
    driver = driven()
    say(driver, quantity=7)
    ordered(driver)
    say(driver, 2, type="discontinuation", minutes=0.3)
    say(driver, 3, quantity=9)
    assert stocks(driver) == [7, 0, 9]
    assert told(driver) == []


def test_a_guest_has_nobody_to_tell() -> None:
    driver = driven()
    say(driver, quantity=7)
    ordered(driver, customer_ref=None)
    say(driver, 2, type="discontinuation")
    assert told(driver) == []
    assert filtered(driver, "guest order") == 1


# ---- consent -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"known_to_braze": False}, "customer unknown to Braze"),
        (
            {"email": "unsubscribed", "push": "unsubscribed", "sms": "unsubscribed"},
            "unsubscribed from every channel",
        ),
    ],
)
def test_who_cannot_be_reached_gets_nothing(fields: dict[str, Any], reason: str) -> None:
    driver = driven(known=False)
    driver.row(CUSTOMERS, customer(**fields))
    say(driver, quantity=7)
    ordered(driver)
    say(driver, 2, type="discontinuation")
    assert told(driver) == []
    assert filtered(driver, reason, "notify") == 1


def test_a_missing_profile_is_asked_for_once_and_waited_for() -> None:
    driver = driven(known=False)
    say(driver, quantity=7)
    ordered(driver)
    say(driver, 2, type="discontinuation")
    assert ("refresh_profile", "") in calls(driver)
    driver.row(CUSTOMERS, customer())
    assert told(driver) == [(WHO, GONE)]


def test_the_customers_whom_one_sku_remembers_are_bounded() -> None:
    driver = driven(waiting_max=2)
    say(driver, quantity=0, location_code="MAIN")
    for number in range(4):
        driver.row(CUSTOMERS, customer(f"c{number}"))
        driver.advance(seconds=1)
        wishes(driver, f"c{number}")
    delayed(driver)
    assert told(driver) == [("c2", LATE), ("c3", LATE)]


def test_a_campaign_for_news_that_there_are_not_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="is none of delayed, discontinued"):
        driven(campaigns={"sold": "c-1"})


# ---- duplicates, reordering, replay ------------------------------------------------------------------------------
@st.composite
def said(draw: st.DrawFn) -> list[r.Availability]:
    """What one partner says, in order."""

    def one(sequence: int) -> Iterator[tuple[str, Any]]:
        kind = draw(st.sampled_from(["stock", "backorder", "discontinuation"]))
        yield "type", kind
        if kind == "stock":
            yield "quantity", draw(st.integers(0, 3))
        if kind == "backorder":
            yield "available_from", START_MS + draw(st.integers(10, 40)) * DAY_MS
        yield "event_id", f"e{sequence}"
        yield "occurred_at", START_MS + sequence * 1_000

    count = draw(st.integers(1, 5))
    return [update(number, **dict(one(number))) for number in range(1, count + 1)]


def outcome(updates: list[r.Availability], *, minutes: float, restarts: bool = False) -> Driver:
    driver = driven()
    ordered(driver)
    wishes(driver, event_id="wish")
    for one in updates:
        driver.send(topics.TRADING_GRID_AVAILABILITY, one)
        driver.advance(minutes=minutes)
        if restarts:
            driver.restart()
    driver.advance(minutes=5)
    assert not driver.dead
    return driver


def written(driver: Driver) -> list[tuple[str, str, Any]]:
    return [
        (one.operation, one.event_id, one.upsert_catalog_item)
        for one in driver.out(topics.BRAZE_COMMANDS)
    ]


@settings(deadline=None, max_examples=25)
@given(said(), st.data())
def test_duplicates_and_replays_change_nothing(
    updates: list[r.Availability], data: st.DataObject
) -> None:
    once = written(outcome(updates, minutes=2))
    again = [*updates, *data.draw(st.lists(st.sampled_from(updates), max_size=4))]
    assert written(outcome(again, minutes=2)) == once
    assert written(outcome(updates, minutes=2, restarts=True)) == once


@settings(deadline=None, max_examples=25)
@given(said(), st.data())
def test_updates_that_overtake_one_another_come_to_the_same_item_and_notices(
    updates: list[r.Availability], data: st.DataObject
) -> None:
    def seen(driver: Driver) -> Any:
        return msgspec.structs.replace(items(driver)[-1], sequence=0), told(driver)

    mixed = data.draw(st.permutations(updates))
    assert seen(outcome(mixed, minutes=0)) == seen(outcome(updates, minutes=0))
