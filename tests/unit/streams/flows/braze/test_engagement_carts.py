"""braze.engagement-insight: abandoned carts."""

import pytest

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS, Driver
from streams.tables import PARTNERS
from tests.unit.streams.flows.braze.engagement_partners import FLOW, driven, filtered, windows
from tests.unit.streams.making import (
    HOUR_MS,
    MINUTE_MS,
    SKU,
    event,
    partner,
)


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
