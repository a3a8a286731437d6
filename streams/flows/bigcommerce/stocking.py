"""Takes in what partners say and what shoppers order of one product, and keeps the shop up to date with it."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from gridwire.records import Availability, BigCommerceCommand, OrderedUnits, Partner, Product
from streams.flow import CancelTimer, Effects, Filtered, Fired, Forget, Keep, SetTimer
from streams.flows.bigcommerce.shelf import Supply, Texts, Verdict, shelve
from streams.rules import supply
from streams.rules.dates import SECOND_MS
from streams.rules.partners import is_active, was_stopped
from streams.rules.supply import Line, Update, update_of

ACCEPTED, PROPOSED = "accepted", "proposed"


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
        held = _at(held or Supply(), update.occurred_at)
        why_not = _unheard(update, partner) or _outdated(held, update)
        if why_not:
            yield Filtered(why_not)
            return
        after = self._noted(held, update, substitute)
        if after is None:
            yield Filtered("too many updates of one product")
            return
        commands = 0
        for effect in self._shelved(_heeding(after, (partner,)), update.sku, product):
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
        held = _at(held or Supply(), units.occurred_at)
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
        held = _heeding(_at(fired.state, fired.now_ms), tuple(partners.values()))
        yield from self._shelved(held, fired.key, product, happened_at=fired.due_ms)

    def _noted(
        self, held: Supply, record: Availability, substitute: Product | None
    ) -> Supply | None:
        """The state with the update: among what holds, or noted as not holding. None: no room."""
        update = update_of(record)
        updates = [one for one in held.updates if not _same(one, update)]
        verdicts = dict(held.verdicts)
        if record.decision_status == ACCEPTED:
            since_ms = _since(held, update) if record.effective_at is None else update.since_ms
            updates.append(msgspec.structs.replace(update, since_ms=since_ms))
            verdicts = {
                slot: one
                for slot, one in verdicts.items()
                if slot != update.slot or one.sequence > update.sequence
            }
        else:
            verdicts[update.slot] = _verdict(held, update)
            if record.decision_status == PROPOSED:
                updates = list(held.updates)
        if len(updates) > self.updates_max or len(verdicts) > self.updates_max:
            return None
        names = {**held.names, substitute.sku: substitute.name} if substitute else held.names
        offered = {one.substitute_sku for one in updates}
        return msgspec.structs.replace(
            held,
            updates=tuple(updates),
            verdicts=verdicts,
            names={sku: name for sku, name in names.items() if sku in offered},
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
        times = [supply.next_change_ms(held.updates, held.clock_ms)]
        if held.inactive:
            times.append(held.clock_ms + self.recheck_ms)
        if held.lines and not held.updates:
            oldest = min(line.ordered_at for line in held.lines.values())
            times.append(oldest + self.memory_ms + 1)
        return min((time for time in times if time is not None), default=None)


def _at_the_latest(ordered_at: int) -> int:
    """Shops tell the second of an order, partners the millisecond of a statement: one made within that second does
    not know the order for sure, so the order counts as placed at the end of it.
    """
    return ordered_at - ordered_at % SECOND_MS + SECOND_MS - 1


def _unheard(update: Availability, partner: Partner) -> str:
    """Why this partner has no say here, or ""."""
    if update.type not in supply.TYPES:
        return "unknown type of update"
    if partner.skus and update.sku not in partner.skus:
        return "another partner's product"
    return "" if is_active(partner) or was_stopped(partner) else "partner is not active yet"


def _outdated(held: Supply, record: Availability) -> str:
    """Why a newer word stands already, or "": the newest sequence wins, and of one update the latest decision."""
    slot = update_of(record).slot
    same = [one for one in held.updates if one.slot == slot]
    if any(one.sequence > record.sequence and one.holds(held.clock_ms) for one in same):
        return "older sequence"
    changes = [one.changed_at for one in same if one.sequence == record.sequence]
    verdict = held.verdicts.get(slot)
    if verdict and verdict.sequence == record.sequence:
        changes.append(verdict.changed_at)
    return "older version" if any(at > record.occurred_at for at in changes) else ""


def _verdict(held: Supply, update: Update) -> Verdict:
    """What does not hold (yet). Of several the newest sequence is remembered."""
    before = held.verdicts.get(update.slot)
    if before and before.sequence > update.sequence:
        return before
    return Verdict(update.sequence, update.changed_at, _since(held, update))


def _since(held: Supply, update: Update) -> int:
    """Since when an update that names no time holds: since it was first heard of, be it as a proposal.

    What was ordered after the partner stated its stock is not in the statement, whenever that was accepted.
    """
    heard = [one.since_ms for one in held.updates if _same(one, update)]
    verdict = held.verdicts.get(update.slot)
    if verdict and verdict.sequence == update.sequence:
        heard.append(verdict.heard_at)
    return min([update.since_ms, *heard])


def _same(one: Update, other: Update) -> bool:
    return one.slot == other.slot and one.sequence == other.sequence


def _nothing_pushed(product: Product, partner: Partner) -> str:
    if product.bigcommerce_product_id is None:
        return "not sold in BigCommerce"
    return "no change" if is_active(partner) else "partner is not active"


def _at(held: Supply, now_ms: int) -> Supply:
    return msgspec.structs.replace(held, clock_ms=max(held.clock_ms, now_ms))


def _heeding(held: Supply, partners: tuple[Partner, ...]) -> Supply:
    """The stock of partners that are not active does not count, that of those that are again does."""
    speaking = {one.partner_id for one in held.updates}
    active = {one.partner_id for one in partners if is_active(one)}
    stopped = {one.partner_id for one in partners if not is_active(one)}
    inactive = (set(held.inactive) | stopped) - active
    return msgspec.structs.replace(held, inactive=tuple(sorted(inactive & speaking)))
