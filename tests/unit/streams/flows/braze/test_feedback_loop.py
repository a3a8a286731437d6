"""braze.feedback-loop: feedback reaches the partner behind it, and the customer hears when it is settled, once."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.flows.braze import case_notification, feedback_loop, service_recovery
from streams.tables import CUSTOMERS, ORDERS
from tests.unit.streams.flows.braze.customers import WHO, braze_driver, calls, lived, speeches
from tests.unit.streams.making import ORDER, SKU, customer, stored_order, thread

FLOW = "braze.feedback-loop"
OWN = f"{ORDER}/pt_1/1"
ANSWERED = [
    ("track_event", "partner_feedback_answered"),
    ("trigger_campaign", "feedback-follow-up"),
]


def line(ref: str = "1", sku: str = SKU, partner: str | None = "pt_1") -> r.OrderLine:
    return r.OrderLine(
        line_ref=ref, sku=sku, name="Cup", quantity=1, quantity_shipped=0, partner_id=partner
    )


def driven(*lines: r.OrderLine, **settings: Any) -> Driver:
    chosen = {FLOW: feedback_loop.Settings(**settings)}
    driver = braze_driver(
        case_notification.FLOW, service_recovery.FLOW, feedback_loop.FLOW, settings=chosen
    )
    driver.row(ORDERS, stored_order(ORDER, lines=lines or (line(),), version=1))
    return driver


def feedback(feedback_id: str = "fb-1", **fields: Any) -> r.BrazeFeedback:
    given: dict[str, Any] = {
        "customer_ref": WHO,
        "order_ref": ORDER,
        "kind": "low_rating",
        "concerns": "damage",
        "question": "How was your delivery?",
        "score": 1.0,
        "scale_max": 5.0,
    }
    return r.BrazeFeedback(feedback_id=feedback_id, **(given | fields))


def given_by(driver: Driver, *said: r.BrazeFeedback) -> list[r.TradingGridCommand]:
    """What is done in Trading Grid for it."""
    driver.send(topics.BRAZE_FEEDBACK, *said)
    return driver.take(topics.TRADING_GRID_COMMANDS)


def opened(driver: Driver, said: r.BrazeFeedback) -> r.OpenThread:
    (command,) = given_by(driver, said)
    assert command.open_thread is not None
    return command.open_thread


def commented(driver: Driver, said: r.BrazeFeedback) -> r.AddComment:
    (command,) = given_by(driver, said)
    assert command.add_comment is not None
    return command.add_comment


def own_thread(**fields: Any) -> r.Thread:
    """The thread that we opened, as it comes back."""
    refs = (r.ExternalRef(system="braze", type="order", id=OWN),)
    given: dict[str, Any] = {"external_refs": refs, "kind": "claim", "actor_type": "internal"}
    return thread("th_own", **(given | fields))


def filtered(driver: Driver, reason: str, leg: str = "file") -> int:
    return driver.filtered[FLOW, leg, reason]


# ---- to the partner ----------------------------------------------------------------------------------------------
def test_feedback_without_an_open_thread_opens_one_with_score_and_question() -> None:
    found = opened(driven(), feedback(text="All in pieces."))
    assert (found.external_ref, found.system, found.partner_id) == (OWN, "braze", "pt_1")
    assert found.body == (
        "A customer's low rating about damage. Asked: How was your delivery? Score: 1 of 5. "
        "In their words: All in pieces."
    )
    assert found.related == (r.Related(type="order", id=ORDER),)
    assert [(one.sku, one.reason_code) for one in found.lines] == [(SKU, "damaged")]


@pytest.mark.parametrize(
    ("concerns", "kind"), [("damage", "claim"), ("invoice", "claim"), ("delivery", "service_case")]
)
def test_what_it_concerns_decides_the_kind_of_thread(
    concerns: r.FeedbackConcern, kind: str
) -> None:
    assert opened(driven(), feedback(concerns=concerns)).kind == kind


def test_feedback_on_an_order_with_an_open_thread_is_a_comment_on_it() -> None:
    driver = driven()
    lived(driver, thread("th_9"))
    comment = commented(driver, feedback())
    assert (comment.thread_id, comment.external_ref, comment.visibility) == ("th_9", "", "shared")
    assert comment.source_ref == f"{FLOW}:fb-1"


@pytest.mark.parametrize("ending", ["resolved", "closed", "cancelled"])
def test_a_thread_that_has_ended_takes_up_no_feedback(ending: str) -> None:
    driver = driven()
    lived(driver, thread("th_9"), thread("th_9", status=ending, version=2), thread("th_9"))
    assert opened(driver, feedback()).external_ref == OWN


def test_a_thread_of_another_partner_takes_up_no_feedback() -> None:
    driver = driven()
    lived(driver, thread("th_9", partner_id="pt_2"))
    assert opened(driver, feedback()).partner_id == "pt_1"


def test_more_feedback_joins_the_thread_that_was_opened_before_it_came_back() -> None:
    driver = driven()
    opened(driver, feedback())
    comment = commented(driver, feedback("fb-2"))
    assert (comment.external_ref, comment.system, comment.thread_id) == (OWN, "braze", None)
    lived(driver, own_thread())
    assert commented(driver, feedback("fb-3")).thread_id == "th_own"


def test_feedback_after_our_thread_has_ended_opens_a_new_occurrence() -> None:
    driver = driven()
    opened(driver, feedback())
    lived(driver, own_thread(), own_thread(status="resolved", version=2))
    assert opened(driver, feedback("fb-2")).external_ref == f"{ORDER}/pt_1/2"


def test_the_product_decides_the_partner_and_else_who_supplies_most_of_the_order() -> None:
    lines = (line("1", SKU, "pt_1"), line("2", "SKU-2", "pt_2"), line("3", "SKU-3", "pt_2"))
    assert opened(driven(*lines), feedback(sku=SKU)).partner_id == "pt_1"
    assert opened(driven(*lines), feedback()).partner_id == "pt_2"


# ---- and without whom --------------------------------------------------------------------------------------------
def test_nobodys_identity_reaches_the_partner() -> None:
    driver = driven()
    said = feedback(
        question=f"Dear {WHO}, how was it?",
        text=f"Broken! I am {WHO}, jane.roe@example.org, +1 (555) 010-0199",
    )
    raw = b"".join(msgspec.json.encode(one) for one in given_by(driver, said))
    for secret in (WHO, "jane", "example.org", "555", "0199"):
        assert secret.encode() not in raw


# ---- what stays out ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (feedback(concerns="product"), "concerns no partner process"),
        (feedback(concerns="other"), "concerns no partner process"),
        (feedback(customer_ref="customer-8"), "another customer's order"),
        (feedback(kind="survey", score=5.0), "satisfied customer"),
        (feedback(order_ref=None), "no orders to look up"),
    ],
)
def test_feedback_that_no_partner_can_settle_stays_out(said: r.BrazeFeedback, reason: str) -> None:
    driver = driven()
    assert given_by(driver, said) == []
    assert filtered(driver, reason) == 1


def test_feedback_with_no_partner_behind_it_stays_out() -> None:
    driver = driven(line(partner=None))
    assert given_by(driver, feedback()) == []
    assert filtered(driver, "no partner behind it") == 1


def test_a_satisfied_customer_is_heard_where_a_thread_is_open() -> None:
    driver = driven()
    lived(driver, thread("th_9"))
    assert "Score: 5 of 5" in commented(driver, feedback(kind="survey", score=5.0)).body


@pytest.mark.parametrize(
    "fields",
    [{"kind": "churn_signal", "score": 0.9, "scale_max": 1.0}, {"kind": "survey", "score": None}],
)
def test_a_sign_of_leaving_and_an_answer_without_a_score_are_heard(fields: dict[str, Any]) -> None:
    assert opened(driven(), feedback(**fields)).partner_id == "pt_1"


def test_feedback_waits_for_its_order_and_ends_as_a_dead_letter_without() -> None:
    driver = driven()
    assert given_by(driver, feedback(order_ref="bigcommerce:9")) == []
    driver.advance(minutes=31)
    assert [(flow, why) for flow, _, why, _ in driver.dead] == [(FLOW, "no row of orders in time")]


# ---- back to the customer ----------------------------------------------------------------------------------------
def closed(driver: Driver) -> list[tuple[str, str]]:
    return [one for one in calls(driver, FLOW) if one[0] != "set_attributes"]


def test_when_the_partner_has_settled_it_the_customer_hears_of_it_once() -> None:
    driver = driven()
    opened(driver, feedback())
    lived(driver, own_thread(), own_thread(status="in_progress", version=2))
    assert calls(driver, FLOW) == [("set_attributes", "open"), ("set_attributes", "in_progress")]
    lived(driver, own_thread(status="resolved", version=3))
    assert speeches(driver)[-1] == (WHO, "th_own", "resolved")
    assert calls(driver, FLOW) == ANSWERED
    lived(
        driver,
        own_thread(status="reopened", version=4),
        own_thread(status="resolved", version=5),
        own_thread(status="closed", version=6),
    )
    assert closed(driver) == []


def test_a_thread_that_is_closed_as_soon_as_it_is_resolved_closes_the_loop_once() -> None:
    driver = driven()
    opened(driver, feedback())
    lived(driver, own_thread())
    calls(driver)
    done = r.Resolution(code="reshipped", action="ship", summary="A new one is on its way.")
    lived(driver, own_thread(status="resolved", version=2, resolution=done), minutes=0.2)
    lived(driver, own_thread(status="closed", version=3, resolution=done))
    assert closed(driver) == ANSWERED


def test_a_thread_that_took_up_a_comment_closes_the_loop_as_well() -> None:
    driver = driven()
    lived(driver, thread("th_9"))
    commented(driver, feedback())
    lived(driver, thread("th_9", status="resolved", version=2))
    assert closed(driver) == ANSWERED


def test_feedback_that_came_after_an_answer_is_answered_too() -> None:
    driver = driven()
    lived(driver, thread("th_9"))
    commented(driver, feedback())
    lived(driver, thread("th_9", status="resolved", version=2))
    lived(driver, thread("th_9", status="reopened", version=3))
    commented(driver, feedback("fb-2"))
    lived(driver, thread("th_9", status="resolved", version=4))
    assert closed(driver) == [*ANSWERED, *ANSWERED]


def test_the_loop_goes_before_recovery_and_notification() -> None:
    driver = driven()
    damaged = (r.ThreadLine(line_ref="1", sku=SKU, quantity=1, reason_code="damaged"),)
    lived(driver, thread("th_9", lines=damaged))
    commented(driver, feedback())
    lived(driver, thread("th_9", status="resolved", version=2, lines=damaged))
    assert speeches(driver) == [(WHO, "th_9", "open"), (WHO, "th_9", "resolved")]
    assert closed(driver) == ANSWERED


def test_a_thread_that_took_up_no_feedback_is_not_the_loops() -> None:
    driver = driven()
    lived(driver, thread("th_9"), thread("th_9", status="resolved", version=2))
    assert calls(driver, FLOW) == []
    assert filtered(driver, "no feedback behind it", "close") == 2


def test_feedback_on_a_guests_order_reaches_the_partner_and_nobody_waits_for_an_answer() -> None:
    driver = driven()
    driver.row(ORDERS, stored_order(ORDER, lines=(line(),), customer_ref=None, version=2))
    opened(driver, feedback())
    lived(driver, own_thread(), own_thread(status="resolved", version=2))
    assert driver.out(topics.FILED_FEEDBACK) == []
    assert calls(driver) == []
    assert filtered(driver, "filed for a guest, who hears no answer") == 1


def test_who_unsubscribed_meanwhile_hears_nothing() -> None:
    driver = driven()
    opened(driver, feedback())
    lived(driver, own_thread())
    gone = customer(version=2, email="unsubscribed", push="unsubscribed", sms="unsubscribed")
    driver.row(CUSTOMERS, gone)
    calls(driver)
    lived(driver, own_thread(status="resolved", version=2))
    assert calls(driver) == []
    assert filtered(driver, "unsubscribed from every channel", "close") == 1


# ---- duplicates, reordering, replay ------------------------------------------------------------------------------
def lived_through(steps: list[Any], *, restarts: bool = False) -> list[tuple[str, str]]:
    driver = driven()
    for step in steps:
        is_feedback = isinstance(step, r.BrazeFeedback)
        driver.send(topics.BRAZE_FEEDBACK if is_feedback else topics.TRADING_GRID_THREADS, step)
        driver.advance(minutes=2)
        if restarts:
            driver.restart()
    assert not driver.dead
    partner = [(one.operation, one.event_id) for one in driver.out(topics.TRADING_GRID_COMMANDS)]
    return partner + [(one.operation, one.event_id) for one in driver.out(topics.BRAZE_COMMANDS)]


STEPS = st.lists(
    st.sampled_from(["fb-1", "fb-2", "open", "in_progress", "resolved", "reopened"]),
    min_size=1,
    max_size=7,
)


@settings(deadline=None, max_examples=25)
@given(STEPS, st.data())
def test_duplicates_and_replays_change_nothing(names: list[str], data: st.DataObject) -> None:
    steps: list[Any] = [
        feedback(name, event_id=name)
        if name.startswith("fb")
        else thread("th_9", status=name, version=n, event_id=f"e{n}")
        for n, name in enumerate(names, start=1)
    ]
    once = lived_through(steps)
    again = [*steps, *data.draw(st.lists(st.sampled_from(steps), max_size=4))]
    assert lived_through(again) == once
    assert lived_through(steps, restarts=True) == once


def test_the_same_feedback_in_another_delivery_is_filed_once() -> None:
    driver = driven()
    opened(driver, feedback(event_id="one"))
    assert given_by(driver, feedback(event_id="other")) == []
    assert filtered(driver, "filed already") == 1


@settings(deadline=None, max_examples=25)
@given(st.permutations([1, 2, 3]))
def test_versions_that_overtake_one_another_come_to_the_same_answer(order: list[int]) -> None:
    driver = driven()
    opened(driver, feedback())
    statuses = {1: "open", 2: "in_progress", 3: "resolved"}
    for version in order:
        driver.send(
            topics.TRADING_GRID_THREADS, own_thread(status=statuses[version], version=version)
        )
    driver.advance(minutes=5)
    assert closed(driver) == ANSWERED
