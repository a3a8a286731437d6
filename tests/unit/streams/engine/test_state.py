"""State, timers and parking, over restarts and aborts."""

import pytest

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.engine.plan import PlanError, plan
from streams.engine.settle import Limits
from streams.flow import map_leg
from streams.tables import ORDERS, PARTNERS
from tests.unit.streams.engine.flows import (
    COPY,
    COUNT,
    ORDER_FEED,
    TWO_WAITS,
    WAITING,
    event,
    flow,
    order,
    partner,
    shop_order,
    thread,
)


def waiting(ref: str, status: str = "open", **more: str) -> r.OrderThread:
    return r.OrderThread(order_ref=ref, thread=thread(status, **more))


def counted(driver: Driver) -> list[tuple[str, int]]:
    return [(e.user_id, e.quantity) for e in driver.out(topics.ENRICHED_ENGAGEMENT)]


def test_a_timer_fires_once_at_its_time_and_survives_a_restart() -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"), event("a"))
    driver.restart()
    driver.advance(seconds=59)
    assert counted(driver) == []
    driver.advance(seconds=1)
    driver.restart()
    driver.advance(hours=10)
    assert counted(driver) == [("a", 2)]


def test_a_timer_of_the_same_name_replaces_the_earlier_one() -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"))
    driver.advance(seconds=30)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"))
    driver.advance(seconds=59)
    assert counted(driver) == []
    driver.advance(seconds=1)
    assert counted(driver) == [("a", 2)]


@pytest.mark.parametrize("sku", ["cancel", "forget"])
def test_a_cancelled_or_forgotten_timer_does_not_fire(sku: str) -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"), event("a", sku))
    driver.advance(hours=1)
    assert counted(driver) == []


def test_a_timer_that_raises_is_a_dead_letter_and_does_not_fire_for_ever() -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("bad"), event("good"))
    driver.advance(hours=1)
    assert [dead.reason for dead in driver.dead_letters] == ["timer failed"]
    assert counted(driver) == [("good", 1)]


def test_a_state_that_the_broker_would_refuse_is_a_dead_letter_of_its_cause() -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"), event("a", "big"))
    assert [dead.reason for dead in driver.dead_letters] == ["state too large"]
    driver.advance(minutes=2)
    assert counted(driver) == [("a", 1)]


def test_a_timer_whose_state_grows_too_large_is_a_dead_letter_and_its_neighbours_go_on() -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("grows"), event("good"))
    driver.advance(hours=1)
    assert [dead.reason for dead in driver.dead_letters] == ["timer failed"]
    assert counted(driver) == [("good", 1)]


def test_a_waiting_record_whose_leg_is_gone_is_a_dead_letter() -> None:
    before = Driver(ORDER_FEED, WAITING)
    before.send(topics.ORDER_THREADS, waiting("bigcommerce:1"))
    after = Driver(ORDER_FEED, COUNT)
    after._changelog.update(before._changelog)
    after.restart()
    after.advance(hours=1)
    assert [dead.reason for dead in after.dead_letters] == ["its leg is gone"]
    assert after.parked == 0


def test_a_record_too_large_to_be_kept_is_not_parked() -> None:
    driver = Driver(ORDER_FEED, WAITING)
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", subject="x" * 1_000_000))
    assert [dead.reason for dead in driver.dead_letters] == ["too large to park"]


def test_a_state_that_raised_half_way_is_as_before() -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"), event("a", "raise"))
    driver.advance(minutes=2)
    assert counted(driver) == [("a", 1)]


def test_a_record_waits_for_its_row_and_goes_on_in_arrival_order() -> None:
    driver = Driver(ORDER_FEED, WAITING)
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "open"), waiting("bigcommerce:2"))
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "resolved"))
    driver.restart()
    assert driver.parked == 3
    driver.send(topics.BIGCOMMERCE_ORDERS, shop_order("bigcommerce:1"))
    statuses = [case.thread.status for case in driver.out(topics.CUSTOMER_CASES)]
    assert statuses == ["open", "resolved"]
    assert driver.parked == 1


def test_what_a_waiting_record_asks_for_is_asked_once() -> None:
    driver = Driver(ORDER_FEED, WAITING)
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1"), waiting("bigcommerce:1", "closed"))
    assert [c.operation for c in driver.out(topics.BRAZE_COMMANDS)] == ["refresh_profile"]


def test_a_record_that_waited_too_long_is_a_dead_letter() -> None:
    driver = Driver(ORDER_FEED, WAITING)
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1"))
    driver.advance(minutes=29)
    assert driver.dead_letters == []
    driver.advance(minutes=1)
    assert [dead.reason for dead in driver.dead_letters] == ["no row of orders in time"]
    assert driver.parked == 0


def test_a_record_whose_first_row_came_waits_on_for_the_second() -> None:
    driver = Driver(ORDER_FEED, TWO_WAITS)
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "open", partner_id="P1"))
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "closed", partner_id="P1"))
    driver.row(ORDERS, order("bigcommerce:1"))
    assert driver.parked == 2
    driver.restart()
    driver.row(PARTNERS, partner("P1"))
    assert [c.thread.status for c in driver.out(topics.CUSTOMER_CASES)] == ["open", "closed"]
    assert driver.parked == 0


def test_a_record_behind_one_that_expired_gets_its_turn() -> None:
    driver = Driver(ORDER_FEED, TWO_WAITS)
    driver.row(ORDERS, order("bigcommerce:1"))
    driver.row(PARTNERS, partner("P2"))
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "open", partner_id="P1"))
    driver.advance(minutes=10)
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "closed", partner_id="P2"))
    assert driver.out(topics.CUSTOMER_CASES) == []
    driver.advance(minutes=21)
    assert [c.thread.status for c in driver.out(topics.CUSTOMER_CASES)] == ["closed"]
    assert len(driver.dead_letters) == 1


def reference_row_only(driver: Driver, row: r.Partner) -> None:
    """The full copy has the row, but nobody told the task: it came in an aborted round, or before an assignment."""
    raw = driver._codec.of(PARTNERS.changelog).encode(row)
    assert driver._references[PARTNERS].apply(row.partner_id, raw)


def test_a_row_that_came_while_its_record_was_not_here_releases_it_after_the_restart() -> None:
    driver = Driver(ORDER_FEED, TWO_WAITS)
    driver.row(ORDERS, order("bigcommerce:1"))
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "open", partner_id="P1"))
    reference_row_only(driver, partner("P1"))
    driver.restart()
    driver.advance(seconds=1)
    assert [c.thread.status for c in driver.out(topics.CUSTOMER_CASES)] == ["open"]
    assert driver.parked == 0


def test_a_release_in_an_aborted_round_happens_again() -> None:
    driver = Driver(ORDER_FEED, TWO_WAITS)
    driver.row(ORDERS, order("bigcommerce:1"))
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "open", partner_id="P1"))
    reference_row_only(driver, partner("P1"))
    driver._task.row_arrived("partners", "P1", driver.now_ms)
    driver._task.abort()
    assert driver.parked == 1
    driver.advance(seconds=1)
    assert [c.thread.status for c in driver.out(topics.CUSTOMER_CASES)] == ["open"]


def test_room_to_park_is_bounded_per_key() -> None:
    driver = Driver(ORDER_FEED, WAITING)
    records = [waiting("bigcommerce:1") for _ in range(Limits().parked_per_key_max + 3)]
    driver.send(topics.ORDER_THREADS, *records)
    assert driver.parked == Limits().parked_per_key_max
    assert [dead.reason for dead in driver.dead_letters] == ["no room to park"] * 3


def test_two_legs_of_one_name_are_refused() -> None:
    with pytest.raises(PlanError, match="rename one"):
        plan([COPY, COPY])


def test_two_topics_of_one_record_in_a_leg_are_refused() -> None:
    leg = map_leg(
        name="both",
        reads=topics.BRAZE_ENGAGEMENT,
        emits=lambda _event: iter(()),
        writes=(topics.BRAZE_RECEIPTS, topics.BIGCOMMERCE_RECEIPTS),
    )
    with pytest.raises(PlanError, match="split the leg"):
        plan([flow(leg)])
