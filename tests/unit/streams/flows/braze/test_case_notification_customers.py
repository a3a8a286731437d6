"""braze.case-notification: which customers hear of a case, and by what is known of them."""

from typing import Any

import pytest

from gridwire import records as r
from gridwire import topics
from streams.tables import CUSTOMERS, ORDERS
from tests.unit.streams.flows.braze.case_notifications import driven, filtered, moved, told, trigger
from tests.unit.streams.making import ORDER, customer, stored_order, thread

OTHER = "bigcommerce:1002"


def both(**fields: Any) -> r.Thread:
    related = tuple(r.Related(type="order", id=ref) for ref in (ORDER, OTHER))
    return thread(related=related, **fields)


def test_a_thread_that_names_several_orders_notifies_every_affected_customer() -> None:
    driver = driven()
    driver.row(ORDERS, stored_order(OTHER, customer_ref="customer-8"))
    driver.row(CUSTOMERS, customer("customer-8"))
    driver.send(topics.TRADING_GRID_THREADS, both())
    driver.advance(minutes=1)
    commands = driver.take(topics.BRAZE_COMMANDS)
    assert {command.lane for command in commands} == {"customer-7", "customer-8"}
    assert len(commands) == 2


def test_two_orders_of_one_customer_are_one_message_that_names_both() -> None:
    driver = driven()
    driver.row(ORDERS, stored_order(OTHER))
    driver.send(topics.TRADING_GRID_THREADS, both())
    driver.advance(minutes=1)
    assert trigger(driver).trigger_properties["order"] == f"{ORDER}, {OTHER}"
    driver.send(topics.TRADING_GRID_THREADS, both(event_id="again"))
    driver.advance(minutes=2)
    assert told(driver) == []


def test_a_status_that_a_poll_finds_first_is_told() -> None:
    """The webhook that would have said so comes with the same event id, and so for nothing."""
    driver = driven()
    driver.send(topics.TRADING_GRID_THREADS, thread("th_1", version=7, event_type="poll"))
    driver.advance(minutes=2)
    assert trigger(driver).trigger_properties["case_id"] == "th_1"


@pytest.mark.parametrize("seconds", [1, 30, 59, 59.5, 59.95, 61])
def test_a_comment_at_any_moment_before_a_status_is_told_takes_nothing_away(seconds: float) -> None:
    driver = driven()
    driver.send(topics.TRADING_GRID_THREADS, thread("th_1", event_type="thread.created"))
    driver.advance(seconds=seconds)
    comment = thread("th_1", version=2, event_type="thread.comment_added")
    driver.send(topics.TRADING_GRID_THREADS, comment)
    driver.advance(minutes=3)
    assert trigger(driver).trigger_properties["status"] == "open"


def test_a_missing_customer_is_asked_for_once_and_told_when_known() -> None:
    driver = driven(known=False)
    moved(driver, "open", "in_progress")
    assert told(driver) == [("refresh_profile", "")]
    assert driver.parked == 2
    driver.row(CUSTOMERS, customer())
    driver.advance(minutes=1)
    assert told(driver) == [("trigger", "order-exception-in-progress")]


def test_a_customer_that_never_becomes_known_ends_as_a_dead_letter() -> None:
    driver = driven(known=False)
    moved(driver, "open")
    driver.advance(minutes=31)
    assert [(flow, why) for flow, _, why, _ in driver.dead] == [
        ("feed.customer-cases", "no row of customers in time")
    ]


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
def test_a_customer_that_cannot_be_reached_is_counted(fields: dict[str, Any], reason: str) -> None:
    driver = driven(known=False)
    driver.row(CUSTOMERS, customer(**fields))
    moved(driver, "open")
    driver.advance(minutes=2)
    assert told(driver) == []
    assert filtered(driver, reason) == 1


def test_the_channels_that_consent_allows_go_with_the_message() -> None:
    driver = driven(known=False)
    driver.row(CUSTOMERS, customer(email="unsubscribed", sms="unknown"))
    moved(driver, "open")
    driver.advance(minutes=2)
    assert trigger(driver).trigger_properties["channels"] == "push"


def test_a_customer_who_unsubscribes_while_the_message_waits_does_not_get_it() -> None:
    driver = driven()
    moved(driver, "open")
    gone = customer(email="unsubscribed", push="unsubscribed", sms="unsubscribed", version=2)
    driver.row(CUSTOMERS, gone)
    driver.advance(minutes=1)
    assert told(driver) == []
    assert filtered(driver, "unsubscribed from every channel") == 1


def test_a_customer_whose_consent_nobody_read_yet_is_read_while_the_message_waits() -> None:
    driver = driven(known=False)
    driver.row(CUSTOMERS, customer(email="unknown", push="unknown", sms="unknown"))
    moved(driver, "open", "in_progress")
    assert told(driver) == [("refresh_profile", "")]
    driver.row(CUSTOMERS, customer(push="unsubscribed", sms="unsubscribed", version=2))
    driver.advance(minutes=1)
    assert trigger(driver).trigger_properties["channels"] == "email"


def test_what_a_waiting_case_asked_for_and_what_it_asks_when_it_goes_on_have_ids_of_their_own() -> (
    None
):
    driver = driven(known=False)
    moved(driver, "open")
    driver.row(CUSTOMERS, customer(email="unknown", push="unknown", sms="unknown"))
    asked = driver.take(topics.BRAZE_COMMANDS)
    assert [command.operation for command in asked] == ["refresh_profile"] * 2
    assert len({command.event_id for command in asked}) == 2
