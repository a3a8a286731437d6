"""Thread changes per order → the customer whose order it is, keyed by the customer."""

import msgspec

from gridwire import topics
from gridwire.records import CustomerCase, Order, OrderThread, Partner
from streams.flow import Effects, Filtered, Flow, GoOn, Leg, Wait, join
from streams.rules.bounds import Minutes
from streams.tables import ORDERS, PARTNERS


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`order_wait_minutes`: how long a thread change waits for its order before it is a dead letter."""

    order_wait_minutes: Minutes = 30


def address(entry: OrderThread, order: Order, partner: Partner | None) -> Effects:
    """The case with what whoever speaks to the customer must know."""
    if order.customer_ref is None:
        yield Filtered("guest order")
        return
    skus = [line.sku for line in entry.thread.lines] or [line.sku for line in order.lines]
    yield CustomerCase(
        customer_ref=order.customer_ref,
        order_ref=entry.order_ref,
        order_status=order.status,
        skus=tuple(dict.fromkeys(skus)),
        partner_name=partner.name if partner else None,
        thread=entry.thread,
    )


def legs(settings: Settings) -> tuple[Leg, ...]:
    waiting = Wait(minutes=settings.order_wait_minutes)
    return (
        join(
            name="address",
            reads=topics.ORDER_THREADS,
            lookups=(
                ORDERS.by(lambda entry: entry.order_ref, waiting),
                PARTNERS.by(lambda entry: entry.thread.partner_id, GoOn()),
            ),
            emits=address,
            writes=(topics.CUSTOMER_CASES,),
        ),
    )


FLOW = Flow(
    id="feed.customer-cases",
    purpose="Each case reaches the customer whose order it concerns.",
    needs=("trading-grid", "braze"),
    settings=Settings,
    legs=legs,
)
