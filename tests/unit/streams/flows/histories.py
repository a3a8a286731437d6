"""What happens to orders, skus, customers and threads: histories for property tests over all flows at once."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from gridwire import records as r
from gridwire import topics
from gridwire.topics import Topic
from streams.driver import START_MS, Driver
from streams.feeds import FEEDS
from streams.flows import FLOWS
from streams.flows.braze import engagement_insight
from streams.tables import CUSTOMERS, PARTNERS, PRODUCTS
from tests.unit.streams.making import (
    DAY_MS,
    customer,
    document,
    event,
    line,
    message,
    order,
    partner,
    product,
    shop_product,
    thread,
    transaction,
    update,
)

Sent = tuple[Topic[Any], r.Record]
INSIGHT = "braze.engagement-insight"


def driven() -> Driver:
    chosen = engagement_insight.Settings(group_size_min=2)
    driver = Driver(*FEEDS, *FLOWS, settings={INSIGHT: chosen})
    for number in (1, 2):
        driver.row(PARTNERS, partner(f"pt_{number}", skus=(f"SKU-{number}",)))
        stocked = product(f"SKU-{number}", available_to_sell=2, stock_at=START_MS - 1)
        driver.row(PRODUCTS, stocked)
        driver.row(CUSTOMERS, customer(f"customer-{number}", value_tier="gold"))
    return driver


@st.composite
def happenings(draw: st.DrawFn, number: int, *, everything: bool = False) -> list[Sent]:
    """What happens to one order, its sku, its customer and its thread, in order.

    `everything`: also what leads to no command by itself.
    """
    makers = ALL_MAKERS if everything else MAKERS
    found: list[Sent] = []
    for step in range(draw(st.integers(1, 6))):
        what = draw(st.sampled_from(sorted(makers)))
        topic, record = makers[what](draw, number, step)
        stamped = msgspec.structs.replace(
            record, event_id=f"{number}/{step}", occurred_at=START_MS + step * 1_000
        )
        found.append((topic, stamped))
    return found


def _order(draw: st.DrawFn, number: int, step: int) -> Sent:
    one = order(
        line(sku=f"SKU-{number}", quantity=draw(st.integers(1, 4))),
        ref=f"bigcommerce:{number}",
        version=draw(st.integers(1, 4)),
        status_id=draw(st.sampled_from([2, 5, 6, 9, 11, 12])),
        customer_ref=f"customer-{number}",
    )
    return topics.BIGCOMMERCE_ORDERS, one


def _message(draw: st.DrawFn, number: int, step: int) -> Sent:
    one = message(flagged=draw(st.booleans()), order_ref=f"bigcommerce:{number}")
    return topics.BIGCOMMERCE_ORDER_MESSAGES, one


def _transaction(draw: st.DrawFn, number: int, step: int) -> Sent:
    one = transaction(declined=draw(st.booleans()), order_ref=f"bigcommerce:{number}")
    return topics.BIGCOMMERCE_TRANSACTIONS, one


def _thread(draw: st.DrawFn, number: int, step: int) -> Sent:
    one = thread(
        f"th_{number}",
        status=draw(st.sampled_from(["open", "in_progress", "resolved", "awaiting_internal"])),
        version=draw(st.integers(1, 6)),
        related=(r.Related(type="order", id=f"bigcommerce:{number}"),),
        lines=draw(st.sampled_from([(), _lines(number, "lost_parcel"), _lines(number, "damaged")])),
        resolution=draw(st.sampled_from([None, _resolution(1_000), _resolution(90_000)])),
    )
    return topics.TRADING_GRID_THREADS, one


def _lines(number: int, reason: str) -> tuple[r.ThreadLine, ...]:
    return (r.ThreadLine(line_ref="1", sku=f"SKU-{number}", quantity=1, reason_code=reason),)


def _resolution(amount_minor: int) -> r.Resolution:
    return r.Resolution(
        code="settled",
        action="credit",
        summary="Settled.",
        amount_minor=amount_minor,
        currency="USD",
    )


def _update(draw: st.DrawFn, number: int, step: int) -> Sent:
    one = update(
        draw(st.integers(1, 5)),
        decision=draw(st.sampled_from(["accepted", "accepted", "proposed", "expired"])),
        type=draw(st.sampled_from(["stock", "discontinuation", "lead_time", "backorder"])),
        available_from=START_MS + draw(st.integers(1, 90)) * DAY_MS,
        quantity=draw(st.integers(0, 9)),
        lead_time_days=draw(st.integers(1, 9)),
        partner_id=f"pt_{number}",
        sku=f"SKU-{number}",
    )
    return topics.TRADING_GRID_AVAILABILITY, one


def _engagement(draw: st.DrawFn, number: int, step: int) -> Sent:
    kinds: tuple[r.EngagementKind, ...] = ("product_view", "cart_update", "purchase", "email_open")
    one = event(
        draw(st.sampled_from(kinds)),
        user=f"user-{number}-{draw(st.integers(1, 3))}",
        sku=f"SKU-{number}",
        produced_at=START_MS + step * 1_000,
        suspected_bot=draw(st.sampled_from([False, False, False, True])),
    )
    return topics.BRAZE_ENGAGEMENT, one


def _profile(draw: st.DrawFn, number: int, step: int) -> Sent:
    one = r.BrazeProfile(
        customer_ref=f"customer-{number}",
        known=draw(st.booleans()),
        email=draw(st.sampled_from([None, "subscribed", "unsubscribed"])),
        sms=draw(st.sampled_from([None, "opted_in", "unsubscribed"])),
    )
    return topics.BRAZE_PROFILES, one


def _product(draw: st.DrawFn, number: int, step: int) -> Sent:
    one = shop_product(
        f"SKU-{number}", available_to_sell=draw(st.integers(0, 9)), version=draw(st.integers(1, 4))
    )
    return topics.BIGCOMMERCE_PRODUCTS, one


def _schedule(draw: st.DrawFn, number: int, step: int) -> Sent:
    one = r.BrazeSchedule(
        schedule_id=f"schedule-{draw(st.integers(1, 2))}",
        customer_ref=f"customer-{number}",
        order_ref=f"bigcommerce:{number}",
        about="braze.service-recovery",
        campaign_id="survey",
        send_at=START_MS + draw(st.integers(1, 40)) * 3_600_000,
        state=draw(st.sampled_from(["created", "deleted", "gone"])),
    )
    return topics.BRAZE_SCHEDULES, one


def _feedback(draw: st.DrawFn, number: int, step: int) -> Sent:
    one = r.BrazeFeedback(
        feedback_id=f"fb-{number}-{draw(st.integers(1, 3))}",
        customer_ref=f"customer-{number}",
        order_ref=f"bigcommerce:{number}",
        kind=draw(st.sampled_from(["survey", "low_rating", "churn_signal"])),
        concerns=draw(st.sampled_from(["delivery", "damage", "product"])),
        score=float(draw(st.integers(1, 5))),
        scale_max=5.0,
        text="Call me: +1 555 010 0199",
    )
    return topics.BRAZE_FEEDBACK, one


def _document(draw: st.DrawFn, number: int, step: int) -> Sent:
    kind = draw(st.sampled_from(["rma", "credit_note"]))
    one = document(
        f"doc-{number}-{kind}",
        type=kind,
        status=draw(st.sampled_from(["approved", "approved", "approved", "superseded"])),
        version=draw(st.integers(1, 4)),
        related=(r.Related(type="order", id=f"bigcommerce:{number}"),),
    )
    return topics.TRADING_GRID_DOCUMENTS, one


def _wish(draw: st.DrawFn, number: int, step: int) -> Sent:
    one = r.StockSubscription(
        sku=f"SKU-{number}",
        customer_ref=f"customer-{number}",
        catalog="products",
        types=("back_in_stock",),
    )
    return topics.BRAZE_STOCK_SUBSCRIPTIONS, one


MAKERS = {
    "order": _order,
    "message": _message,
    "transaction": _transaction,
    "thread": _thread,
    "update": _update,
    "document": _document,
    "feedback": _feedback,
}
# What else comes in: nothing that it says leads to commands by itself.
ALL_MAKERS = {
    **MAKERS,
    "engagement": _engagement,
    "profile": _profile,
    "product": _product,
    "schedule": _schedule,
    "wish": _wish,
}
