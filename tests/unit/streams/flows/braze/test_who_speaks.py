"""Of all that a customer may be told somebody tells, once: around decisions of people, after long silence, aside."""

from typing import Any

import pytest

from gridwire import records as r
from gridwire import topics
from gridwire.vocabulary import ThreadStatus
from streams.driver import Driver
from streams.feeds import customer_cases
from streams.flows.braze import (
    case_notification,
    feedback_loop,
    journey_adjustment,
    service_recovery,
)
from streams.rules.precedence import NOTIFICATION
from streams.rules.speaking import SPOKEN_STATUSES
from streams.tables import CUSTOMERS, ORDERS
from tests.unit.streams.flows.braze.customers import (
    WHO,
    about,
    braze_driver,
    calls,
    history,
    lived,
    speeches,
)
from tests.unit.streams.flows.braze.recoveries import decided, worth
from tests.unit.streams.making import ORDER, SKU, customer, stored_order, thread

RECOVERY, FEEDBACK = "braze.service-recovery", "braze.feedback-loop"
JOURNEY = "braze.journey-adjustment"
MONTH_H = 31 * 24
DEAR = worth(9_000)  # of which more than the cap would be offered


def driven(settings: dict[str, Any] | None = None) -> Driver:
    """A customer whose offers are large, and all flows that speak."""
    driver = braze_driver(
        feedback_loop.FLOW,
        service_recovery.FLOW,
        journey_adjustment.FLOW,
        case_notification.FLOW,
        settings=settings,
    )
    line = r.OrderLine(
        line_ref="1", sku=SKU, name="Cup", quantity=1, quantity_shipped=0, partner_id="pt_1"
    )
    driver.row(ORDERS, stored_order(ORDER, lines=(line,), version=1))
    driver.row(CUSTOMERS, customer(value_tier="gold", churn_risk=0.9, version=1))
    return driver


def filed(feedback_id: str = "fb-1", thread_id: str = "th_1") -> r.FiledFeedback:
    return r.FiledFeedback(
        customer_ref=WHO,
        order_ref=ORDER,
        feedback_id=feedback_id,
        kind="low_rating",
        thread_id=thread_id,
    )


def told(driver: Driver) -> list[str]:
    """Statuses of which the customer received a message, in order."""
    return [status for _, _, status in speeches(driver)]


def recoveries(driver: Driver) -> list[str]:
    """Offers of the recoveries that went out."""
    return [
        one.trigger_campaign.trigger_properties["compensation"]
        for one in driver.out(topics.BRAZE_COMMANDS)
        if one.flow == RECOVERY and one.trigger_campaign
    ]


# ---- around a decision of people ---------------------------------------------------------------------------------
@pytest.mark.parametrize(("decision", "offer"), [("granted", "90.00"), ("refused", "25.00")])
def test_an_offer_decided_on_while_the_incident_is_open_again_goes_out_when_it_is_settled_again(
    decision: r.Decision, offer: str
) -> None:
    driver = driven()
    lived(driver, *history("damaged", "open", "resolved", "reopened", resolution=DEAR))
    decided(driver, decision)
    assert told(driver) == ["open", "reopened"]
    driver.restart()
    lived(driver, about("damaged", status="resolved", version=4, resolution=DEAR))
    assert told(driver) == ["open", "reopened", "resolved"]
    assert recoveries(driver) == [f"{offer} USD"]
    assert len(driver.out(topics.APPROVALS)) == 1  # nobody is asked twice


def test_an_incident_that_is_settled_again_while_people_decide_is_told_once_by_the_recovery() -> (
    None
):
    driver = driven()
    statuses = ("open", "resolved", "reopened", "resolved")
    lived(driver, *history("damaged", *statuses, resolution=DEAR))
    assert told(driver) == ["open", "reopened"]
    decided(driver, "granted")
    driver.advance(hours=100)
    assert told(driver) == ["open", "reopened", "resolved"]
    assert recoveries(driver) == ["90.00 USD"]


@pytest.mark.parametrize("gap_s", [0, 10, 70])
def test_a_decision_between_two_settlements_releases_one_recovery(gap_s: float) -> None:
    driver = driven()
    lived(driver, *history("damaged", "open", "resolved", "reopened", resolution=DEAR))
    driver.send(
        topics.TRADING_GRID_THREADS,
        about("damaged", status="resolved", version=4, resolution=DEAR),
    )
    driver.advance(seconds=gap_s)
    decided(driver, "granted")
    driver.advance(hours=100)
    assert told(driver) == ["open", "reopened", "resolved"]


def test_an_answer_to_feedback_while_people_decide_takes_the_place_of_the_recovery() -> None:
    driver = driven()
    lived(driver, *history("damaged", "open", "resolved", "reopened", resolution=DEAR))
    driver.send(topics.FILED_FEEDBACK, filed())
    lived(driver, about("damaged", status="resolved", version=4, resolution=DEAR))
    decided(driver, "granted")
    driver.advance(hours=100)
    assert told(driver) == ["open", "reopened", "resolved"]
    assert ("trigger_campaign", "feedback-follow-up") in calls(driver, FEEDBACK)


def test_a_recovery_counts_from_when_it_went_out_not_from_when_people_were_asked() -> None:
    driver = driven()
    lived(driver, *history("damaged", "open", "resolved", resolution=DEAR))
    driver.advance(hours=48)
    decided(driver, "granted")
    driver.advance(hours=29 * 24)
    lived(driver, *history("damaged", "reopened", "resolved", first_version=3, resolution=DEAR))
    assert told(driver) == ["open", "resolved", "reopened", "resolved"]
    assert len(recoveries(driver)) == 1
    driver.advance(hours=2 * 24)
    lived(driver, *history("damaged", "reopened", "resolved", first_version=5))
    assert len(recoveries(driver)) == 2


# ---- after long silence ------------------------------------------------------------------------------------------
def test_what_happens_a_month_after_a_journey_was_adjusted_is_told() -> None:
    driver = driven()
    lived(driver, about("lost_parcel"))
    driver.advance(hours=24)
    lived(driver, about("lost_parcel", status="acknowledged", version=2))
    driver.advance(hours=MONTH_H)
    lived(driver, about("lost_parcel", status="in_progress", version=3))
    assert told(driver) == ["open", "in_progress"]


def test_a_matter_resolved_again_a_month_after_the_loop_was_closed_is_told() -> None:
    driver = driven()
    lived(driver, about("shipping_delay"))
    driver.send(topics.FILED_FEEDBACK, filed())
    lived(driver, about("shipping_delay", status="resolved", version=2))
    driver.advance(hours=MONTH_H)
    lived(driver, *history("shipping_delay", "reopened", "resolved", first_version=3))
    assert told(driver) == ["open", "resolved", "reopened", "resolved"]
    answers = [one for one in calls(driver, FEEDBACK) if one[0] == "trigger_campaign"]
    assert len(answers) == 1


# ---- in another order --------------------------------------------------------------------------------------------
def test_a_comment_that_shows_the_end_first_does_not_keep_the_loop_open() -> None:
    driver = driven()
    lived(driver, about("shipping_delay"))
    driver.send(topics.FILED_FEEDBACK, filed())
    lived(
        driver,
        about("shipping_delay", status="resolved", version=2, event_type="thread.comment_added"),
        about("shipping_delay", status="resolved", version=3, previous_status="open"),
    )
    assert told(driver) == ["open", "resolved"]
    assert ("trigger_campaign", "feedback-follow-up") in calls(driver, FEEDBACK)


def test_feedback_that_is_read_just_after_the_end_closes_its_loop() -> None:
    driver = driven()
    lived(driver, about("shipping_delay"))
    driver.send(topics.TRADING_GRID_THREADS, about("shipping_delay", status="resolved", version=2))
    driver.send(topics.FILED_FEEDBACK, filed())
    driver.advance(minutes=3)
    assert told(driver) == ["open", "resolved"]
    assert calls(driver, FEEDBACK) == [
        ("track_event", "partner_feedback_answered"),
        ("trigger_campaign", "feedback-follow-up"),
    ]


@pytest.mark.parametrize("after_s", [45, 59.5, 120, 3_000])
def test_feedback_that_is_read_when_the_end_is_being_told_closes_its_loop_without_a_message(
    after_s: float,
) -> None:
    driver = driven()
    lived(driver, about("shipping_delay"))
    driver.send(topics.TRADING_GRID_THREADS, about("shipping_delay", status="resolved", version=2))
    driver.advance(seconds=after_s)
    driver.send(topics.FILED_FEEDBACK, filed(), filed())
    driver.advance(minutes=3)
    assert told(driver) == ["open", "resolved"]
    answers = [one for one in calls(driver, FEEDBACK) if one[0] != "set_attributes"]
    assert answers == [("track_event", "partner_feedback_answered")]


# ---- what comes aside --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("reason", ["other", "lost_parcel"])
def test_a_status_of_which_nothing_is_said_does_not_swallow_the_news_before_it(
    reason: str,
) -> None:
    driver = driven()
    first = history(reason, "open", "awaiting_partner")
    lived(driver, *first, minutes=0.5)
    driver.advance(minutes=5)
    assert told(driver) == ["open"]
    last = history(reason, "resolved", "closed", first_version=3)
    lived(driver, *last, minutes=0.5)
    driver.advance(minutes=5)
    assert told(driver) == ["open", "resolved"]
    shown = [what for operation, what in calls(driver) if operation == "set_attributes"]
    assert shown[-1] == "closed"


def test_an_incident_that_is_closed_at_once_without_a_word_is_recovered_all_the_same() -> None:
    driver = driven()
    lived(driver, about("damaged"))
    lived(driver, *history("damaged", "resolved", "closed", first_version=2), minutes=0.3)
    driver.advance(minutes=5)
    assert told(driver) == ["open", "resolved"]
    assert len(recoveries(driver)) == 1


def test_a_matter_that_is_closed_within_the_collapse_time_is_not_told_as_open() -> None:
    driver = driven()
    lived(driver, *history("other", "open", "closed"), minutes=0.3)
    driver.advance(minutes=5)
    assert told(driver) == []


def test_an_end_that_is_taken_back_at_once_is_told_by_nobody() -> None:
    driver = driven()
    lived(driver, *history("other", "open", "resolved", "reopened"))
    driver.send(topics.FILED_FEEDBACK, filed())
    lived(driver, *history("other", "resolved", "reopened", first_version=4), minutes=0.3)
    driver.advance(minutes=5)
    assert told(driver) == ["open", "resolved", "reopened"]


def test_news_behind_what_comes_aside_take_its_place() -> None:
    driver = driven()
    lived(driver, *history("other", "open", "awaiting_partner", "in_progress"), minutes=0.3)
    driver.advance(minutes=5)
    assert told(driver) == ["in_progress"]


# ---- a matter that returns ---------------------------------------------------------------------------------------
def test_a_matter_that_returns_as_a_new_occurrence_is_recovered_once() -> None:
    def occurrence(number: int, *statuses: str) -> list[r.Thread]:
        ref = r.ExternalRef(system="bigcommerce", type="order", id=f"{ORDER}/pt_1/{number}")
        return [
            about(
                "damaged",
                thread_id=f"th_{number}",
                status=status,
                version=version,
                external_refs=(ref,),
            )
            for version, status in enumerate(statuses, start=1)
        ]

    driver = driven()
    lived(driver, *occurrence(1, "open", "resolved", "closed"))
    driver.advance(hours=48)
    lived(driver, *occurrence(2, "open", "resolved"))
    assert len(recoveries(driver)) == 1
    assert told(driver) == ["open", "resolved", "open", "resolved"]
    driver.advance(hours=MONTH_H)
    lived(driver, *occurrence(3, "open", "resolved"))
    assert len(recoveries(driver)) == 2


def test_another_matter_of_the_same_partner_is_recovered_too() -> None:
    driver = driven()
    for name, reference in (("th_1", f"{ORDER}/pt_1/1"), ("th_2", f"{ORDER}/2/pt_1/1")):
        refs = (r.ExternalRef(system="bigcommerce", type="order", id=reference),)
        lived(
            driver,
            *history("damaged", "open", "resolved", thread_id=name, external_refs=refs),
        )
    assert len(recoveries(driver)) == 2


def test_a_status_that_has_a_campaign_here_is_the_one_that_is_told() -> None:
    spoken = (*SPOKEN_STATUSES, ThreadStatus.CLOSED)
    campaigns = {"order_exception/open": "opened", "order_exception/closed": "closed-for-good"}
    driver = driven(
        {
            customer_cases.FLOW_ID: customer_cases.Settings(spoken_statuses=spoken),
            NOTIFICATION: case_notification.Settings(campaigns=campaigns),
        }
    )
    lived(driver, thread("th_1"))
    for version, status in ((2, "resolved"), (3, "closed")):
        lived(driver, thread("th_1", status=status, version=version), minutes=0.3)
    driver.advance(minutes=5)
    assert told(driver) == ["open", "closed"]
