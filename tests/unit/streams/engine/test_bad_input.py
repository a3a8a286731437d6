"""Bounds and damage that a flow, a platform or a disk may bring: each has an end, and neighbours go on."""

from typing import Any

import msgspec
import pytest

from gridwire import topics
from streams.driver import Driver
from streams.engine.message import LocalMessage
from streams.engine.parking import Parking
from streams.engine.seen import CHUNK_IDS_MAX, Seen, restore_all
from streams.engine.settle import Limits, OutputError
from streams.engine.store import Store
from streams.flow import Effects, Fold, Keep, SetTimer, Wait, join, on
from streams.tables import ORDERS, PARTNERS
from tests.unit.streams.engine.flows import (
    ORDER_FEED,
    WAITING,
    Count,
    event,
    flow,
    order,
    partner,
)
from tests.unit.streams.engine.test_state import waiting


def test_a_header_without_a_value_survives_a_restart_of_its_waiting_record() -> None:
    store, message = Store("state.parked"), LocalMessage("t", 0, 7, b"k", b"v", [("h", None)])
    Parking(store, Limits()).add("f/l", message, table="t", row_key="r", deadline_ms=5, now_ms=1)
    again = Parking(store, Limits())
    assert again.rebuild() == []
    head = again.head(("f/l", b"k"))
    assert head is not None
    assert head.message() == message


def test_waiting_records_that_cannot_be_read_are_taken_out_and_the_others_stay_in_order() -> None:
    store = Store("state.parked")
    parking = Parking(store, Limits())
    for offset in range(3):
        message = LocalMessage("t", 0, offset, b"k", b"v")
        parking.add("f/l", message, table="t", row_key="r", deadline_ms=5, now_ms=1)
    damaged, *_ = sorted(store)
    store.put(damaged, b"\xc1")
    store.put("no number", msgspec.msgpack.encode({}))
    again = Parking(store, Limits())
    assert sorted(key for key, _ in again.rebuild()) == [damaged, "no number"]
    assert [again.pop(("f/l", b"k")).offset for _ in range(2)] == [1, 2]
    assert again.rebuild() == []


def test_room_to_park_is_bounded_in_total() -> None:
    driver = Driver(ORDER_FEED, WAITING, limits=Limits(parked_max=5))
    driver.send(topics.ORDER_THREADS, *(waiting(f"bigcommerce:{n}") for n in range(8)))
    assert driver.parked == 5
    assert [dead.reason for dead in driver.dead_letters] == ["no room to park"] * 3
    driver.advance(minutes=30)
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:9"))
    assert driver.parked == 1


def _long_key(entry: Any) -> str:
    return str(entry.thread.subject)


TWO_ROWS = flow(
    join(
        name="two",
        reads=topics.ORDER_THREADS,
        lookups=(ORDERS.by(lambda e: e.order_ref, Wait(30)), PARTNERS.by(_long_key, Wait(30))),
        emits=lambda *_found: iter(()),
        writes=(topics.CUSTOMER_CASES,),
    )
)


def test_a_record_whose_next_row_has_too_long_a_key_to_be_kept_is_dead_and_those_behind_it_go_on() -> (
    None
):
    limits = Limits(output_bytes_max=3_000)
    driver = Driver(ORDER_FEED, TWO_ROWS, limits=limits)
    driver.row(PARTNERS, partner("P1"))
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", subject="s" * 2_000))
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", subject="P1"))
    assert driver.parked == 2
    driver.row(ORDERS, order("bigcommerce:1"))
    assert [dead.reason for dead in driver.dead_letters] == ["too large to park"]
    assert driver.parked == 0


def test_a_record_that_waits_for_a_row_with_too_long_a_key_is_not_parked() -> None:
    driver = Driver(ORDER_FEED, TWO_ROWS, limits=Limits(output_bytes_max=3_000))
    driver.row(ORDERS, order("bigcommerce:1"))
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", subject="s" * 2_000))
    assert [dead.reason for dead in driver.dead_letters] == ["too large to park"]
    assert driver.parked == 0


def _timed(due_ms: Any) -> Driver:
    def apply(_event: Any, _state: Count | None) -> Effects:
        yield Keep(Count(1))
        yield SetTimer("t", due_ms)

    fold = Fold("timed", Count, (on(topics.BRAZE_ENGAGEMENT, lambda e: e.user_id, apply),), ())
    driver = Driver(flow(fold))
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"))
    driver.restart()
    return driver


@pytest.mark.parametrize("due_ms", [None, 1.5, float("nan"), float("inf"), "soon", True])
def test_a_timer_without_a_time_is_a_dead_letter_of_its_cause(due_ms: Any) -> None:
    assert [d.reason for d in _timed(due_ms).dead_letters] == ["a timer without a time"]


def test_a_timer_further_ahead_than_states_are_kept_is_a_dead_letter_of_its_cause() -> None:
    limit_ms = Limits().timer_ahead_ms_max
    start_ms = Driver().now_ms
    assert [d.reason for d in _timed(start_ms + limit_ms).dead_letters] == []
    assert [d.reason for d in _timed(start_ms + limit_ms + 1).dead_letters] == [
        "a timer too far ahead"
    ]


def test_sizes_are_measured_with_the_key_in_bytes() -> None:
    driver = Driver(ORDER_FEED, WAITING, limits=Limits(output_bytes_max=1_500))
    key = "\U0001f4a9" * 300  # 1,200 bytes
    driver.send(topics.ORDER_THREADS, waiting(key))
    assert [dead.reason for dead in driver.dead_letters] == ["too large to park"]


def test_a_parked_record_knows_why_it_does_not_fit() -> None:
    parking = Parking(Store("state.parked"), Limits(output_bytes_max=10))
    message = LocalMessage("t", 0, 1, b"key", b"value", [("h", b"1")])
    with pytest.raises(OutputError, match="too large to park"):
        parking.check("f/l", message, "r")
    parking.check("f/l", LocalMessage("t", 0, 1, b"key", b"value"), "r")


def test_the_ids_of_a_large_round_are_kept_in_rows_that_fit_into_a_message() -> None:
    store = Store("state.seen")
    seen = Seen("t", store, 1_000_000)
    for number in range(2 * CHUNK_IDS_MAX + 1):
        assert seen.first_time(f"e-{number}")
    seen.drain()
    assert [len(row or b"") for row in map(store.get, store)] == [
        16 * CHUNK_IDS_MAX,
        16 * CHUNK_IDS_MAX,
        16,
    ]
    again = Seen("t", store, 1_000_000)
    restore_all(store, [again])
    assert not again.first_time("e-0")
    assert not again.first_time(f"e-{2 * CHUNK_IDS_MAX}")
    assert again.first_time("e-new")


def test_rows_of_ids_that_nobody_wrote_cost_nothing() -> None:
    store = Store("state.seen")
    seen = Seen("t", store, 10)
    seen.first_time("e-1")
    seen.drain()
    store.put("t|no number", b"?")
    store.put("t|ff", b"too short")
    again = Seen("t", store, 10)
    restore_all(store, [again])
    assert not again.first_time("e-1")
    assert again.first_time("e-2")
