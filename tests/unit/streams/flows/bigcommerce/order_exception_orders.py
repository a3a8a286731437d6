"""Orders, partners and their threads, for the tests of bigcommerce.order-exception."""

from typing import Any

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.flows.bigcommerce import order_exception
from streams.tables import PARTNERS
from tests.unit.streams.making import (
    ORDER,
    partner,
)

FLOW = "bigcommerce.order-exception"
INTERNAL = f"{ORDER}/internal/1"
PARTNER = f"{ORDER}/pt_1/1"


def driven(**settings: Any) -> Driver:
    driver = Driver(order_exception.FLOW, settings={FLOW: order_exception.Settings(**settings)})
    driver.row(PARTNERS, partner("pt_1"))
    driver.row(PARTNERS, partner("pt_2", skus=("SKU-2",)))
    return driver


def operations(driver: Driver) -> list[tuple[str, str]]:
    """(operation, external reference) of the commands since the last look."""
    return [(one.operation, _body(one).external_ref) for one in taken(driver)]


def taken(driver: Driver) -> list[r.TradingGridCommand]:
    return driver.take(topics.TRADING_GRID_COMMANDS)


def _body(command: r.TradingGridCommand) -> Any:
    return getattr(command, command.operation)


def filtered(driver: Driver, reason: str) -> int:
    return driver.filtered[FLOW, "cases", reason]
