"""An order is flagged in BigCommerce → the partners concerned work on it in Trading Grid, on one thread each."""

from collections.abc import Mapping

import msgspec

from gridwire import topics
from gridwire.records import OrderStatus
from gridwire.vocabulary import ReasonCode
from streams.flow import Fired, Flow, Fold, Leg, on, on_timer
from streams.flows.bigcommerce.order_exception_cases import FLOW_ID, Cases
from streams.flows.bigcommerce.order_exception_flags import Flagging, OrderCase
from streams.rules.bounds import NotNegative, Positive
from streams.rules.dates import DAY_MS, MINUTE_MS
from streams.rules.matters import Priority
from streams.rules.orders import skus_of
from streams.tables import PARTNERS, PRODUCTS


def _keywords() -> dict[str, ReasonCode]:
    return {
        "address": ReasonCode.ADDRESS_INVALID,
        "fraud": ReasonCode.FRAUD_REVIEW,
        "chargeback risk": ReasonCode.FRAUD_REVIEW,
    }


def _priorities() -> dict[ReasonCode, Priority]:
    return {
        ReasonCode.FRAUD_REVIEW: "urgent",
        ReasonCode.PAYMENT_FAILURE: "high",
        ReasonCode.INVENTORY_SHORTAGE: "high",
        ReasonCode.SHIPPING_DELAY: "high",
        ReasonCode.ADDRESS_INVALID: "high",
    }


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What is an exception, whom it concerns and how soon it must be resolved.

    handling_days: days from order to shipment, where the product says none. delay_statuses: statuses in which an
    order is late after them. keywords: word in the staff notes (any case) → reason of a manual verification; with none
    of them the reason is manual_verification. internal_reasons: concern internal operations only; the others concern
    the partner of the line. priorities: reason → priority, else normal. *_hours: due time by priority.
    recheck_minutes: how often stock is looked at again while a line is short. keep_days: how long a quiet order is
    remembered.
    """

    handling_days: NotNegative = 3
    delay_statuses: tuple[OrderStatus, ...] = (
        "awaiting_fulfillment",
        "awaiting_shipment",
        "awaiting_pickup",
        "partially_shipped",
        "partially_refunded",
        "manual_verification",
    )
    keywords: Mapping[str, ReasonCode] = msgspec.field(default_factory=_keywords)
    internal_reasons: tuple[ReasonCode, ...] = (
        ReasonCode.PAYMENT_FAILURE,
        ReasonCode.ADDRESS_INVALID,
        ReasonCode.FRAUD_REVIEW,
        ReasonCode.MANUAL_VERIFICATION,
        ReasonCode.CUSTOMER_MESSAGE,
    )
    priorities: Mapping[ReasonCode, Priority] = msgspec.field(default_factory=_priorities)
    urgent_hours: Positive = 4
    high_hours: Positive = 24
    normal_hours: Positive = 72
    low_hours: Positive = 168
    recheck_minutes: Positive = 60
    keep_days: Positive = 180
    messages_max: Positive = 100


def _cases(settings: Settings) -> Cases:
    return Cases(
        flagging=Flagging(settings.keywords, settings.handling_days, settings.delay_statuses),
        internal=settings.internal_reasons,
        priorities={str(reason): one for reason, one in settings.priorities.items()},
        due_hours={
            "urgent": settings.urgent_hours,
            "high": settings.high_hours,
            "normal": settings.normal_hours,
            "low": settings.low_hours,
        },
        recheck_ms=settings.recheck_minutes * MINUTE_MS,
        keep_ms=settings.keep_days * DAY_MS,
        messages_max=settings.messages_max,
    )


def _skus(fired: Fired[OrderCase]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line.sku for line in fired.state.lines))


def legs(settings: Settings) -> tuple[Leg, ...]:
    cases = _cases(settings)
    return (
        Fold(
            name="cases",
            state=OrderCase,
            inputs=(
                on(
                    topics.BIGCOMMERCE_ORDERS,
                    lambda order: order.order_ref,
                    cases.order,
                    lookups=(PRODUCTS.each(skus_of), PARTNERS.where("sku", skus_of)),
                ),
                on(topics.BIGCOMMERCE_ORDER_MESSAGES, lambda one: one.order_ref, cases.message),
                on(topics.BIGCOMMERCE_TRANSACTIONS, lambda one: one.order_ref, cases.transaction),
                on(topics.ORDER_THREADS, lambda entry: entry.order_ref, cases.thread),
            ),
            writes=(topics.TRADING_GRID_COMMANDS,),
            on_timer=on_timer(cases.due, lookups=(PRODUCTS.each(_skus),)),
        ),
    )


FLOW = Flow(
    id=FLOW_ID,
    purpose="Whoever can put a flagged order right works on it, on one thread, until it is normal again.",
    needs=("bigcommerce", "trading-grid"),
    settings=Settings,
    legs=legs,
)
