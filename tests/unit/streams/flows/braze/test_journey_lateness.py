"""braze.journey-adjustment: what comes late, or while nobody may write to the customer, leaves no journey untrue."""

from typing import Any

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.flows.braze import case_notification, journey_adjustment
from streams.tables import CUSTOMERS, ORDERS
from tests.unit.streams.flows.braze.customers import (
    WHO,
    about,
    braze_driver,
    calls,
    lived,
    speeches,
    what,
)
from tests.unit.streams.making import DAY_MS, ORDER, customer, stored_order, thread

FLOW = "braze.journey-adjustment"
OTHER = "bigcommerce:1002"
BOTH = tuple(r.Related(type="order", id=ref) for ref in (ORDER, OTHER))
EXIT, END = ("track_event", "order_exception_opened"), ("track_event", "order_exception_ended")
BACK = ("trigger_canvas", "shipment-confirmation")
APOLOGY = ("trigger_canvas", "lost-parcel-apology")


def driven() -> Driver:
    return braze_driver(case_notification.FLOW, journey_adjustment.FLOW)


def consenting(driver: Driver, version: int, **fields: Any) -> None:
    driver.row(CUSTOMERS, customer(version=version, **fields))


def unsubscribed(driver: Driver, version: int) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("email", "push", "sms"), "unsubscribed")
    consenting(driver, version, **nothing)


def scheduled(driver: Driver, schedule_id: str, order_ref: str = ORDER) -> None:
    fact = r.BrazeSchedule(
        schedule_id=schedule_id,
        customer_ref=WHO,
        order_ref=order_ref,
        about="braze.service-recovery",
        campaign_id="survey",
        send_at=driver.now_ms + DAY_MS,
        state="created",
        occurred_at=driver.now_ms,
        version=driver.now_ms,
    )
    driver.send(topics.BRAZE_SCHEDULES, fact)


def exits(driver: Driver) -> list[str]:
    """Orders whose journeys were left since the last look."""
    found = [one.track_event for one in driver.out(topics.BRAZE_COMMANDS) if one.track_event]
    return [one.properties["order_ref"] for one in found if one.name == EXIT[1]]


# ---- several orders ----------------------------------------------------------------------------------------------
def test_of_several_orders_none_that_has_shipped_meanwhile_is_promised_again() -> None:
    driver = driven()
    driver.row(ORDERS, stored_order(OTHER))
    lived(driver, about("lost_parcel", related=BOTH))
    driver.row(ORDERS, stored_order(OTHER, status="shipped", version=2))
    calls(driver)
    lived(driver, about("lost_parcel", related=BOTH, status="resolved", version=2))
    canvases = [one.trigger_canvas for one in driver.out(topics.BRAZE_COMMANDS)]
    assert [one.context["order_ref"] for one in canvases if one and "resumed" in one.context] == [
        ORDER
    ]


# ---- consent changes midway --------------------------------------------------------------------------------------
def test_who_unsubscribes_midway_leaves_the_replacement_at_the_end_and_enters_nothing() -> None:
    driver = driven()
    lived(driver, about("lost_parcel"))
    unsubscribed(driver, 2)
    calls(driver)
    lived(driver, about("lost_parcel", status="resolved", version=2))
    assert calls(driver, FLOW) == [END]
    assert driver.filtered[FLOW, "adjust", "unsubscribed from every channel"] == 1


def test_who_unsubscribes_while_the_end_is_about_to_be_told_leaves_the_replacement() -> None:
    driver = driven()
    lived(driver, about("lost_parcel"))
    calls(driver)
    driver.send(topics.TRADING_GRID_THREADS, about("lost_parcel", status="resolved", version=2))
    unsubscribed(driver, 2)
    driver.advance(minutes=2)
    assert calls(driver, FLOW) == [END]


def test_of_whom_braze_does_not_know_any_more_nothing_is_sent_at_the_end() -> None:
    driver = driven()
    lived(driver, about("lost_parcel"))
    consenting(driver, 2, known_to_braze=False)
    calls(driver)
    lived(driver, about("lost_parcel", status="resolved", version=2))
    assert calls(driver, FLOW) == []  # an event would make the profile anew


def test_an_exception_reopened_after_an_end_that_nobody_heard_adjusts_the_journey_again() -> None:
    driver = driven()
    lived(driver, about("lost_parcel"))
    unsubscribed(driver, 2)
    lived(driver, about("lost_parcel", status="resolved", version=2))
    consenting(driver, 3)
    calls(driver)
    lived(driver, about("lost_parcel", status="reopened", version=3))
    assert calls(driver, FLOW) == [EXIT, APOLOGY]
    lived(driver, about("lost_parcel", status="resolved", version=4))
    assert calls(driver, FLOW) == [END, BACK]


def test_an_exception_opened_and_ended_unheard_within_the_minute_can_be_reopened() -> None:
    driver = driven()
    driver.send(topics.TRADING_GRID_THREADS, about("lost_parcel"))
    unsubscribed(driver, 2)
    driver.send(topics.TRADING_GRID_THREADS, about("lost_parcel", status="resolved", version=2))
    driver.advance(minutes=2)
    consenting(driver, 3)
    lived(driver, about("lost_parcel", status="reopened", version=3))
    assert calls(driver, FLOW) == [EXIT, APOLOGY]


def test_an_end_that_nobody_heard_keeps_no_later_exception_from_going_back() -> None:
    driver = driven()
    lived(driver, about("lost_parcel"))
    unsubscribed(driver, 2)
    lived(driver, about("lost_parcel", status="resolved", version=2))
    consenting(driver, 3)
    lived(driver, about("lost_parcel", thread_id="th_2"))
    calls(driver)
    lived(driver, about("lost_parcel", thread_id="th_2", status="resolved", version=2))
    assert calls(driver, FLOW) == [END, BACK]


# ---- orders that move ----------------------------------------------------------------------------------------------
def test_whose_order_it_was_leaves_the_replacement_when_it_is_another_customers() -> None:
    driver = driven()
    driver.row(CUSTOMERS, customer("customer-8"))
    lived(driver, about("lost_parcel"))
    driver.row(ORDERS, stored_order(ORDER, version=2, customer_ref="customer-8"))
    driver.take(topics.BRAZE_COMMANDS)
    lived(driver, about("lost_parcel", status="resolved", version=2))
    ours = [one for one in driver.out(topics.BRAZE_COMMANDS) if one.lane == WHO]
    assert [what(one) for one in ours] == [END[1]]
    assert calls(driver, FLOW) == [END]


def test_while_another_order_of_the_thread_is_theirs_the_replacement_goes_on() -> None:
    driver = driven()
    driver.row(CUSTOMERS, customer("customer-8"))
    driver.row(ORDERS, stored_order(OTHER))
    lived(driver, about("lost_parcel", related=BOTH))
    driver.row(ORDERS, stored_order(ORDER, version=2, customer_ref="customer-8"))
    calls(driver)
    driver.send(
        topics.TRADING_GRID_THREADS,
        about("lost_parcel", related=BOTH, version=2, event_type="thread.comment_added"),
    )
    driver.advance(minutes=2)
    assert END not in calls(driver, FLOW)
    lived(driver, about("lost_parcel", related=BOTH, status="resolved", version=3))
    assert [one for one in calls(driver, FLOW) if one in (END, BACK)] == [END, BACK]


# ---- schedules whose ids come late -------------------------------------------------------------------------------
def test_a_message_whose_id_comes_after_the_exception_is_taken_back_when_it_comes() -> None:
    driver = driven()
    lived(driver, about("lost_parcel"))
    calls(driver)
    scheduled(driver, "of another order", OTHER)
    scheduled(driver, "sch-1")
    assert calls(driver, FLOW) == [("delete_schedule", "sch-1")]


def test_a_message_whose_id_comes_after_the_exception_has_ended_stands() -> None:
    driver = driven()
    lived(driver, about("lost_parcel"), about("lost_parcel", status="resolved", version=2))
    calls(driver)
    scheduled(driver, "sch-1")
    assert calls(driver, FLOW) == []


# ---- orders and reasons that come late ---------------------------------------------------------------------------
def test_an_order_that_is_known_late_leaves_its_journey_and_what_is_scheduled_about_it() -> None:
    driver = driven()
    lived(driver, about("lost_parcel", related=BOTH), minutes=5)
    scheduled(driver, "about the other", OTHER)
    calls(driver)
    driver.row(ORDERS, stored_order(OTHER))
    driver.advance(minutes=5)
    assert exits(driver) == [OTHER]
    assert calls(driver, FLOW) == [EXIT, ("delete_schedule", "about the other")]
    lived(driver, about("lost_parcel", related=BOTH, status="resolved", version=2))
    assert calls(driver, FLOW) == [END, BACK, BACK]


def test_an_order_that_is_known_late_and_is_over_changes_nothing() -> None:
    driver = driven()
    lived(driver, about("lost_parcel", related=BOTH), minutes=5)
    calls(driver)
    driver.row(ORDERS, stored_order(OTHER, status="completed"))
    driver.advance(minutes=5)
    assert calls(driver, FLOW) == []


def test_a_reason_that_is_known_late_takes_the_order_out_without_telling_the_status_twice() -> None:
    driver = driven()
    lived(driver, thread("th_1", status="open", version=1), minutes=5)
    assert speeches(driver) == [(WHO, "th_1", "open")]
    scheduled(driver, "sch-1")
    calls(driver)
    lived(driver, about("lost_parcel", version=2, event_type="thread.updated"))
    assert calls(driver, FLOW) == [EXIT, ("delete_schedule", "sch-1")]
    lived(driver, about("lost_parcel", version=3, event_type="thread.comment_added"))
    assert calls(driver, FLOW) == []  # once
    lived(driver, about("lost_parcel", version=4, status="resolved"))
    assert speeches(driver) == [(WHO, "th_1", "resolved")]
    assert calls(driver, FLOW) == [BACK]  # there was no replacement to leave


def test_after_a_reason_known_late_the_next_status_is_told_by_the_replacement() -> None:
    driver = driven()
    lived(driver, thread("th_1", status="open", version=1), minutes=5)
    lived(driver, about("lost_parcel", version=2, event_type="thread.updated"))
    calls(driver)
    lived(driver, about("lost_parcel", version=3, status="in_progress"))
    assert speeches(driver) == [(WHO, "th_1", "in_progress")]
    assert calls(driver, FLOW)[-1] == APOLOGY
