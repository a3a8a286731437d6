"""Never more is sold than there is: the arithmetic, against a plain recount."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.rules import supply
from streams.rules.supply import Line, Update

PARTNERS, LOCATIONS = ("pt_1", "pt_2"), ("", "A", "B")
NOW = 1_000
times = st.integers(0, NOW)
units = st.integers(0, 20)


@st.composite
def statements(draw: st.DrawFn) -> Update:
    return Update(
        partner_id=draw(st.sampled_from(PARTNERS)),
        location_code=draw(st.sampled_from(LOCATIONS)),
        type="stock",
        sequence=draw(st.integers(1, 5)),
        changed_at=0,
        since_ms=draw(times),
        quantity=draw(units),
        allocation_limit=draw(st.none() | units),
    )


@st.composite
def order_lines(draw: st.DrawFn) -> Line:
    partner = draw(st.sampled_from([*PARTNERS, None]))
    return Line(draw(times), draw(units), partner, 1)


def said(updates: Sequence[Update]) -> list[supply.Position]:
    return supply.positions(updates, NOW)


@given(st.lists(statements(), max_size=1), st.lists(order_lines(), max_size=8))
def test_one_location_sells_what_it_may_less_what_was_ordered_since(
    updates: list[Update], lines: list[Line]
) -> None:
    for update in updates:
        limit = update.quantity if update.allocation_limit is None else update.allocation_limit
        cap = min(update.quantity or 0, limit or 0)
        ordered = sum(line.units for line in lines if line.ordered_at >= update.since_ms)
        expected = {update.location_code: max(0, cap - ordered)}
        assert supply.sellable(said(updates), lines) == expected


@given(st.lists(statements(), max_size=8), st.lists(order_lines(), max_size=8))
def test_all_locations_together_sell_no_more_than_is_left(
    updates: list[Update], lines: list[Line]
) -> None:
    places = said(updates)
    found = supply.sellable(places, lines)
    caps = sum(
        min(place.quantity or 0, place.quantity or 0 if place.limit is None else place.limit)
        for place in places
    )
    latest = max((place.quantity_at for place in places), default=0)
    ordered_since_all = sum(line.units for line in lines if line.ordered_at >= latest)
    assert all(left >= 0 for left in found.values())
    stated = sum(place.quantity or 0 for place in places)
    assert sum(found.values()) <= min(caps, max(0, stated - ordered_since_all))
    assert sum(found.values()) >= caps - sum(line.units for line in lines)


@given(st.lists(statements(), max_size=8), st.lists(order_lines(), max_size=8), units)
def test_one_more_unit_ordered_never_raises_what_is_left(
    updates: list[Update], lines: list[Line], more: int
) -> None:
    places = said(updates)
    before = sum(supply.sellable(places, lines).values())
    after = sum(supply.sellable(places, [*lines, Line(NOW, more, None, 1)]).values())
    assert before - more <= after <= before


@given(
    st.lists(statements(), max_size=4),
    st.lists(order_lines(), max_size=12),
    st.integers(1, 4),
)
def test_lines_that_are_taken_together_never_leave_more_to_sell(
    updates: list[Update], lines: list[Line], lines_max: int
) -> None:
    named = {f"line-{number}": line for number, line in enumerate(lines)}
    fewer = supply.remembered(named, 0, lines_max)
    assert len(fewer) <= lines_max
    assert sum(line.units for line in fewer.values()) == sum(line.units for line in lines)
    exact = supply.sellable(said(updates), lines)
    short = supply.sellable(said(updates), fewer.values())
    assert sum(short.values()) <= sum(exact.values())


@given(st.lists(statements(), max_size=8, unique_by=lambda one: (one.slot, one.sequence)))
def test_what_holds_does_not_depend_on_the_order_in_which_updates_came(
    updates: list[Update],
) -> None:
    assert said(updates[::-1]) == said(updates)
    assert said(supply.tidied(updates, NOW)) == said(updates)


def word(type_: str, partner_id: str = "pt_1", **fields: Any) -> Update:
    return Update(
        partner_id=partner_id,
        location_code="A",
        type=type_,
        sequence=1,
        changed_at=0,
        since_ms=0,
        **fields,
    )


@pytest.mark.parametrize(
    ("others", "discontinued"),
    [
        ([], True),
        ([word("stock", "pt_2", quantity=0)], False),  # none just now
        ([word("allocation", "pt_2", allocation_limit=3)], False),
        ([word("backorder", "pt_2", available_from=NOW + 1)], False),
        ([word("backorder", "pt_2", available_from=NOW - 1)], False),  # it should be there by now
        ([word("lead_time", "pt_2", lead_time_days=3)], True),  # says nothing of having it
    ],
)
def test_a_product_is_discontinued_once_nobody_supplies_it_any_more(
    others: list[Update], discontinued: bool
) -> None:
    places = said([word(supply.DISCONTINUATION), *others])
    counting = [one for one in places if not one.discontinued]
    assert supply.is_discontinued(places, counting) is discontinued
    assert not supply.is_discontinued(counting, counting)
