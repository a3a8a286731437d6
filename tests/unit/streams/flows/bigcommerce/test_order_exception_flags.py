"""bigcommerce.order-exception: what is flagged, and on which lines."""

from typing import Any

import pytest

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS
from streams.tables import PRODUCTS
from tests.unit.streams.flows.bigcommerce.order_exception_orders import (
    FLOW,
    INTERNAL,
    PARTNER,
    driven,
    filtered,
    operations,
    taken,
)
from tests.unit.streams.making import (
    DAY_MS,
    HOUR_MS,
    ORDER,
    line,
    message,
    order,
    product,
    transaction,
)


# ---- what is flagged -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "fields",
    [{"status_id": 6}, {"payment_status": "declined"}],
    ids=["status declined", "payment declined"],
)
def test_a_payment_failure_opens_one_internal_thread(fields: dict[str, Any]) -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), line("2", "SKU-2"), **fields))
    (command,) = taken(driver)
    assert command.open_thread is not None
    opened = command.open_thread
    assert (opened.external_ref, opened.partner_id) == (INTERNAL, None)
    assert (opened.kind, opened.priority, opened.system) == (
        "order_exception",
        "high",
        "bigcommerce",
    )
    assert opened.related == (r.Related(type="order", id=ORDER),)
    assert [(one.line_ref, one.reason_code) for one in opened.lines] == [
        ("1", "payment_failure"),
        ("2", "payment_failure"),
    ]
    assert (command.flow, command.lane) == (FLOW, ORDER)


def test_a_declined_transaction_is_a_payment_failure_until_one_goes_through() -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDERS, order())
    driver.send(topics.BIGCOMMERCE_TRANSACTIONS, transaction(declined=True))
    assert operations(driver) == [("open_thread", INTERNAL)]
    driver.advance(seconds=1)
    driver.send(topics.BIGCOMMERCE_TRANSACTIONS, transaction(declined=False))
    (command,) = taken(driver)
    assert command.move_thread is not None
    assert (command.move_thread.to, command.move_thread.resolution_action) == ("resolved", "none")


def test_an_order_that_is_paid_later_is_back_to_normal() -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_TRANSACTIONS, transaction(declined=True))
    paid = order(payment_status="captured", modified_at=START_MS + 1)
    driver.send(topics.BIGCOMMERCE_ORDERS, paid)
    assert operations(driver) == [("open_thread", INTERNAL), ("move_thread", INTERNAL)]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (transaction(declined=True, type="refund"), "not a payment"),
        (transaction(declined=True, occurred_at=START_MS - 1), "older transaction"),
    ],
)
def test_a_declined_refund_and_an_older_transaction_are_no_payment_failure(
    given: r.BigCommerceTransaction, reason: str
) -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_TRANSACTIONS, transaction(declined=False))
    driver.send(topics.BIGCOMMERCE_TRANSACTIONS, given)
    assert taken(driver) == []
    assert filtered(driver, reason) == 1


@pytest.mark.parametrize(
    ("notes", "reasons"),
    [
        ("Address does not exist, call Jane", "address_invalid"),
        ("possible FRAUD", "fraud_review"),
        ("fraud? and the address looks odd", "address_invalid,fraud_review"),
        ("please look", "manual_verification"),
        ("", "manual_verification"),
    ],
)
def test_a_manual_verification_has_the_reasons_that_the_notes_name(
    notes: str, reasons: str
) -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=12, staff_notes=notes))
    (command,) = taken(driver)
    assert command.open_thread is not None
    assert command.open_thread.custom["reasons"] == reasons
    assert command.open_thread.partner_id is None


def test_an_order_that_does_not_ship_in_time_concerns_the_partner_of_the_line() -> None:
    driver = driven(handling_days=2)
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), line("2", "SKU-2", quantity_shipped=1)))
    driver.advance(hours=47)
    assert taken(driver) == []
    driver.advance(hours=1)
    (command,) = taken(driver)
    assert command.open_thread is not None
    opened = command.open_thread
    assert (opened.external_ref, opened.partner_id) == (PARTNER, "pt_1")
    assert [(one.line_ref, one.reason_code) for one in opened.lines] == [("1", "shipping_delay")]
    assert opened.resolve_by == START_MS + 2 * DAY_MS + 24 * HOUR_MS
    assert command.occurred_at == START_MS + 2 * DAY_MS


def test_a_products_own_handling_days_go_before_the_configured_ones() -> None:
    driver = driven(handling_days=2)
    driver.row(PRODUCTS, product(handling_days=5))
    driver.send(topics.BIGCOMMERCE_ORDERS, order())
    driver.advance(hours=5 * 24 - 1)
    assert taken(driver) == []
    driver.advance(hours=1)
    assert operations(driver) == [("open_thread", PARTNER)]


@pytest.mark.parametrize("status_id", [0, 1, 2, 5, 7, 10])
def test_an_order_that_is_not_to_be_shipped_is_never_late(status_id: int) -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=status_id))
    driver.advance(hours=10 * 24)
    assert taken(driver) == []


def test_the_timer_of_a_late_order_survives_a_restart() -> None:
    driver = driven(handling_days=2)
    driver.send(topics.BIGCOMMERCE_ORDERS, order())
    driver.restart()
    driver.advance(hours=48)
    assert operations(driver) == [("open_thread", PARTNER)]


def test_a_flagged_message_opens_an_internal_thread_and_unflagging_resolves_it() -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDERS, order())
    driver.send(topics.BIGCOMMERCE_ORDER_MESSAGES, message(5), message(6, flagged=False))
    driver.send(topics.BIGCOMMERCE_ORDER_MESSAGES, message(5, flagged=False))
    assert operations(driver) == [("open_thread", INTERNAL), ("move_thread", INTERNAL)]
    assert filtered(driver, "message not flagged") == 1


def test_a_flagged_message_of_an_order_that_we_never_saw_opens_a_thread_all_the_same() -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDER_MESSAGES, message())
    (command,) = taken(driver)
    assert command.open_thread is not None
    assert command.open_thread.lines == ()


# ---- stock -----------------------------------------------------------------------------------------
def test_a_line_above_the_stock_before_the_order_is_short() -> None:
    driver = driven()
    driver.row(PRODUCTS, product(available_to_sell=3, stock_at=START_MS - 1))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1", quantity=5)))
    assert operations(driver) == [("open_thread", PARTNER)]


def test_a_line_that_the_stock_before_the_order_covers_is_not_short() -> None:
    driver = driven()
    driver.row(PRODUCTS, product(available_to_sell=5, stock_at=START_MS - 1))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1", quantity=5)))
    assert taken(driver) == []
    assert filtered(driver, "order is normal") == 1


@pytest.mark.parametrize(("left", "short"), [(-1, True), (0, False), (1, False)])
def test_a_stock_reading_after_the_order_has_it_deducted_already(left: int, short: bool) -> None:
    driver = driven()
    driver.row(PRODUCTS, product(available_to_sell=left, stock_at=START_MS + 1))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1", quantity=5)))
    assert [name for name, _ in operations(driver)] == (["open_thread"] if short else [])


def test_a_shop_that_stops_at_nothing_hides_no_shortage_that_the_reading_before_shows() -> None:
    driver = driven()
    driver.row(
        PRODUCTS,
        product(
            available_to_sell=0,
            stock_at=START_MS + 1,
            available_before=3,
            stock_before_at=START_MS - 1,
        ),
    )
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1", quantity=5)))
    assert operations(driver) == [("open_thread", PARTNER)]


def test_a_shop_that_had_nothing_before_the_order_and_has_nothing_after_it_is_short() -> None:
    driver = driven()
    empty = product(available_to_sell=0, stock_at=START_MS + 1, stock_since=START_MS - 1)
    driver.row(PRODUCTS, empty)
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1", quantity=3)))
    assert operations(driver) == [("open_thread", PARTNER)]


def test_the_last_unit_that_an_order_takes_is_no_shortage() -> None:
    driver = driven()
    taken_all = product(
        available_to_sell=0,
        stock_at=START_MS + 2,
        stock_since=START_MS + 1,
        available_before=3,
        stock_before_at=START_MS - 1,
    )
    driver.row(PRODUCTS, taken_all)
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1", quantity=3)))
    assert operations(driver) == []


def test_two_lines_of_one_sku_share_the_stock() -> None:
    driver = driven()
    driver.row(PRODUCTS, product(available_to_sell=3, stock_at=START_MS - 1))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1", quantity=2), line("2", quantity=2)))
    (command,) = taken(driver)
    assert command.open_thread is not None
    assert [one.line_ref for one in command.open_thread.lines] == ["1", "2"]


def test_a_shortage_stays_until_there_is_stock_again_which_is_looked_for_every_hour() -> None:
    driver = driven()
    driver.row(PRODUCTS, product(available_to_sell=3, stock_at=START_MS - 1))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1", quantity=5)))
    driver.row(PRODUCTS, product(available_to_sell=0, stock_at=START_MS + 1, version=2))
    driver.advance(minutes=60)
    assert operations(driver) == [("open_thread", PARTNER)]
    driver.row(PRODUCTS, product(available_to_sell=4, stock_at=START_MS + 2, version=3))
    driver.advance(minutes=60)
    assert operations(driver) == [("move_thread", PARTNER)]


def test_stock_that_is_not_tracked_is_never_short() -> None:
    driver = driven()
    driver.row(PRODUCTS, product(available_to_sell=None))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1", quantity=500)))
    assert taken(driver) == []
