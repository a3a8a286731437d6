"""Engagement events, batch by batch: enriched one by one, summed up per window, carts passed on."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gridwire.records import (
    CartActivity,
    Engagement,
    EngagementPartial,
    EnrichedEngagement,
    Partner,
    Product,
)
from streams.flow import Caused, Effects, Filtered, Rows
from streams.rules.partners import supplier_of
from streams.rules.windows import counts_at, window_start
from streams.tables import CUSTOMERS, PARTNERS, PRODUCTS

Supply = tuple[Partner | None, Product | None]
Supplies = dict[str, Supply]
ORDERED = frozenset({"purchase", "order_placed"})
CARTS = frozenset({"cart_update"})
SETTLING = ORDERED | CARTS  # what abandoned carts are made of
# What a user does. Sends, deliveries, bounces and unsubscribes are enriched, but no engagement.
ENGAGED = SETTLING | {
    "email_open",
    "email_click",
    "push_open",
    "in_app_impression",
    "in_app_click",
    "product_view",
    "checkout",
    "conversion",
}  # fmt: skip


class WindowKey(NamedTuple):
    """One window of one partner, region ("": unknown) and sku."""

    partner_id: str
    region: str
    sku: str
    start_ms: int


class Counted(NamedTuple):
    """What an event says to the window it counts in. `region`: "" where unknown; `at`: when it counts."""

    partner_id: str
    region: str
    sku: str
    product_line: str | None
    kind: str
    at: int
    arrived_at: int
    user_id: str
    quantity: int
    currency: str | None
    revenue_minor: int | None


@dataclass(slots=True)
class Sum:
    """What a batch adds to one window."""

    product_line: str | None
    arrived_at: int
    counts: dict[str, int] = field(default_factory=dict)
    units: int = 0
    revenue_minor: dict[str, int] = field(default_factory=dict)
    users: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Sums:
    """What a batch adds to windows of `size_ms`. At most `group_size_min` users of a window are told apart."""

    size_ms: int
    group_size_min: int
    by_window: dict[WindowKey, Sum] = field(default_factory=dict)

    def add(self, event: Counted) -> None:
        start = window_start(event.at, self.size_ms)
        key = WindowKey(event.partner_id, event.region, event.sku, start)
        one = self.by_window.get(key)
        if one is None:
            one = self.by_window[key] = Sum(event.product_line, event.arrived_at)
        elif event.arrived_at < one.arrived_at:
            one.arrived_at = event.arrived_at
        one.counts[event.kind] = one.counts.get(event.kind, 0) + 1
        if event.kind in ORDERED:
            one.units += event.quantity
            if event.currency and event.revenue_minor:
                revenue = one.revenue_minor.get(event.currency, 0)
                one.revenue_minor[event.currency] = revenue + event.revenue_minor
        if len(one.users) < self.group_size_min:
            one.users.add(user_hash(event.user_id, start))

    def partials(self) -> Iterator[EngagementPartial]:
        return (_partial(key, one) for key, one in self.by_window.items())


def user_hash(user_id: str, start_ms: int) -> int:
    """8 bytes that tell the users of one window apart and say nothing about them in another."""
    salt = start_ms.to_bytes(8, "big", signed=True)
    digest = hashlib.blake2b(user_id.encode(), digest_size=8, salt=salt).digest()
    return int.from_bytes(digest, "big", signed=True)


@dataclass(frozen=True, slots=True)
class Enrich:
    """`rows` is the leg's function. The bounds come from the flow's settings."""

    size_ms: int
    clock_skew_ms: int
    group_size_min: int

    def rows(self, events: Sequence[Engagement], rows: Rows) -> Effects:
        """Bots and machines out; the rest enriched; what has a partner and a product counts in its window."""
        sums = Sums(self.size_ms, self.group_size_min)
        supplies: Supplies = {}
        bots = machines = 0
        for event in events:
            if event.suspected_bot:
                bots += 1
            elif event.machine_open:
                machines += 1
            else:
                enriched = _enriched(event, _supply(event.sku, rows, supplies), rows)
                self._count(sums, event, enriched)
                if event.kind in SETTLING:
                    yield from self._cart(event, enriched)
                yield Caused(event, enriched)
        yield from sums.partials()
        if bots:
            yield Filtered("bot click", bots)
        if machines:
            yield Filtered("machine open", machines)

    def _count(self, sums: Sums, event: Engagement, enriched: EnrichedEngagement) -> None:
        if enriched.partner_id is None or not enriched.sku or event.kind not in ENGAGED:
            return
        sums.add(
            Counted(
                partner_id=enriched.partner_id,
                region=enriched.region or "",
                sku=enriched.sku,
                product_line=enriched.product_line,
                kind=event.kind,
                at=counts_at(event.occurred_at, event.produced_at, self.clock_skew_ms),
                arrived_at=event.produced_at,
                user_id=event.user_id,
                quantity=event.quantity,
                currency=event.currency,
                revenue_minor=event.revenue_minor,
            )
        )

    def _cart(self, event: Engagement, enriched: EnrichedEngagement) -> Iterable[Caused]:
        ordered = event.kind in ORDERED
        nameless = ordered and not enriched.sku  # ends all carts of the user
        if enriched.partner_id is None and not nameless:
            return  # nobody would hear of this cart
        activity = CartActivity(
            user_id=event.user_id,
            ordered=ordered,
            sku=enriched.sku or None,
            quantity=event.quantity,
            at=counts_at(event.occurred_at, event.produced_at, self.clock_skew_ms),
            arrived_at=event.produced_at,
            partner_id=enriched.partner_id,
            region=enriched.region or "",
            product_line=enriched.product_line,
        )
        yield Caused(event, activity)


def _enriched(event: Engagement, supply: Supply, rows: Rows) -> EnrichedEngagement:
    partner, product = supply
    return EnrichedEngagement(
        user_id=event.user_id,
        kind=event.kind,
        channel=event.channel,
        sku=event.sku,
        quantity=event.quantity,
        revenue_minor=event.revenue_minor,
        currency=event.currency,
        region=event.region or home_of(event.user_id, event.identified, rows),
        partner_id=partner.partner_id if partner else None,
        product_line=product.product_line if product else None,
        campaign_id=event.campaign_id,
        canvas_id=event.canvas_id,
    )


def _supply(sku: str | None, rows: Rows, supplies: Supplies) -> Supply:
    """Each sku is looked up once per batch."""
    if not sku:
        return None, None
    found = supplies.get(sku)
    if found is None:
        found = supplies[sku] = supply_of(sku, rows)
    return found


def supply_of(sku: str, rows: Rows) -> Supply:
    """Supplying partner and product of a sku."""
    if not sku:
        return None, None
    return supplier_of(rows.where(PARTNERS, "sku", sku)), rows.get(PRODUCTS, sku)


def home_of(user_id: str, identified: bool, rows: Rows) -> str | None:
    """The region of a user whom we know."""
    customer = rows.get(CUSTOMERS, user_id) if identified else None
    return customer.region if customer else None


def _partial(key: WindowKey, one: Sum) -> EngagementPartial:
    return EngagementPartial(
        partner_id=key.partner_id,
        region=key.region,
        sku=key.sku,
        product_line=one.product_line,
        window_start=key.start_ms,
        arrived_at=one.arrived_at,
        counts=one.counts,
        units=one.units,
        revenue_minor=one.revenue_minor,
        abandoned_carts=0,
        users=tuple(sorted(one.users)),
    )
