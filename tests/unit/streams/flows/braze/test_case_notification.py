"""braze.case-notification: customers hear of their cases, once per status, in order."""

import dataclasses
import functools

import pytest

from gridwire import topics
from gridwire.vocabulary import ThreadStatus
from streams.driver import START_MS, Driver
from streams.feeds import customer_cases, threads_by_order
from streams.flows.braze import case_notification
from streams.rules.precedence import CLAIMS, Claim
from streams.rules.speaking import CUSTOMER_KINDS
from streams.tables import CUSTOMERS, ORDERS
from tests.unit.streams.flows.braze.case_notifications import (
    FLOW,
    driven,
    filtered,
    moved,
    told,
    trigger,
)
from tests.unit.streams.making import ORDER, customer, stored_order, thread


def test_a_new_case_is_told_with_what_the_message_needs() -> None:
    driver = driven()
    revised = START_MS + 10 * 86_400_000
    driver.send(topics.TRADING_GRID_THREADS, thread(revised_delivery_at=revised))
    driver.advance(seconds=60)
    (command,) = driver.out(topics.BRAZE_COMMANDS)
    assert (command.flow, command.lane, command.operation) == (
        FLOW,
        "customer-7",
        "trigger_campaign",
    )
    sent = trigger(driver)
    assert (sent.campaign_id, sent.customer_ref) == ("order-exception-open", "customer-7")
    assert sent.trigger_properties == {
        "case_id": "th_1",
        "kind": "order_exception",
        "status": "open",
        "order": ORDER,
        "revised_date": "2026-01-11",
        "partner_name": "Acme",
        "channels": "email,push,sms",
    }
    assert sent.attributes == {"partner_case_status": "open"}
    assert sent.transactional is False


@pytest.mark.parametrize("kind", CUSTOMER_KINDS)
def test_each_kind_and_status_has_its_campaign(kind: str) -> None:
    driver = driven(campaigns={f"{kind}/open": "c-1", f"{kind}/resolved": "c-2"})
    for status in ("open", "resolved"):
        moved(driver, status, first_version=1 if status == "open" else 2, kind=kind)
        driver.advance(minutes=2)
    assert told(driver) == [("trigger", "c-1"), ("trigger", "c-2")]


def test_a_kind_that_concerns_no_customer_tells_nothing() -> None:
    driver = driven()
    moved(driver, "open", kind="compliance")
    driver.advance(minutes=2)
    assert told(driver) == []
    assert filtered(driver, "kind concerns no customer") == 1


def test_the_transactional_endpoint_is_configuration() -> None:
    driver = driven(transactional=True)
    moved(driver, "open")
    driver.advance(minutes=2)
    assert trigger(driver).transactional is True


# ---- collapsing and order --------------------------------------------------------------------------
def test_statuses_within_a_minute_collapse_to_the_last() -> None:
    driver = driven()
    moved(driver, "open")
    driver.advance(seconds=30)
    moved(driver, "acknowledged", "in_progress", first_version=2)
    driver.advance(seconds=29)
    assert told(driver) == []
    driver.advance(seconds=1)
    assert told(driver) == [("trigger", "order-exception-in-progress")]


def test_statuses_further_apart_are_each_told_in_order() -> None:
    driver = driven()
    for version, status in enumerate(["open", "in_progress", "resolved"], start=1):
        moved(driver, status, first_version=version)
        driver.advance(seconds=61)
    assert [what for _, what in told(driver)] == [
        "order-exception-open",
        "order-exception-in-progress",
        "order-exception-resolved",
    ]


def test_a_status_that_is_taken_back_within_a_minute_is_not_told() -> None:
    driver = driven()
    moved(driver, "in_progress")
    driver.advance(minutes=2)
    told(driver)
    moved(driver, "resolved", "in_progress", first_version=2)
    driver.advance(minutes=2)
    assert told(driver) == []


def test_a_status_that_comes_again_later_is_told_again() -> None:
    driver = driven()
    for version, status in enumerate(["resolved", "reopened", "resolved"], start=1):
        moved(driver, status, first_version=version)
        driver.advance(minutes=2)
    assert [what for _, what in told(driver)] == [
        "order-exception-resolved",
        "order-exception-reopened",
        "order-exception-resolved",
    ]


def test_an_older_version_that_comes_late_tells_nothing() -> None:
    driver = driven()
    moved(driver, "resolved", first_version=7)
    driver.advance(minutes=2)
    told(driver)
    moved(driver, "in_progress", first_version=6)
    driver.advance(minutes=2)
    assert told(driver) == []
    assert filtered(driver, "older version") == 1


def test_the_same_version_twice_tells_once() -> None:
    driver = driven()
    moved(driver, "open")
    moved(driver, "open")
    driver.advance(minutes=2)
    moved(driver, "open")
    driver.advance(minutes=2)
    assert told(driver) == [("trigger", "order-exception-open")]
    assert filtered(driver, "heard already") == 2


def test_what_waits_to_be_told_survives_a_restart() -> None:
    driver = driven()
    moved(driver, "open")
    driver.restart()
    driver.advance(minutes=1)
    assert told(driver) == [("trigger", "order-exception-open")]


def test_threads_of_one_customer_do_not_collapse_into_one_another() -> None:
    driver = driven()
    driver.send(topics.TRADING_GRID_THREADS, thread("th_1"), thread("th_2", kind="claim"))
    driver.advance(minutes=1)
    assert told(driver) == [("trigger", "order-exception-open"), ("trigger", "claim-open")]


# ---- internal states -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "event_type", ["thread.updated", "thread.comment_added", "thread.attachment_added"]
)
def test_an_assignment_or_an_internal_comment_tells_nothing(event_type: str) -> None:
    driver = driven()
    moved(driver, "open")
    driver.advance(minutes=2)
    told(driver)
    moved(driver, "open", first_version=2, event_type=event_type)
    driver.advance(minutes=2)
    assert told(driver) == []
    assert filtered(driver, "no change of status") == 1


def test_a_thread_first_seen_through_a_comment_tells_only_what_follows() -> None:
    driver = driven()
    moved(driver, "in_progress", first_version=4, event_type="thread.comment_added")
    driver.advance(minutes=2)
    moved(driver, "in_progress", first_version=5)
    driver.advance(minutes=2)
    assert told(driver) == []
    moved(driver, "resolved", first_version=6)
    driver.advance(minutes=2)
    assert told(driver) == [("trigger", "order-exception-resolved")]


@pytest.mark.parametrize(("then", "campaign"), [("open", "open"), ("in_progress", "in-progress")])
def test_a_new_thread_whose_comment_overtakes_it_is_told_once(then: str, campaign: str) -> None:
    driver = driven()
    for status, version, event_type in (
        ("open", 2, "thread.comment_added"),
        (then, 3, "thread.status_changed" if then != "open" else "thread.comment_added"),
        ("open", 1, "thread.created"),
        ("open", 1, "thread.created"),
    ):
        moved(driver, status, first_version=version, event_type=event_type)
        driver.advance(minutes=2)
    assert told(driver) == [("trigger", f"order-exception-{campaign}")]


def test_an_internal_status_tells_nothing_and_does_not_stop_what_waits() -> None:
    driver = driven()
    moved(driver, "open", "awaiting_internal", first_version=2)
    driver.advance(minutes=2)
    assert told(driver) == [("trigger", "order-exception-open")]
    assert driver.filtered[customer_cases.FLOW_ID, "address", "internal status"] == 1
    moved(driver, "resolved", first_version=1)
    assert filtered(driver, "older version") == 1


def test_which_statuses_are_internal_is_decided_by_the_feed_for_all_flows() -> None:
    driver = driven(feed=customer_cases.Settings(internal_statuses=(ThreadStatus.OPEN,)))
    moved(driver, "open")
    driver.advance(minutes=2)
    moved(driver, "awaiting_internal", first_version=2)
    driver.advance(minutes=2)
    assert told(driver) == [("attribute", "awaiting_internal")]
    (case,) = driver.out(topics.CUSTOMER_CASES)
    assert (case.before, case.seen, case.spoken) == ("", False, ())  # open was never told


def test_a_status_without_a_campaign_only_sets_the_attribute() -> None:
    driver = driven()
    moved(driver, "acknowledged")
    driver.advance(minutes=2)
    assert told(driver) == [("attribute", "acknowledged")]


def test_where_another_flow_speaks_this_one_only_sets_the_attribute() -> None:
    claims = (*CLAIMS, Claim("braze.journey-adjustment", lambda case: case.thread.kind == "claim"))
    legs = functools.partial(customer_cases.legs, claims=claims)
    feed = dataclasses.replace(customer_cases.FLOW, legs=legs)
    driver = Driver(threads_by_order.FLOW, feed, case_notification.FLOW)
    driver.row(ORDERS, stored_order(ORDER))
    driver.row(CUSTOMERS, customer())
    driver.send(topics.TRADING_GRID_THREADS, thread("th_1"), thread("th_2", kind="claim"))
    driver.advance(minutes=2)
    assert told(driver) == [("trigger", "order-exception-open"), ("attribute", "open")]


# ---- bounds ----------------------------------------------------------------------------------------
def test_at_the_bound_the_longest_quiet_thread_is_forgotten() -> None:
    driver = driven(threads_max=2)
    for number in range(3):
        driver.send(topics.TRADING_GRID_THREADS, thread(f"th_{number}"))
        driver.advance(minutes=2)
    told(driver)
    for number in (0, 2):  # the first is new again, the last is remembered
        driver.send(topics.TRADING_GRID_THREADS, thread(f"th_{number}"))
        driver.advance(minutes=2)
    assert len(told(driver)) == 1


def test_more_cases_at_once_than_the_bound_are_counted_and_none_that_waits_is_lost() -> None:
    driver = driven(threads_max=2)
    driver.send(topics.TRADING_GRID_THREADS, *(thread(f"th_{n}") for n in range(3)))
    driver.advance(minutes=2)
    assert len(told(driver)) == 2
    assert filtered(driver, "too many cases at once") == 1


def test_a_quiet_thread_is_forgotten_in_the_end() -> None:
    driver = driven(keep_days=1)
    moved(driver, "open", first_version=9)
    driver.advance(hours=25)
    told(driver)
    moved(driver, "in_progress", first_version=3)
    driver.advance(minutes=2)
    assert told(driver) == [("trigger", "order-exception-in-progress")]


@pytest.mark.parametrize("name", ["order_exception/opened", "compliance/open", "open"])
def test_a_campaign_that_could_never_be_triggered_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(ValueError, match="is no <kind>/<status>"):
        driven(campaigns={name: "c-1"})
