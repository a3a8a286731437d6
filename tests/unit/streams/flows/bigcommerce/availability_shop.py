"""A shop with two partners and one product, for the tests of bigcommerce.availability."""

from typing import Any

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.feeds import ordered_units
from streams.flows.bigcommerce import availability
from streams.tables import PARTNERS, PRODUCTS
from tests.unit.streams.making import (
    line,
    order,
    partner,
    product,
)

FLOW = "bigcommerce.availability"


def driven(**settings: Any) -> Driver:
    chosen = availability.Settings(**settings)
    driver = Driver(ordered_units.FLOW, availability.FLOW, settings={FLOW: chosen})
    driver.row(PARTNERS, partner("pt_1"))
    driver.row(PARTNERS, partner("pt_2"))
    driver.row(PRODUCTS, product())
    return driver


def hear(driver: Driver, *updates: r.Availability) -> None:
    for one in updates:
        driver.send(topics.TRADING_GRID_AVAILABILITY, one)


def buy(driver: Driver, units: int, number: int = 1, **fields: Any) -> None:
    """An order placed now."""
    given = {"created_at": driver.now_ms, "modified_at": driver.now_ms} | fields
    one = order(line(quantity=units), ref=f"bigcommerce:{number}", **given)
    driver.send(topics.BIGCOMMERCE_ORDERS, one)


def stock(driver: Driver) -> list[tuple[str, int]]:
    """(location, quantity) of what was pushed since the last look."""
    commands = driver.take(topics.BIGCOMMERCE_COMMANDS)
    found = [one.set_inventory for one in commands if one.set_inventory]
    return [(one.location_code, one.quantity) for one in found]


def selling(driver: Driver) -> list[r.SetSelling]:
    commands = driver.take(topics.BIGCOMMERCE_COMMANDS)
    return [one.set_selling for one in commands if one.set_selling]


def filtered(driver: Driver, reason: str) -> int:
    return driver.filtered[FLOW, "shelve", reason]
