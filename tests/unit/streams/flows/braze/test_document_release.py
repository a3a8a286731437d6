"""braze.document-release: the next communication goes out once all required documents are approved, once."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS, Driver
from streams.feeds import documents_by_order
from streams.flows.braze import document_release
from streams.tables import CUSTOMERS, ORDERS
from tests.unit.streams.flows.braze.customers import WHO, calls
from tests.unit.streams.making import (
    DAY_MS,
    HOUR_MS,
    ORDER,
    customer,
    document,
    stored_order,
)

FLOW = "braze.document-release"
CLAIM = [("trigger_campaign", "documents-approved-claim")]


def driven(*, known: bool = True, **settings: Any) -> Driver:
    chosen = {FLOW: document_release.Settings(**settings)}
    driver = Driver(documents_by_order.FLOW, document_release.FLOW, settings=chosen)
    driver.row(ORDERS, stored_order(ORDER))
    if known:
        driver.row(CUSTOMERS, customer())
    return driver


def rma(**fields: Any) -> r.Document:
    return document("doc_rma", type="rma", **fields)


def note(**fields: Any) -> r.Document:
    return document("doc_note", type="credit_note", **fields)


def came(driver: Driver, *documents: r.Document, minutes: float = 2) -> None:
    """The documents come by one after another, with time between them."""
    for one in documents:
        driver.send(topics.TRADING_GRID_DOCUMENTS, one)
        driver.advance(minutes=minutes)


def filtered(driver: Driver, reason: str, leg: str = "collect") -> int:
    return driver.filtered[FLOW, leg, reason]


# ---- only when all are approved ----------------------------------------------------------------------------------
def test_nothing_is_sent_before_all_required_documents_are_approved() -> None:
    driver = driven()
    came(driver, rma(), note(status="under_review"))
    assert calls(driver) == []
    came(driver, note(version=2))
    assert calls(driver) == CLAIM


def test_the_message_knows_what_it_must_say() -> None:
    driver = driven()
    came(driver, rma(process_ref="th_1"), note(process_ref="th_1"))
    (command,) = driver.out(topics.BRAZE_COMMANDS)
    assert command.lane == WHO
    assert command.trigger_campaign is not None
    assert command.trigger_campaign.trigger_properties == {
        "process": "claim",
        "process_ref": "th_1",
        "order_ref": ORDER,
        "documents": "rma, credit_note",
        "channels": "email,push,sms",
    }


@pytest.mark.parametrize("process", ["onboarding", "claim", "warranty", "financial_approval"])
def test_what_each_process_requires_is_configured(process: str) -> None:
    driver = driven(required={process: ("pod", "invoice")}, campaigns={process: "c-1"})
    for kind in ("pod", "invoice"):
        came(driver, document(f"doc_{kind}", type=kind, process=process))
    assert calls(driver) == [("trigger_campaign", "c-1")]


def test_a_process_may_release_a_canvas() -> None:
    driver = driven(canvases={"claim": "claim-journey"})
    came(driver, rma(), note())
    assert calls(driver) == [("trigger_canvas", "claim-journey")]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (rma(process="insolvency"), "process requires no documents"),
        (document("doc_po", type="po"), "process does not require it"),
    ],
)
def test_what_no_process_requires_is_counted(one: r.Document, reason: str) -> None:
    driver = driven()
    came(driver, one)
    assert filtered(driver, reason) == 1


def test_a_process_without_a_message_releases_nothing_and_is_counted() -> None:
    driver = driven(campaigns={})
    came(driver, rma(), note())
    assert calls(driver) == []
    assert filtered(driver, "process releases nothing", "release") == 1


def test_two_processes_of_one_order_are_released_apart() -> None:
    driver = driven()
    first = [rma(process_ref="th_1"), document("doc_2", type="credit_note", process_ref="th_2")]
    came(driver, *first)
    assert calls(driver) == []
    came(driver, note(process_ref="th_1"))
    assert calls(driver) == CLAIM


# ---- approved, then not any more ---------------------------------------------------------------------------------
@pytest.mark.parametrize("status", ["superseded", "expired"])
def test_what_is_superseded_or_expired_before_the_last_one_arrives_releases_nothing(
    status: str,
) -> None:
    driver = driven()
    came(driver, rma(), rma(status=status, version=2), note())
    assert calls(driver) == []
    assert driver.out(topics.DOCUMENT_RELEASES) == []


def test_a_document_that_supersedes_another_takes_its_place() -> None:
    driver = driven()
    came(driver, rma(), rma(status="superseded", version=2), note())
    came(driver, document("doc_rma_2", type="rma"))
    assert calls(driver) == CLAIM
    (release,) = driver.out(topics.DOCUMENT_RELEASES)
    assert release.document_ids == ("doc_rma_2", "doc_note")


@pytest.mark.parametrize("field", ["expires_at", "valid_until"])
def test_what_has_run_out_without_a_word_of_it_releases_nothing(field: str) -> None:
    driver = driven()
    came(driver, rma(**{field: START_MS + HOUR_MS}))
    driver.advance(hours=2)
    came(driver, note())
    assert calls(driver) == []


def test_what_runs_out_while_it_settles_releases_nothing() -> None:
    driver = driven()
    came(driver, rma(expires_at=START_MS + 30_000), note(), minutes=0)
    driver.advance(minutes=5)
    assert calls(driver) == []


def test_a_document_that_is_not_valid_yet_releases_when_it_is() -> None:
    driver = driven()
    came(driver, rma(valid_from=START_MS + DAY_MS), note())
    driver.advance(hours=20)
    assert calls(driver) == []
    driver.advance(hours=5)
    assert calls(driver) == CLAIM


def test_a_document_whose_time_has_not_come_does_not_stand_for_one_that_is_over() -> None:
    driver = driven(required={"claim": ("rma", "credit_note")})
    now = driver.now_ms
    late = note(valid_from=now + 2 * DAY_MS)
    soon = document("doc_rma2", type="rma", valid_from=now + 30 * DAY_MS)
    came(driver, rma(valid_until=now + DAY_MS), soon, late)
    driver.advance(hours=24 * 29)
    assert calls(driver) == []
    driver.advance(hours=24 * 2)
    assert calls(driver) == CLAIM


def test_a_process_whose_documents_name_two_orders_is_released_once() -> None:
    driver = driven()
    driver.row(ORDERS, stored_order("bigcommerce:1002"))
    related = tuple(r.Related(type="order", id=one) for one in (ORDER, "bigcommerce:1002"))
    given: dict[str, Any] = {"related": related, "process_ref": "CLM-1"}
    came(driver, rma(**given), note(**given))
    assert calls(driver) == CLAIM
    assert filtered(driver, "said already", "release") == 1


def test_releases_keep_their_order_while_the_profile_is_read() -> None:
    driver = driven(known=False)
    driver.row(CUSTOMERS, customer(email="unknown", push="unknown", sms="unknown"))
    for which in ("P1", "P2"):
        for kind in ("rma", "credit_note"):
            one = document(f"{kind}{which}", type=kind, process_ref=which)
            driver.send(topics.TRADING_GRID_DOCUMENTS, one)
        driver.advance(seconds=30)
    driver.advance(seconds=31)
    driver.row(CUSTOMERS, customer(version=2))
    driver.advance(minutes=5)
    sent = [
        one.trigger_campaign for one in driver.out(topics.BRAZE_COMMANDS) if one.trigger_campaign
    ]
    assert [one.trigger_properties["process_ref"] for one in sent] == ["P1", "P2"]


def test_documents_that_change_in_any_order_within_a_minute_count_as_they_end() -> None:
    driver = driven()
    came(driver, rma(), note(), rma(status="superseded", version=2), minutes=0.2)
    driver.advance(minutes=5)
    assert calls(driver) == []


# ---- once --------------------------------------------------------------------------------------------------------
def test_each_process_releases_once() -> None:
    driver = driven()
    came(driver, rma(), note())
    came(driver, rma(status="superseded", version=2), document("doc_3", type="rma"))
    came(driver, note(version=3))
    assert calls(driver) == CLAIM
    assert filtered(driver, "released already") == 3


# ---- whose process it is -----------------------------------------------------------------------------------------
def test_the_customer_is_that_of_the_order_in_an_external_reference() -> None:
    driver = driven()
    refs = (r.ExternalRef(system="bigcommerce", type="order", id=f"{ORDER}/pt_1/1"),)
    came(driver, rma(related=(), external_refs=refs), note(related=(), external_refs=refs))
    assert calls(driver) == CLAIM


def test_a_document_of_no_order_or_no_process_is_counted() -> None:
    driver = driven()
    came(driver, rma(related=()), rma(process=None))
    feed = "feed.documents-by-order"
    assert driver.filtered[feed, "split", "names no order"] == 1
    assert driver.filtered[feed, "split", "no process needs it"] == 1


def test_a_guest_order_has_nobody_to_tell() -> None:
    driver = driven()
    driver.row(ORDERS, stored_order(ORDER, customer_ref=None, version=2))
    came(driver, rma(), note())
    assert filtered(driver, "guest order") == 2


def test_a_document_waits_for_its_order_and_ends_as_a_dead_letter_without() -> None:
    driver = driven()
    related = (r.Related(type="order", id="bigcommerce:9"),)
    came(driver, rma(related=related), minutes=31)
    assert [(flow, why) for flow, _, why, _ in driver.dead] == [(FLOW, "no row of orders in time")]


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
def test_who_cannot_be_reached_gets_nothing(fields: dict[str, Any], reason: str) -> None:
    driver = driven(known=False)
    driver.row(CUSTOMERS, customer(**fields))
    came(driver, rma(), note())
    assert calls(driver) == []
    assert filtered(driver, reason, "release") == 1


def test_a_missing_profile_is_asked_for_and_waited_for() -> None:
    driver = driven(known=False)
    came(driver, rma(), note())
    driver.row(CUSTOMERS, customer())
    asked, told = driver.out(topics.BRAZE_COMMANDS)
    assert asked.event_id != told.event_id  # else the second would count as the first come again
    assert calls(driver) == [("refresh_profile", ""), *CLAIM]


def test_a_profile_that_nobody_has_read_is_read_before_anything_is_sent() -> None:
    driver = driven(known=False)
    driver.row(CUSTOMERS, customer(email="unknown", push="unknown", sms="unknown"))
    came(driver, rma(), note(), minutes=1)
    assert calls(driver) == [("refresh_profile", "")]
    gone = customer(version=2, email="unsubscribed", push="unsubscribed", sms="unsubscribed")
    driver.row(CUSTOMERS, gone)
    driver.advance(minutes=2)
    assert calls(driver) == []
    assert filtered(driver, "unsubscribed from every channel", "release") == 1


# ---- duplicates, reordering, replay ------------------------------------------------------------------------------
STATES = st.lists(
    st.tuples(
        st.sampled_from(["rma", "credit_note"]),
        st.sampled_from(["approved", "approved", "rejected", "superseded"]),
    ),
    min_size=1,
    max_size=6,
)


def papers(states: list[tuple[str, str]]) -> list[r.Document]:
    return [
        document(f"doc_{kind}", type=kind, status=status, version=n, event_id=f"e{n}")
        for n, (kind, status) in enumerate(states, start=1)
    ]


def released(documents: list[r.Document], *, minutes: float, restarts: bool = False) -> list[str]:
    driver = driven()
    for one in documents:
        came(driver, one, minutes=minutes)
        if restarts:
            driver.restart()
    driver.advance(minutes=5)
    assert not driver.dead
    return [one.event_id for one in driver.out(topics.BRAZE_COMMANDS)]


@settings(deadline=None, max_examples=40)
@given(STATES, st.data())
def test_duplicates_and_replays_change_nothing(
    states: list[tuple[str, str]], data: st.DataObject
) -> None:
    documents = papers(states)
    once = released(documents, minutes=2)
    again = [*documents, *data.draw(st.lists(st.sampled_from(documents), max_size=4))]
    assert released(again, minutes=2) == once
    assert released(documents, minutes=2, restarts=True) == once


@settings(deadline=None, max_examples=40)
@given(STATES, st.data())
def test_versions_that_overtake_one_another_release_the_same(
    states: list[tuple[str, str]], data: st.DataObject
) -> None:
    documents = papers(states)
    mixed = data.draw(st.permutations(documents))
    assert len(released(mixed, minutes=0)) == len(released(documents, minutes=0)) <= 1
