"""Flows that use every shape of state at once: what the proofs run.

Topics carry a namespace, so that many proofs share a broker. `tests.chaos.proof.oracle` says in plain Python what must
come of the input; it shares no code with this module or the engine.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from gridwire import records as r
from gridwire.topics import Kind, Topic
from streams.flow import (
    CancelTimer,
    Caused,
    Columns,
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
    Table,
    Wait,
    join,
    on,
    on_timer,
)

WINDOW_MS = 5_000
GRACE_MS = 2_000  # between the end of a window and its timer
LATE_MS_MAX = 20_000  # events further behind their user's newest are left out of windows
REMIND_MS = 4_000
FAR_MS = 3_600_000  # reminders that must not come due while a proof runs
PATIENT_MINUTES = 30.0
GHOST_MINUTES = 0.05  # notes on orders that never come: 3 s
GHOST = "ghost"
DELETED = "deleted"
HUGE_CHARS = 1_200_000  # beyond what the engine lets through
JOINED_BYTES_MAX = (
    150_000  # `max.message.bytes` of the joined topic: the broker refuses what is larger
)
FLOW = "proof.all"
TABLE = "proof-orders"


@dataclass(frozen=True, slots=True)
class Names:
    """The topics of one proof."""

    events: Topic[r.Engagement]
    orders: Topic[r.BigCommerceOrder]
    notes: Topic[r.BigCommerceOrderMessage]
    partners: Topic[r.Partner]
    joined: Topic[r.EnrichedEngagement]
    copied: Topic[r.EnrichedEngagement]
    tallies: Topic[r.CartActivity]
    windows: Topic[r.EngagementWindow]
    reminders: Topic[r.CartActivity]
    rows: Topic[r.OrderedUnits]
    noted: Topic[r.OrderedUnits]

    @property
    def inputs(self) -> tuple[Topic[Any], ...]:
        """What the worker consumes in rounds."""
        return self.events, self.orders, self.notes

    @property
    def outputs(self) -> tuple[Topic[Any], ...]:
        return (
            *(self.joined, self.copied, self.tallies, self.windows),
            *(self.reminders, self.rows, self.noted),
        )


def names(space: str) -> Names:
    """The topics of a namespace."""

    def topic(name: str, record: Any, kind: Kind = "enriched", key: str = "user_id") -> Topic[Any]:
        full, ref = f"{space}.{name}", key
        compacted = kind == "reference"
        return Topic(full, record, lambda x: str(getattr(x, ref)), kind, "", compacted=compacted)

    return Names(
        events=topic("events", r.Engagement, "source"),
        orders=topic("orders", r.BigCommerceOrder, "source", "order_ref"),
        notes=topic("notes", r.BigCommerceOrderMessage, "source", "order_ref"),
        partners=topic("partners", r.Partner, "reference", "partner_id"),
        joined=topic("joined", r.EnrichedEngagement),
        copied=topic("copied", r.EnrichedEngagement),
        tallies=topic("tallies", r.CartActivity),
        windows=topic("windows", r.EngagementWindow, key="partner_id"),
        reminders=topic("reminders", r.CartActivity),
        rows=topic("rows", r.OrderedUnits, key="order_ref"),
        noted=topic("noted", r.OrderedUnits, key="order_ref"),
    )


def stores() -> dict[str, str]:
    """What the oracle knows → the name of the store that holds it."""
    legs = {leg: f"state.{FLOW}.{leg}" for leg in ("tally", "windows", "remind")}
    return {**legs, "orders": f"table.{TABLE}", "parked": "state.parked"}


# ---- what the legs do ------------------------------------------------------------------------------------------
def enriched(event: r.Engagement, partner: r.Partner | None, ballast: str | None) -> Any:
    return r.EnrichedEngagement(
        user_id=event.user_id,
        kind=event.kind,
        sku=event.sku,
        quantity=event.quantity,
        partner_id=partner.partner_id if partner else None,
        product_line=ballast,
    )


def _joined(event: r.Engagement, partner: r.Partner | None) -> Effects:
    if event.campaign_id == "raise:join":
        raise RuntimeError("made to raise")
    ballast = {"huge:join": "x" * HUGE_CHARS, "broker:join": event.canvas_id}
    yield enriched(event, partner, ballast.get(event.campaign_id or ""))


def _copied(events: Any, _rows: Rows) -> Effects:
    for event in events:
        if event.campaign_id == "raise:copy":
            raise RuntimeError("made to raise, somewhere in a batch")
        yield Caused(event, enriched(event, None, None))


def activity(user: str, quantity: int, at: int, *, sku: str = "", arrived_at: int = 0) -> Any:
    return r.CartActivity(
        user_id=user,
        ordered=False,
        sku=sku,
        quantity=quantity,
        at=at,
        arrived_at=arrived_at,
        region="",
    )


class Tally(msgspec.Struct, frozen=True):
    n: int
    total: int


def _tally(event: r.Engagement, state: Tally | None) -> Effects:
    n, total = (state.n, state.total) if state else (0, 0)
    after = Tally(n + 1, total + event.quantity)
    yield Keep(after)
    yield activity(event.user_id, after.n, after.total)
    if event.campaign_id == "raise:tally":
        raise RuntimeError("made to raise, after state and output")


class Window(msgspec.Struct, frozen=True):
    """`amendment`: -1 while it is open."""

    count: int = 0
    units: int = 0
    amendment: int = -1


class Windows(msgspec.Struct, frozen=True):
    newest: int
    held: dict[str, Window]


def _over(start: int, newest: int) -> bool:
    return start + WINDOW_MS + LATE_MS_MAX <= newest


def _left(newest: int, held: dict[str, Window]) -> Windows:
    kept = {s: w for s, w in held.items() if w.amendment < 0 or not _over(int(s), newest)}
    return Windows(newest, kept)


def _window_record(user: str, start: int, window: Window) -> Any:
    return r.EngagementWindow(
        partner_id=user,
        region="",
        sku="",
        window_start=start,
        window_end=start + WINDOW_MS,
        counts={"events": window.count},
        units=window.units,
        abandoned_carts=0,
        group_large_enough=True,
        demand=0.0,
        spike=False,
        amendment=window.amendment,
    )


def _windowed(event: r.Engagement, state: Windows | None) -> Effects:
    before = state or Windows(0, {})
    start = event.occurred_at - event.occurred_at % WINDOW_MS
    if _over(start, before.newest):
        yield Filtered("too late")
        return
    old = before.held.get(str(start), Window())
    late = old.amendment >= 0
    new = Window(old.count + 1, old.units + event.quantity, old.amendment + late)
    newest = max(before.newest, event.occurred_at)
    yield Keep(_left(newest, {**before.held, str(start): new}))
    if late:
        yield _window_record(event.user_id, start, new)
    elif old.count == 0:
        yield SetTimer(f"close:{start}", start + WINDOW_MS + GRACE_MS)
    if event.campaign_id == "raise:windows":
        raise RuntimeError("made to raise, after state, timer and output")


def _closed(fired: Fired[Windows]) -> Effects:
    start = fired.name.removeprefix("close:")
    window = msgspec.structs.replace(fired.state.held[start], amendment=0)
    yield _window_record(fired.key, int(start), window)
    yield Keep(_left(fired.state.newest, {**fired.state.held, start: window}))


class Reminders(msgspec.Struct, frozen=True):
    due: dict[str, int]


def _remind(event: r.Engagement, state: Reminders | None) -> Effects:
    due = dict(state.due) if state else {}
    if event.kind == "checkout":
        name, at = f"soon:{event.event_id}", event.occurred_at + REMIND_MS
    elif event.kind == "cart_update":
        name, at = f"far:{event.event_id}", event.occurred_at + FAR_MS
    elif event.kind == "purchase" and any(one.startswith("far:") for one in due):
        for far in [one for one in due if one.startswith("far:")]:
            del due[far]
            yield CancelTimer(far)
        yield Keep(Reminders(due)) if due else Forget()
        return
    else:
        return
    yield SetTimer(name, at)
    yield Keep(Reminders({**due, name: at}))


def _reminded(fired: Fired[Reminders]) -> Effects:
    due = {name: at for name, at in fired.state.due.items() if name != fired.name}
    yield activity(fired.key, 1, fired.due_ms, sku=fired.name, arrived_at=fired.now_ms)
    yield Keep(Reminders(due)) if due else Forget()


def _order_row(source: r.BigCommerceOrder, _row: r.Order | None) -> Effects:
    if source.event_type == DELETED:
        yield Forget()
        return
    yield Keep(
        r.Order(
            order_ref=source.order_ref,
            version=source.version,
            platform="proof",
            customer_ref=source.customer_ref,
            status="pending",
            created_at=source.created_at,
        )
    )


def units(ref: str, line: str, at: int, row: r.Order | None) -> Any:
    version = row.version if row else 0
    return r.OrderedUnits(order_ref=ref, line_ref=line, sku="", units_open=version, ordered_at=at)


def _row_seen(source: r.BigCommerceOrder, row: r.Order | None) -> Effects:
    yield units(source.order_ref, "", source.order_id, row)


def _noted(note: r.BigCommerceOrderMessage, row: r.Order) -> Effects:
    yield units(note.order_ref, "note", note.message_id, row)


def orders_table() -> Table[r.Order]:
    return Table(TABLE, r.Order, lambda order: order.order_ref, "")


def flow(topics: Names) -> Flow[NoSettings]:
    """All legs, over the topics of one proof."""
    orders = orders_table()
    partners = Table(
        "proof-partners", r.Partner, lambda one: one.partner_id, "", copy_of=topics.partners
    )
    legs = (
        Fold("orders", orders, (on(topics.orders, lambda o: o.order_ref, _order_row),), ()),
        join(
            name="rows",
            reads=topics.orders,
            lookups=(orders.by(lambda o: o.order_ref, GoOn()),),
            emits=_row_seen,
            writes=(topics.rows,),
        ),
        _note_leg(topics, orders, "notes", PATIENT_MINUTES, ghosts=False),
        _note_leg(topics, orders, "ghosts", GHOST_MINUTES, ghosts=True),
        *_event_legs(topics, partners),
    )
    return Flow(FLOW, "Every shape at once.", (), NoSettings, lambda _settings: legs)


def _note_leg(
    topics: Names, orders: Table[r.Order], name: str, minutes: float, *, ghosts: bool
) -> Any:
    def key(note: r.BigCommerceOrderMessage) -> str | None:
        return note.order_ref if note.order_ref.startswith(GHOST) is ghosts else None

    return join(
        name=name,
        reads=topics.notes,
        lookups=(orders.by(key, Wait(minutes)),),
        emits=_noted,
        writes=(topics.noted,),
    )


def _event_legs(topics: Names, partners: Table[r.Partner]) -> tuple[Any, ...]:
    def by_user(apply: Any) -> Any:
        return (on(topics.events, lambda e: e.user_id, apply),)

    return (
        join(
            name="join",
            reads=topics.events,
            lookups=(partners.by(lambda e: f"P-{e.sku}", GoOn()),),
            emits=_joined,
            writes=(topics.joined,),
        ),
        Columns("copy", topics.events, (), _copied, (topics.copied,)),
        Fold("tally", Tally, by_user(_tally), (topics.tallies,)),
        Fold("windows", Windows, by_user(_windowed), (topics.windows,), on_timer(_closed)),
        Fold("remind", Reminders, by_user(_remind), (topics.reminders,), on_timer(_reminded)),
    )
