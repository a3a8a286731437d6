"""braze.availability: the catalogue has what partners have, and who waits hears when it is late or gone."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS, Driver
from streams.feeds import ordered_units
from streams.flows.braze import availability
from streams.tables import CUSTOMERS, PARTNERS, PRODUCTS
from tests.unit.streams.flows.customers_braze import WHO, calls
from tests.unit.streams.making import (
    DAY_MS,
    HOUR_MS,
    ORDER,
    SKU,
    customer,
    order,
    partner,
    product,
    update,
)

FLOW = "braze.availability"
LATE, GONE, OTHER = "release-delayed", "product-discontinued", "product-alternative"


def driven(*, known: bool = True, **settings: Any) -> Driver:
    chosen = {FLOW: availability.Settings(**settings)}
    driver = Driver(ordered_units.FLOW, availability.FLOW, settings=chosen)
    for number in (1, 2):
        driver.row(PARTNERS, partner(f"pt_{number}"))
    driver.row(PRODUCTS, product(SKU, name="Lamp"))
    if known:
        driver.row(CUSTOMERS, customer())
    return driver


def say(driver: Driver, sequence: int = 1, *, minutes: float = 2, **fields: Any) -> None:
    """A partner says something of the product, and time passes."""
    driver.send(topics.TRADING_GRID_AVAILABILITY, update(sequence, **fields))
    driver.advance(minutes=minutes)


def ordered(driver: Driver, **fields: Any) -> None:
    driver.send(topics.BIGCOMMERCE_ORDERS, order(**fields))


def wishes(driver: Driver, who: str = WHO, **fields: Any) -> None:
    given: dict[str, Any] = {"catalog": "products", "types": ("back_in_stock",)}
    wish = r.StockSubscription(sku=SKU, customer_ref=who, **(given | fields))
    driver.send(topics.BRAZE_STOCK_SUBSCRIPTIONS, wish)


def items(driver: Driver) -> list[r.UpsertCatalogItem]:
    found = (one.upsert_catalog_item for one in driver.out(topics.BRAZE_COMMANDS))
    return [one for one in found if one is not None]


def stocks(driver: Driver) -> list[int]:
    return [one.stock for one in items(driver)]


def told(driver: Driver) -> list[tuple[str, str]]:
    """(customer, campaign) of the notices so far."""
    found = ((one.lane, one.trigger_campaign) for one in driver.out(topics.BRAZE_COMMANDS))
    return [(who, campaign.campaign_id) for who, campaign in found if campaign is not None]


def filtered(driver: Driver, reason: str, leg: str = "catalogue") -> int:
    return driver.filtered[FLOW, leg, reason]


# ---- the catalogue -----------------------------------------------------------------------------------------------
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
