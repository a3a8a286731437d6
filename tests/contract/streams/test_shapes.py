"""Maps, joins, folds, windows and columns mean the same in the driver and in the runtime, restarts included."""

from typing import Any

import pytest

from gridwire.records import Engagement
from gridwire.topics import Topic
from tests.contract.streams import flows as f
from tests.contract.streams import wide as w
from tests.contract.streams.flows import MINUTE_MS
from tests.contract.streams.world import World, adds_up, of
from tests.unit.streams.engine.flows import event, partner, shop_order

LEGS_OF_COLUMNS = [
    pytest.param(w.ROWS_IN, w.ROWS_OUT, "rows", id="by-rows"),
    pytest.param(w.ARROW_IN, w.ARROW_OUT, "arrow", id="by-arrow"),
]


# ---- map -----------------------------------------------------------------------------------------------------------
def test_records_go_through_a_map_and_the_leg_behind_it_in_order_per_key(world: World) -> None:
    a, b = world.name("a"), world.name("b")
    world.send(f.MAP_IN, *(event(user, quantity=n) for n in range(1, 4) for user in (a, b)))
    world.interlude()
    world.send(f.MAP_IN, *(event(user, quantity=n) for n in range(4, 6) for user in (a, b)))
    for user in (a, b):
        found = of(world.out(f.MAP_OUT), f.MAP_OUT, user)
        assert [one.quantity for one in found] == [1, 2, 3, 4, 5]
        assert {one.product_line for one in found} == {"copy passed"}
    assert adds_up(world, "contract.map", "copy")


def test_a_record_may_have_several_outputs_or_none(world: World) -> None:
    a = world.name("a")
    world.send(f.MAP_IN, event(a, "twice"), event(a, "silent"), event(a, "filtered"))
    found = of(world.out(f.MAP_OUT), f.MAP_OUT, a)
    assert [one.product_line for one in found] == ["copy passed", "copy again passed"]
    ends = world.ends("contract.map", "copy")
    assert (ends["processed"], ends["filtered"]) == (1, 2)


def test_an_event_that_comes_again_is_dropped_before_and_after_a_restart(world: World) -> None:
    a = world.name("a")
    first = event(a, event_id=world.name("e-1"), quantity=1)
    world.send(f.MAP_IN, first, event(a, event_id=world.name("e-2"), quantity=2), first)
    world.interlude()
    world.send(f.MAP_IN, first, event(a, event_id=world.name("e-3"), quantity=3))
    found = of(world.out(f.MAP_OUT), f.MAP_OUT, a)
    assert [one.quantity for one in found] == [1, 2, 3]
    assert len({one.event_id for one in found}) == 3


def test_a_record_that_raises_is_a_dead_letter_and_the_rest_of_its_batch_goes_on(
    world: World,
) -> None:
    names = [world.name(f"u{n}") for n in range(5)]
    skus = ["S1", "raises", "S1", "raises after an output", "S1"]
    records = [event(user, sku, produced_at=1) for user, sku in zip(names, skus, strict=True)]
    world.send(f.MAP_IN, *records)
    world.interlude()
    assert {one.user_id for one in world.out(f.MAP_OUT)} == {names[0], names[2], names[4]}
    letters = world.dead()
    assert sorted((one.key or b"").decode() for one in letters) == [names[1], names[3]]
    assert {(one.reason, one.leg) for one in letters} == {("flow raised", "contract.map/copy")}
    assert all(b"raises" in (one.value or b"") for one in letters)
    assert adds_up(world, "contract.map", "copy")


# ---- join ----------------------------------------------------------------------------------------------------------
def joined(world: World, user: str) -> dict[str, str | None]:
    """What each leg found."""
    found = of(world.out(f.JOIN_OUT), f.JOIN_OUT, user)
    return {one.product_line or "": one.canvas_id for one in found}


def test_rows_are_found_by_each_leg_also_by_several_look_ups(world: World) -> None:
    o, p = world.name("o"), world.name("p")
    world.send(f.SHOP_ORDERS, shop_order(o, customer="c1"))
    world.row(f.PARTNERS, partner(p))
    world.interlude()
    world.send(f.JOIN_IN, event(o, order_ref=o, campaign_id=p))
    assert joined(world, o) == {"wait": f"c1,Partner {p}", "drop": "c1", "go-on": "c1"}


def test_a_missing_row_is_waited_for_or_drops_the_record_or_is_gone_on_without(
    world: World,
) -> None:
    o = world.name("o")
    world.send(f.JOIN_IN, event(o, order_ref=o))
    world.interlude()
    assert joined(world, o) == {"go-on": "None"}
    assert world.ends("contract.join", "drop")["filtered"] == 1
    assert world.parked() == 1
    world.send(f.SHOP_ORDERS, shop_order(o, customer="c1"))
    assert joined(world, o) == {"wait": "c1,None", "go-on": "None"}
    assert [one.lane for one in world.out(f.JOIN_ASKED)] == [o]
    assert world.parked() == 0
    assert adds_up(world, "contract.join", "wait")


def test_a_look_up_by_no_key_waits_for_nothing(world: World) -> None:
    o = world.name("o")
    world.send(f.JOIN_IN, event(o, order_ref=None))
    assert joined(world, o) == {"go-on": "None"}
    assert world.parked() == 0
    assert world.ends("contract.join", "wait")["filtered"] == 1
    assert world.ends("contract.join", "drop")["filtered"] == 1


def test_a_newer_row_is_joined_and_an_older_one_never(world: World) -> None:
    o = world.name("o")
    world.send(f.SHOP_ORDERS, shop_order(o, 2, "new"))
    world.interlude()
    world.send(f.SHOP_ORDERS, shop_order(o, 1, "old"))
    world.send(f.JOIN_IN, event(o, order_ref=o))
    assert joined(world, o)["drop"] == "new"
    world.send(f.SHOP_ORDERS, shop_order(o, 2, "as new"))
    assert world.table(f.ORDERS)[o].customer_ref == "as new"
    assert world.ends("feed.contract", "orders")["filtered"] == 1
    assert adds_up(world, "feed.contract", "orders")


# ---- fold ----------------------------------------------------------------------------------------------------------
def test_state_is_per_key_and_as_before_where_the_function_raised(world: World) -> None:
    a, b = world.name("a"), world.name("b")
    world.send(f.FOLD_IN, event(a), event(b), event(a, "raises"), event(a))
    world.interlude()
    world.send(f.FOLD_IN, event(a, "set", quantity=1), event(b, "set", quantity=1))
    world.advance(minutes=1)
    found = {one.user_id: one.quantity for one in world.out(f.FOLD_OUT)}
    assert found == {a: 3, b: 2}
    assert adds_up(world, "contract.fold", "count")


# ---- windows -------------------------------------------------------------------------------------------------------
def at(world: World, user: str, minute: float, arrived: float, quantity: int) -> Engagement:
    """An event of a minute since this hour began."""
    hour_ms = world.now_ms - world.now_ms % (60 * MINUTE_MS)
    times = (hour_ms + round(when * MINUTE_MS) for when in (minute, arrived))
    occurred_at, produced_at = times
    return event(user, quantity=quantity, occurred_at=occurred_at, produced_at=produced_at)


def written(world: World, topic: Topic[Any], user: str) -> list[tuple[float, int, int | None]]:
    """(minute, sum, amendment) of each window, as they were written."""
    found = of(world.out(topic), topic, user)
    hour_ms = 60 * MINUTE_MS
    return [
        (int(one.canvas_id or 0) % hour_ms / MINUTE_MS, one.quantity, one.revenue_minor)
        for one in found
    ]


def test_tumbling_windows_close_and_late_events_amend_them_within_grace(hourly: World) -> None:
    a = hourly.name("a")
    hourly.send(w.TUMBLING_IN, at(hourly, a, 1, 1, 1), at(hourly, a, 9.9, 9.9, 2))
    hourly.interlude()
    hourly.advance(minutes=11)
    assert written(hourly, w.TUMBLING_OUT, a) == [(0, 3, 0)]
    late, too_late = at(hourly, a, 5, 12, 4), at(hourly, a, 5, 15, 8)
    hourly.send(w.TUMBLING_IN, late, at(hourly, a, 11, 12, 16), too_late)
    hourly.interlude()
    hourly.advance(minutes=20)
    assert written(hourly, w.TUMBLING_OUT, a) == [(0, 3, 0), (0, 7, 1), (10, 16, 0)]
    assert hourly.ends("contract.windows", "tumbling")["filtered"] == 1


def test_sliding_windows_reach_back_from_each_event_and_are_amended_within_grace(
    hourly: World,
) -> None:
    a = hourly.name("a")
    hourly.send(w.SLIDING_IN, at(hourly, a, 1, 1, 1), at(hourly, a, 10, 10, 2))
    hourly.interlude()
    hourly.send(w.SLIDING_IN, at(hourly, a, 11, 11, 4), at(hourly, a, 9, 11, 8))
    hourly.send(w.SLIDING_IN, at(hourly, a, 5, 11, 16))
    sums = [(minute, total) for minute, total, _ in written(hourly, w.SLIDING_OUT, a)]
    assert sums == [(1, 1), (10, 3), (11, 6), (9, 9), (10, 11), (11, 14)]
    assert hourly.ends("contract.windows", "sliding")["filtered"] == 1


# ---- columns -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("reads", "writes", "leg"), LEGS_OF_COLUMNS)
def test_a_batch_is_joined_and_filtered_and_drops_redeliveries(
    world: World,
    reads: Topic[Any],
    writes: Topic[Any],
    leg: str,
) -> None:
    sku, p = world.name("sku"), world.name("p")
    world.row(f.PARTNERS, partner(p, sku))
    a, b = world.name("a"), world.name("b")
    first = event(a, sku, event_id=world.name("e-1"))
    world.send(reads, first, event(b, kind="email_open"), event(b, "S2", quantity=7), first)
    world.interlude()
    world.send(reads, first, event(a, sku, quantity=2))
    found = world.out(writes)
    assert [(one.partner_id, one.quantity) for one in of(found, writes, a)] == [(p, 1), (p, 2)]
    assert [(one.partner_id, one.quantity) for one in of(found, writes, b)] == [(None, 7)]
    assert len({one.event_id for one in found}) == 3
    assert world.ends("contract.columns", leg)["filtered"] == 1
    assert adds_up(world, "contract.columns", leg)


@pytest.mark.parametrize(("reads", "writes", "leg"), LEGS_OF_COLUMNS)
def test_a_record_that_raises_in_a_batch_is_found(
    world: World,
    reads: Topic[Any],
    writes: Topic[Any],
    leg: str,
) -> None:
    names = [world.name(f"u{n}") for n in range(9)]
    world.send(reads, *(event(user, "raises" if user == names[4] else "S1") for user in names))
    assert {one.user_id for one in world.out(writes)} == {*names} - {names[4]}
    (letter,) = world.dead()
    assert (letter.key, letter.leg) == (names[4].encode(), f"contract.columns/{leg}")
    assert adds_up(world, "contract.columns", leg)
