"""braze.case-notification: customers hear of their cases, once per status, in order."""

import dataclasses
import functools
from typing import Any

import pytest

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS, Driver
from streams.feeds import customer_cases, threads_by_order
from streams.flows.braze import case_notification
from streams.rules.precedence import CLAIMS, Claim
from streams.rules.speaking import CUSTOMER_KINDS
from streams.tables import CUSTOMERS, ORDERS, PARTNERS
from tests.unit.streams.making import ORDER, customer, partner, stored_order, thread

FLOW = "braze.case-notification"
OTHER = "bigcommerce:1002"


def driven(*, known: bool = True, **settings: Any) -> Driver:
    chosen = case_notification.Settings(**settings)
    driver = Driver(
        threads_by_order.FLOW, customer_cases.FLOW, case_notification.FLOW, settings={FLOW: chosen}
    )
    driver.row(PARTNERS, partner("pt_1", name="Acme"))
    driver.row(ORDERS, stored_order(ORDER))
    if known:
        driver.row(CUSTOMERS, customer())
    return driver


def moved(driver: Driver, *statuses: str, first_version: int = 1, **fields: Any) -> None:
    for version, status in enumerate(statuses, start=first_version):
        driver.send(topics.TRADING_GRID_THREADS, thread(status=status, version=version, **fields))


def told(driver: Driver) -> list[tuple[str, str]]:
    """(operation, campaign or attribute value) of the commands since the last look."""
    found = []
    for command in driver.take(topics.BRAZE_COMMANDS):
        if command.trigger_campaign:
            found.append(("trigger", command.trigger_campaign.campaign_id))
        elif command.set_attributes:
            found.append(("attribute", command.set_attributes.attributes["partner_case_status"]))
        else:
            found.append((command.operation, ""))
    return found


def filtered(driver: Driver, reason: str) -> int:
    return driver.filtered[FLOW, "tell", reason]


def trigger(driver: Driver) -> r.TriggerCampaign:
    (command,) = driver.take(topics.BRAZE_COMMANDS)
    assert command.trigger_campaign is not None
    return command.trigger_campaign


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
    assert filtered(driver, "internal status") == 1
    moved(driver, "resolved", first_version=1)
    assert filtered(driver, "older version") == 1


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


# ---- whom ------------------------------------------------------------------------------------------
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
