"""Rows that cannot be read: whoever needs one ends, or waits until it is mended, and everybody else goes on."""

from streams.engine.plan import PARKED_STORE, table_store
from tests.contract.streams import flows as f
from tests.contract.streams.world import World, of
from tests.unit.streams.engine.flows import event, partner, shop_order

FOLD_STORE = "state.contract.fold.count"


def test_a_row_of_a_table_that_cannot_be_read_counts_as_missing_until_a_newer_one_comes(
    world: World,
) -> None:
    bad, good = world.name("bad"), world.name("good")
    world.send(f.SHOP_ORDERS, shop_order(bad, customer="c1"), shop_order(good, customer="c2"))
    world.restart({table_store(f.ORDERS): {bad: b"\x00\x00\x00\x00\x01cut short"}})
    world.send(f.JOIN_IN, event(bad, order_ref=bad), event(good, order_ref=good))
    found = [one for one in world.out(f.JOIN_OUT) if one.product_line == "wait"]
    assert [(one.user_id, one.canvas_id) for one in found] == [(good, "c2,None")]
    assert world.parked() == 1
    world.send(f.SHOP_ORDERS, shop_order(bad, 2, "mended"))
    found = of(world.out(f.JOIN_OUT), f.JOIN_OUT, bad)
    assert "mended,None" in {one.canvas_id for one in found}
    assert (world.parked(), world.dead()) == (0, [])


def test_a_state_that_cannot_be_read_costs_the_records_of_its_key_and_no_other(
    world: World,
) -> None:
    bad, *others = (world.name(name) for name in ("bad", "b", "c", "d", "e", "f", "g", "h"))
    world.send(f.FOLD_IN, *(event(user, "set", quantity=5) for user in (bad, *others)))
    world.restart({FOLD_STORE: {bad: b"\xc1 no msgpack"}})
    world.send(f.FOLD_IN, event(bad), *(event(user) for user in others))
    world.advance(minutes=5)
    found = {one.user_id: one.quantity for one in world.out(f.FOLD_OUT)}
    assert found == dict.fromkeys(others, 2)
    (letter,) = world.dead()
    assert (letter.key, letter.reason) == (bad.encode(), "state not readable")
    assert letter.leg == "contract.fold/count"


def test_a_waiting_record_that_cannot_be_read_is_a_dead_letter_and_the_others_wait_on(
    world: World,
) -> None:
    a = world.name("a")
    world.send(f.TWO_IN, event(a, order_ref=a, campaign_id=a))
    number = "00000000000fffff"
    raw = f"\xc1 {a} no msgpack".encode("latin-1")
    world.restart({PARKED_STORE: {number: raw, world.name("no number"): raw}})
    letters = [one for one in world.dead() if one.value == raw]
    assert {one.reason for one in letters} == {"waiting record not readable"}
    assert world.parked() == 1
    world.restart()
    assert len([one for one in world.dead() if one.value == raw]) == len(letters) > 0
    world.send(f.SHOP_ORDERS, shop_order(a, customer="c1"))
    world.row(f.PARTNERS, partner(a))
    assert [one.canvas_id for one in world.out(f.TWO_OUT)] == [f"c1,Partner {a}"]


def test_rows_are_joined_by_every_kind_of_key_a_platform_may_have(world: World) -> None:
    odd = [world.name(text) for text in ("a|b", "a/b", "ü\U0001f4a9", " ", "\u0000", "x" * 5_000)]
    world.send(f.SHOP_ORDERS, *(shop_order(ref, customer="c1") for ref in odd))
    world.interlude()
    world.send(f.JOIN_IN, *(event(ref, order_ref=ref) for ref in odd))
    joined = [one for one in world.out(f.JOIN_OUT) if one.product_line == "drop"]
    assert {one.user_id: one.canvas_id for one in joined} == dict.fromkeys(odd, "c1")
