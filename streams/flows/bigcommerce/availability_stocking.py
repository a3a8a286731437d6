"""Takes in what partners say and what shoppers order of one product, and keeps the shop up to date with it."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from gridwire.records import Availability, BigCommerceCommand, OrderedUnits, Partner, Product
from streams.flow import CancelTimer, Effects, Filtered, Fired, Forget, Keep, SetTimer
from streams.flows.bigcommerce.availability_shelf import Supply, Texts, shelve
from streams.rules import supply
from streams.rules.availability_updates import (
    ACCEPTED,
    at,
    heeding,
    next_look_ms,
    noted,
    outdated,
    unheard,
)
from streams.rules.dates import SECOND_MS
from streams.rules.partners import is_active
from streams.rules.supply import Line, update_of


@dataclass(frozen=True, slots=True)
class Stocking:
    """The fold's functions. memory_ms: orders so old still count against a statement that arrives after them.

    recheck_ms: how soon a partner that is active again counts. updates_max, lines_max: per sku.
    """

    memory_ms: int
    recheck_ms: int
    updates_max: int
    lines_max: int
    texts: Texts

    def hear(
        self,
        update: Availability,
        held: Supply | None,
        product: Product,
        partner: Partner,
        substitute: Product | None,
    ) -> Effects:
        """What a partner says of the product at one location.

        A stopped partner is still heard, so that old figures do not come back with it; its stock does not count.
        """
        held = at(held or Supply(), update.occurred_at)
        why_not = unheard(update, partner) or outdated(held, update)
        if why_not:
            yield Filtered(why_not)
            return
        after = self._noted(held, update, substitute)
        if after is None:
            yield Filtered("too many updates of one product")
            return
        commands = 0
        for effect in self._shelved(heeding(after, (partner,)), update.sku, product):
            commands += isinstance(effect, BigCommerceCommand)
            yield effect
        withdrawn = len(after.updates) < len(held.updates)
        if commands:
            return
        if update.decision_status != ACCEPTED and not withdrawn:
            yield Filtered("not accepted")
        elif update_of(update).since_ms <= held.clock_ms:  # else it is kept for its time
            yield Filtered(_nothing_pushed(product, partner))

    def count(self, units: OrderedUnits, held: Supply | None, product: Product | None) -> Effects:
        """Units of the product were ordered, shipped or cancelled."""
        if held is None and units.partner_id is None:
            yield Filtered("no partner supplies it")
            return
        held = at(held or Supply(), units.occurred_at)
        name = f"{units.order_ref}/{units.line_ref}"
        known = held.lines.get(name)
        if known and known.version > units.version:
            yield Filtered("older version")
            return
        sold = units.units_open + units.units_shipped
        line = Line(_at_the_latest(units.ordered_at), sold, units.partner_id, units.version)
        after = msgspec.structs.replace(held, lines={**held.lines, name: line})
        yield from self._shelved(after, units.sku, product)

    def look(
        self, fired: Fired[Supply], product: Product | None, partners: Mapping[str, Partner]
    ) -> Effects:
        """Something takes effect or expires, or a partner may be active again."""
        held = heeding(at(fired.state, fired.now_ms), tuple(partners.values()))
        yield from self._shelved(held, fired.key, product, happened_at=fired.due_ms)

    def _noted(
        self, held: Supply, record: Availability, substitute: Product | None
    ) -> Supply | None:
        """The state with the update, and the names of what is offered instead. None: no room."""
        after = noted(held, record, self.updates_max)
        if after is None:
            return None
        names = {**held.names, substitute.sku: substitute.name} if substitute else held.names
        offered = {one.substitute_sku for one in after.updates}
        return msgspec.structs.replace(
            after, names={sku: name for sku, name in names.items() if sku in offered}
        )

    def _shelved(
        self, held: Supply, sku: str, product: Product | None, happened_at: int = 0
    ) -> Effects:
        """Pushes what changed, and sets the timer for what changes next by itself."""
        updates = supply.tidied(held.updates, held.clock_ms)
        stated = (one.since_ms for one in updates if one.states_stock)
        keep_from = min([held.clock_ms - self.memory_ms, *stated])
        lines = supply.remembered(held.lines, keep_from, self.lines_max)
        after = msgspec.structs.replace(held, updates=updates, lines=lines)
        if not (updates or lines or after.stock or after.verdicts):
            yield Forget()
            return
        if product is not None and product.bigcommerce_product_id is not None:
            after, commands = shelve(after, sku, product, self.texts, happened_at=happened_at)
            yield from commands
        yield Keep(after)
        due = self._next_look(after)
        yield CancelTimer("look") if due is None else SetTimer("look", due)

    def _next_look(self, held: Supply) -> int | None:
        times = [next_look_ms(held, self.recheck_ms)]
        if held.lines and not held.updates:
            oldest = min(line.ordered_at for line in held.lines.values())
            times.append(oldest + self.memory_ms + 1)
        return min((time for time in times if time is not None), default=None)


def _at_the_latest(ordered_at: int) -> int:
    """Shops tell the second of an order, partners the millisecond of a statement: one made within that second does
    not know the order for sure, so the order counts as placed at the end of it.
    """
    return ordered_at - ordered_at % SECOND_MS + SECOND_MS - 1


def _nothing_pushed(product: Product, partner: Partner) -> str:
    if product.bigcommerce_product_id is None:
        return "not sold in BigCommerce"
    return "no change" if is_active(partner) else "partner is not active"
