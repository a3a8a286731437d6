"""One product of two partners, and a customer: what the tests of Braze's availability flow share."""

from typing import Any

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.feeds import ordered_units
from streams.flows.braze import availability
from streams.tables import CUSTOMERS, PARTNERS, PRODUCTS
from tests.unit.streams.flows.braze.customers import WHO
from tests.unit.streams.making import SKU, customer, order, partner, product, update

FLOW = "braze.availability"


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
