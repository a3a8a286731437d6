"""braze.engagement-insight: baselines and spikes, and who hears of them."""

from typing import Any

import msgspec

from gridwire import topics
from gridwire.topics import Topic
from streams.driver import START_MS
from streams.tables import PARTNERS
from tests.unit.streams.flows.braze.engagement_partners import (
    driven,
    filtered,
    insights,
    views,
    windows,
)
from tests.unit.streams.making import (
    event,
    partner,
)


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
