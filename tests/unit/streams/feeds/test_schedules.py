"""feed.schedules: what we scheduled in Braze and has not gone out, by customer."""

from typing import Any

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.feeds import schedules
from streams.tables import SCHEDULES
from tests.unit.streams.making import DAY_MS, ORDER

FEED = "feed.schedules"


def fact(schedule_id: str, state: r.ScheduleState = "created", **fields: Any) -> r.BrazeSchedule:
    given: dict[str, Any] = {"customer_ref": "ann", "order_ref": ORDER, "about": "a.flow"}
    return r.BrazeSchedule(schedule_id=schedule_id, state=state, **(given | fields))


def outstanding(driver: Driver) -> list[str]:
    return [one.schedule_id for one in driver.table(SCHEDULES)["ann"].outstanding]


def driven(**settings: Any) -> Driver:
    return Driver(schedules.FLOW, settings={FEED: schedules.Settings(**settings)})


def test_what_was_scheduled_stands_in_the_order_in_which_it_goes_out() -> None:
    driver = driven()
    for name, days in (("late", 9), ("soon", 1), ("some day", None)):
        send_at = driver.now_ms + days * DAY_MS if days else None
        driver.send(topics.BRAZE_SCHEDULES, fact(name, send_at=send_at, campaign_id="c"))
    assert outstanding(driver) == ["some day", "soon", "late"]
    [_, soon, _] = driver.table(SCHEDULES)["ann"].outstanding
    assert (soon.order_ref, soon.about, soon.campaign_id) == (ORDER, "a.flow", "c")


def test_what_was_deleted_or_is_gone_stands_no_more() -> None:
    driver = driven()
    driver.send(topics.BRAZE_SCHEDULES, fact("a"), fact("b"), fact("c"))
    driver.send(topics.BRAZE_SCHEDULES, fact("a", "deleted"), fact("b", "gone"))
    assert outstanding(driver) == ["c"]


def test_what_has_gone_out_by_the_next_fact_stands_no_more() -> None:
    driver = driven()
    driver.send(topics.BRAZE_SCHEDULES, fact("a", send_at=driver.now_ms + 1_000))
    driver.advance(seconds=2)
    driver.send(topics.BRAZE_SCHEDULES, fact("b"), fact("c", send_at=driver.now_ms))
    assert outstanding(driver) == ["b"]


def test_a_customer_has_a_bounded_number_of_them() -> None:
    driver = driven(schedules_max=2)
    for days in (1, 2, 3):
        driver.send(topics.BRAZE_SCHEDULES, fact(str(days), send_at=driver.now_ms + days * DAY_MS))
    assert outstanding(driver) == ["2", "3"]
