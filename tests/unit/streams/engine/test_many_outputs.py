"""Several outputs of one cause, and timers that are set again and again."""

from typing import Any

from gridwire import topics
from streams.driver import Driver
from streams.engine.timers import Timers
from streams.flow import Caused, Columns, Effects, Rows
from tests.unit.streams.engine.flows import COUNT, MINUTE_MS, enriched, event, flow

START_MS = 1_767_225_600_000


def _twice(events: Any, _rows: Rows) -> Effects:
    """Two outputs per event, to the same topic and key, not one after the other."""
    for partner in ("P1", "P2"):
        for source in events:
            yield Caused(source, enriched(source, partner))


TWICE = flow(
    Columns(
        name="twice",
        reads=topics.BRAZE_ENGAGEMENT,
        tables=(),
        rows=_twice,
        writes=(topics.ENRICHED_ENGAGEMENT,),
    )
)


def test_two_outputs_of_one_cause_have_different_ids_in_a_batch_too() -> None:
    driver = Driver(TWICE)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"), event("b"))
    found = driver.out(topics.ENRICHED_ENGAGEMENT)
    assert len({one.event_id for one in found}) == len(found) == 4
    assert len({one.causation_id for one in found}) == 2


def _timers(driver: Driver) -> Timers:
    return driver._task.state.timers["test.flow/count"]


def _fired(driver: Driver) -> list[int]:
    return [one.quantity for one in driver.out(topics.ENRICHED_ENGAGEMENT)]


def test_a_timer_that_stays_as_it_is_is_remembered_once() -> None:
    driver = Driver(COUNT, start_ms=START_MS)
    for _ in range(100):
        driver.send(topics.BRAZE_ENGAGEMENT, event("a", occurred_at=START_MS))
    assert len(_timers(driver)._heap) == 1
    driver.advance(minutes=2)
    assert _fired(driver) == [100]


def test_a_timer_that_is_moved_there_and_back_fires_once_at_its_last_time() -> None:
    driver = Driver(COUNT, start_ms=START_MS)
    for at_ms in (START_MS, START_MS + MINUTE_MS, START_MS):
        driver.send(topics.BRAZE_ENGAGEMENT, event("a", occurred_at=at_ms))
    driver.advance(to_ms=START_MS + MINUTE_MS)
    assert _fired(driver) == [3]
    driver.advance(minutes=10)
    assert _fired(driver) == [3]


def test_a_timer_that_was_cancelled_and_set_to_the_same_time_fires() -> None:
    driver = Driver(COUNT, start_ms=START_MS)
    for sku in ("S1", "cancel", "S1"):
        driver.send(topics.BRAZE_ENGAGEMENT, event("a", sku, occurred_at=START_MS))
    driver.advance(minutes=2)
    assert _fired(driver) == [3]


def test_a_timer_moved_in_a_round_that_was_aborted_fires_at_its_old_time() -> None:
    driver = Driver(COUNT, start_ms=START_MS)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a", occurred_at=START_MS))
    later = event("a", event_id="later", occurred_at=START_MS + 5 * MINUTE_MS)
    raw = driver._codec.of(topics.BRAZE_ENGAGEMENT).encode(later)
    message = driver._message(topics.BRAZE_ENGAGEMENT, "a", raw)
    driver._task.process(topics.BRAZE_ENGAGEMENT, [message], START_MS)
    driver._task.abort()
    driver.advance(minutes=2)
    assert _fired(driver) == [1]


def test_a_timer_that_is_set_again_for_a_time_at_which_it_fired_writes_under_another_id() -> None:
    driver = Driver(COUNT, start_ms=START_MS)
    for _ in range(2):  # the second record was read late: its time is the first one's
        driver.send(topics.BRAZE_ENGAGEMENT, event("a", occurred_at=START_MS))
        driver.advance(minutes=2)
    found = driver.out(topics.ENRICHED_ENGAGEMENT)
    assert len({one.event_id for one in found}) == len(found) == 2
