"""braze.engagement-insight: events enriched, and windows per partner, region and product."""

from typing import Any

import pytest

from gridwire import topics
from streams.driver import START_MS
from streams.tables import CUSTOMERS, PARTNERS
from tests.unit.streams.flows.braze.engagement_partners import (
    driven,
    filtered,
    insights,
    views,
    windows,
)
from tests.unit.streams.making import (
    HOUR_MS,
    MINUTE_MS,
    SKU,
    customer,
    event,
    partner,
)


# ---- enriched events -------------------------------------------------------------------------------
def test_every_event_is_enriched_with_partner_region_and_product_line() -> None:
    driver = driven()
    driver.send(topics.BRAZE_ENGAGEMENT, event("email_click", campaign_id="c1", channel="email"))
    (found,) = driver.out(topics.ENRICHED_ENGAGEMENT)
    assert (found.partner_id, found.region, found.product_line) == ("pt_1", "US-CA", "shoes")
    assert (found.kind, found.campaign_id, found.channel) == ("email_click", "c1", "email")


def test_bot_clicks_and_machine_opens_are_out() -> None:
    driver = driven()
    bot = event("email_click", suspected_bot=True)
    machine = event("email_open", machine_open=True)
    driver.send(topics.BRAZE_ENGAGEMENT, bot, machine, event("email_open"))
    driver.advance(hours=1)
    assert len(driver.out(topics.ENRICHED_ENGAGEMENT)) == 1
    assert windows(driver)[0].counts == {"email_open": 1}
    assert filtered(driver, "enrich", "bot click") == 1
    assert filtered(driver, "enrich", "machine open") == 1


@pytest.mark.parametrize("sku", ["SKU-9", None, ""])
def test_an_event_without_a_partner_is_kept_with_a_null_partner_and_no_window(
    sku: str | None,
) -> None:
    driver = driven()
    driver.send(topics.BRAZE_ENGAGEMENT, event(sku=sku), event("cart_update", sku=sku))
    driver.advance(hours=3)
    assert [one.partner_id for one in driver.out(topics.ENRICHED_ENGAGEMENT)] == [None, None]
    assert windows(driver) == []


def test_the_region_is_the_events_else_the_customers() -> None:
    driver = driven()
    driver.row(CUSTOMERS, customer("user-1", region="DE-BY"))
    driver.send(
        topics.BRAZE_ENGAGEMENT,
        event(region="US"),
        event(region=None),
        event(region=None, identified=False),
        event(region=None, user="user-2"),
    )
    found = [one.region for one in driver.out(topics.ENRICHED_ENGAGEMENT)]
    assert found == ["US", "DE-BY", None, None]


def test_a_redelivered_event_counts_once() -> None:
    driver = driven()
    same = event(event_id="e1")
    driver.send(topics.BRAZE_ENGAGEMENT, same, same)
    driver.send(topics.BRAZE_ENGAGEMENT, same)
    driver.advance(hours=1)
    assert len(driver.out(topics.ENRICHED_ENGAGEMENT)) == 1
    assert windows(driver)[0].counts == {"product_view": 1}


def test_what_a_user_did_not_do_is_enriched_but_no_engagement() -> None:
    driver = driven()
    driver.send(topics.BRAZE_ENGAGEMENT, event("email_send"), event("email_unsubscribe"))
    driver.advance(hours=2)
    assert len(driver.out(topics.ENRICHED_ENGAGEMENT)) == 2
    assert windows(driver) == []


# ---- windows ---------------------------------------------------------------------------------------
def test_a_window_counts_by_kind_with_units_and_revenue_by_currency() -> None:
    driver = driven()
    bought: dict[str, Any] = {"quantity": 2, "revenue_minor": 1998, "currency": "USD"}
    driver.send(topics.BRAZE_ENGAGEMENT, event(), event("purchase", **bought))
    driver.send(topics.BRAZE_ENGAGEMENT, event("purchase", revenue_minor=500, currency="EUR"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("checkout", **bought))
    driver.advance(hours=1)
    (window,) = windows(driver)
    assert window.counts == {"product_view": 1, "purchase": 2, "checkout": 1}
    assert (window.units, window.revenue_minor) == (3, {"USD": 1998, "EUR": 500})
    assert (window.window_start, window.window_end) == (START_MS, START_MS + HOUR_MS)
    assert (window.amendment, window.baseline, window.spike) == (0, None, False)
    assert window.demand == 3.0


def test_windows_are_apart_by_partner_region_product_and_time() -> None:
    driver = driven()
    driver.row(PARTNERS, partner("pt_2", skus=("SKU-2",)))
    driver.send(topics.BRAZE_ENGAGEMENT, event(), event(region="DE"), event(sku="SKU-2"))
    driver.advance(hours=1)
    driver.send(topics.BRAZE_ENGAGEMENT, event())
    driver.advance(hours=1)
    found = [(one.partner_id, one.region, one.sku, one.window_start) for one in windows(driver)]
    assert sorted(found) == [
        ("pt_1", "DE", SKU, START_MS),
        ("pt_1", "US-CA", SKU, START_MS),
        ("pt_1", "US-CA", SKU, START_MS + HOUR_MS),
        ("pt_2", "US-CA", "SKU-2", START_MS),
    ]


def test_a_window_closes_by_its_timer_also_after_a_restart() -> None:
    driver = driven()
    views(driver, 2)
    driver.restart()
    driver.advance(minutes=59)
    assert windows(driver) == []
    driver.advance(minutes=1)
    assert len(windows(driver)) == 1


def test_a_late_event_within_the_grace_period_amends_the_window_under_the_same_insight() -> None:
    driver = driven()
    views(driver, 1)
    driver.advance(hours=1)
    first = insights(driver)
    driver.advance(minutes=30)
    views(driver, 2, occurred_at=START_MS + 1)
    views(driver, 1, occurred_at=START_MS + 2)
    driver.advance(minutes=1)
    second = insights(driver)
    found = windows(driver)
    assert [(one.amendment, one.counts["product_view"]) for one in found] == [(0, 1), (1, 4)]
    assert len({one.event_id for one in found}) == 2
    assert [one.key for one in first] == [one.key for one in second]
    assert second[0].metrics["product_view"] == 4.0


def test_an_event_after_the_grace_period_is_late_but_still_enriched() -> None:
    driver = driven()
    views(driver, 1)
    driver.advance(hours=2)
    driver.send(topics.BRAZE_ENGAGEMENT, event(occurred_at=START_MS + 1))
    driver.advance(hours=3)
    assert len(driver.out(topics.ENRICHED_ENGAGEMENT)) == 2
    assert [one.amendment for one in windows(driver)] == [0]
    assert filtered(driver, "windows", "late") == 1


def test_our_own_downtime_makes_no_event_late() -> None:
    driver = driven()
    views(driver, 1)
    driver.advance(hours=5)
    arrived_then = event(occurred_at=START_MS + 1, produced_at=START_MS + 2)
    driver.send(topics.BRAZE_ENGAGEMENT, arrived_then)
    driver.advance(minutes=1)
    assert [one.counts for one in windows(driver)] == [{"product_view": 1}, {"product_view": 2}]


def test_a_window_that_processing_reaches_too_late_is_not_overwritten_by_its_rest() -> None:
    driver = driven(retain_minutes=60)
    views(driver, 3)
    driver.advance(hours=9)
    driver.send(topics.BRAZE_ENGAGEMENT, event(occurred_at=START_MS + 1, produced_at=START_MS + 2))
    driver.advance(hours=1)
    assert [one.counts for one in windows(driver)] == [{"product_view": 3}]
    assert filtered(driver, "windows", "late") == 1


def test_an_amendment_that_is_due_is_written_before_the_window_is_dropped() -> None:
    driver = driven(retain_minutes=1, amend_delay_s=600)
    views(driver, 1)
    driver.advance(hours=2)
    driver.send(topics.BRAZE_ENGAGEMENT, event(occurred_at=START_MS + 1, produced_at=START_MS + 2))
    driver.advance(hours=1)
    assert [one.amendment for one in windows(driver)] == [0, 1]


def test_an_event_from_the_future_counts_when_it_arrived() -> None:
    driver = driven()
    driver.send(topics.BRAZE_ENGAGEMENT, event(occurred_at=START_MS + 365 * 24 * HOUR_MS))
    driver.send(topics.BRAZE_ENGAGEMENT, event(occurred_at=START_MS + 9 * MINUTE_MS))
    driver.advance(hours=1)
    assert [one.counts for one in windows(driver)] == [{"product_view": 2}]


def test_an_event_from_long_ago_is_late_whatever_it_says() -> None:
    driver = driven()
    driver.send(topics.BRAZE_ENGAGEMENT, event(occurred_at=1))
    driver.advance(hours=3)
    assert len(driver.out(topics.ENRICHED_ENGAGEMENT)) == 1
    assert windows(driver) == []
    assert filtered(driver, "windows", "late") == 1


def test_open_windows_of_a_key_are_bounded() -> None:
    driver = driven(windows_open_max=1)
    driver.send(topics.BRAZE_ENGAGEMENT, event(), event(occurred_at=START_MS - 30 * MINUTE_MS))
    assert filtered(driver, "windows", "too many open windows") == 1
