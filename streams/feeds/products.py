"""Products of the shops → the products table."""

import msgspec

from gridwire import topics
from gridwire.records import BigCommerceProduct, Product
from streams.flow import Effects, Filtered, Flow, Fold, Keep, Leg, NoSettings, on


def publish(source: BigCommerceProduct, held: Product | None) -> Effects:
    """The product in the common form, with the stock reading before the latest change.

    A deleted product keeps its row, without ids of the shop: whoever waits for it must not wait for ever.
    """
    read_at = source.produced_at or source.occurred_at
    if held and (source.version, read_at) < (held.version, held.stock_at or 0):
        yield Filtered("older version")
        return
    before, before_at = _reading_before(source, held)
    row = Product(
        version=source.version,
        sku=source.sku,
        name=source.name,
        product_line=source.product_line,
        substitute_sku=source.substitute_sku,
        bigcommerce_product_id=None if source.deleted else source.product_id,
        bigcommerce_variant_id=None if source.deleted else source.variant_id,
        variants=source.variants,
        available_to_sell=None if source.deleted else _available(source),
        stock_at=read_at,
        available_before=before,
        stock_before_at=before_at,
        handling_days=source.handling_days,
    )
    yield row
    yield Keep(msgspec.structs.replace(row))


def _available(source: BigCommerceProduct) -> int | None:
    return source.available_to_sell if source.inventory_tracked else None


def _reading_before(
    source: BigCommerceProduct, held: Product | None
) -> tuple[int | None, int | None]:
    if held is None:
        return None, None
    if held.available_to_sell == _available(source):
        return held.available_before, held.stock_before_at
    return held.available_to_sell, held.stock_at


def legs(_: NoSettings) -> tuple[Leg, ...]:
    return (
        Fold(
            name="publish",
            state=Product,
            inputs=(on(topics.BIGCOMMERCE_PRODUCTS, lambda product: product.sku, publish),),
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
