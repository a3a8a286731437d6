"""What partners have said about one product, and how many units that leaves to sell: never more than there are.

A partner speaks per location in updates of several types (stock, lead time …), numbered by one sequence. Of each type
the newest accepted update that is in effect holds; so an update of one type does not undo what another says. What a
location may sell is min(quantity, allocation limit), less what was ordered since that took effect. Units that were
shipped since stay subtracted until the partner states its stock anew: they have left it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from gridwire.records import Availability

STOCK, BACKORDER, DISCONTINUATION = "stock", "backorder", "discontinuation"
MERGED = ""  # name of the line that stands for the oldest ones
TYPES = frozenset({STOCK, BACKORDER, DISCONTINUATION, "lead_time", "allocation", "substitution"})


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One accepted update. `since_ms`: when it took or takes effect; `until_ms`: when it ends, None: never.

    changed_at: when it last changed: the sequence tells updates apart, not the decisions about one of them.
    """

    partner_id: str
    location_code: str
    type: str
    sequence: int
    changed_at: int
    since_ms: int
    until_ms: int | None = None
    quantity: int | None = None
    lead_time_days: int | None = None
    available_from: int | None = None
    allocation_limit: int | None = None
    substitute_sku: str | None = None

    @property
    def slot(self) -> str:
        """Updates of one slot replace one another."""
        return f"{self.partner_id}|{self.location_code}|{self.type}"

    @property
    def states_stock(self) -> bool:
        return self.quantity is not None or self.allocation_limit is not None

    def holds(self, now_ms: int) -> bool:
        """In effect."""
        return self.since_ms <= now_ms and not self.expired(now_ms)

    def expired(self, now_ms: int) -> bool:
        """Not in effect any more, for good."""
        return self.until_ms is not None and self.until_ms <= now_ms


class Line(msgspec.Struct, frozen=True, array_like=True):
    """Units of one order line: open ones and those that left since. `partner_id`: who supplies them."""

    ordered_at: int
    units: int
    partner_id: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Position:
    """What one partner says of one location now. The `_at` fields: when that statement took effect."""

    partner_id: str
    location_code: str
    sequence: int
    quantity: int | None
    quantity_at: int
    limit: int | None
    limit_at: int
    lead_time_days: int | None
    available_from: int | None
    substitute_sku: str | None
    discontinued: bool

    @property
    def states_stock(self) -> bool:
        return self.quantity is not None or self.limit is not None

    @property
    def supplies(self) -> bool:
        """Whether the partner has the product there, be it none just now, or will have it."""
        return self.states_stock or self.available_from is not None


def update_of(record: Availability) -> Update:
    """The update as it is held. Without `effective_at` it takes effect when it happened."""
    return Update(
        partner_id=record.partner_id,
        location_code=record.location_code,
        type=record.type,
        sequence=record.sequence,
        changed_at=record.occurred_at,
        since_ms=record.occurred_at if record.effective_at is None else record.effective_at,
        until_ms=record.expires_at,
        quantity=record.quantity,
        lead_time_days=record.lead_time_days,
        available_from=record.available_from,
        allocation_limit=record.allocation_limit,
        substitute_sku=record.substitute_sku,
    )


def current(updates: Iterable[Update], now_ms: int) -> dict[str, Update]:
    """Of each slot the newest update in effect."""
    found: dict[str, Update] = {}
    for update in updates:
        held = found.get(update.slot)
        if update.holds(now_ms) and (held is None or update.sequence > held.sequence):
            found[update.slot] = update
    return found


def tidied(updates: Iterable[Update], now_ms: int) -> tuple[Update, ...]:
    """Without what has expired and what a newer update in effect has replaced; future ones stay."""
    updates = tuple(updates)
    newest = {slot: update.sequence for slot, update in current(updates, now_ms).items()}
    return tuple(
        update
        for update in updates
        if not update.expired(now_ms)
        and update.sequence >= newest.get(update.slot, update.sequence)
    )


def positions(updates: Iterable[Update], now_ms: int) -> list[Position]:
    """What holds now, per partner and location, sorted by location and partner."""
    places: dict[tuple[str, str], list[Update]] = {}
    for update in current(updates, now_ms).values():
        places.setdefault((update.location_code, update.partner_id), []).append(update)
    everywhere = {
        partner: [u for u in some if u.type == DISCONTINUATION]
        for (location, partner), some in places.items()
        if not location
    }
    return [
        _position(sorted(some, key=lambda u: u.sequence), everywhere.get(partner, []))
        for (_, partner), some in sorted(places.items())
    ]


def _position(updates: Sequence[Update], everywhere: Sequence[Update]) -> Position:
    """`updates`: of one place, oldest first. `everywhere`: the partner's discontinuations without a location."""
    stock = _newest(updates, "quantity", but=DISCONTINUATION)
    limit = _newest(updates, "allocation_limit")
    lead_time = _newest(updates, "lead_time_days")
    waiting = _newest(updates, "available_from", but=DISCONTINUATION)
    substitute = _newest((*everywhere, *updates), "substitute_sku")
    if waiting and stock and stock.type == STOCK and stock.sequence > waiting.sequence:
        waiting = None  # it is back in stock
    quantity, quantity_at = (stock.quantity, stock.since_ms) if stock else (None, 0)
    if waiting and stock and waiting.sequence > stock.sequence:
        quantity, quantity_at = 0, waiting.since_ms  # a backorder sells what its own quantity says
    return Position(
        partner_id=updates[0].partner_id,
        location_code=updates[0].location_code,
        sequence=updates[-1].sequence,
        quantity=quantity,
        quantity_at=quantity_at,
        limit=limit.allocation_limit if limit else None,
        limit_at=limit.since_ms if limit else 0,
        lead_time_days=lead_time.lead_time_days if lead_time else None,
        available_from=waiting.available_from if waiting else None,
        substitute_sku=substitute.substitute_sku if substitute else None,
        discontinued=_discontinued(updates, everywhere),
    )


def is_discontinued(places: Sequence[Position], counting: Sequence[Position]) -> bool:
    """Whether the product is: somebody has discontinued it, and nobody whose word counts supplies it any more.

    `places`: all positions; `counting`: those that are not discontinued, of active partners.
    """
    return any(one.discontinued for one in places) and not any(one.supplies for one in counting)


def _newest(updates: Sequence[Update], field: str, but: str = "") -> Update | None:
    """The newest update that fills in `field`."""
    filled = [u for u in updates if getattr(u, field) is not None and u.type != but]
    return filled[-1] if filled else None


def _discontinued(updates: Sequence[Update], everywhere: Sequence[Update]) -> bool:
    """Discontinued here, or by the partner as a whole, and no newer word of stock since.

    Sequences compare within a location; across locations the time of effect does.
    """
    supplies = [u for u in updates if u.type in (STOCK, BACKORDER)]
    here = [u for u in updates if u.type == DISCONTINUATION]
    if here and all(supply.sequence < here[-1].sequence for supply in supplies):
        return True
    apart = [u for u in everywhere if u.location_code != updates[0].location_code]
    return any(all(supply.since_ms <= u.since_ms for supply in supplies) for u in apart)


def sellable(places: Sequence[Position], lines: Iterable[Line]) -> dict[str, int]:
    """Units that each location may sell, at least 0; only locations of which something was said.

    `places`: positions that count. Each ordered unit is subtracted once, from a position that was in effect when it
    was ordered: from its partner's while there is any left, for who supplies it is only presumed, then from others.
    Older lines first: they have the fewest positions to choose from, so no unit finds none that could have.
    """
    left = {one: _caps(one) for one in places if one.states_stock}
    for line in sorted(lines, key=lambda line: line.ordered_at):
        units = line.units
        for one in sorted(left, key=lambda place: place.partner_id != line.partner_id):
            units -= _take(left[one], units, line.ordered_at)
    found: dict[str, int] = {}
    for one, caps in left.items():
        units = min(cap.left for cap in caps)
        found[one.location_code] = found.get(one.location_code, 0) + units
    return found


@dataclass(slots=True)
class Cap:
    """Units that a statement leaves, of what was ordered since it took effect."""

    left: int
    since_ms: int


def _caps(place: Position) -> list[Cap]:
    stated = ((place.quantity, place.quantity_at), (place.limit, place.limit_at))
    return [Cap(max(0, units), since_ms) for units, since_ms in stated if units is not None]


def _take(caps: Iterable[Cap], units: int, ordered_at: int) -> int:
    """Takes units from one position, as many as it has; returns how many."""
    in_effect = [cap for cap in caps if cap.since_ms <= ordered_at]
    taken = min([units, *(cap.left for cap in in_effect)]) if in_effect else 0
    for cap in in_effect:
        cap.left -= taken
    return taken


def next_change_ms(updates: Iterable[Update], now_ms: int) -> int | None:
    """When what holds changes next by time alone; None: never."""
    times = (
        at
        for update in updates
        for at in (update.since_ms, update.until_ms, update.available_from)
        if at is not None and at > now_ms
    )
    return min(times, default=None)


def remembered(lines: Mapping[str, Line], keep_from_ms: int, lines_max: int) -> Mapping[str, Line]:
    """Lines ordered since `keep_from_ms`. Beyond the bound the two oldest become one that counts as the newer of
    them: rather too many units are subtracted than too few.
    """
    kept = {name: line for name, line in lines.items() if line.ordered_at >= keep_from_ms}
    if len(kept) <= lines_max:
        return kept
    oldest = sorted(kept, key=lambda name: (kept[name].ordered_at, name))
    merged = [kept.pop(name) for name in oldest[: len(kept) - lines_max + 1]]
    kept[MERGED] = Line(merged[-1].ordered_at, sum(line.units for line in merged), None, 0)
    return kept
