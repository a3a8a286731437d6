"""Takes in what partners say of a product and who waits for it; keeps the catalogue, and tells of news."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from gridwire.records import (
    Availability,
    AvailabilityNotice,
    OrderedUnits,
    Partner,
    Product,
    StockSubscription,
)
from streams.flow import CancelTimer, Effects, Filtered, Fired, Forget, Keep, SetTimer
from streams.flows.braze.availability_catalogue import Row, news_of, row_of, upsert
from streams.rules import availability_updates, supply
from streams.rules.availability_updates import Verdict
from streams.rules.dates import arrived_at
from streams.rules.supply import Update

FLOW_ID = "braze.availability"
BACK_IN_STOCK = "back_in_stock"


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """An order line that has not shipped."""

    customer_ref: str
    order_ref: str
    ordered_at: int
    version: int


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one sku. row: as the catalogue has it, told: as customers could last have heard; None: never.

    tell_at: when customers hear what of it has become news by then; 0: nothing has changed.

    lines: `<order>/<line>` → who waits for it. subscribers: customer → since when.
    """

    updates: tuple[Update, ...] = ()
    verdicts: Mapping[str, Verdict] = msgspec.field(default_factory=dict)
    inactive: tuple[str, ...] = ()
    clock_ms: int = 0
    row: Row | None = None
    told: Row | None = None
    tell_at: int = 0
    sequence: int = 0
    lines: Mapping[str, Waiting] = msgspec.field(default_factory=dict)
    subscribers: Mapping[str, int] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cataloguing:
    """The fold's functions.

    settle_ms: how long news must stand before customers hear them. recheck_ms: how soon a partner that is active again
    counts. subscription_ms: how long Braze keeps a subscription. updates_max, waiting_max: remembered per sku.
    """

    catalog: str
    settle_ms: int
    recheck_ms: int
    subscription_ms: int
    updates_max: int
    waiting_max: int

    # ---- what partners say ---------------------------------------------------------------------------------------
    def hear(
        self, update: Availability, shelf: Shelf | None, product: Product, partner: Partner
    ) -> Effects:
        """Only what was accepted counts, and of that the newest."""
        shelf = availability_updates.at(shelf or Shelf(), arrived_at(update))
        why_not = availability_updates.unheard(update, partner) or availability_updates.outdated(
            shelf, update
        )
        after = None if why_not else availability_updates.noted(shelf, update, self.updates_max)
        if after is None:
            yield Filtered(why_not or "too many updates of one product")
            return
        withdrawn = len(after.updates) < len(shelf.updates)
        if update.decision_status != availability_updates.ACCEPTED and not withdrawn:
            yield Keep(after)
            yield Filtered("not accepted")
            return
        yield from self._shelved(
            availability_updates.heeding(after, (partner,)), update.sku, product
        )

    # ---- who waits -----------------------------------------------------------------------------------------------
    def count(self, units: OrderedUnits, shelf: Shelf | None) -> Effects:
        """A customer's line is open, or has shipped or was cancelled."""
        shelf, name = shelf or Shelf(), f"{units.order_ref}/{units.line_ref}"
        known = shelf.lines.get(name)
        if units.customer_ref is None and known is None:
            yield Filtered("guest order")
            return
        if known is not None and known.version > units.version:
            yield Filtered("older version")
            return
        lines = {ref: one for ref, one in shelf.lines.items() if ref != name}
        if units.units_open > 0 and units.customer_ref is not None:
            lines[name] = Waiting(
                units.customer_ref, units.order_ref, units.ordered_at, units.version
            )
        elif known is None:
            yield Filtered("nobody waits for it")
            return
        if len(lines) > self.waiting_max:
            del lines[min(lines, key=lambda ref: (lines[ref].ordered_at, ref))]
        yield from self._kept(msgspec.structs.replace(shelf, lines=lines))

    def subscribe(self, wish: StockSubscription, shelf: Shelf | None) -> Effects:
        """A customer wants to hear when it is back in stock: Braze tells that by itself, we tell what delays it."""
        if BACK_IN_STOCK not in wish.types or wish.catalog != self.catalog:
            yield Filtered("not about this catalogue's stock")
            return
        shelf = shelf or Shelf()
        since = wish.occurred_at
        alive = {
            who: at
            for who, at in shelf.subscribers.items()
            if at > since - self.subscription_ms and who != wish.customer_ref
        }
        alive[wish.customer_ref] = max(since, shelf.subscribers.get(wish.customer_ref, 0))
        newest = sorted(alive, key=lambda who: (alive[who], who))[-self.waiting_max :]
        subscribers = {who: alive[who] for who in newest}
        yield from self._kept(msgspec.structs.replace(shelf, subscribers=subscribers))

    # ---- time ----------------------------------------------------------------------------------------------------
    def look(
        self, fired: Fired[Shelf], product: Product | None, partners: Mapping[str, Partner]
    ) -> Effects:
        """Something takes effect or expires, or a partner may be active again."""
        shelf = availability_updates.at(fired.state, fired.now_ms)
        shelf = availability_updates.heeding(shelf, tuple(partners.values()))
        if product is None:
            yield Keep(shelf)
            yield Filtered("product not known any more")
            return
        yield from self._shelved(shelf, fired.key, product, at_ms=fired.due_ms)

    def tell(self, fired: Fired[Shelf], substitute: Product | None) -> Effects:
        """News that still hold reach everybody who waits, each customer once."""
        shelf = fired.state
        yield Keep(msgspec.structs.replace(shelf, told=shelf.row, tell_at=0))
        news = news_of(shelf.told, shelf.row) if shelf.row else ""
        if not news:
            yield Filtered("no news")
            return
        since = fired.due_ms - self.subscription_ms
        waiting = _by_customer(shelf)
        subscribed = {who for who, at in shelf.subscribers.items() if at > since} - waiting.keys()
        for who in sorted(waiting):
            yield self._notice(fired, news, who, waiting[who], substitute)
        for who in sorted(subscribed):
            yield self._notice(fired, news, who, None, substitute)
        if not waiting and not subscribed:
            yield Filtered("nobody waits for it")

    def _notice(
        self,
        fired: Fired[Shelf],
        news: str,
        who: str,
        line: Waiting | None,
        substitute: Product | None,
    ) -> AvailabilityNotice:
        row = fired.state.row or Row()
        return AvailabilityNotice(
            customer_ref=who,
            sku=fired.key,
            news="discontinued" if news == "discontinued" else "delayed",
            interest="ordered" if line else "subscribed",
            order_ref=line.order_ref if line else None,
            product_name=row.name,
            available_from=row.available_from or None,
            substitute_sku=row.substitute_sku or None,
            substitute_name=substitute.name if substitute else None,
        )

    # ---- the catalogue -------------------------------------------------------------------------------------------
    def _shelved(self, shelf: Shelf, sku: str, product: Product, at_ms: int = 0) -> Effects:
        """Writes the item where it has changed, and sets the timers for what follows."""
        updates = supply.tidied(shelf.updates, shelf.clock_ms)
        shelf = msgspec.structs.replace(shelf, updates=updates)
        row = row_of(shelf, product)
        if row != shelf.row:
            shelf = msgspec.structs.replace(shelf, row=row, sequence=shelf.sequence + 1)
            yield upsert(FLOW_ID, self.catalog, sku, row, sequence=shelf.sequence, at_ms=at_ms)
            if not shelf.tell_at:
                tell_at = shelf.clock_ms + self.settle_ms
                shelf = msgspec.structs.replace(shelf, tell_at=tell_at)
                yield SetTimer("tell", tell_at)
        elif not at_ms:
            yield Filtered("no change")
        # Braze has told subscribers by itself that it is back, and forgets them.
        subscribers = {} if row.stock > 0 else shelf.subscribers
        yield from self._kept(msgspec.structs.replace(shelf, subscribers=subscribers))
        due = availability_updates.next_look_ms(shelf, self.recheck_ms)
        yield CancelTimer("look") if due is None else SetTimer("look", due)

    def _kept(self, shelf: Shelf) -> Effects:
        empty = not (shelf.updates or shelf.verdicts or shelf.lines or shelf.subscribers)
        yield Forget() if empty and shelf.row is None else Keep(shelf)


def _by_customer(shelf: Shelf) -> dict[str, Waiting]:
    """Each customer's oldest open line."""
    found: dict[str, Waiting] = {}
    for line in sorted(shelf.lines.values(), key=lambda one: (one.ordered_at, one.order_ref)):
        found.setdefault(line.customer_ref, line)
    return found
