"""braze.journey-adjustment: out of the journey that an exception belies, into its replacement, and back."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS, Driver
from streams.flows.braze import case_notification, journey_adjustment
from streams.tables import CUSTOMERS, ORDERS, PRODUCTS
from tests.unit.streams.flows.braze.customers import (
    WHO,
    about,
    braze_driver,
    calls,
    history,
    lived,
    speeches,
)
from tests.unit.streams.making import DAY_MS, HOUR_MS, ORDER, SKU, customer, product, stored_order

FLOW = "braze.journey-adjustment"
OTHER = "bigcommerce:1002"
EXIT, END = ("track_event", "order_exception_opened"), ("track_event", "order_exception_ended")
BACK = ("trigger_canvas", "shipment-confirmation")
APOLOGY = ("trigger_canvas", "delay-apology")


def driven(**settings: Any) -> Driver:
    chosen = {FLOW: journey_adjustment.Settings(**settings)}
    return braze_driver(case_notification.FLOW, journey_adjustment.FLOW, settings=chosen)


def scheduled(driver: Driver, schedule_id: str, **fields: Any) -> None:
    given: dict[str, Any] = {
        "customer_ref": WHO,
        "order_ref": ORDER,
        "about": "braze.service-recovery",
        "campaign_id": "survey",
        "send_at": driver.now_ms + DAY_MS,
        "state": "created",
    }
    fact = r.BrazeSchedule(schedule_id=schedule_id, **(given | fields))
    driver.send(topics.BRAZE_SCHEDULES, fact)


def filtered(driver: Driver, reason: str) -> int:
    return driver.filtered[FLOW, "adjust", reason]


def entered(driver: Driver) -> r.TriggerCanvas:
    """The last Canvas entered."""
    found = [one.trigger_canvas for one in driver.out(topics.BRAZE_COMMANDS) if one.trigger_canvas]
    return found[-1]


# ---- out of the journey and into another -------------------------------------------------------------------------
def test_the_three_calls_come_in_their_order_exit_then_deletion_then_entry() -> None:
    driver = driven()
    scheduled(driver, "sch-1")
    scheduled(driver, "sch-2")
    lived(driver, about("delayed_fulfilment"))
    lanes = {one.lane for one in driver.out(topics.BRAZE_COMMANDS)}
    assert calls(driver, FLOW) == [
        EXIT,
        ("delete_schedule", "sch-1"),
        ("delete_schedule", "sch-2"),
        APOLOGY,
    ]
    assert lanes == {WHO}  # a lane is carried out in order


def test_the_exit_names_the_order_and_may_be_sent_twice() -> None:
    driver = driven()
    lived(driver, about("delayed_fulfilment"))
    [event] = [one.track_event for one in driver.out(topics.BRAZE_COMMANDS) if one.track_event]
    assert event.properties == {"order_ref": ORDER, "case_id": "th_1"}
    assert event.repeatable is True
    assert event.time == START_MS + 60_000


def test_the_replacement_knows_what_it_must_say() -> None:
    driver = driven()
    lived(driver, about("delayed_fulfilment"))
    assert entered(driver).context == {
        "case_id": "th_1",
        "kind": "order_exception",
        "status": "open",
        "order_ref": ORDER,
        "order": ORDER,
        "reason": "delayed_fulfilment",
        "revised_date": "",
        "partner_name": "Acme",
        "substitute_sku": "",
        "substitute_name": "",
        "channels": "email,push,sms",
    }


def test_only_what_we_scheduled_for_that_order_and_has_not_gone_out_is_taken_back() -> None:
    driver = driven()
    scheduled(driver, "of another order", order_ref=OTHER)
    scheduled(driver, "gone out", send_at=START_MS + 30_000)
    scheduled(driver, "taken back", state="created")
    scheduled(driver, "taken back", state="deleted")
    scheduled(driver, "due")
    lived(driver, about("delayed_fulfilment"))
    deleted = [name for operation, name in calls(driver) if operation == "delete_schedule"]
    assert deleted == ["due"]


@pytest.mark.parametrize(
    ("reason", "canvas"),
    [
        ("delayed_fulfilment", "delay-apology"),
        ("carrier_exception", "delay-apology"),
        ("lost_parcel", "lost-parcel-apology"),
        ("missing_document", "document-delay-apology"),
    ],
)
def test_each_reason_has_its_replacement(reason: str, canvas: str) -> None:
    driver = driven()
    lived(driver, about(reason))
    assert calls(driver, FLOW) == [EXIT, ("trigger_canvas", canvas)]


def test_where_a_revised_date_is_known_the_estimate_replaces_the_journey() -> None:
    driver = driven()
    lived(driver, about("delayed_fulfilment", revised_delivery_at=START_MS + 10 * DAY_MS))
    assert entered(driver).canvas_id == "revised-estimate"
    assert entered(driver).context["revised_date"] == "2026-01-11"


@pytest.mark.parametrize(
    ("reason", "left", "canvas"),
    [
        ("lost_parcel", 3, "alternative-product"),
        ("delayed_fulfilment", 3, "alternative-product"),
        ("delayed_fulfilment", 0, "delay-apology"),
        ("missing_document", 3, "document-delay-apology"),
    ],
)
def test_a_substitute_is_offered_by_exception_type_and_stock(
    reason: str, left: int, canvas: str
) -> None:
    driver = driven()
    driver.row(PRODUCTS, product(SKU, substitute_sku="SKU-2", version=2))
    driver.row(PRODUCTS, product("SKU-2", name="Vase", available_to_sell=left, version=2))
    lived(driver, about(reason))
    assert entered(driver).canvas_id == canvas
    assert entered(driver).context["substitute_name"] == ("Vase" if left else "")


# ---- and back ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ending", ["resolved", "cancelled"])
def test_when_the_exception_has_ended_the_customer_is_back_in_the_original_journey(
    ending: str,
) -> None:
    driver = driven()
    lived(driver, *history("delayed_fulfilment", "open"))
    calls(driver)
    lived(driver, *history("delayed_fulfilment", ending, first_version=2))
    assert entered(driver).context == {"order_ref": ORDER, "resumed": "true"}
    assert calls(driver, FLOW) == [END, BACK]


@pytest.mark.parametrize("status", ["shipped", "completed", "partially_shipped", "cancelled"])
def test_what_has_shipped_meanwhile_is_not_promised_again(status: str) -> None:
    driver = driven()
    lived(driver, *history("delayed_fulfilment", "open"))
    driver.row(ORDERS, stored_order(ORDER, status=status, version=2))
    calls(driver)
    lived(driver, *history("delayed_fulfilment", "resolved", first_version=2))
    assert calls(driver, FLOW) == [END]


def test_the_customer_stays_out_of_the_journey_while_another_exception_is_open() -> None:
    driver = driven()
    lived(driver, about("delayed_fulfilment"), about("missing_document", thread_id="th_2"))
    calls(driver)
    lived(driver, about("delayed_fulfilment", status="resolved", version=2))
    assert calls(driver, FLOW) == [END]
    lived(driver, about("missing_document", thread_id="th_2", status="resolved", version=2))
    assert calls(driver, FLOW) == [END, BACK]


def test_an_exception_that_is_reopened_takes_the_customer_out_again() -> None:
    driver = driven()
    lived(driver, *history("delayed_fulfilment", "open", "resolved", "reopened", "resolved"))
    assert calls(driver, FLOW) == [EXIT, APOLOGY, END, BACK, EXIT, APOLOGY, END, BACK]


def test_what_happens_between_opening_and_end_changes_no_journey() -> None:
    driver = driven()
    lived(driver, *history("delayed_fulfilment", "open", "acknowledged", "in_progress"))
    assert calls(driver, FLOW) == [EXIT, APOLOGY]
    assert filtered(driver, "journey adjusted already") == 2


def test_an_exception_that_is_withdrawn_at_once_changes_no_journey() -> None:
    driver = driven()
    lived(driver, *history("delayed_fulfilment", "open", "cancelled"), minutes=0.4)
    driver.advance(minutes=2)
    assert calls(driver, FLOW) == []
    assert filtered(driver, "journey was not adjusted") == 1


# ---- whom, and who speaks ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", ["completed", "refunded", "cancelled"])
def test_an_exception_on_an_already_delivered_order_changes_nothing(status: str) -> None:
    driver = driven()
    driver.row(ORDERS, stored_order(ORDER, status=status, version=2))
    lived(driver, *history("delayed_fulfilment", "open", "resolved"))
    assert speeches(driver) == [(WHO, "th_1", "open"), (WHO, "th_1", "resolved")]  # notified of
    assert calls(driver, FLOW) == []


def test_the_notification_leaves_the_opening_to_the_journey_and_tells_the_rest() -> None:
    driver = driven()
    lived(driver, *history("delayed_fulfilment", "open", "in_progress", "resolved"))
    assert speeches(driver) == [
        (WHO, "th_1", "open"),
        (WHO, "th_1", "in_progress"),
        (WHO, "th_1", "resolved"),
    ]
    told = [one for one in driver.out(topics.BRAZE_COMMANDS) if one.operation == "set_attributes"]
    assert len(told) == 1  # the opening: its attribute is set all the same


def test_an_exception_without_a_partner_behind_it_changes_no_journey() -> None:
    driver = driven()
    lived(driver, about("delayed_fulfilment", partner_id=None))
    assert calls(driver, FLOW) == []


def test_two_orders_of_one_exception_are_left_one_by_one_and_told_of_together() -> None:
    driver = driven()
    driver.row(ORDERS, stored_order(OTHER))
    related = tuple(r.Related(type="order", id=ref) for ref in (ORDER, OTHER))
    lived(driver, about("delayed_fulfilment", related=related))
    assert entered(driver).context["order"] == f"{ORDER}, {OTHER}"
    assert calls(driver, FLOW) == [EXIT, EXIT, APOLOGY]
    lived(driver, about("delayed_fulfilment", related=related, status="resolved", version=2))
    assert calls(driver, FLOW) == [END, BACK, BACK]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"known_to_braze": False}, "customer unknown to Braze"),
        (
            {"email": "unsubscribed", "push": "unsubscribed", "sms": "unsubscribed"},
            "unsubscribed from every channel",
        ),
    ],
)
def test_who_cannot_be_reached_is_in_no_journey(fields: dict[str, Any], reason: str) -> None:
    driver = driven()
    driver.row(CUSTOMERS, customer(version=2, **fields))
    lived(driver, about("delayed_fulfilment"))
    assert calls(driver, FLOW) == []
    assert filtered(driver, reason) == 1


def test_an_older_version_that_comes_late_changes_no_journey() -> None:
    driver = driven()
    lived(driver, *history("delayed_fulfilment", "resolved", first_version=7))
    lived(driver, *history("delayed_fulfilment", "open", first_version=6))
    assert calls(driver, FLOW) == []
    assert filtered(driver, "older version") == 1


def test_a_reason_without_a_journey_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="apologies: a Canvas for each of"):
        driven(apologies={})


# ---- duplicates, reordering, replay ------------------------------------------------------------------------------
STATUSES = st.lists(
    st.sampled_from(["open", "in_progress", "awaiting_internal", "resolved", "reopened"]),
    min_size=1,
    max_size=5,
)


def told(threads: list[r.Thread], *, restarts: bool = False, apart: bool = False) -> list[Any]:
    driver = driven()
    for one in threads:
        driver.send(topics.TRADING_GRID_THREADS, one)
        if restarts:
            driver.restart()
        if apart:
            driver.advance(minutes=2)
    driver.advance(minutes=5)
    assert not driver.dead
    return [
        (one.operation, one.event_id, one.track_event) for one in driver.out(topics.BRAZE_COMMANDS)
    ]


@settings(deadline=None, max_examples=25)
@given(STATUSES, st.data())
def test_duplicates_and_replays_change_nothing(statuses: list[str], data: st.DataObject) -> None:
    threads = [
        about("delayed_fulfilment", status=status, version=n, event_id=f"e{n}")
        for n, status in enumerate(statuses, start=1)
    ]
    once = told(threads, apart=True)
    again = [*threads, *data.draw(st.lists(st.sampled_from(threads), max_size=4))]
    assert told(again, apart=True) == once
    assert told(threads, apart=True, restarts=True) == once


@settings(deadline=None, max_examples=25)
@given(STATUSES, st.data())
def test_versions_that_overtake_one_another_come_to_the_same_journey(
    statuses: list[str], data: st.DataObject
) -> None:
    threads = history("delayed_fulfilment", *statuses)

    def journey(order: list[r.Thread]) -> list[tuple[str, str]]:
        driver = driven()
        driver.send(topics.TRADING_GRID_THREADS, *order)
        driver.advance(minutes=5)
        return calls(driver, FLOW)

    assert journey(data.draw(st.permutations(threads))) == journey(threads)


def test_what_waits_survives_a_restart_and_a_clock_that_is_late() -> None:
    driver = driven()
    driver.send(topics.TRADING_GRID_THREADS, about("delayed_fulfilment"))
    driver.restart()
    driver.advance(to_ms=START_MS + HOUR_MS)
    assert calls(driver, FLOW) == [EXIT, APOLOGY]
