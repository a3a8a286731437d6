"""braze.engagement-insight: events enriched, windows per partner, region and product, insights for partners."""

from typing import Any

import msgspec
import pytest

from gridwire import records as r
from gridwire import topics
from gridwire.topics import Topic
from streams.driver import START_MS, Driver
from streams.flows.braze import engagement_insight
from streams.tables import CUSTOMERS, PARTNERS, PRODUCTS
from tests.unit.streams.making import (
    HOUR_MS,
    MINUTE_MS,
    SKU,
    customer,
    event,
    partner,
    product,
)

FLOW = "braze.engagement-insight"
SMALL = {"group_size_min": 1, "spike_demand_min": 4.0}


def driven(**settings: Any) -> Driver:
    chosen = engagement_insight.Settings(**(SMALL | settings))
    driver = Driver(engagement_insight.FLOW, settings={FLOW: chosen})
    driver.row(PARTNERS, partner("pt_1"))
    driver.row(PRODUCTS, product(product_line="shoes"))
    return driver


def windows(driver: Driver) -> list[r.EngagementWindow]:
    return driver.take(topics.ENGAGEMENT_WINDOWS)


def insights(driver: Driver, kind: str = "engagement") -> list[r.PutInsight]:
    commands = driver.take(topics.TRADING_GRID_COMMANDS)
    found = [one.put_insight for one in commands if one.put_insight]
    return [one for one in found if one.kind == kind]


def views(driver: Driver, count: int, **fields: Any) -> None:
    batch = [event(user=f"user-{number}", **fields) for number in range(count)]
    driver.send(topics.BRAZE_ENGAGEMENT, *batch)


def filtered(driver: Driver, leg: str, reason: str) -> int:
    return driver.filtered[FLOW, leg, reason]


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


# ---- baseline and spikes ---------------------------------------------------------------------------
def test_the_baseline_is_the_mean_of_the_windows_before_with_empty_ones_as_nothing() -> None:
    driver = driven(spike_factor=2.0)
    views(driver, 6)
    driver.advance(hours=3)  # two windows without anything
    views(driver, 4)
    driver.advance(hours=1)
    found = windows(driver)
    assert [one.baseline for one in found] == [None, 2.0]
    assert [one.spike for one in found] == [False, False]
    views(driver, 6)
    driver.advance(hours=1)
    (spike,) = windows(driver)
    assert (spike.baseline, spike.spike) == (2.5, True)


def test_the_baseline_reaches_back_over_the_configured_number_of_windows_only() -> None:
    driver = driven(baseline_windows=2)
    for count in (9, 3, 1, 1):
        views(driver, count)
        driver.advance(hours=1)
    assert [one.baseline for one in windows(driver)] == [None, 9.0, 6.0, 2.0]


def test_an_amended_window_counts_amended_in_later_baselines() -> None:
    driver = driven()
    views(driver, 1)
    driver.advance(hours=1)
    views(driver, 4, occurred_at=START_MS + 1)
    views(driver, 1)
    driver.advance(hours=1)
    assert windows(driver)[-1].baseline == 5.0


def test_a_spike_needs_the_minimum_demand() -> None:
    driver = driven(spike_demand_min=10.0)
    views(driver, 1)
    driver.advance(hours=1)
    views(driver, 9)
    driver.advance(hours=1)
    assert [one.spike for one in windows(driver)] == [False, False]


def test_a_demand_spike_is_an_insight_of_its_own() -> None:
    driver = driven()
    views(driver, 2)
    driver.advance(hours=1)
    assert insights(driver, "demand_spike") == []
    views(driver, 5)
    driver.advance(hours=1)
    (spike,) = insights(driver, "demand_spike")
    assert (spike.partner_id, spike.metrics["demand"], spike.metrics["baseline"]) == (
        "pt_1",
        5.0,
        2.0,
    )


# ---- who hears of it -------------------------------------------------------------------------------
def test_the_supplier_and_who_serves_the_region_hear_of_a_window_and_nobody_else() -> None:
    driver = driven()
    others: dict[str, dict[str, Any]] = {
        "pt_2": {"roles": ("distributor",), "regions": ("US-CA",)},
        "pt_3": {"roles": ("3pl",), "regions": ("US",)},
        "pt_4": {"roles": ("warehouse",), "regions": ("US",), "product_lines": ("hats",)},
        "pt_5": {"roles": ("distributor",), "regions": ("DE",)},
        "pt_6": {"roles": ("carrier",), "regions": ("US",)},
        "pt_7": {"roles": ("distributor",), "regions": ("US",), "status": "suspended"},
        "pt_8": {"roles": (), "regions": ("US",), "entitlements": ("engagement_insights",)},
    }
    for name, fields in others.items():
        driver.row(PARTNERS, partner(name, skus=(), **fields))
    views(driver, 1)
    driver.advance(hours=1)
    found = insights(driver)
    assert [one.partner_id for one in found] == ["pt_1", "pt_2", "pt_3", "pt_8"]
    assert len({one.key for one in found}) == 4


def test_a_supplier_that_serves_the_region_too_hears_of_a_window_once() -> None:
    driver = driven()
    both = partner("pt_1", roles=("supplier", "distributor"), regions=("US",), version=2)
    driver.row(PARTNERS, both)
    views(driver, 1)
    driver.advance(hours=1)
    assert [one.partner_id for one in insights(driver)] == ["pt_1"]


def test_a_distributor_hears_nothing_of_its_own_product_through_the_back_door() -> None:
    driver = driven()
    barred = partner(
        "pt_1", roles=("distributor",), regions=("US",), product_lines=("hats",), version=2
    )
    driver.row(PARTNERS, barred)
    views(driver, 1)
    driver.advance(hours=1)
    assert insights(driver) == []


def test_a_supplier_that_does_not_serve_the_region_hears_nothing_of_it() -> None:
    driver = driven()
    driver.row(PARTNERS, partner("pt_1", regions=("DE",), version=2))
    views(driver, 1)
    driver.advance(hours=1)
    assert insights(driver) == []
    assert filtered(driver, "windows", "no partner may see it") == 1
    assert len(windows(driver)) == 1


def test_below_the_minimum_group_nothing_goes_to_partners() -> None:
    driver = driven(group_size_min=3)
    views(driver, 2)
    driver.send(topics.BRAZE_ENGAGEMENT, event(user="user-0"))
    driver.advance(hours=1)
    assert insights(driver) == []
    assert filtered(driver, "windows", "group too small") == 1
    assert windows(driver)[0].group_large_enough is False
    views(driver, 2)
    driver.send(topics.BRAZE_ENGAGEMENT, event(user="user-3"))
    driver.advance(hours=1)
    assert len(insights(driver)) == 1


def test_users_ids_never_leave() -> None:
    driver = driven()
    views(driver, 3)
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update", user="user-0"))
    driver.advance(hours=3)
    outside: tuple[Topic[Any], ...] = (
        topics.TRADING_GRID_COMMANDS,
        topics.ENGAGEMENT_WINDOWS,
        topics.ENGAGEMENT_PARTIALS,
    )
    written = [one for topic in outside for one in driver.out(topic)]
    assert written
    assert b"user-" not in msgspec.json.encode(written)


def test_a_partial_carries_at_most_as_many_users_as_it_takes() -> None:
    driver = driven(group_size_min=2)
    views(driver, 9)
    (partial,) = driver.out(topics.ENGAGEMENT_PARTIALS)
    assert len(partial.users) == 2
    driver.advance(hours=1)
    views(driver, 1)
    other = driver.out(topics.ENGAGEMENT_PARTIALS)[-1]
    assert not set(partial.users) & set(other.users)


# ---- abandoned carts -------------------------------------------------------------------------------
def abandoned(driver: Driver) -> list[tuple[int, int]]:
    """(hours since the start, abandoned carts) of closed windows and amendments."""
    found = [
        (one.window_start - START_MS) // HOUR_MS for one in driver.out(topics.ENGAGEMENT_WINDOWS)
    ]
    return [(hour, one.abandoned_carts) for hour, one in zip(found, windows(driver), strict=True)]


def test_a_cart_without_an_order_is_abandoned_in_the_window_of_its_deadline() -> None:
    driver = driven(abandoned_cart_minutes=90)
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update"))
    driver.advance(hours=3)
    assert abandoned(driver) == [(0, 0), (1, 1)]


@pytest.mark.parametrize("kind", ["purchase", "order_placed"])
@pytest.mark.parametrize("sku", [SKU, None], ids=["of the product", "of everything"])
def test_an_order_in_time_saves_the_cart(kind: r.EngagementKind, sku: str | None) -> None:
    driver = driven()
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update"))
    driver.advance(minutes=59)
    driver.send(topics.BRAZE_ENGAGEMENT, event(kind, sku=sku))
    driver.advance(hours=4)
    assert all(carts == 0 for _, carts in abandoned(driver))


def test_an_order_of_another_user_or_product_does_not_save_it() -> None:
    driver = driven()
    driver.row(PARTNERS, partner("pt_1", skus=(SKU, "SKU-2"), version=2))
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("purchase", sku="SKU-2"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("purchase", user="user-2"))
    driver.advance(hours=3)
    assert sum(carts for _, carts in abandoned(driver)) == 1


def test_an_order_after_the_deadline_comes_too_late() -> None:
    driver = driven()
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update"))
    driver.advance(minutes=61)
    driver.send(topics.BRAZE_ENGAGEMENT, event("purchase"))
    driver.advance(hours=3)
    assert sum(carts for _, carts in abandoned(driver)) == 1


def test_an_order_in_time_that_arrives_late_takes_the_abandoned_cart_back() -> None:
    driver = driven(abandoned_cart_minutes=30)
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update"))
    driver.advance(minutes=70)
    in_time = event("purchase", occurred_at=START_MS + 20 * MINUTE_MS)
    driver.send(topics.BRAZE_ENGAGEMENT, in_time)
    driver.advance(minutes=5)
    assert abandoned(driver) == [(0, 1), (0, 0)]


def test_an_order_that_arrives_before_its_cart_saves_it() -> None:
    driver = driven()
    driver.advance(minutes=10)
    driver.send(topics.BRAZE_ENGAGEMENT, event("purchase"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update", occurred_at=START_MS + 5 * MINUTE_MS))
    driver.advance(hours=3)
    assert all(carts == 0 for _, carts in abandoned(driver))
    assert filtered(driver, "carts", "ordered already") == 1


def test_a_cart_that_changes_waits_anew_and_one_that_is_emptied_waits_no_more() -> None:
    driver = driven(abandoned_cart_minutes=30)
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update"))
    driver.advance(minutes=20)
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update"))
    driver.advance(minutes=20)
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update", quantity=0))
    driver.advance(hours=3)
    assert all(carts == 0 for _, carts in abandoned(driver))


def test_an_older_cart_event_does_not_bring_a_deadline_forward() -> None:
    driver = driven()
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update", occurred_at=START_MS + 2))
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update", occurred_at=START_MS + 1))
    assert filtered(driver, "carts", "older cart event") == 1


def test_an_old_order_does_not_make_a_waiting_cart_forgotten() -> None:
    driver = driven()
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("purchase", occurred_at=START_MS - 9 * HOUR_MS))
    driver.advance(hours=3)
    assert sum(carts for _, carts in abandoned(driver)) == 1


def test_the_deadline_of_a_cart_survives_a_restart() -> None:
    driver = driven()
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update"))
    driver.restart()
    driver.advance(hours=3)
    assert sum(carts for _, carts in abandoned(driver)) == 1


def test_products_of_one_user_are_bounded() -> None:
    driver = driven(cart_products_max=1)
    driver.row(PARTNERS, partner("pt_1", skus=(SKU, "SKU-2"), version=2))
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update"), event("cart_update", sku="SKU-2"))
    assert filtered(driver, "carts", "too many products of one user") == 1


def test_a_user_whose_carts_are_settled_is_forgotten() -> None:
    driver = driven()
    driver.send(topics.BRAZE_ENGAGEMENT, event("cart_update"), event("purchase", sku=None))
    driver.advance(hours=2)
    assert not list(driver._task.state.folds[f"{FLOW}/carts"])
    driver.advance(hours=24 * 31)
    assert not list(driver._task.state.folds[f"{FLOW}/windows"])
