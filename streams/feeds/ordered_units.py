"""Orders of the shops → how many units each line holds, keyed by sku."""

from collections.abc import Mapping

import msgspec

from gridwire import topics
from gridwire.records import BigCommerceOrder, OrderedUnits, Partner
from streams.flow import (
    Effects,
    Filtered,
    Fired,
    Flow,
    Fold,
    Forget,
    Keep,
    Leg,
    SetTimer,
    on,
    on_timer,
)
from streams.rules.bounds import Positive
from streams.rules.dates import DAY_MS
from streams.rules.orders import skus_of, status_of, units_open, units_shipped
from streams.rules.partners import supplier_of
from streams.tables import PARTNERS


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`keep_days`: how long after its last change an order is still compared with what was said of it."""

    keep_days: Positive = 180


class Line(msgspec.Struct, frozen=True, array_like=True):
    """What was last said of one line."""

    sku: str
    units_open: int
    units_shipped: int
    partner_id: str | None
    customer_ref: str | None = None


class Said(msgspec.Struct, frozen=True, array_like=True):
    """What was last said of one order, by line reference."""

    version: int
    lines: Mapping[str, Line]


class Units:
    """The fold's functions."""

    def __init__(self, settings: Settings) -> None:
        self.keep_ms = settings.keep_days * DAY_MS

    def tell(
        self,
        order: BigCommerceOrder,
        said: Said | None,
        suppliers: Mapping[str, tuple[Partner, ...]],
    ) -> Effects:
        """One record per line that holds other units than was said; lines that are gone hold none."""
        if said and order.version < said.version:
            yield Filtered("older version")
            return
        before = said.lines if said else {}
        now = _lines(order, before, suppliers)
        gone = {
            ref: msgspec.structs.replace(line, units_open=0, units_shipped=0)
            for ref, line in before.items()
            if ref not in now
        }
        changed = [ref for ref, line in (now | gone).items() if before.get(ref) != line]
        for ref in changed:
            yield from _told(order, ref, (now | gone)[ref], before.get(ref))
        if not changed:
            yield Filtered("no change")
        yield Keep(Said(order.version, now))
        yield SetTimer("forget", order.modified_at + self.keep_ms)

    def forget(self, _: Fired[Said]) -> Effects:
        """The order has not changed for long."""
        yield Forget()


def _lines(
    order: BigCommerceOrder,
    before: Mapping[str, Line],
    suppliers: Mapping[str, tuple[Partner, ...]],
) -> dict[str, Line]:
    status = status_of(order.status_id)
    lines = {}
    for line in order.lines:
        old = before.get(line.line_ref)
        found = supplier_of(suppliers.get(line.sku, ()))
        kept = old.partner_id if old and old.sku == line.sku else None
        lines[line.line_ref] = Line(
            line.sku,
            units_open(line, status),
            units_shipped(line, status),
            kept or (found.partner_id if found else None),
            order.customer_ref,
        )
    return {ref: line for ref, line in lines.items() if line.sku}


def _told(order: BigCommerceOrder, ref: str, line: Line, old: Line | None) -> Effects:
    if old and old.sku != line.sku:
        yield _units(order, ref, msgspec.structs.replace(old, units_open=0, units_shipped=0))
    yield _units(order, ref, line)


def _units(order: BigCommerceOrder, ref: str, line: Line) -> OrderedUnits:
    return OrderedUnits(
        order_ref=order.order_ref,
        line_ref=ref,
        sku=line.sku,
        partner_id=line.partner_id,
        units_open=line.units_open,
        units_shipped=line.units_shipped,
        ordered_at=order.created_at,
        customer_ref=order.customer_ref,
    )


def legs(settings: Settings) -> tuple[Leg, ...]:
    units = Units(settings)
    return (
        Fold(
            name="lines",
            state=Said,
            inputs=(
                on(
                    topics.BIGCOMMERCE_ORDERS,
                    lambda order: order.order_ref,
                    units.tell,
                    lookups=(PARTNERS.where("sku", skus_of),),
                ),
            ),
            writes=(topics.ORDERED_UNITS,),
            on_timer=on_timer(units.forget),
        ),
    )


FLOW = Flow(
    id="feed.ordered-units",
    purpose="Each sku knows what is ordered of it.",
    needs=("bigcommerce",),
    settings=Settings,
    legs=legs,
)
