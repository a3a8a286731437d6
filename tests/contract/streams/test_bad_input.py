"""Whatever comes in ends somewhere, and its neighbours go on: in the driver and in the runtime."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gridwire import records as r
from gridwire.codec import HEADER
from gridwire.records import SCHEMAS
from gridwire.topics import Topic
from streams.engine.settle import Limits
from tests.contract.streams import flows as f
from tests.contract.streams import wide as w
from tests.contract.streams.world import Raw, World, adds_up, of
from tests.unit.streams.engine.flows import event, partner, shop_order

YEAR_9999_MS = 253_402_300_799_999
ABSURD_MS = [1, 86_400_000, -1, -(1 << 53), (1 << 53) + 1, YEAR_9999_MS, (1 << 63) - 1]
FLOWS = [
    pytest.param(f.MAP_IN, f.MAP_OUT, id="map"),
    pytest.param(w.ROWS_IN, w.ROWS_OUT, id="columns-by-rows"),
    pytest.param(w.ARROW_IN, w.ARROW_OUT, id="columns-by-arrow"),
]
Value = Callable[[World, bytes], bytes | None]


def _with_head(world: World, value: bytes, schema: Any) -> bytes:
    """The same body, as if it was written with another schema."""
    return HEADER.pack(0, world.registered(json.dumps(schema))) + value[HEADER.size :]


def _schema(*more: Any) -> Any:
    """Ours, with other fields behind it."""
    schema = json.loads(SCHEMAS[r.Engagement])
    schema["fields"].extend({"name": f"more{n}", "type": kind} for n, kind in enumerate(more))
    return schema


def _incompatible(world: World, value: bytes) -> bytes:
    fields = [{"name": "event_id", "type": "long"}]
    return _with_head(world, value, {"type": "record", "name": "Other", "fields": fields})


def _holds_itself(world: World, value: bytes) -> bytes:
    """A chain as deep as the message is long."""
    node: Any = {"type": "record", "name": "Node", "fields": []}
    node["fields"].append({"name": "next", "type": ["null", "Node"]})
    return _with_head(world, value, _schema(node)) + b"\x02" * 500_000 + b"\x00"


def _endless(world: World, value: bytes) -> bytes:
    """An array of 2^62 nulls, in ten bytes."""
    whole = _with_head(world, value, _schema({"type": "array", "items": "null"}))
    return whole + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\x00"


def _huge_text(_world: World, value: bytes) -> bytes:
    """The event id claims to have 2^55 bytes."""
    size = value[HEADER.size] >> 1
    return (
        value[: HEADER.size] + b"\xfe\xff\xff\xff\xff\xff\xff\x7f" + value[HEADER.size + 1 :][size:]
    )


def _not_utf8(_world: World, value: bytes) -> bytes:
    return value[: HEADER.size + 1] + b"\xff\xfe" + value[HEADER.size + 3 :]


READABLE_NOT: dict[str, tuple[Value, str]] = {
    "not framed": (lambda _w, v: v[HEADER.size :] or b"{}", "wrong magic byte"),
    "json": (lambda _w, _v: b'{"user_id": "a"}', "wrong magic byte"),
    "shorter than a head": (lambda _w, _v: b"\x00\x00", "truncated"),
    "cut short": (lambda _w, v: v[:40], "truncated"),
    "empty": (lambda _w, _v: b"", "truncated"),
    "a tombstone": (lambda _w, _v: None, "empty value"),
    "an unknown schema id": (lambda _w, v: b"\x00\x7f\xff\xff\x00" + v[5:], "unknown schema id"),
    "an impossible schema id": (lambda _w, v: b"\x00\xff\xff\xff\xff" + v[5:], "unknown schema id"),
    "an incompatible schema": (_incompatible, "not readable as its topic's record"),
    "a schema that holds itself": (_holds_itself, "schema without bounds"),
    "an array of nothings": (_endless, "schema without bounds"),
    "a text longer than all there is": (_huge_text, "truncated"),
    "a text that is no UTF-8": (_not_utf8, "not readable as its topic's record"),
}


@pytest.mark.parametrize(("reads", "writes"), FLOWS)
def test_what_cannot_be_read_is_a_dead_letter_byte_for_byte_and_its_neighbours_go_on(
    world: World, reads: Topic[Any], writes: Topic[Any]
) -> None:
    good = [event(world.name(f"good{n}"), "S1") for n in range(len(READABLE_NOT) + 1)]
    messages = [Raw(world.encoded(reads, good[0]), good[0].user_id)]
    expected: dict[bytes, tuple[bytes | None, str]] = {}
    for n, (what, (made, reason)) in enumerate(READABLE_NOT.items()):
        key = world.name(f"bad{n} {what}")
        value = made(world, world.encoded(reads, event(key)))
        messages.append(Raw(value, key))
        messages.append(Raw(world.encoded(reads, good[n + 1]), good[n + 1].user_id))
        expected[key.encode()] = (value, reason)
    world.send_raw(reads, *messages)
    assert {one.user_id for one in world.out(writes)} == {one.user_id for one in good}
    found = {one.key: (one.value, one.reason) for one in world.dead()}
    assert found == expected
    assert {(one.topic, one.leg) for one in world.dead()} == {(reads.name, "")}


@pytest.mark.parametrize(("reads", "writes"), FLOWS)
def test_what_can_be_made_sense_of_is_read(
    world: World, reads: Topic[Any], writes: Topic[Any]
) -> None:
    """Bytes behind the record are left, as Confluent's readers do; unknown symbols are read as the default."""
    a, b, c, d = (world.name(name) for name in "abcd")
    schema = _schema()
    kinds = next(field["type"] for field in schema["fields"] if field["name"] == "kind")
    kinds["symbols"] = ["carrier_pigeon" if s == "email_click" else s for s in kinds["symbols"]]
    pigeon = _with_head(world, world.encoded(reads, event(b)), schema)
    many = {f"name{n}": f"value{n}" for n in range(100_000 // 4)}
    world.send_raw(
        reads,
        Raw(world.encoded(reads, event(a)) + b"and more", a),
        Raw(pigeon, b),
        Raw(world.encoded(reads, event(c, properties=many)), c),
        Raw(world.encoded(reads, event(d, "�\u0000\U0001f4a9")), d),
    )
    found = {one.user_id: (one.kind, one.sku) for one in world.out(writes)}
    assert found == {
        a: ("email_click", "S1"),
        b: ("other", "S1"),
        c: ("email_click", "S1"),
        d: ("email_click", "�\u0000\U0001f4a9"),
    }
    assert world.dead() == []


def test_an_event_without_an_id_is_a_dead_letter_and_no_duplicate(world: World) -> None:
    a, b = world.name("a"), world.name("b")
    for reads, writes in ((f.MAP_IN, f.MAP_OUT), (w.ARROW_IN, w.ARROW_OUT)):
        whole = world.encoded(reads, event(a, event_id="x"))
        without = whole[: HEADER.size] + b"\x00" + whole[HEADER.size + 2 :]
        good = world.encoded(reads, event(b))
        world.send_raw(reads, Raw(without, a), Raw(good, b), Raw(without, a))
        assert [one.user_id for one in world.out(writes)] == [b]
    assert [(one.key, one.reason) for one in world.dead()] == [(a.encode(), "no event id")] * 4


# ---- keys ----------------------------------------------------------------------------------------------------------
KEYS: list[str | bytes | None] = [None, b"", b"\xff\xfe no text", "another key"]


@pytest.mark.parametrize("key", KEYS, ids=["null", "empty", "no-utf-8", "of-another-record"])
def test_legs_without_state_go_by_the_record_whatever_its_messages_key_is(
    world: World, key: str | bytes | None
) -> None:
    for reads, writes in ((f.MAP_IN, f.MAP_OUT), (w.ARROW_IN, w.ARROW_OUT)):
        a, b = world.name(f"a{reads.name}"), world.name(f"b{reads.name}")
        world.send_raw(
            reads,
            Raw(world.encoded(reads, event(a)), key),
            Raw(world.encoded(reads, event(b)), b),
        )
        assert {one.user_id for one in world.out(writes)} == {a, b}
    assert world.dead() == []


def test_without_a_key_a_record_is_a_dead_letter_of_the_legs_that_keep_or_look_up_by_partition(
    world: World,
) -> None:
    a, b = world.name("a"), world.name("b")
    for reads in (f.FOLD_IN, f.JOIN_IN):
        world.send_raw(
            reads,
            Raw(world.encoded(reads, event(a, "set")), None),
            Raw(world.encoded(reads, event(b, "set", order_ref=None)), b),
        )
    row = world.encoded(f.SHOP_ORDERS, shop_order(a))
    world.send_raw(f.SHOP_ORDERS, Raw(row, None))
    world.interlude()
    world.advance(minutes=1)
    assert [one.user_id for one in world.out(f.FOLD_OUT)] == [b]
    legs = ["wait", "drop", "go-on"]
    assert sorted((one.reason, one.leg) for one in world.dead()) == sorted(
        [("no key", "contract.fold/count"), ("no key", "feed.contract/orders")]
        + [("no key", f"contract.join/{leg}") for leg in legs]
    )
    assert dict(world.table(f.ORDERS)) == {}
    assert all(adds_up(world, "contract.join", leg) for leg in legs)


@pytest.mark.parametrize("key", [b"", b"\xff\xfe no text"], ids=["empty", "no-utf-8"])
def test_a_record_with_an_odd_key_waits_for_its_row_like_any_other(
    world: World, key: bytes
) -> None:
    a = world.name("a")
    waiting = [Raw(world.encoded(f.TWO_IN, event(a, order_ref=None, quantity=1)), key)]
    p = world.name("p")
    world.row(f.PARTNERS, partner(p))
    headers: list[tuple[str, bytes | None]] = [("h", None), ("h", b"\xff")]
    record = event(a, order_ref=a, campaign_id=p, quantity=2)
    waiting.append(Raw(world.encoded(f.TWO_IN, record), key, headers=headers))
    world.send_raw(f.TWO_IN, *waiting)
    world.interlude()
    assert world.parked() == 1
    world.advance(minutes=f.WAIT_MINUTES)
    (letter,) = world.dead()
    assert (letter.key, letter.reason) == (key, "no row of contract-orders in time")
    assert world.parked() == 0


# ---- times ---------------------------------------------------------------------------------------------------------
def test_times_beyond_belief_in_records_cost_nothing_in_legs_that_do_not_count_by_them(
    world: World,
) -> None:
    for reads, writes in ((f.MAP_IN, f.MAP_OUT), (w.ARROW_IN, w.ARROW_OUT)):
        a = world.name(f"a{reads.name}")
        world.send(reads, *(event(a, occurred_at=at, produced_at=at) for at in ABSURD_MS))
        assert [one.occurred_at for one in of(world.out(writes), writes, a)] == ABSURD_MS
    assert world.dead() == []


def test_times_beyond_belief_open_no_more_windows_than_a_key_may_hold(hourly: World) -> None:
    a, b = hourly.name("a"), hourly.name("b")
    for user in (a, b):
        past = [
            event(user, occurred_at=at, produced_at=hourly.now_ms) for at in (1, -1, 86_400_000)
        ]
        hourly.send(w.TUMBLING_IN, *past)
        hourly.send(w.SLIDING_IN, *past)
    far = [event(b, occurred_at=at) for at in (YEAR_9999_MS, (1 << 53) + 1)]
    hourly.send(w.TUMBLING_IN, *far, event(a, quantity=7))
    hourly.send(w.SLIDING_IN, *far, event(a, quantity=7))
    hourly.interlude()
    hourly.advance(minutes=30)
    for topic in (w.TUMBLING_OUT, w.SLIDING_OUT):
        assert [one.quantity for one in of(hourly.out(topic), topic, a)] == [7]
    assert of(hourly.out(w.TUMBLING_OUT), w.TUMBLING_OUT, b) == []
    arrived = of(hourly.out(w.SLIDING_OUT), w.SLIDING_OUT, b)
    assert [one.quantity for one in arrived] == [1, 2]  # they count when they arrived
    assert {one.reason for one in hourly.dead()} == {"a timer too far ahead"}
    assert {one.leg for one in hourly.dead()} == {"contract.windows/tumbling"}
    assert adds_up(hourly, "contract.windows", "tumbling")


@pytest.mark.parametrize("due_ms", [0, 1, -1, -(1 << 62)])
def test_a_timer_that_was_due_long_ago_fires_at_once_and_once(world: World, due_ms: int) -> None:
    a = world.name("a")
    world.send(f.FOLD_IN, event(a, "set to its region", region=str(due_ms)))
    world.advance(minutes=1)
    world.interlude()
    world.advance(minutes=1)
    assert [one.sku for one in of(world.out(f.FOLD_OUT), f.FOLD_OUT, a)] == ["flush"]


def test_a_timer_in_the_year_9999_is_a_dead_letter_of_its_cause_and_the_state_is_as_before(
    world: World,
) -> None:
    a = world.name("a")
    last_ms = world.now_ms + Limits().timer_ahead_ms_max
    far = [str(at) for at in (last_ms + 1, YEAR_9999_MS, 1 << 62, 1 << 80)]
    world.send(f.FOLD_IN, *(event(a, "set to its region", region=at) for at in far))
    world.send(f.FOLD_IN, event(a, "set to its region", region=str(last_ms)))
    world.interlude()
    world.send(f.FOLD_IN, event(a, "set", quantity=1))
    world.advance(minutes=1)
    assert [one.quantity for one in of(world.out(f.FOLD_OUT), f.FOLD_OUT, a)] == [2]
    assert [one.reason for one in world.dead()] == ["a timer too far ahead"] * 4


def test_a_messages_timestamp_beyond_belief_neither_holds_timers_up_nor_lets_them_run_ahead(
    world: World,
) -> None:
    a = world.name("a")
    world.send(f.FOLD_IN, event(a, "set", quantity=5))
    stamps = [0, 1, 86_400_000, YEAR_9999_MS, (1 << 53) + 1, world.now_ms]
    messages = [
        Raw(world.encoded(f.MAP_IN, event(a, quantity=n)), a, timestamp_ms=at)
        for n, at in enumerate(stamps)
    ]
    world.send_raw(f.MAP_IN, *messages)
    found = of(world.out(f.MAP_OUT), f.MAP_OUT, a)
    assert [one.quantity for one in found] == list(range(len(stamps)))
    world.interlude()
    assert of(world.out(f.FOLD_OUT), f.FOLD_OUT, a) == []
    world.advance(minutes=5)
    assert len(of(world.out(f.FOLD_OUT), f.FOLD_OUT, a)) == 1


# ---- sizes ---------------------------------------------------------------------------------------------------------
def test_giants_are_dead_letters_in_parts_or_go_through_where_nothing_large_follows(
    world: World,
) -> None:
    a, b, c = world.name("a"), world.name("b"), world.name("c")
    ballast = {"ballast": "x" * 12_000_000}
    raises = world.encoded(f.MAP_IN, event(a, "raises", properties=ballast))
    world.send_raw(
        f.MAP_IN,
        Raw(raises, a),
        Raw(world.encoded(f.MAP_IN, event(b, properties=ballast)), b),
        Raw(world.encoded(f.MAP_IN, event(c)), c),
    )
    assert {one.user_id for one in world.out(f.MAP_OUT)} == {b, c}
    (letter,) = world.dead()
    assert (letter.key, letter.reason) == (a.encode(), "flow raised")
    assert letter.value == raises


def test_outputs_states_and_waiting_records_too_large_for_kafka_are_dead_letters(
    world: World,
) -> None:
    good, huge = world.name("good"), world.name("huge")
    world.send(f.MAP_IN, event(huge, "large output"), event(good))
    world.send(f.FOLD_IN, event(huge, "large state"), event(good, "set"))
    ballast = {"ballast": "x" * 950_000}
    world.send(f.TWO_IN, event(huge, order_ref=huge, properties=ballast))
    world.send(f.TWO_IN, event(good, order_ref=good))
    world.interlude()
    assert [one.user_id for one in world.out(f.MAP_OUT)] == [good]
    assert sorted((one.leg, one.reason) for one in world.dead()) == [
        ("contract.fold/count", "state too large"),
        ("contract.map/copy", "output too large"),
        ("contract.two/both", "too large to park"),
    ]
    assert world.parked() == 1
    world.advance(minutes=f.WAIT_MINUTES)
    assert [one.user_id for one in world.out(f.FOLD_OUT)] == [good]
    assert world.parked() == 0


def test_a_key_counts_into_the_size_of_what_is_written(world: World) -> None:
    long, good = world.name("k" * 950_000), world.name("good")
    world.send(f.MAP_IN, event(long), event(good))
    world.send(f.FOLD_IN, event(long), event(good, "set"))
    world.advance(minutes=1)
    assert [one.user_id for one in world.out(f.MAP_OUT)] == [good]
    assert [one.user_id for one in world.out(f.FOLD_OUT)] == [good]
    assert sorted({one.reason for one in world.dead()}) == ["output too large", "state too large"]
