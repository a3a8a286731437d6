"""One flow speaks about each status of a thread to each customer: who, and what each flow needs to know for it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as no_deadline
from hypothesis import strategies as st

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.feeds import customer_cases, threads_by_order
from streams.rules.precedence import FEEDBACK, JOURNEY, NOTIFICATION, RECOVERY
from streams.tables import CUSTOMERS, ORDERS
from tests.unit.streams.making import ORDER, SKU, customer, stored_order, thread

OTHER = "bigcommerce:1002"


def driven(**fields: Any) -> Driver:
    driver = Driver(threads_by_order.FLOW, customer_cases.FLOW)
    driver.row(ORDERS, stored_order(ORDER, **fields))
    driver.row(CUSTOMERS, customer())
    return driver


def about(reason: str, **fields: Any) -> r.Thread:
    line = r.ThreadLine(line_ref="1", sku=SKU, quantity=1, reason_code=reason)
    return thread(lines=(line,), **fields)


def speakers(driver: Driver, *threads: r.Thread, minutes: float = 2) -> list[str]:
    """Who speaks about each of the threads, sent one after another."""
    for one in threads:
        driver.send(topics.TRADING_GRID_THREADS, one)
        driver.advance(minutes=minutes)
    return [case.speaker for case in driver.take(topics.CUSTOMER_CASES)]


def history(reason: str, *statuses: str, **fields: Any) -> list[r.Thread]:
    return [
        about(reason, status=status, version=version, **fields)
        for version, status in enumerate(statuses, start=1)
    ]


def test_a_case_that_no_other_flow_wants_is_the_notifications() -> None:
    statuses = ("open", "in_progress", "resolved")
    assert speakers(driven(), *history("customer_message", *statuses)) == [NOTIFICATION] * 3


def test_an_exception_that_opens_is_the_journeys_and_what_follows_is_not() -> None:
    found = speakers(driven(), *history("delayed_fulfilment", "open", "in_progress", "resolved"))
    assert found == [JOURNEY, NOTIFICATION, NOTIFICATION]


def test_an_exception_that_is_reopened_is_the_journeys_again() -> None:
    statuses = ("open", "resolved", "reopened", "in_progress")
    found = speakers(driven(), *history("lost_parcel", *statuses))
    assert found == [JOURNEY, NOTIFICATION, JOURNEY, NOTIFICATION]


@pytest.mark.parametrize("status", ["completed", "cancelled", "refunded"])
def test_an_exception_on_an_order_that_is_over_is_not_the_journeys(status: str) -> None:
    assert speakers(driven(status=status), *history("lost_parcel", "open")) == [NOTIFICATION]


def test_a_resolved_incident_that_the_customer_was_told_of_is_the_recoverys() -> None:
    assert speakers(driven(), *history("damaged", "open", "resolved")) == [NOTIFICATION, RECOVERY]


def test_a_resolved_incident_that_nobody_had_told_of_is_not() -> None:
    driver = driven()
    assert (
        speakers(driver, *history("damaged", "open", "resolved"), minutes=0.2)[-1] == NOTIFICATION
    )


def test_a_resolved_claim_is_the_recoverys_for_the_customer_raised_it() -> None:
    found = speakers(driven(), *history("damaged", "resolved", kind="claim"))
    assert found == [RECOVERY]


def test_an_incident_that_is_closed_as_soon_as_it_is_resolved_is_recovered_all_the_same() -> None:
    done = r.Resolution(code="credited", action="credit", summary="Credited.")
    driver = driven()
    speakers(driver, *history("damaged", "open"))
    for version, status in ((2, "resolved"), (3, "closed")):
        driver.send(
            topics.TRADING_GRID_THREADS,
            about("damaged", status=status, version=version, resolution=done),
        )
    assert [case.speaker for case in driver.take(topics.CUSTOMER_CASES)] == [RECOVERY] * 2


def test_an_incident_whose_end_was_told_is_not_recovered_when_it_is_closed() -> None:
    done = r.Resolution(code="credited", action="credit", summary="Credited.")
    threads = history("other", "open", "resolved")
    last = about("damaged", status="closed", version=3, resolution=done)
    assert speakers(driven(), *threads, last) == [NOTIFICATION] * 3


def test_an_incident_that_is_reopened_and_resolved_again_is_recovered_once() -> None:
    found = speakers(driven(), *history("damaged", "open", "resolved", "reopened", "resolved"))
    assert found == [NOTIFICATION, RECOVERY, NOTIFICATION, NOTIFICATION]


def test_long_after_a_recovery_an_incident_may_be_recovered_again() -> None:
    driver = driven()
    threads = history("damaged", "open", "resolved", "reopened", "resolved")
    assert speakers(driver, *threads[:2]) == [NOTIFICATION, RECOVERY]
    driver.advance(hours=31 * 24)
    assert speakers(driver, *threads[2:]) == [NOTIFICATION, RECOVERY]


def test_an_incident_that_the_customer_could_not_be_told_of_is_not_recovered() -> None:
    driver = driven()
    gone = customer(email="unsubscribed", push="unsubscribed", sms="unsubscribed", version=1)
    driver.row(CUSTOMERS, gone)
    first, last = history("damaged", "open", "resolved")
    speakers(driver, first)
    driver.row(CUSTOMERS, customer(version=2))
    assert speakers(driver, last) == [NOTIFICATION]


def test_a_thread_that_took_up_feedback_is_the_feedback_loops_once() -> None:
    driver = driven()
    filed = r.FiledFeedback(
        customer_ref="customer-7",
        order_ref=ORDER,
        feedback_id="fb-1",
        kind="survey",
        thread_id="th_1",
    )
    driver.send(topics.FILED_FEEDBACK, filed)
    threads = history("damaged", "open", "resolved", "reopened", "resolved")
    found = speakers(driver, *threads)
    assert found[1] == FEEDBACK
    assert FEEDBACK not in (found[0], *found[2:])
    assert {case.feedback_id for case in driver.out(topics.CUSTOMER_CASES)} <= {"fb-1"}


def test_a_thread_that_was_opened_for_feedback_is_known_by_its_reference() -> None:
    driver = driven()
    filed = r.FiledFeedback(
        customer_ref="customer-7",
        order_ref=ORDER,
        feedback_id="fb-1",
        kind="survey",
        external_ref=f"{ORDER}/pt_1/1",
        system="braze",
    )
    driver.send(topics.FILED_FEEDBACK, filed)
    refs = (r.ExternalRef(system="braze", type="order", id=f"{ORDER}/pt_1/1"),)
    assert speakers(driver, thread(status="resolved", external_refs=refs)) == [FEEDBACK]


def test_a_flow_that_runs_nowhere_has_no_say() -> None:
    told = customer_cases.Settings(speakers=(RECOVERY, NOTIFICATION))
    driver = Driver(
        threads_by_order.FLOW, customer_cases.FLOW, settings={customer_cases.FLOW_ID: told}
    )
    driver.row(ORDERS, stored_order(ORDER))
    driver.row(CUSTOMERS, customer())
    assert speakers(driver, *history("lost_parcel", "open")) == [NOTIFICATION]


def test_news_of_a_status_that_was_told_do_not_change_who_speaks_of_it() -> None:
    driver = driven()
    found = speakers(driver, *history("customer_message", "open"))
    found += speakers(driver, about("lost_parcel", status="open", version=2))
    assert found == [NOTIFICATION, NOTIFICATION]


@no_deadline(deadline=None)
@given(st.permutations([ORDER, OTHER]))
def test_of_two_orders_of_one_thread_either_may_come_first(refs: list[str]) -> None:
    driver = driven()
    driver.row(ORDERS, stored_order(OTHER, status="completed"))
    related = tuple(r.Related(type="order", id=ref) for ref in refs)
    found = speakers(driver, *history("lost_parcel", "open", related=related))
    assert found[-1] == JOURNEY  # the last case is what a flow that collected them goes by


def test_a_long_quiet_thread_is_forgotten() -> None:
    driver = driven()
    speakers(driver, *history("damaged", "open"))
    driver.advance(hours=181 * 24)
    assert speakers(driver, about("damaged", status="resolved", version=2)) == [NOTIFICATION]


def test_a_thread_may_not_be_forgotten_while_what_was_said_of_it_counts() -> None:
    settings = customer_cases.Settings(again_days=31, keep_days=30)
    with pytest.raises(ValueError, match=r"keep_days: at least again_days \(31\)"):
        customer_cases.legs(settings)
