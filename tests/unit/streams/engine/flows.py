"""Small flows over real topics, to test the engine with."""

from typing import Any

import msgspec

from gridwire import records as r
from gridwire import topics
from streams.flow import (
    CancelTimer,
    Caused,
    Columns,
    Drop,
    Effect,
    Effects,
    Filtered,
    Fired,
    Flow,
    Fold,
    Forget,
    GoOn,
    Keep,
    NoSettings,
    Rows,
    SetTimer,
    Wait,
    join,
    map_leg,
    on,
    on_timer,
)
from streams.tables import CUSTOMERS, ORDERS, PARTNERS

MINUTE_MS = 60_000


def event(user: str, sku: str | None = "S1", **more: Any) -> r.Engagement:
    """An engagement event; `more` overrides fields."""
    fields: dict[str, Any] = {
        "user_id": user,
        "identified": True,
        "kind": "email_click",
        "event_type": "users.messages.email.Click",
        "channel": "email",
        "sku": sku,
        "revenue_minor": None,
        "currency": None,
        "region": "US",
        "campaign_id": None,
        "canvas_id": None,
        "order_ref": None,
    }
    return r.Engagement(**(fields | more))


def enriched(source: r.Engagement, partner: str | None) -> r.EnrichedEngagement:
    return r.EnrichedEngagement(
        user_id=source.user_id,
        kind=source.kind,
        channel=source.channel,
        sku=source.sku,
        quantity=source.quantity,
        revenue_minor=None,
        currency=None,
        region=source.region,
        partner_id=partner,
        product_line=None,
        campaign_id=None,
        canvas_id=None,
    )


def order(ref: str, customer: str | None = "c1", version: int = 1) -> r.Order:
    return r.Order(
        order_ref=ref,
        platform="bigcommerce",
        customer_ref=customer,
        status="pending",
        ship_region="US",
        created_at=1,
        version=version,
    )


def thread(status: str = "open", **more: Any) -> r.Thread:
    fields: dict[str, Any] = {
        "thread_id": "th_1",
        "event_type": "thread.status_changed",
        "kind": "claim",
        "status": status,
        "previous_status": None,
        "subject": "late",
        "priority": "normal",
        "partner_id": None,
        "actor_type": "partner",
        "actor_id": None,
        "respond_by": None,
        "resolve_by": None,
        "revised_delivery_at": None,
    }
    return r.Thread(**(fields | more))


class Count(msgspec.Struct, frozen=True):
    n: int = 0
    ballast: str = ""


def flow(*legs: Any, flow_id: str = "test.flow") -> Flow[NoSettings]:
    return Flow(flow_id, "Tests the engine.", (), NoSettings, lambda _settings: legs)


def _copy(source: r.Engagement) -> Effects:
    if source.kind == "email_open":
        yield Filtered("an open")
        return
    if source.sku == "raise":
        raise RuntimeError(f"this text holds {source.user_id}")
    if source.sku == "huge":
        yield enriched(msgspec.structs.replace(source, sku="x" * 2_000_000), None)
        return
    if source.sku == "silent":
        return
    yield enriched(source, None)
    if source.sku == "half":
        raise RuntimeError("after the first output")


COPY = flow(
    map_leg(
        name="copy",
        reads=topics.BRAZE_ENGAGEMENT,
        emits=_copy,
        writes=(topics.ENRICHED_ENGAGEMENT,),
    )
)


def _count(source: r.Engagement, state: Count | None) -> Effects:
    if source.sku == "forget":
        yield Forget()
        return
    if source.sku == "big":
        yield Keep(Count(1, "x" * 2_000_000))
        return
    yield Keep(Count((state.n if state else 0) + 1))
    if source.sku == "cancel":
        yield CancelTimer("flush")
    elif source.sku == "raise":
        raise RuntimeError("after the state")
    else:
        yield SetTimer("flush", source.occurred_at + MINUTE_MS)


def _flush(fired: Fired[Count]) -> Effects:
    if fired.key == "grows":
        yield Keep(Count(1, "x" * 2_000_000))
        return
    if fired.key == "bad":
        raise RuntimeError("at the timer")
    if fired.key == "quiet":
        yield Filtered("nobody listens")
        return
    yield enriched(event(fired.key, quantity=fired.state.n), None)
    yield Forget()


COUNT = flow(
    Fold(
        name="count",
        state=Count,
        inputs=(on(topics.BRAZE_ENGAGEMENT, lambda e: e.user_id, _count),),
        writes=(topics.ENRICHED_ENGAGEMENT,),
        on_timer=on_timer(_flush),
    )
)


def _case(entry: r.OrderThread, found: r.Order, customer: r.Customer | None) -> Effects:
    yield r.CustomerCase(
        customer_ref=found.customer_ref or "",
        order_ref=entry.order_ref,
        order_status=found.status,
        partner_name=customer.region if customer else None,
        thread=entry.thread,
    )


def _ask(entry: r.OrderThread) -> r.BrazeCommand:
    body = r.RefreshProfile(customer_ref=entry.order_ref)
    return r.BrazeCommand(
        flow="test.flow", lane=entry.order_ref, operation="refresh_profile", refresh_profile=body
    )


WAITING = flow(
    join(
        name="wait",
        reads=topics.ORDER_THREADS,
        lookups=(
            ORDERS.by(lambda e: e.order_ref, Wait(30, ask=_ask)),
            CUSTOMERS.by(lambda e: e.order_ref, GoOn()),
        ),
        emits=_case,
        writes=(topics.CUSTOMER_CASES, topics.BRAZE_COMMANDS),
    )
)


def _two(entry: r.OrderThread, found: r.Order, _partner: r.Partner) -> Effects:
    yield from _case(entry, found, None)


TWO_WAITS = flow(
    join(
        name="two",
        reads=topics.ORDER_THREADS,
        lookups=(
            ORDERS.by(lambda e: e.order_ref, Wait(30)),
            PARTNERS.by(lambda e: e.thread.partner_id, Wait(30)),
        ),
        emits=_two,
        writes=(topics.CUSTOMER_CASES,),
    )
)
DROPPING = flow(
    join(
        name="drop",
        reads=topics.ORDER_THREADS,
        lookups=(ORDERS.by(lambda e: e.order_ref, Drop("unknown order")),),
        emits=lambda entry, found: _case(entry, found, None),
        writes=(topics.CUSTOMER_CASES,),
    )
)


def _order_row(source: r.BigCommerceOrder, _row: r.Order | None) -> Effects:
    yield Keep(order(source.order_ref, source.customer_ref, source.version))


ORDER_FEED = flow(
    Fold(
        name="orders",
        state=ORDERS,
        inputs=(on(topics.BIGCOMMERCE_ORDERS, lambda o: o.order_ref, _order_row),),
        writes=(),
    ),
    flow_id="feed.orders",
)


def shop_order(ref: str, version: int = 1, customer: str = "c1") -> r.BigCommerceOrder:
    return r.BigCommerceOrder(
        version=version,
        order_ref=ref,
        order_id=1,
        customer_ref=customer,
        status_id=1,
        payment_status="",
        created_at=1,
        modified_at=version,
        staff_notes="",
        ship_country="US",
        ship_subdivision=None,
        event_type="poll",
    )


def _batch(events: Any, rows: Rows) -> Effects:
    for source in events:
        if source.sku == "raise":
            raise RuntimeError("somewhere in the batch")
        partners = rows.where(PARTNERS, "sku", source.sku or "")
        out: Effect = Caused(source, enriched(source, partners[0].partner_id if partners else None))
        yield out


BATCHED = flow(
    Columns(
        name="batch",
        reads=topics.BRAZE_ENGAGEMENT,
        tables=(PARTNERS,),
        rows=_batch,
        writes=(topics.ENRICHED_ENGAGEMENT,),
    )
)


def partner(partner_id: str, *skus: str, version: int = 1) -> r.Partner:
    return r.Partner(
        version=version,
        partner_id=partner_id,
        partner_code=partner_id,
        name=f"Partner {partner_id}",
        status="active",
        skus=skus,
    )


def _command_once(source: r.Engagement, state: Count | None) -> Effects:
    if state is None:
        body = r.RefreshProfile(customer_ref=source.user_id)
        yield r.BrazeCommand(
            flow="test.flow", lane=source.user_id, operation="refresh_profile", refresh_profile=body
        )
    yield Keep(Count(1))


COMMANDING = flow(
    Fold(
        name="command",
        state=Count,
        inputs=(on(topics.BRAZE_ENGAGEMENT, lambda e: e.user_id, _command_once),),
        writes=(topics.BRAZE_COMMANDS,),
    )
)
