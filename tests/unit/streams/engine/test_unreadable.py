"""Rows and states that cannot be decoded: one costs its key, many stop the worker, none loses anything."""

from typing import Any

import msgspec
import pytest

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS, Driver
from streams.engine.rows import StateError
from streams.engine.store import FoldStore, Held, Store, UnreadableStateError, encode_held
from streams.tables import ORDERS
from tests.unit.streams.engine.flows import (
    COUNT,
    ORDER_FEED,
    WAITING,
    event,
    order,
    shop_order,
    thread,
)

COUNTS = "state.test.flow.count"


class Foreign(msgspec.Struct):
    """What another version may have kept."""

    n: str = "not a number"


def foreign(**timers: int) -> bytes:
    return encode_held(Held(Foreign(), timers, "trace", "cause", 1))


def waiting(ref: str) -> r.OrderThread:
    return r.OrderThread(order_ref=ref, thread=thread("open"))


def told(driver: Driver) -> dict[tuple[str, str], int]:
    return dict(driver._task.state.unreadable())


def counted(driver: Driver) -> list[tuple[str, int]]:
    return [(e.user_id, e.quantity) for e in driver.out(topics.ENRICHED_ENGAGEMENT)]


# ---- rows of tables --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("raw", [b"", b"\0\0\0\0\1", b"no avro at all"])
def test_a_row_that_cannot_be_decoded_is_missing_until_it_is_written_again(raw: bytes) -> None:
    driver = Driver(ORDER_FEED, WAITING)
    driver.row(ORDERS, order("bigcommerce:2"))
    driver._changelog["table.orders"]["bigcommerce:1"] = raw
    driver.restart()
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1"), waiting("bigcommerce:2"))
    assert (driver.parked, driver.dead) == (1, [])
    assert [store for store, _ in told(driver)] == ["table.orders"]
    driver.send(topics.BIGCOMMERCE_ORDERS, shop_order("bigcommerce:1"))
    assert driver.parked == 0
    assert len(driver.out(topics.CUSTOMER_CASES)) == 2
    assert driver._changelog["table.orders"]["bigcommerce:1"] != raw


def test_what_is_logged_of_a_bad_row_holds_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    driver = Driver(ORDER_FEED, WAITING)
    driver._changelog["table.orders"] = {f"jane-{n}": b"jane@example.org" for n in range(99)}
    driver.restart()
    told(driver)
    for n in range(99):
        assert driver._task.state.tables["orders"].get(f"jane-{n}") is None
    said = [vars(record) for record in caplog.records if record.message == "row not readable"]
    assert 0 < len(said) <= 10, "a table full of them must not fill the log"
    assert sum(told(driver).values()) == 99
    assert "jane" not in str(said)


# ---- private states --------------------------------------------------------------------------------------------------
def with_states(**states: bytes) -> Driver:
    driver = Driver(COUNT)
    driver._changelog[COUNTS] = dict(states)
    driver.restart()
    return driver


def good(n: int = 7, **timers: int) -> bytes:
    return msgspec.msgpack.encode([{"n": n}, timers, "trace", "cause", 1])


def test_a_state_that_cannot_be_read_costs_the_records_of_its_key_and_stays_as_it_is() -> None:
    driver = with_states(odd=foreign(), a=good(), b=good())
    driver.send(topics.BRAZE_ENGAGEMENT, event("odd"), event("a"), event("new"))
    assert [(d.leg, d.reason) for d in driver.dead_letters] == [("count", "state not readable")]
    assert driver._changelog[COUNTS]["odd"] == foreign()
    driver.advance(minutes=2)
    assert sorted(counted(driver)) == [("a", 8), ("new", 1)]
    assert told(driver)[COUNTS, "state not readable"] >= 1


def test_its_timer_waits_for_a_version_that_can_read_it_and_fires_then() -> None:
    due = START_MS + 1_000
    driver = with_states(odd=foreign(due=due), a=good(due=due), b=good())
    driver.advance(minutes=2)
    assert counted(driver) == [("a", 7)]
    assert driver._changelog[COUNTS]["odd"] == foreign(due=due)
    driver._changelog[COUNTS]["odd"] = good(3, due=due)  # as if the old version were back
    driver.restart()
    driver.advance(minutes=2)
    assert sorted(counted(driver)) == [("a", 7), ("odd", 3)]


def test_states_that_no_key_can_read_end_the_start_with_both_ways_out() -> None:
    with pytest.raises(StateError) as caught:
        with_states(a=foreign(), b=foreign(), c=good())
    said = str(caught.value)
    assert f"{COUNTS}: 2 of the first 3 states" in said
    assert "Run the version that wrote them" in said
    assert "delete the changelog topic" in said


def test_a_state_with_new_fields_that_have_defaults_is_read() -> None:
    driver = with_states(a=msgspec.msgpack.encode([{"n": 4}, {}, "trace", "cause", 1]))
    held: Any = driver._task.state.folds["test.flow/count"].get("a")
    assert (held.state.n, held.state.ballast) == (4, "")


class Before(msgspec.Struct, frozen=True):
    n: int
    text: str = ""


class More(msgspec.Struct, frozen=True):
    added: int = 7
    n: int = 0
    text: str = ""


class Less(msgspec.Struct, frozen=True):
    text: str = ""


class Wider(msgspec.Struct, frozen=True):
    n: int | None
    text: str = ""


class Renamed(msgspec.Struct, frozen=True):
    number: int
    text: str = ""


class Retyped(msgspec.Struct, frozen=True):
    n: str
    text: str = ""


class ListBefore(msgspec.Struct, frozen=True, array_like=True):
    n: int
    text: str = ""


class ListAppended(msgspec.Struct, frozen=True, array_like=True):
    n: int
    text: str = ""
    added: int = 7


class ListPrepended(msgspec.Struct, frozen=True, array_like=True):
    added: int = 7
    n: int = 0
    text: str = ""


class ListRenamed(msgspec.Struct, frozen=True, array_like=True):
    number: int
    text: str = ""


EVOLUTIONS: list[tuple[msgspec.Struct, type[msgspec.Struct], msgspec.Struct | None]] = [
    (Before(3, "t"), More, More(7, 3, "t")),
    (Before(3, "t"), Less, Less("t")),
    (Before(3, "t"), Wider, Wider(3, "t")),
    (Before(3, "t"), Renamed, None),
    (Before(3, "t"), Retyped, None),
    (ListBefore(3, "t"), ListAppended, ListAppended(3, "t", 7)),
    (ListBefore(3, "t"), ListPrepended, None),
    (ListBefore(3, "t"), ListRenamed, ListRenamed(3, "t")),
]


@pytest.mark.parametrize(("before", "after", "read"), EVOLUTIONS)
def test_a_states_type_may_change_as_the_decision_says(
    before: msgspec.Struct, after: type[msgspec.Struct], read: msgspec.Struct | None
) -> None:
    store = Store("state.f")
    store.restore("k", encode_held(Held(before, {"t": 9}, "trace", "cause", 1)))
    states = FoldStore(store, after)
    assert dict(states.timed()) == {"k": {"t": 9}}
    if read is None:
        with pytest.raises(UnreadableStateError):
            states.get("k")
        return
    held = states.get("k")
    assert held is not None
    assert held.state == read


# ---- a disk that fails -----------------------------------------------------------------------------------------------
class _Broken:
    decoded_max = 1

    def __len__(self) -> int:
        return 0

    def get(self, _key: str) -> bytes | None:
        raise StateError("state on disk failed: free space")


def test_state_that_fails_blames_no_record() -> None:
    driver = Driver(COUNT)
    broken: Any = _Broken()
    driver._task.state.stores[COUNTS].rows = broken
    with pytest.raises(StateError, match="free space"):
        driver.send(topics.BRAZE_ENGAGEMENT, event("a"))
    assert driver._task.outbox.dead == []
