"""A partner, a product and users, for the tests of braze.engagement-insight."""

from typing import Any

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.flows.braze import engagement_insight
from streams.tables import PARTNERS, PRODUCTS
from tests.unit.streams.making import (
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
