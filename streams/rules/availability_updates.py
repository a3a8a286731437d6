"""What partners say of a product, taken in: the newest sequence wins, and of one update the latest decision.

Works on any state with the fields of `HeldUpdates`. A stopped partner is still heard, so that old figures do not come
back with it; its stock does not count.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from gridwire.records import Availability, Partner
from streams.rules import supply
from streams.rules.partners import is_active, was_stopped
from streams.rules.supply import Position, Update, update_of

ACCEPTED, PROPOSED = "accepted", "proposed"


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """An update that is only proposed or was turned down, and when it was first heard of."""

    sequence: int
    changed_at: int
    heard_at: int


class HeldUpdates(Protocol):
    """verdicts: slot → what was last heard of an update there that does not hold. inactive: who does not count."""

    @property
    def updates(self) -> Sequence[Update]: ...
    @property
    def verdicts(self) -> Mapping[str, Verdict]: ...
    @property
    def inactive(self) -> Sequence[str]: ...
    @property
    def clock_ms(self) -> int: ...


H = TypeVar("H", bound=HeldUpdates)


def _with(held: H, **changes: Any) -> H:
    """Any state with these fields is a struct."""
    changed: Any = msgspec.structs.replace(held, **changes)  # type: ignore[type-var]
    found: H = changed
    return found


def at(held: H, now_ms: int) -> H:
    """The state when it is at least this late."""
    return _with(held, clock_ms=max(held.clock_ms, now_ms))


def heeding(held: H, partners: Sequence[Partner]) -> H:
    """The stock of partners that are not active does not count, that of those that are again does."""
    speaking = {one.partner_id for one in held.updates}
    active = {one.partner_id for one in partners if is_active(one)}
    stopped = {one.partner_id for one in partners if not is_active(one)}
    inactive = (set(held.inactive) | stopped) - active
    return _with(held, inactive=tuple(sorted(inactive & speaking)))


def speaking(held: HeldUpdates) -> tuple[str, ...]:
    """Ids of the partners whose updates are held."""
    return tuple(dict.fromkeys(update.partner_id for update in held.updates))


def counting(held: HeldUpdates, places: Iterable[Position]) -> list[Position]:
    """The places whose stock counts: those of active partners, where the product is not discontinued."""
    return [one for one in places if one.partner_id not in held.inactive and not one.discontinued]


def next_look_ms(held: HeldUpdates, recheck_ms: int) -> int | None:
    """When what holds changes by time alone, or partners that are inactive are looked at again; None: never."""
    changes_at = supply.next_change_ms(held.updates, held.clock_ms)
    if not held.inactive:
        return changes_at
    recheck_at = held.clock_ms + recheck_ms
    return recheck_at if changes_at is None else min(changes_at, recheck_at)


def unheard(update: Availability, partner: Partner) -> str:
    """Why this partner has no say here, or ""."""
    if update.type not in supply.TYPES:
        return "unknown type of update"
    if partner.skus and update.sku not in partner.skus:
        return "another partner's product"
    return "" if is_active(partner) or was_stopped(partner) else "partner is not active yet"


def outdated(held: HeldUpdates, record: Availability) -> str:
    """Why a newer word stands already, or ""."""
    slot = update_of(record).slot
    same = [one for one in held.updates if one.slot == slot]
    if any(one.sequence > record.sequence and one.holds(held.clock_ms) for one in same):
        return "older sequence"
    changes = [one.changed_at for one in same if one.sequence == record.sequence]
    verdict = held.verdicts.get(slot)
    if verdict and verdict.sequence == record.sequence:
        changes.append(verdict.changed_at)
    return "older version" if any(at_ms > record.occurred_at for at_ms in changes) else ""


def noted(held: H, record: Availability, updates_max: int) -> H | None:
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
    if len(updates) > updates_max or len(verdicts) > updates_max:
        return None
    return _with(held, updates=tuple(updates), verdicts=verdicts)


def _verdict(held: HeldUpdates, update: Update) -> Verdict:
    """What does not hold (yet). Of several the newest sequence is remembered."""
    before = held.verdicts.get(update.slot)
    if before and before.sequence > update.sequence:
        return before
    return Verdict(update.sequence, update.changed_at, _since(held, update))


def _since(held: HeldUpdates, update: Update) -> int:
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
