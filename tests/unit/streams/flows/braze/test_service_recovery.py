"""braze.service-recovery: customers are won back once an incident is resolved, once, within what may be offered."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS
from streams.tables import CUSTOMERS
from tests.unit.streams.flows.braze.customers import (
    WHO,
    about,
    calls,
    history,
    lived,
    speeches,
)
from tests.unit.streams.flows.braze.recoveries import (
    FLOW,
    VIP,
    driven,
    filtered,
    recovery,
    resolved,
    worth,
)
from tests.unit.streams.making import DAY_MS, ORDER, customer

SURVEY = ("schedule_campaign", "recovery-survey")


# ---- by segment and incident -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "campaign"),
    [
        ({}, "recovery-apology-damaged"),
        ({"value_tier": "bronze", "churn_risk": 0.59}, "recovery-apology-damaged"),
        ({"churn_risk": 0.6}, "recovery-retention-damaged"),
        ({"value_tier": "gold"}, "recovery-compensation-damaged"),
        ({"value_tier": "vip", "churn_risk": 0.9}, "recovery-retention-damaged"),
    ],
)
def test_each_segment_has_its_campaign(fields: dict[str, Any], campaign: str) -> None:
    driver = driven(fields)
    resolved(driver)
    assert recovery(driver).campaign_id == campaign


@pytest.mark.parametrize(
    ("reason", "incident"),
    [
        ("damaged", "damaged"),
        ("missing_component", "missing"),
        ("missing_item", "missing"),
        ("defective", "product"),
        ("wrong_item", "product"),
        ("billing_correction", "billing"),
        ("invoice_discrepancy", "billing"),
    ],
)
def test_each_incident_that_a_partner_causes_has_its_campaign(reason: str, incident: str) -> None:
    driver = driven()
    resolved(driver, reason)
    assert recovery(driver).campaign_id == f"recovery-apology-{incident}"


def test_the_message_knows_what_it_must_say() -> None:
    driver = driven(VIP)
    resolved(driver, resolution=worth(3_001))
    assert recovery(driver).trigger_properties == {
        "case_id": "th_1",
        "kind": "order_exception",
        "status": "resolved",
        "order": ORDER,
        "incident": "damaged",
        "segment": "high_value",
        "resolution": "credit",
        "compensation": "15.00 USD",
        "partner_name": "Acme",
        "channels": "email,push,sms",
    }


def test_a_survey_follows_some_days_later_and_can_be_taken_back() -> None:
    driver = driven(survey_days=3)
    resolved(driver)
    [survey] = [
        one.schedule_campaign for one in driver.out(topics.BRAZE_COMMANDS) if one.schedule_campaign
    ]
    assert (survey.campaign_id, survey.order_ref, survey.about) == ("recovery-survey", ORDER, FLOW)
    assert survey.send_at == START_MS + 3 * DAY_MS + 3 * 60_000  # three minutes into the test
    driver = driven(survey_days=0)
    resolved(driver)
    assert SURVEY not in calls(driver)


def test_the_recovery_speaks_of_the_end_and_the_notification_only_sets_the_attribute() -> None:
    driver = driven()
    resolved(driver)
    assert speeches(driver) == [(WHO, "th_1", "open"), (WHO, "th_1", "resolved")]
    assert calls(driver, FLOW) == [("trigger_campaign", "recovery-apology-damaged"), SURVEY]


@pytest.mark.parametrize(
    "given",
    [{"campaigns": {"standard/damaged": "c"}}, {"compensation_percent": {"standard": 5}}],
)
def test_a_segment_without_a_campaign_or_share_is_refused_at_the_start(
    given: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match="one for each"):
        driven(**given)


# ---- once, and only what was seen --------------------------------------------------------------------------------
def test_an_incident_that_is_reopened_and_resolved_again_is_recovered_once() -> None:
    driver = driven()
    lived(driver, *history("damaged", "open", "resolved", "reopened", "resolved", "reopened"))
    recoveries = [one for one in calls(driver, FLOW) if one[0] == "trigger_campaign"]
    assert len(recoveries) == 1


def test_long_after_it_was_recovered_an_incident_may_be_recovered_again() -> None:
    driver = driven()
    lived(driver, *history("damaged", "open", "resolved"))
    driver.advance(hours=31 * 24)
    lived(driver, *history("damaged", "reopened", "resolved", first_version=3))
    recoveries = [one for one in calls(driver, FLOW) if one[0] == "trigger_campaign"]
    assert len(recoveries) == 2


@pytest.mark.parametrize(("again_days", "times"), [(5, 2), (30, 1)])
def test_how_long_it_counts_as_recovered_is_decided_by_the_feed_alone(
    again_days: int, times: int
) -> None:
    driver = driven(again_days=again_days)
    lived(driver, *history("damaged", "open", "resolved"))
    driver.advance(hours=6 * 24)
    lived(driver, *history("damaged", "reopened", "resolved", first_version=3))
    recoveries = [one for one in calls(driver, FLOW) if one[0] == "trigger_campaign"]
    assert len(recoveries) == times


def test_an_incident_that_the_customer_never_saw_is_not_recovered() -> None:
    driver = driven()
    lived(driver, *history("damaged", "open", "resolved"), minutes=0.3)
    driver.advance(minutes=2)
    assert speeches(driver) == [(WHO, "th_1", "resolved")]  # of which the notification tells
    assert calls(driver, FLOW) == []


def test_an_incident_that_the_customer_raised_is_recovered_without_having_been_told() -> None:
    driver = driven()
    lived(driver, about("damaged", kind="claim", status="resolved"))
    assert recovery(driver).campaign_id == "recovery-apology-damaged"


@pytest.mark.parametrize(
    "fields", [{"partner_id": None}, {"lines": ()}], ids=["internal", "no reason"]
)
def test_what_no_partner_caused_is_not_recovered(fields: dict[str, Any]) -> None:
    driver = driven()
    lived(
        driver, about("damaged", **fields), about("damaged", status="resolved", version=2, **fields)
    )
    assert calls(driver, FLOW) == []


def test_an_incident_that_was_cancelled_is_not_recovered() -> None:
    driver = driven()
    lived(driver, *history("damaged", "open", "cancelled"))
    assert calls(driver, FLOW) == []


# ---- consent -----------------------------------------------------------------------------------------------------
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
def test_who_withdraws_consent_before_it_goes_out_is_not_recovered(
    fields: dict[str, Any], reason: str
) -> None:
    driver = driven()
    lived(driver, about("damaged"))
    driver.send(topics.TRADING_GRID_THREADS, about("damaged", status="resolved", version=2))
    driver.row(CUSTOMERS, customer(version=2, **fields))
    driver.advance(minutes=2)
    assert calls(driver, FLOW) == []
    assert filtered(driver, reason) == 1


# ---- with the journey --------------------------------------------------------------------------------------------
def test_a_survey_about_an_order_with_a_new_exception_is_taken_back() -> None:
    driver = driven()
    resolved(driver)
    fact = r.BrazeSchedule(
        schedule_id="sch-1",
        customer_ref=WHO,
        order_ref=ORDER,
        about=FLOW,
        campaign_id="recovery-survey",
        send_at=driver.now_ms + DAY_MS,
        state="created",
    )
    driver.send(topics.BRAZE_SCHEDULES, fact)
    lived(driver, about("lost_parcel", thread_id="th_2"))
    assert ("delete_schedule", "sch-1") in calls(driver)


# ---- duplicates, reordering, replay ------------------------------------------------------------------------------
STATUSES = st.lists(
    st.sampled_from(["open", "in_progress", "resolved", "reopened"]), min_size=1, max_size=6
)


def told(threads: list[r.Thread], *, restarts: bool = False) -> list[tuple[str, str]]:
    driver = driven(VIP)
    for one in threads:
        driver.send(topics.TRADING_GRID_THREADS, one)
        driver.advance(minutes=2)
        if restarts:
            driver.restart()
    driver.advance(hours=100)
    assert not driver.dead
    return [(one.operation, one.event_id) for one in driver.out(topics.BRAZE_COMMANDS)]


@settings(deadline=None, max_examples=25)
@given(STATUSES, st.sampled_from([1_000, 90_000]), st.data())
def test_duplicates_and_replays_change_nothing(
    statuses: list[str], amount: int, data: st.DataObject
) -> None:
    threads = [
        about("damaged", status=s, version=n, event_id=f"e{n}", resolution=worth(amount))
        for n, s in enumerate(statuses, start=1)
    ]
    once = told(threads)
    again = [*threads, *data.draw(st.lists(st.sampled_from(threads), max_size=4))]
    assert told(again) == once
    assert told(threads, restarts=True) == once


@settings(deadline=None, max_examples=25)
@given(STATUSES, st.data())
def test_versions_that_overtake_one_another_come_to_the_same_message(
    statuses: list[str], data: st.DataObject
) -> None:
    threads = history("damaged", *statuses, kind="claim")

    def said(order: list[r.Thread]) -> list[tuple[str, str]]:
        driver = driven(VIP)
        driver.send(topics.TRADING_GRID_THREADS, *order)
        driver.advance(minutes=5)
        return calls(driver)

    assert said(data.draw(st.permutations(threads))) == said(threads)
