"""Orders of the shops → the orders table."""

from collections.abc import Mapping

from gridwire import topics
from gridwire.records import BigCommerceLine, BigCommerceOrder, Order, OrderLine, Partner
from streams.flow import Effects, Flow, Fold, Keep, Leg, NoSettings, on
from streams.rules import regions
from streams.rules.orders import skus_of, status_of
from streams.rules.partners import supplier_of
from streams.tables import ORDERS, PARTNERS

Suppliers = Mapping[str, tuple[Partner, ...]]


def keep(source: BigCommerceOrder, row: Order | None, suppliers: Suppliers) -> Effects:
    """The order in the common form. Who once supplied a line stays its partner, even when suspended later."""
    before = {line.line_ref: line.partner_id for line in row.lines} if row else {}
    yield Keep(
        Order(
            version=source.version,
            order_ref=source.order_ref,
            platform="bigcommerce",
            customer_ref=source.customer_ref,
            status=status_of(source.status_id),
            ship_region=regions.region_of(source.ship_country, source.ship_subdivision),
            created_at=source.created_at,
            lines=tuple(_line(line, suppliers, before) for line in source.lines),
        )
    )


def _line(
    line: BigCommerceLine, suppliers: Suppliers, before: Mapping[str, str | None]
) -> OrderLine:
    supplier = supplier_of(suppliers.get(line.sku, ()))
    return OrderLine(
        line_ref=line.line_ref,
        sku=line.sku,
        name=line.name,
        quantity=line.quantity,
        quantity_shipped=line.quantity_shipped,
        quantity_refunded=line.quantity_refunded,
        partner_id=before.get(line.line_ref) or (supplier.partner_id if supplier else None),
    )


def legs(_: NoSettings) -> tuple[Leg, ...]:
    return (
        Fold(
            name="keep",
            state=ORDERS,
            inputs=(
                on(
                    topics.BIGCOMMERCE_ORDERS,
                    lambda order: order.order_ref,
                    keep,
                    lookups=(PARTNERS.where("sku", skus_of),),
                ),
            ),
            writes=(),
        ),
    )


FLOW = Flow(
    id="feed.orders",
    purpose="Orders of all shops in one form, with the partner of each line.",
    needs=("bigcommerce",),
    settings=NoSettings,
    legs=legs,
)
