"""Timers, waiting records and going live mean the same in the driver and in the runtime, restarts included."""

import msgspec

from gridwire.records import Engagement
from streams.engine.settle import Limits
from tests.contract.streams import flows as f
from tests.contract.streams.world import World, adds_up, of
from tests.unit.streams.engine.flows import event, partner, shop_order

ROOM = Limits().parked_per_key_max


# ---- timers --------------------------------------------------------------------------------------------------------
def fired(world: World, user: str) -> list[str | None]:
    """Names of the timers of a user that fired, in order."""
    return [one.sku for one in of(world.out(f.FOLD_OUT), f.FOLD_OUT, user)]


def test_timers_fire_once_each_in_order_of_their_times(world: World) -> None:
    a = world.name("a")
    for name, minutes in (("third", 3), ("first", 1), ("second", 2), ("again", 4)):
        world.send(f.FOLD_IN, event(a, "set", campaign_id=name, quantity=minutes))
    world.interlude()
    world.advance(minutes=2)
    assert fired(world, a) == ["first", "second"]
    world.interlude()
    world.advance(minutes=8)
    world.interlude()
    world.advance(minutes=60)
    assert fired(world, a) == ["first", "second", "third", "again", "last"]
    assert world.ends("contract.fold", "count")["timers"] == 5


def test_a_timer_of_the_same_name_replaces_the_earlier_one(world: World) -> None:
    a = world.name("a")
    world.send(f.FOLD_IN, event(a, "set", quantity=2))
    world.send(f.FOLD_IN, event(a, "set", quantity=5))
    world.interlude()
    world.advance(minutes=4)
    assert fired(world, a) == []
    world.advance(minutes=1)
    assert fired(world, a) == ["flush"]


def test_timers_that_are_cancelled_or_forgotten_do_not_fire(world: World) -> None:
    a, b = world.name("a"), world.name("b")
    world.send(f.FOLD_IN, event(a, "set", quantity=2), event(b, "set", quantity=2))
    world.interlude()
    world.send(f.FOLD_IN, event(a, "cancel"), event(b, "forget"))
    world.interlude()
    world.advance(minutes=10)
    assert fired(world, a) + fired(world, b) == []


def test_timers_that_came_due_while_nobody_was_there_fire_in_order(world: World) -> None:
    a = world.name("a")
    for name, minutes in (("second", 3), ("first", 2)):
        world.send(f.FOLD_IN, event(a, "set", campaign_id=name, quantity=minutes))
    world.restart()
    world.advance(minutes=30)
    world.restart()
    assert fired(world, a) == ["first", "second"]


def test_a_timer_that_raises_is_a_dead_letter_and_those_behind_it_fire(world: World) -> None:
    a = world.name("a")
    world.send(f.FOLD_IN, event(a, "set", campaign_id="raises", quantity=1))
    world.send(f.FOLD_IN, event(a, "set", campaign_id="sound", quantity=2))
    world.interlude()
    world.advance(minutes=5)
    world.interlude()
    world.advance(minutes=5)
    assert fired(world, a) == ["sound"]
    (letter,) = world.dead()
    assert (letter.reason, letter.leg) == ("timer failed", "contract.fold/count")
    assert letter.key == a.encode()


# ---- waiting -------------------------------------------------------------------------------------------------------
def waited(world: World, user: str) -> list[int]:
    """Quantities of the records that went on, in order."""
    found = of(world.out(f.JOIN_OUT), f.JOIN_OUT, user)
    return [one.quantity for one in found if one.product_line == "wait"]


def test_waiting_records_go_on_in_order_of_arrival_and_those_of_other_keys_pass_them(
    world: World,
) -> None:
    a, b, here, away = (world.name(name) for name in ("a", "b", "here", "away"))
    world.send(f.SHOP_ORDERS, shop_order(a), shop_order(b))
    world.row(f.PARTNERS, partner(here))

    def record(user: str, partner_id: str, n: int) -> Engagement:
        return event(user, order_ref=user, campaign_id=partner_id, quantity=n)

    world.send(f.TWO_IN, record(a, away, 1), record(b, here, 2))
    world.interlude()
    world.send(f.TWO_IN, record(a, here, 3), record(a, away, 4))
    assert [one.quantity for one in world.out(f.TWO_OUT)] == [2]
    assert world.parked() == 3
    world.interlude()
    world.row(f.PARTNERS, partner(away))
    found = of(world.out(f.TWO_OUT), f.TWO_OUT, a)
    assert [one.quantity for one in found] == [1, 3, 4]
    assert adds_up(world, "contract.two", "both")


def test_what_waits_too_long_is_a_dead_letter_and_those_behind_it_get_their_turn(
    world: World,
) -> None:
    a = world.name("a")
    world.send(f.JOIN_IN, event(a, order_ref=a, quantity=1))
    world.advance(minutes=f.WAIT_MINUTES - 1)
    world.send(f.JOIN_IN, event(a, order_ref=world.name("b"), quantity=2))
    world.interlude()
    assert (world.dead(), world.parked()) == ([], 2)
    world.advance(minutes=1)
    (letter,) = world.dead()
    assert (letter.key, letter.reason) == (a.encode(), "no row of contract-orders in time")
    assert letter.leg == "contract.join/wait"
    assert world.parked() == 1
    world.interlude()
    world.advance(minutes=f.WAIT_MINUTES)
    assert (len(world.dead()), world.parked()) == (2, 0)
    assert adds_up(world, "contract.join", "wait")


def test_a_record_that_waits_for_two_rows_goes_on_when_both_are_there(world: World) -> None:
    a, p = world.name("a"), world.name("p")
    world.send(f.TWO_IN, event(a, order_ref=a, campaign_id=p))
    world.interlude()
    world.send(f.SHOP_ORDERS, shop_order(a, customer="c1"))
    assert (world.out(f.TWO_OUT), world.parked()) == ([], 1)
    world.interlude()
    world.row(f.PARTNERS, partner(p))
    assert [one.canvas_id for one in world.out(f.TWO_OUT)] == [f"c1,Partner {p}"]
    assert world.parked() == 0


def test_what_a_key_has_no_room_for_is_a_dead_letter_and_the_others_go_on(world: World) -> None:
    a, b = world.name("a"), world.name("b")
    records = [event(a, order_ref=a, quantity=n) for n in range(1, ROOM + 4)]
    world.send(f.JOIN_IN, *records, event(b, order_ref=b))
    world.interlude()
    assert [one.reason for one in world.dead()] == ["no room to park"] * 3
    assert world.parked() == ROOM + 1
    world.send(f.SHOP_ORDERS, shop_order(a))
    assert waited(world, a) == list(range(1, ROOM + 1))


# ---- going live ----------------------------------------------------------------------------------------------------
def test_events_before_go_live_give_no_commands_and_are_not_remembered_as_if_they_had(
    world: World, go_live_ms: int
) -> None:
    a = world.name("a")
    early = event(a, occurred_at=go_live_ms - 1)
    world.send(f.LIVE_IN, early)
    world.interlude()
    assert world.out(f.LIVE_GIVEN) == []
    assert len(world.out(f.LIVE_OUT)) == 1
    assert world.ends("contract.live", "once")["filtered"] == 1
    live = msgspec.structs.replace(early, event_id="", occurred_at=go_live_ms)
    world.send(f.LIVE_IN, live)
    assert [one.source for one in world.out(f.LIVE_GIVEN)] == [
        "contract.live/once",
        "contract.live/both",
    ]
    assert adds_up(world, "contract.live", "once")
