"""Feeds that fill shared streams: threads by order, customer cases, ordered units."""

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.feeds import customer_cases, ordered_units, threads_by_order
from streams.tables import CUSTOMERS, ORDERS, PARTNERS
from tests.unit.streams.making import (
    ORDER,
    SKU,
    customer,
    line,
    order,
    partner,
    stored_order,
    thread,
)

OTHER = "bigcommerce:1002"


def related(*refs: str) -> tuple[r.Related, ...]:
    return tuple(r.Related(type="order", id=ref) for ref in refs)


def test_a_thread_change_reaches_every_order_that_it_names() -> None:
    driver = Driver(threads_by_order.FLOW)
    driver.send(topics.TRADING_GRID_THREADS, thread(related=related(ORDER, OTHER), version=3))
    found = driver.out(topics.ORDER_THREADS)
    assert [entry.order_ref for entry in found] == [ORDER, OTHER]
    assert len({entry.event_id for entry in found}) == 2
    assert {entry.version for entry in found} == {3}


def test_a_thread_that_names_no_order_is_counted() -> None:
    driver = Driver(threads_by_order.FLOW)
    driver.send(topics.TRADING_GRID_THREADS, thread(related=()))
    assert driver.filtered["feed.threads-by-order", "split", "names no order"] == 1


def cases_driver() -> Driver:
    driver = Driver(threads_by_order.FLOW, customer_cases.FLOW)
    driver.row(PARTNERS, partner("pt_1", name="Acme"))
    driver.row(CUSTOMERS, customer())
    return driver


def test_a_case_reaches_every_customer_whose_order_a_thread_names() -> None:
    driver = cases_driver()
    driver.row(ORDERS, stored_order(ORDER, customer_ref="c1"))
    driver.row(ORDERS, stored_order(OTHER, customer_ref="c2"))
    driver.send(topics.TRADING_GRID_THREADS, thread(related=related(ORDER, OTHER)))
    found = driver.out(topics.ORDER_CASES)
    assert [(case.customer_ref, case.order_ref) for case in found] == [("c1", ORDER), ("c2", OTHER)]
    assert {(case.partner_name, case.skus, case.order_status) for case in found} == {
        ("Acme", (SKU,), "awaiting_fulfillment")
    }


def test_a_thread_line_says_which_products_a_case_is_about() -> None:
    driver = cases_driver()
    driver.row(ORDERS, stored_order())
    about = r.ThreadLine(line_ref="2", sku="SKU-2", quantity=1, reason_code="damaged")
    driver.send(topics.TRADING_GRID_THREADS, thread(lines=(about,)))
    assert driver.out(topics.ORDER_CASES)[0].skus == ("SKU-2",)


def test_a_thread_change_waits_for_its_order_and_ends_as_a_dead_letter_without() -> None:
    driver = cases_driver()
    driver.send(topics.TRADING_GRID_THREADS, thread(related=related(ORDER, OTHER)))
    assert driver.parked == 2
    driver.row(ORDERS, stored_order(ORDER))
    assert [case.order_ref for case in driver.out(topics.ORDER_CASES)] == [ORDER]
    driver.advance(minutes=31)
    assert driver.parked == 0
    assert [(flow, leg, why) for flow, leg, why, _ in driver.dead] == [
        ("feed.customer-cases", "address", "no row of orders in time")
    ]


def test_a_case_goes_on_without_a_partner_and_ends_at_a_guest() -> None:
    driver = cases_driver()
    driver.row(ORDERS, stored_order(ORDER))
    driver.row(ORDERS, stored_order(OTHER, customer_ref=None))
    driver.send(
        topics.TRADING_GRID_THREADS, thread(related=related(ORDER, OTHER), partner_id="pt_9")
    )
    assert [case.partner_name for case in driver.out(topics.ORDER_CASES)] == [None]
    assert driver.filtered["feed.customer-cases", "address", "guest order"] == 1


def units_driver() -> Driver:
    driver = Driver(ordered_units.FLOW)
    driver.row(PARTNERS, partner("pt_1"))
    return driver


def told(driver: Driver) -> list[tuple[str, str, int, int]]:
    found = driver.take(topics.ORDERED_UNITS)
    return [(one.line_ref, one.sku, one.units_open, one.units_shipped) for one in found]


def test_each_line_of_an_order_says_what_it_holds_and_only_what_changed_is_said_again() -> None:
    driver = units_driver()
    lines = (line("1", quantity=3), line("2", "SKU-2", 1))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(*lines))
    assert told(driver) == [("1", SKU, 3, 0), ("2", "SKU-2", 1, 0)]
    driver.send(
        topics.BIGCOMMERCE_ORDERS,
        order(line("1", quantity=3, quantity_shipped=1), lines[1], version=2),
    )
    assert told(driver) == [("1", SKU, 2, 1)]
    driver.send(
        topics.BIGCOMMERCE_ORDERS,
        order(line("1", quantity=3, quantity_shipped=1), lines[1], version=3),
    )
    assert told(driver) == []
    assert driver.filtered["feed.ordered-units", "lines", "no change"] == 1


def test_the_units_know_their_partner_and_when_they_were_ordered() -> None:
    driver = units_driver()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), created_at=123_000))
    found = driver.out(topics.ORDERED_UNITS)[0]
    assert (found.partner_id, found.ordered_at, found.version) == ("pt_1", 123_000, 1)


def test_an_order_that_moves_to_another_customer_is_said_again() -> None:
    driver = units_driver()
    for version, who in enumerate(("customer-8", "customer-7", None), 1):
        driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), customer_ref=who, version=version))
    found = driver.out(topics.ORDERED_UNITS)
    assert [one.customer_ref for one in found] == ["customer-8", "customer-7", None]


def test_a_cancelled_order_holds_nothing_and_so_does_a_line_that_is_gone_or_changed_its_sku() -> (
    None
):
    driver = units_driver()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), line("2", "SKU-2"), line("3", "SKU-3")))
    told(driver)
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), line("2", "SKU-4"), version=2))
    assert sorted(told(driver)) == [
        ("2", "SKU-2", 0, 0),
        ("2", "SKU-4", 1, 0),
        ("3", "SKU-3", 0, 0),
    ]
    cancelled = order(line("1"), line("2", "SKU-4"), version=3, status_id=5)
    driver.send(topics.BIGCOMMERCE_ORDERS, cancelled)
    assert sorted(told(driver)) == [("1", SKU, 0, 0), ("2", "SKU-4", 0, 0)]


def test_an_older_version_of_an_order_says_nothing() -> None:
    driver = units_driver()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), version=2, status_id=5))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), version=1))
    assert told(driver) == [("1", SKU, 0, 0)]
    assert driver.filtered["feed.ordered-units", "lines", "older version"] == 1


def test_an_order_is_forgotten_long_after_its_last_change() -> None:
    driver = units_driver()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1")))
    told(driver)
    driver.advance(hours=181 * 24)
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), version=2))
    assert told(driver) == [("1", SKU, 1, 0)]
