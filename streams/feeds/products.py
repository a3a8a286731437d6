"""Products of the shops → the products table."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from gridwire import topics
from gridwire.records import BigCommerceProduct, Product
from streams.flow import Effects, Filtered, Flow, Fold, Keep, Leg, NoSettings, join, on
from streams.rules.dates import arrived_at
from streams.tables import PRODUCTS


def publish(source: BigCommerceProduct, held: Product | None) -> Effects:
    """The product in the common form, with the stock reading before the latest change."""
    read_at = arrived_at(source)
    if held and (source.version, read_at) < (held.version, held.stock_at or 0):
        yield Filtered("older version")
        return
    readings = _readings(source, held, read_at)
    row = Product(
        version=source.version,
        sku=source.sku,
        name=source.name,
        product_line=source.product_line,
        substitute_sku=source.substitute_sku,
        bigcommerce_product_id=source.product_id,
        bigcommerce_variant_id=source.variant_id,
        variants=source.variants,
        available_to_sell=_available(source),
        stock_at=read_at,
        stock_since=readings.since,
        available_before=readings.before,
        stock_before_at=readings.before_at,
        handling_days=source.handling_days,
    )
    yield row
    yield Keep(msgspec.structs.replace(row))


def _available(source: BigCommerceProduct) -> int | None:
    return source.available_to_sell if source.inventory_tracked else None


class Readings(NamedTuple):
    """Since when the stock is what it is, and what it was before, as last read."""

    since: int | None
    before: int | None
    before_at: int | None


def _readings(source: BigCommerceProduct, held: Product | None, read_at: int) -> Readings:
    if held is None:
        return Readings(read_at, None, None)
    if held.available_to_sell == _available(source):
        return Readings(held.stock_since, held.available_before, held.stock_before_at)
    return Readings(read_at, held.available_to_sell, held.stock_at)


def withdraw(source: BigCommerceProduct, known: Mapping[str, tuple[Product, ...]]) -> Effects:
    """A deleted product (or variant) keeps its rows, without the shop's ids; BigCommerce names no sku any more."""
    if not source.deleted:
        yield Filtered("not deleted")
        return
    rows = known.get(str(source.product_id), ())
    gone = [row for row in rows if source.variant_id in (None, row.bigcommerce_variant_id)]
    if not gone:
        yield Filtered("deleted product not known")
    for row in gone:
        yield Product(
            version=max(source.version, row.version),
            sku=row.sku,
            name=row.name,
            product_line=row.product_line,
            substitute_sku=row.substitute_sku,
        )


def _sku(source: BigCommerceProduct) -> str | None:
    return None if source.deleted else source.sku


def _product_id(source: BigCommerceProduct) -> tuple[str, ...]:
    return (str(source.product_id),) if source.deleted else ()


def legs(_: NoSettings) -> tuple[Leg, ...]:
    return (
        Fold(
            name="publish",
            state=Product,
            inputs=(on(topics.BIGCOMMERCE_PRODUCTS, _sku, publish),),
            writes=(topics.PRODUCTS,),
        ),
        join(
            name="withdraw",
            reads=topics.BIGCOMMERCE_PRODUCTS,
            lookups=(PRODUCTS.where("bigcommerce-product", _product_id),),
            emits=withdraw,
            writes=(topics.PRODUCTS,),
        ),
    )


FLOW = Flow(
    id="feed.products",
    purpose="Products of all shops in one form, one row per sku.",
    needs=("bigcommerce",),
    settings=NoSettings,
    legs=legs,
)
