"""Abandoned carts: a cart without an order of that product by that user within the configured time."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from gridwire.records import CartActivity, EngagementPartial
from streams.flow import CancelTimer, Effects, Filtered, Fired, Forget, Keep, SetTimer
from streams.flows.braze.engagement_enrich import user_hash
from streams.rules.windows import window_start


class Cart(msgspec.Struct, frozen=True, array_like=True):
    """One product of one user. Times are epoch milliseconds, None where there was nothing of the kind.

    cart_at, arrived_at: the cart as it stands, when it changed and when we heard of it. settled_at: the last order
    of the product, or that it was taken out of the cart.
    """

    cart_at: int | None = None
    arrived_at: int = 0
    settled_at: int | None = None
    abandoned: bool = False
    partner_id: str = ""
    region: str = ""
    product_line: str | None = None


class Carts(msgspec.Struct, frozen=True, array_like=True):
    """All products of one user, by sku. `settled_at`: the last order that named no product."""

    by_sku: Mapping[str, Cart] = msgspec.field(default_factory=dict)
    settled_at: int | None = None


@dataclass(frozen=True, slots=True)
class Abandonment:
    """The fold's functions; times in milliseconds. At most `skus_max` products per user are kept in mind."""

    size_ms: int
    patience_ms: int
    grace_ms: int
    skus_max: int

    def note(self, activity: CartActivity, carts: Carts | None) -> Effects:
        """A cart waits for its order; an order ends the carts that it came in time for."""
        carts = carts or Carts()
        new = activity.sku is not None and activity.sku not in carts.by_sku
        if new and len(carts.by_sku) >= self.skus_max:
            yield Filtered("too many products of one user")
        elif activity.sku is None:
            yield from self._settle_all(activity, carts)
        elif activity.ordered or activity.quantity <= 0:
            yield from self._settle(activity, carts, (activity.sku,))
        else:
            yield from self._fill(activity, activity.sku, carts)

    def _fill(self, activity: CartActivity, sku: str, carts: Carts) -> Effects:
        """The product is in the cart."""
        cart = carts.by_sku.get(sku, Cart())
        if cart.cart_at is not None and activity.at <= cart.cart_at:
            yield Filtered("older cart event")
            return
        settled_at = max(cart.settled_at or 0, carts.settled_at or 0)
        if activity.at <= settled_at <= activity.at + self.patience_ms:
            yield Filtered("ordered already")
            return
        after = Cart(
            cart_at=activity.at,
            arrived_at=activity.arrived_at,
            settled_at=cart.settled_at,
            partner_id=activity.partner_id or "",
            region=activity.region,
            product_line=activity.product_line,
        )
        yield Keep(Carts({**carts.by_sku, sku: after}, carts.settled_at))
        yield SetTimer(f"deadline/{sku}", activity.at + self.patience_ms)
        yield SetTimer(f"forget/{sku}", self._forget_at(after))

    def _settle_all(self, activity: CartActivity, carts: Carts) -> Effects:
        """An order that names no product stands for all that is in the cart."""
        settled_at = max(carts.settled_at or 0, activity.at)
        after = Carts(carts.by_sku, settled_at)
        yield SetTimer("forget/", self._forget_at(Cart(settled_at=settled_at)))
        yield from self._settle(activity, after, tuple(carts.by_sku))

    def _settle(self, activity: CartActivity, carts: Carts, skus: tuple[str, ...]) -> Effects:
        """Ends carts; one that counts as abandoned already is taken back, for the order only arrived late."""
        by_sku = dict(carts.by_sku)
        for sku in skus:
            cart = by_sku.get(sku, Cart())
            by_sku[sku] = self._settled(cart, activity.at)
            yield SetTimer(f"forget/{sku}", self._forget_at(by_sku[sku]))
            if by_sku[sku].cart_at is None:
                yield CancelTimer(f"deadline/{sku}")
                if cart.abandoned:
                    yield self._partial(activity.user_id, sku, cart, -1, activity.arrived_at)
        yield Keep(Carts(by_sku, carts.settled_at))

    def _settled(self, cart: Cart, at_ms: int) -> Cart:
        began = cart.cart_at
        in_time = began is not None and began <= at_ms <= began + self.patience_ms
        return msgspec.structs.replace(
            cart,
            settled_at=max(cart.settled_at or 0, at_ms),
            cart_at=None if in_time else began,
            abandoned=cart.abandoned and not in_time,
        )

    def due(self, fired: Fired[Carts]) -> Effects:
        """The deadline of a cart has passed, or what is known of a product is too old to matter."""
        action, _, sku = fired.name.partition("/")
        cart = fired.state.by_sku.get(sku)
        if action == "forget":
            yield from _without(fired.state, sku)
        elif cart is None or cart.cart_at is None:
            yield Filtered("no cart any more")
        else:
            after = msgspec.structs.replace(cart, abandoned=True)
            yield Keep(Carts({**fired.state.by_sku, sku: after}, fired.state.settled_at))
            heard_at = max(cart.arrived_at, cart.cart_at + self.patience_ms)
            yield self._partial(fired.key, sku, cart, 1, heard_at)

    def _forget_at(self, cart: Cart) -> int:
        """Until then an order that came in time may still arrive late."""
        latest = max(cart.cart_at or 0, cart.arrived_at, cart.settled_at or 0)
        return latest + self.patience_ms + self.grace_ms

    def _partial(
        self, user_id: str, sku: str, cart: Cart, carts: int, arrived_at: int
    ) -> EngagementPartial:
        """An abandoned cart counts in the window in which its deadline falls."""
        deadline = (cart.cart_at or 0) + self.patience_ms
        start = window_start(deadline, self.size_ms)
        return EngagementPartial(
            occurred_at=deadline,
            partner_id=cart.partner_id,
            region=cart.region,
            sku=sku,
            product_line=cart.product_line,
            window_start=start,
            arrived_at=arrived_at,
            units=0,
            abandoned_carts=carts,
            users=(user_hash(user_id, start),) if carts > 0 else (),
        )


def _without(carts: Carts, sku: str) -> Effects:
    by_sku = {name: cart for name, cart in carts.by_sku.items() if name != sku}
    settled_at = carts.settled_at if sku else None
    yield Keep(Carts(by_sku, settled_at)) if by_sku or settled_at is not None else Forget()
