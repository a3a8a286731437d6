"""What Braze's flows remember is bounded, and forgotten in the end."""

from typing import Any

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.feeds import documents_by_order
from streams.flows.braze import availability, document_release, feedback_loop
from streams.tables import CUSTOMERS, ORDERS, PARTNERS, PRODUCTS
from tests.unit.streams.flows.braze.customers import WHO
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

FEEDBACK, DOCUMENTS, AVAILABILITY = (
    "braze.feedback-loop",
    "braze.document-release",
    "braze.availability",
)


# ---- documents ---------------------------------------------------------------------------------------------------
def documents(**settings: Any) -> Driver:
    chosen = {DOCUMENTS: document_release.Settings(**settings)}
    driver = Driver(documents_by_order.FLOW, document_release.FLOW, settings=chosen)
    driver.row(ORDERS, stored_order(ORDER))
    driver.row(CUSTOMERS, customer())
    return driver


def test_more_processes_or_documents_than_the_bound_are_counted() -> None:
    driver = documents(processes_max=1, papers_max=1)
    driver.send(topics.TRADING_GRID_DOCUMENTS, document("a"), document("b"))
    driver.send(topics.TRADING_GRID_DOCUMENTS, document("c", process_ref="th_2"))
    assert driver.filtered[DOCUMENTS, "collect", "too many documents of one process"] == 1
    assert driver.filtered[DOCUMENTS, "collect", "too many processes of one order"] == 1


def test_a_process_that_has_long_been_quiet_is_forgotten() -> None:
    driver = documents(keep_days=1)
    for version in (1, 2):
        both = (document("a", version=version), document("b", type="credit_note", version=version))
        driver.send(topics.TRADING_GRID_DOCUMENTS, *both)
        driver.advance(hours=25)
    assert len(driver.out(topics.DOCUMENT_RELEASES)) == 2


def test_more_releases_than_the_bound_that_wait_for_a_profile_are_counted() -> None:
    driver = documents(releases_max=1)
    driver.row(CUSTOMERS, customer(version=2, email="unknown", push="unknown", sms="unknown"))
    for ref in ("th_1", "th_2"):
        both = (document("a", process_ref=ref), document("b", type="credit_note", process_ref=ref))
        driver.send(topics.TRADING_GRID_DOCUMENTS, *both)
    driver.advance(minutes=1)
    assert driver.filtered[DOCUMENTS, "release", "too much news at once"] == 1


# ---- feedback ----------------------------------------------------------------------------------------------------
def said(feedback_id: str) -> r.BrazeFeedback:
    return r.BrazeFeedback(
        feedback_id=feedback_id,
        customer_ref=WHO,
        order_ref=ORDER,
        kind="low_rating",
        concerns="damage",
    )


def feedback(**settings: Any) -> Driver:
    line = r.OrderLine(
        line_ref="1", sku=SKU, name="Cup", quantity=1, quantity_shipped=0, partner_id="pt_1"
    )
    driver = Driver(feedback_loop.FLOW, settings={FEEDBACK: feedback_loop.Settings(**settings)})
    driver.row(ORDERS, stored_order(ORDER, lines=(line,)))
    return driver


def test_of_many_open_threads_the_oldest_are_forgotten() -> None:
    driver = feedback(threads_max=1)
    for number, who in ((1, "pt_1"), (2, "pt_2")):
        entry = r.OrderThread(order_ref=ORDER, thread=thread(f"th_{number}", partner_id=who))
        driver.send(topics.ORDER_THREADS, entry)
        driver.advance(seconds=1)
    driver.send(topics.BRAZE_FEEDBACK, said("fb"))
    [command] = driver.out(topics.TRADING_GRID_COMMANDS)
    assert command.operation == "open_thread"


def test_feedback_that_came_long_ago_would_count_again() -> None:
    driver = feedback(feedback_max=1)
    for name in ("one", "two", "one"):
        driver.send(topics.BRAZE_FEEDBACK, said(name))
    assert len(driver.out(topics.FILED_FEEDBACK)) == 3


def test_an_order_that_has_long_been_quiet_is_forgotten() -> None:
    driver = feedback(keep_days=1)
    for _ in range(2):
        driver.send(topics.BRAZE_FEEDBACK, said("fb"))
        driver.advance(hours=25)
    references = [one.external_ref for one in driver.out(topics.FILED_FEEDBACK)]
    assert references == [f"{ORDER}/pt_1/1"] * 2  # Trading Grid knows that reference: one thread


# ---- availability ------------------------------------------------------------------------------------------------
def test_more_updates_of_a_product_than_the_bound_are_counted() -> None:
    chosen = {AVAILABILITY: availability.Settings(updates_max=1)}
    driver = Driver(availability.FLOW, settings=chosen)
    driver.row(PARTNERS, partner())
    driver.row(PRODUCTS, product())
    driver.send(
        topics.TRADING_GRID_AVAILABILITY,
        update(quantity=1),
        update(quantity=1, location_code="EAST"),
    )
    reason = "too many updates of one product"
    assert driver.filtered[AVAILABILITY, "catalogue", reason] == 1
    assert len(driver.out(topics.BRAZE_COMMANDS)) == 1


def test_a_product_of_which_nothing_is_said_and_for_which_nobody_waits_is_not_remembered() -> None:
    driver = Driver(availability.FLOW)
    driver.row(PRODUCTS, product())
    for units in (1, 0):
        one = r.OrderedUnits(
            order_ref=ORDER,
            line_ref="1",
            sku=SKU,
            units_open=units,
            ordered_at=driver.now_ms,
            customer_ref=WHO,
        )
        driver.send(topics.ORDERED_UNITS, one)
    assert driver.counts[AVAILABILITY, "catalogue", "kept", ""] == 2
