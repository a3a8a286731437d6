"""braze.service-recovery: what is offered, and what waits for people because it is more than the cap."""

from typing import Any

import pytest

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS, Driver
from streams.engine.settle import Limits
from streams.feeds import customer_cases, threads_by_order
from streams.flows.braze import service_recovery
from streams.tables import CUSTOMERS, ORDERS
from tests.unit.streams.flows.braze.customers import (
    WHO,
    about,
    calls,
    lived,
)
from tests.unit.streams.flows.braze.recoveries import (
    FLOW,
    VIP,
    decided,
    driven,
    filtered,
    recovery,
    resolved,
    worth,
)
from tests.unit.streams.making import DAY_MS, ORDER, customer, stored_order

SURVEY = ("schedule_campaign", "recovery-survey")


@pytest.mark.parametrize(
    ("fields", "resolution", "compensation"),
    [
        (VIP, worth(4_000), "20.00 USD"),
        (VIP, worth(5_000), "25.00 USD"),  # the cap itself needs nobody
        (VIP, worth(5_000, "JPY"), ""),  # no cap is known for it
        (VIP, None, ""),
        ({}, worth(4_000), ""),
    ],
)
def test_the_offer_is_the_segments_share_up_to_the_cap(
    fields: dict[str, Any], resolution: r.Resolution | None, compensation: str
) -> None:
    driver = driven(fields)
    resolved(driver, resolution=resolution)
    assert recovery(driver).trigger_properties["compensation"] == compensation
    assert driver.out(topics.APPROVALS) == []


@pytest.mark.parametrize(
    ("currency", "cap", "offered", "question"),
    [
        ("JPY", 3_000, "3000 JPY", "May 4500 JPY be offered"),
        ("KWD", 3_000, "3.000 KWD", "May 4.500 KWD be offered"),
        ("USD", 3_000, "30.00 USD", "May 45.00 USD be offered"),
    ],
)
def test_amounts_are_named_in_the_digits_of_their_currency(
    currency: str, cap: int, offered: str, question: str
) -> None:
    driver = driven(VIP, caps_minor={currency: cap})
    resolved(driver, resolution=worth(9_000, currency))
    (approval,) = driver.out(topics.APPROVALS)
    assert approval.question.startswith(question)
    decided(driver, "refused")
    assert recovery(driver).trigger_properties["compensation"] == offered


def test_a_cap_in_what_is_no_currency_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="caps_minor: usd is no ISO 4217 code"):
        driven(caps_minor={"usd": 2_500})


def test_more_than_the_cap_waits_for_people_and_nothing_goes_out_meanwhile() -> None:
    driver = driven(VIP)
    resolved(driver, resolution=worth(9_000))
    (approval,) = driver.out(topics.APPROVALS)
    assert calls(driver, FLOW) == []
    assert (approval.flow, approval.key, approval.order_ref) == (FLOW, WHO, ORDER)
    assert (approval.amount_minor, approval.currency, approval.limit_minor) == (4_500, "USD", 2_500)
    assert approval.expires_at - approval.asked_at == 3 * DAY_MS
    assert WHO not in approval.question


@pytest.mark.parametrize(("decision", "offered"), [("granted", "45.00"), ("refused", "25.00")])
def test_what_people_decide_is_offered(decision: r.Decision, offered: str) -> None:
    driver = driven(VIP)
    resolved(driver, resolution=worth(9_000))
    lived(driver, about("damaged", status="closed", version=3))
    driver.restart()
    decided(driver, decision)
    assert recovery(driver).trigger_properties["compensation"] == f"{offered} USD"
    decided(driver, "granted")
    driver.advance(hours=100)
    assert recovery(driver).campaign_id  # once
    assert filtered(driver, "nobody waits for this decision") == 1


def test_where_nobody_decides_in_time_no_more_than_the_cap_is_offered() -> None:
    driver = driven(VIP)
    resolved(driver, resolution=worth(9_000))
    driver.advance(hours=71)
    assert calls(driver, FLOW) == []
    driver.advance(hours=2)
    assert recovery(driver).trigger_properties["compensation"] == "25.00 USD"
    decided(driver, "granted")
    assert recovery(driver).campaign_id  # once


def test_an_incident_that_is_open_again_when_it_is_decided_is_not_recovered() -> None:
    driver = driven(VIP)
    resolved(driver, resolution=worth(9_000))
    lived(driver, about("damaged", status="reopened", version=3))
    decided(driver, "granted")
    assert calls(driver, FLOW) == []
    assert filtered(driver, "incident is open again") == 1


def test_who_unsubscribes_while_people_decide_gets_nothing() -> None:
    driver = driven(VIP)
    resolved(driver, resolution=worth(9_000))
    gone = customer(version=2, email="unsubscribed", push="unsubscribed", sms="unsubscribed")
    driver.row(CUSTOMERS, gone)
    decided(driver, "granted")
    assert calls(driver, FLOW) == []


def test_decisions_about_what_other_flows_asked_are_not_taken() -> None:
    driver = driven(VIP)
    resolved(driver, resolution=worth(9_000))
    (approval,) = driver.out(topics.APPROVALS)
    other = r.ApprovalDecision(
        approval_id=approval.approval_id, flow="other", key=WHO, decision="granted", by="ops"
    )
    driver.send(topics.APPROVAL_DECISIONS, other)
    assert calls(driver, FLOW) == []


def test_nobody_is_asked_about_what_was_resolved_before_go_live() -> None:
    live = Limits(go_live_ms=START_MS + DAY_MS)
    driver = Driver(threads_by_order.FLOW, customer_cases.FLOW, service_recovery.FLOW, limits=live)
    driver.row(ORDERS, stored_order(ORDER))
    driver.row(CUSTOMERS, customer(value_tier="gold"))
    lived(driver, about("damaged", kind="claim", status="resolved", resolution=worth(9_000)))
    assert driver.out(topics.APPROVALS) == []
    assert driver.out(topics.BRAZE_COMMANDS) == []
