"""All Braze flows together: one message per customer, thread and status, whatever happens and however it arrives."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gridwire import records as r
from gridwire import topics
from gridwire.topics import Topic
from streams.driver import Driver
from streams.feeds import FEEDS
from streams.flows import FLOWS
from streams.tables import CUSTOMERS, ORDERS, PARTNERS, PRODUCTS
from tests.unit.streams.flows.braze.customers import speech
from tests.unit.streams.making import (
    ORDER,
    SKU,
    customer,
    document,
    partner,
    product,
    stored_order,
    thread,
    update,
)

EXAMPLES = 25  # of some hours with all flows each
OTHER = "bigcommerce:1002"
BRAZE = tuple(flow for flow in FLOWS if flow.id.startswith("braze."))
Happening = tuple[Topic[Any], r.Record]
Told = Counter[tuple[str, str, str]]


def driven() -> Driver:
    """One customer with two orders of one product, one of them delivered; everything is known."""
    driver = Driver(*FEEDS, *FLOWS)
    driver.row(PARTNERS, partner("pt_1", name="Acme"))
    driver.row(PRODUCTS, product(SKU, substitute_sku="SKU-2"))
    driver.row(PRODUCTS, product("SKU-2"))
    line = r.OrderLine(
        line_ref="1", sku=SKU, name="Cup", quantity=1, quantity_shipped=0, partner_id="pt_1"
    )
    driver.row(ORDERS, stored_order(ORDER, lines=(line,)))
    driver.row(ORDERS, stored_order(OTHER, lines=(line,), status="completed"))
    driver.row(CUSTOMERS, customer(value_tier="gold", churn_risk=0.7))
    return driver


@st.composite
def cases(draw: st.DrawFn) -> list[Happening]:
    """One thread in one status after another, and what the customer says of the order meanwhile."""
    reason = draw(st.sampled_from(["lost_parcel", "damaged", "delayed_fulfilment", "other"]))
    kind = draw(st.sampled_from(["order_exception", "claim", "service_case"]))
    orders = draw(st.sampled_from([(ORDER,), (ORDER, OTHER), (OTHER, ORDER)]))
    statuses = draw(
        st.lists(
            st.sampled_from(
                ["open", "in_progress", "awaiting_internal", "resolved", "reopened", "cancelled"]
            ),
            min_size=1,
            max_size=6,
        )
    )
    found: list[Happening] = []
    for version, status in enumerate(statuses, start=1):
        named = draw(st.sampled_from([True, True, False]))  # a line's reason may be added later
        one = thread(
            "th_1",
            status=status,
            version=version,
            kind=kind,
            related=tuple(r.Related(type="order", id=ref) for ref in orders),
            lines=(r.ThreadLine(line_ref="1", sku=SKU, quantity=1, reason_code=reason),) * named,
            resolution=r.Resolution(
                code="credited",
                action="credit",
                summary="Done.",
                amount_minor=1_000,
                currency="USD",
            ),
            event_id=f"thread-{version}",
        )
        found.append((topics.TRADING_GRID_THREADS, one))
        found.extend(draw(st.lists(_beside(version), max_size=1)))
    return found


@st.composite
def _beside(draw: st.DrawFn, step: int) -> Happening:
    """Something that the other flows act on."""
    feedback = r.BrazeFeedback(
        event_id=f"feedback-{step}",
        feedback_id=f"fb-{step}",
        customer_ref="customer-7",
        order_ref=ORDER,
        kind="low_rating",
        concerns=draw(st.sampled_from(["damage", "delivery"])),
    )
    paper = draw(st.sampled_from(["rma", "credit_note"]))
    approved = document(f"doc_{paper}", type=paper, version=step, event_id=f"document-{step}")
    available = update(
        step,
        type=draw(st.sampled_from(["stock", "discontinuation"])),
        quantity=draw(st.integers(0, 2)),
        event_id=f"update-{step}",
    )
    chosen: list[Happening] = [
        (topics.BRAZE_FEEDBACK, feedback),
        (topics.TRADING_GRID_DOCUMENTS, approved),
        (topics.TRADING_GRID_AVAILABILITY, available),
    ]
    return draw(st.sampled_from(chosen))


def lived(
    happenings: Sequence[Happening], *, minutes: float, restarts: bool = False
) -> list[r.BrazeCommand]:
    """All that Braze is told to do."""
    driver = driven()
    for topic, record in happenings:
        driver.send(topic, record)
        driver.advance(minutes=minutes)
        if restarts:
            driver.restart()
    driver.advance(hours=5)
    assert not driver.dead
    return driver.out(topics.BRAZE_COMMANDS)


def told(commands: Sequence[r.BrazeCommand]) -> Told:
    return Counter(found for one in commands if (found := speech(one)) is not None)


def runs(happenings: Sequence[Happening]) -> Told:
    """How often the thread came into each status: so often a customer may hear of it."""
    found: Told = Counter()
    before = ""
    for _, record in happenings:
        if isinstance(record, r.Thread) and record.status != "awaiting_internal":
            found["customer-7", "th_1", record.status] += record.status != before
            before = record.status
    return found


@settings(deadline=None, max_examples=EXAMPLES)
@given(cases(), st.sampled_from([0.0, 0.5, 2.0]), st.data())
def test_of_each_time_a_thread_comes_into_a_status_a_customer_hears_at_most_once(
    happenings: list[Happening], minutes: float, data: st.DataObject
) -> None:
    once = lived(happenings, minutes=minutes)
    heard = told(once)
    event(f"spoken by {sorted({one.flow for one in once if speech(one)})}")
    about_it = Counter({what: n for what, n in heard.items() if what[1] == "th_1"})
    assert about_it <= runs(happenings), about_it - runs(happenings)
    assert len({one.event_id for one in once}) == len(once)
    again = [*happenings, *data.draw(st.lists(st.sampled_from(happenings), max_size=4))]
    assert lived(again, minutes=minutes) == once
    assert lived(happenings, minutes=minutes, restarts=True) == once


@settings(deadline=None, max_examples=EXAMPLES)
@given(cases(), st.data())
def test_what_arrives_in_another_order_within_the_collapse_time_is_told_once_too(
    happenings: list[Happening], data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations(happenings))
    heard = told(lived(mixed, minutes=0))
    assert max(heard.values(), default=0) <= 1
    assert len([one for one in heard if one[1] == "th_1"]) <= 1


@settings(deadline=None, max_examples=EXAMPLES)
@given(cases())
def test_who_is_unsubscribed_receives_nothing(happenings: list[Happening]) -> None:
    driver = driven()
    gone = customer(version=2, email="unsubscribed", push="unsubscribed", sms="unsubscribed")
    driver.row(CUSTOMERS, gone)
    for topic, record in happenings:
        driver.send(topic, record)
        driver.advance(minutes=2)
    driver.advance(hours=100)
    messages = {"trigger_campaign", "trigger_canvas", "schedule_campaign", "schedule_canvas"}
    done = {one.operation for one in driver.out(topics.BRAZE_COMMANDS)}
    assert not done & messages, done


@settings(deadline=None, max_examples=EXAMPLES)
@given(cases())
def test_no_partner_sees_who_the_customer_is(happenings: list[Happening]) -> None:
    driver = driven()
    for topic, record in happenings:
        if isinstance(record, r.BrazeFeedback):
            text = "customer-7 here: jane@example.org, +1 (555) 010-0199"
            record = msgspec.structs.replace(record, text=text)  # noqa: PLW2901
        driver.send(topic, record)
        driver.advance(minutes=2)
    driver.advance(hours=5)
    seen = b"".join(msgspec.json.encode(one) for one in driver.out(topics.TRADING_GRID_COMMANDS))
    assert not [who for who in (b"customer-7", b"jane", b"0199") if who in seen]


@pytest.mark.parametrize("gap_s", [10.0, 58.0, 59.0, 59.5, 59.99, 60.0, 61.0])
def test_a_status_that_comes_as_the_time_of_the_first_runs_out_is_told_or_joins_it(
    gap_s: float,
) -> None:
    driver = driven()
    lost = (r.ThreadLine(line_ref="1", sku=SKU, quantity=1, reason_code="lost_parcel"),)
    for version, status in enumerate(["open", "in_progress", "resolved"], start=1):
        one = thread("th_1", status=status, version=version, lines=lost)
        driver.send(topics.TRADING_GRID_THREADS, one)
        driver.advance(seconds=gap_s)
    driver.advance(hours=1)
    entered = [one for one in driver.out(topics.BRAZE_COMMANDS) if one.trigger_canvas]
    heard = [status for _, _, status in told(driver.out(topics.BRAZE_COMMANDS))]
    assert heard[-1:] == ["resolved"]
    assert heard in (["open", "in_progress", "resolved"], ["in_progress", "resolved"], ["resolved"])
    if gap_s >= 59:
        assert len(heard) == 3
        assert entered, "the journey is adjusted whatever comes next"


def test_an_internal_status_that_overtakes_a_new_case_does_not_silence_it() -> None:
    internal, new = (
        thread("th_1", status=status, version=version, event_type="thread.status_changed")
        for status, version in (("awaiting_internal", 2), ("open", 1))
    )
    happenings: list[Happening] = [
        (topics.TRADING_GRID_THREADS, one) for one in (internal, new, new)
    ]
    assert told(lived(happenings, minutes=2)) == {("customer-7", "th_1", "open"): 1}


def test_all_seven_flows_of_braze_are_driven() -> None:
    assert {flow.id.removeprefix("braze.") for flow in BRAZE} == {
        "case-notification",
        "journey-adjustment",
        "document-release",
        "engagement-insight",
        "service-recovery",
        "availability",
        "feedback-loop",
    }
