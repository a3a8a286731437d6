"""One product as Braze's catalogue shows it, from what partners have said, and what of it is news to customers."""

from collections.abc import Mapping, Sequence

import msgspec

from gridwire.records import BrazeCommand, Product, UpsertCatalogItem
from streams.rules import availability_updates, supply
from streams.rules.availability_updates import HeldUpdates
from streams.rules.dates import day
from streams.rules.supply import Position

AVAILABLE, OUT, BACKORDER, DISCONTINUED = (
    "available",
    "out_of_stock",
    "backorder",
    "discontinued",
)


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A catalogue item. available_from: epoch milliseconds, 0: not said. lead_time_days 0: not said."""

    status: str = ""
    stock: int = 0
    available_from: int = 0
    lead_time_days: int = 0
    substitute_sku: str = ""
    name: str = ""


def row_of(held: HeldUpdates, product: Product) -> Row:
    """Stock is the sum of what holds now over partners and locations; a discontinued place has none."""
    places = supply.positions(held.updates, held.clock_ms)
    counting = availability_updates.counting(held, places)
    stock = sum(supply.sellable(counting, ()).values())
    release = _release(counting, held.clock_ms)
    return Row(
        status=_status(places, counting, stock, release),
        stock=stock,
        available_from=release,
        lead_time_days=min((p.lead_time_days for p in counting if p.lead_time_days), default=0),
        substitute_sku=_substitute(places, product),
        name=product.name,
    )


def _status(
    places: Sequence[Position], counting: Sequence[Position], stock: int, release: int
) -> str:
    if stock > 0:
        return AVAILABLE
    if release:
        return BACKORDER
    return DISCONTINUED if supply.is_discontinued(places, counting) else OUT


def _release(counting: Sequence[Position], now_ms: int) -> int:
    """The earliest time at which somebody will have it again."""
    dates = [p.available_from for p in counting if p.available_from is not None]
    return min((at for at in dates if at > now_ms), default=0)


def _substitute(places: Sequence[Position], product: Product) -> str:
    given = [place.substitute_sku for place in places if place.substitute_sku]
    return given[0] if given else (product.substitute_sku or "")


def news_of(told: Row | None, row: Row) -> str:
    """What customers should hear: discontinued, delayed, or "". told: the row when they last could have heard."""
    if row.status == DISCONTINUED:
        return "" if told is not None and told.status == DISCONTINUED else "discontinued"
    if told is None or row.status != BACKORDER:
        return ""
    return "delayed" if row.available_from > told.available_from else ""


def upsert(
    flow: str, catalog: str, sku: str, row: Row, *, sequence: int, at_ms: int
) -> BrazeCommand:
    """The item as a whole. at_ms: when the timer was due that led to it; 0: the record knows."""
    return BrazeCommand(
        occurred_at=at_ms,
        flow=flow,
        lane=sku,
        operation="upsert_catalog_item",
        upsert_catalog_item=UpsertCatalogItem(
            catalog=catalog,
            sku=sku,
            fields=_fields(row),
            stock=row.stock,
            sequence=sequence,
        ),
    )


def _fields(row: Row) -> Mapping[str, str]:
    return {
        "name": row.name,
        "status": row.status,
        "available_from": day(row.available_from) if row.available_from else "",
        "lead_time_days": str(row.lead_time_days) if row.lead_time_days else "",
        "substitute_sku": row.substitute_sku,
    }
