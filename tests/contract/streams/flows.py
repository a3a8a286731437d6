"""Small flows over topics of their own, one for each shape and each thing a leg may do."""

from collections.abc import Callable
from typing import Any

import msgspec

from gridwire import records as r
from gridwire.topics import Topic
from streams.flow import (
    CancelTimer,
    Drop,
    Effects,
    Filtered,
    Fired,
    Flow,
    Fold,
    Forget,
    GoOn,
    Keep,
    Leg,
    NoSettings,
    SetTimer,
    Table,
    Wait,
    join,
    map_leg,
    on,
    on_timer,
)
from tests.unit.streams.engine.flows import enriched, order

MINUTE_MS = 60_000
WAIT_MINUTES = 30.0


# ---- topics and tables ---------------------------------------------------------------------------------------------
def events_in(name: str, kind: Any = "source") -> Topic[r.Engagement]:
    return Topic(
        f"{kind}.contract-{name}.events", r.Engagement, lambda e: e.user_id, kind, "A test's."
    )


def found_in(name: str, kind: Any = "enriched") -> Topic[r.EnrichedEngagement]:
    key: Callable[[r.EnrichedEngagement], str] = lambda e: e.user_id  # noqa: E731 -- as topics have it
    return Topic(f"{kind}.contract-{name}.found", r.EnrichedEngagement, key, kind, "A test's.")


def commands_in(name: str) -> Topic[r.BrazeCommand]:
    name = f"command.contract-{name}.given"
    return Topic(name, r.BrazeCommand, lambda c: c.lane, "command", "A test's.")


SHOP_ORDERS = Topic(
    "source.contract-shop.orders", r.BigCommerceOrder, lambda o: o.order_ref, "source", "A test's."
)
PARTNER_ROWS = Topic(
    "reference.contract-shop.partners",
    r.Partner,
    lambda p: p.partner_id,
    "reference",
    "A test's.",
    compacted=True,
)
ORDERS: Table[r.Order] = Table(
    "contract-orders", r.Order, lambda o: o.order_ref, "Orders, by reference."
)
PARTNERS: Table[r.Partner] = Table(
    "contract-partners",
    r.Partner,
    lambda p: p.partner_id,
    "Partners, by id.",
    copy_of=PARTNER_ROWS,
    indexes={"sku": lambda p: p.skus},
)


def flow_of(name: str, *legs: Leg) -> Flow[NoSettings]:
    return _named(f"contract.{name}", *legs)


def _named(flow_id: str, *legs: Leg) -> Flow[NoSettings]:
    return Flow(flow_id, "Tests the runtime.", (), NoSettings, lambda _: legs)


def found_of(
    event: r.Engagement, leg: str, partner: str | None = None, **more: Any
) -> r.EnrichedEngagement:
    return msgspec.structs.replace(enriched(event, partner), product_line=leg, **more)


def refresh(lane: str) -> r.BrazeCommand:
    body = r.RefreshProfile(customer_ref=lane)
    return r.BrazeCommand(
        flow="contract", lane=lane, operation="refresh_profile", refresh_profile=body
    )


def window_of(user: str, at_ms: int, sum_of: int, amendment: int = 0) -> r.EnrichedEngagement:
    """`canvas_id`: start or end of the window."""
    return r.EnrichedEngagement(
        user_id=user,
        kind="other",
        channel=None,
        sku=None,
        quantity=sum_of,
        revenue_minor=amendment,
        currency=None,
        region=None,
        partner_id=None,
        product_line=None,
        campaign_id=None,
        canvas_id=str(at_ms),
    )


# ---- map -----------------------------------------------------------------------------------------------------------
MAP_IN, MAP_MIDDLE, MAP_OUT = events_in("map"), found_in("map-middle", "stream"), found_in("map")


def _copy(event: r.Engagement) -> Effects:
    """The sku says what to do."""
    if event.sku == "filtered":
        yield Filtered("as it was told")
        return
    if event.sku == "raises":
        raise RuntimeError(f"this text names {event.user_id}")
    if event.sku == "silent":
        return
    if event.sku == "large output":
        yield found_of(event, "copy", campaign_id="x" * 2_000_000)
        return
    yield found_of(event, "copy")
    if event.sku == "twice":
        yield found_of(event, "copy again")
    if event.sku == "raises after an output":
        raise RuntimeError("half-way")


def _pass_on(middle: r.EnrichedEngagement) -> Effects:
    yield msgspec.structs.replace(middle, event_id="", product_line=f"{middle.product_line} passed")


MAP = flow_of(
    "map",
    map_leg(name="copy", reads=MAP_IN, emits=_copy, writes=(MAP_MIDDLE,)),
    map_leg(name="pass", reads=MAP_MIDDLE, emits=_pass_on, writes=(MAP_OUT,)),
)

# ---- join ----------------------------------------------------------------------------------------------------------
JOIN_IN, JOIN_OUT, JOIN_ASKED = events_in("join"), found_in("join"), commands_in("join")


def _joined(leg: str) -> Callable[..., Effects]:
    def emits(event: r.Engagement, *rows: Any) -> Effects:
        names = [getattr(row, "customer_ref", None) or getattr(row, "name", None) for row in rows]
        yield found_of(event, leg, canvas_id=",".join(str(name) for name in names))

    return emits


def _ask(event: r.Engagement) -> r.BrazeCommand:
    return refresh(event.user_id)


def _order_of(event: r.Engagement) -> str | None:
    return event.order_ref


JOINS = flow_of(
    "join",
    join(
        name="wait",
        reads=JOIN_IN,
        lookups=(
            ORDERS.by(_order_of, Wait(WAIT_MINUTES, ask=_ask)),
            PARTNERS.by(lambda e: e.campaign_id, GoOn()),
        ),
        emits=_joined("wait"),
        writes=(JOIN_OUT, JOIN_ASKED),
    ),
    join(
        name="drop",
        reads=JOIN_IN,
        lookups=(ORDERS.by(_order_of, Drop("unknown order")),),
        emits=_joined("drop"),
        writes=(JOIN_OUT,),
    ),
    join(
        name="go-on",
        reads=JOIN_IN,
        lookups=(ORDERS.by(_order_of, GoOn()),),
        emits=_joined("go-on"),
        writes=(JOIN_OUT,),
    ),
)


def _row(source: r.BigCommerceOrder, _before: r.Order | None) -> Effects:
    yield Keep(order(source.order_ref, source.customer_ref, source.version))


FEED = _named(
    "feed.contract",
    Fold(
        name="orders",
        state=ORDERS,
        inputs=(on(SHOP_ORDERS, lambda o: o.order_ref, _row),),
        writes=(),
    ),
)

# Two rows to wait for; a leg and a topic of its own, so that its records wait behind none of the others.
TWO_IN, TWO_OUT = events_in("two"), found_in("two")
TWO = flow_of(
    "two",
    join(
        name="both",
        reads=TWO_IN,
        lookups=(
            ORDERS.by(_order_of, Wait(WAIT_MINUTES)),
            PARTNERS.by(lambda e: e.campaign_id, Wait(WAIT_MINUTES)),
        ),
        emits=_joined("both"),
        writes=(TWO_OUT,),
    ),
)


# ---- fold and timers -----------------------------------------------------------------------------------------------
class Count(msgspec.Struct, frozen=True):
    """How many events a user has."""

    n: int = 0
    ballast: str = ""


FOLD_IN, FOLD_OUT = events_in("fold"), found_in("fold")


def _count(event: r.Engagement, state: Count | None) -> Effects:
    """`sku` says what to do; `campaign_id` names the timer, `quantity` is when it is due, in minutes from the event."""
    name, due_ms = event.campaign_id or "flush", event.occurred_at + event.quantity * MINUTE_MS
    if event.sku == "forget":
        yield Forget()
        return
    if event.sku == "large state":
        yield Keep(Count(1, "x" * 2_000_000))
        return
    yield Keep(Count((state.n if state else 0) + 1))
    if event.sku == "set":
        yield SetTimer(name, due_ms)
    elif event.sku == "set to its region":
        yield SetTimer(name, int(event.region or "0"))
    elif event.sku == "cancel":
        yield CancelTimer(name)
    elif event.sku == "raises":
        raise RuntimeError("after the state")


def _flush(fired: Fired[Count]) -> Effects:
    if fired.name == "raises":
        raise RuntimeError("at the timer")
    yield r.EnrichedEngagement(
        user_id=fired.key,
        kind="other",
        channel=None,
        sku=fired.name,
        quantity=fired.state.n,
        revenue_minor=None,
        currency=None,
        region=None,
        partner_id=None,
        product_line=None,
        campaign_id=None,
        canvas_id=None,
    )
    if fired.name == "again":
        yield SetTimer("last", fired.due_ms + MINUTE_MS)


FOLD = flow_of(
    "fold",
    Fold(
        name="count",
        state=Count,
        inputs=(on(FOLD_IN, lambda e: e.user_id or None, _count),),
        writes=(FOLD_OUT,),
        on_timer=on_timer(_flush),
    ),
)

# ---- commands and go-live ------------------------------------------------------------------------------------------
LIVE_IN, LIVE_OUT, LIVE_GIVEN = events_in("live"), found_in("live"), commands_in("live")


def _once(event: r.Engagement, state: Count | None) -> Effects:
    if state is None:
        yield refresh(event.user_id)
    yield Keep(Count(1))


def _both(event: r.Engagement) -> Effects:
    yield found_of(event, "both")
    yield refresh(event.user_id)


LIVE = flow_of(
    "live",
    Fold("once", Count, (on(LIVE_IN, lambda e: e.user_id, _once),), (LIVE_GIVEN,)),
    map_leg(name="both", reads=LIVE_IN, emits=_both, writes=(LIVE_OUT, LIVE_GIVEN)),
)

# ---- worker groups, and brokers that take less than we write ---------------------------------------------------------
SHARED_OUT, SMALL_IN, SMALL_OUT = (
    found_in("shared", "stream"),
    events_in("small"),
    found_in("small"),
)


def _share(source: r.BigCommerceOrder) -> Effects:
    yield window_of(source.order_ref, source.version, source.version)


SHARING = _named(
    "feed.contract-shared",
    map_leg(name="share", reads=SHOP_ORDERS, emits=_share, writes=(SHARED_OUT,)),
)


def _blow_up(event: r.Engagement) -> Effects:
    yield found_of(event, event.properties.get("ballast", "nothing"))


SMALL = flow_of(
    "small", map_leg(name="blow-up", reads=SMALL_IN, emits=_blow_up, writes=(SMALL_OUT,))
)
