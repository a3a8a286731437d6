"""bigcommerce.order-exception: flagged orders become threads, one per partner concerned."""

from typing import Any

import msgspec
import pytest

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS, Driver
from streams.flows.bigcommerce import order_exception
from streams.tables import PARTNERS, PRODUCTS
from tests.unit.streams.making import (
    DAY_MS,
    HOUR_MS,
    ORDER,
    SKU,
    line,
    message,
    order,
    partner,
    product,
    thread,
    transaction,
)

FLOW = "bigcommerce.order-exception"
INTERNAL = f"{ORDER}/internal/1"
PARTNER = f"{ORDER}/pt_1/1"


def driven(**settings: Any) -> Driver:
    driver = Driver(order_exception.FLOW, settings={FLOW: order_exception.Settings(**settings)})
    driver.row(PARTNERS, partner("pt_1"))
    driver.row(PARTNERS, partner("pt_2", skus=("SKU-2",)))
    return driver


def operations(driver: Driver) -> list[tuple[str, str]]:
    """(operation, external reference) of the commands since the last look."""
    return [(one.operation, _body(one).external_ref) for one in taken(driver)]


def taken(driver: Driver) -> list[r.TradingGridCommand]:
    return driver.take(topics.TRADING_GRID_COMMANDS)


def _body(command: r.TradingGridCommand) -> Any:
    return getattr(command, command.operation)


def filtered(driver: Driver, reason: str) -> int:
    return driver.filtered[FLOW, "cases", reason]


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


# ---- one thread per partner ------------------------------------------------------------------------
def test_two_partners_of_one_order_have_two_threads_each_with_its_own_lines() -> None:
    driver = driven(handling_days=1)
    lines = (line("1"), line("2", "SKU-2"), line("3", "SKU-9"))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(*lines))
    driver.advance(hours=24)
    opened = [one.open_thread for one in taken(driver) if one.open_thread]
    assert [(one.external_ref, [part.line_ref for part in one.lines]) for one in opened] == [
        (INTERNAL, ["3"]),
        (PARTNER, ["1"]),
        (f"{ORDER}/pt_2/1", ["2"]),
    ]


def test_two_flags_on_one_order_are_one_thread_with_two_reasons() -> None:
    driver = driven(handling_days=1)
    driver.row(PRODUCTS, product(available_to_sell=0, stock_at=START_MS - 1))
    driver.send(topics.BIGCOMMERCE_ORDERS, order())
    driver.advance(hours=24)
    commands = taken(driver)
    assert [one.operation for one in commands] == ["open_thread", "add_comment"]
    assert commands[1].add_comment is not None
    assert commands[1].add_comment.external_ref == PARTNER
    assert commands[1].add_comment.body == "Also: shipping delay."


def test_two_flags_at_once_open_one_thread_with_the_higher_priority_and_its_due_time() -> None:
    driver = driven()
    flagged = order(status_id=12, staff_notes="fraud", payment_status="declined")
    driver.send(topics.BIGCOMMERCE_ORDERS, flagged)
    (command,) = taken(driver)
    assert command.open_thread is not None
    assert command.open_thread.custom["reasons"] == "payment_failure,fraud_review"
    assert command.open_thread.priority == "urgent"
    assert command.open_thread.resolve_by == START_MS + 4 * HOUR_MS


def test_a_suspended_partner_gets_no_new_thread_and_a_known_one_keeps_its_own() -> None:
    driver = driven(handling_days=1)
    driver.row(PARTNERS, partner("pt_1", status="suspended", version=2))
    driver.send(topics.BIGCOMMERCE_ORDERS, order())
    driver.advance(hours=24)
    assert operations(driver) == [("open_thread", INTERNAL)]


def test_whom_a_reason_concerns_is_configuration() -> None:
    driver = driven(internal_reasons=())
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=6))
    assert operations(driver) == [("open_thread", PARTNER)]


# ---- later changes ---------------------------------------------------------------------------------
def late(driver: Driver, *lines: r.BigCommerceLine) -> None:
    """An order that is late: its threads are open."""
    driver.send(topics.BIGCOMMERCE_ORDERS, order(*lines))
    driver.advance(hours=24)
    taken(driver)


def test_a_later_change_is_a_comment_on_the_same_thread() -> None:
    driver = driven(handling_days=1)
    late(driver, line("1"), line("2"))
    shipped = (line("1", quantity_shipped=1), line("2"))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(*shipped, status_id=3, version=2))
    (command,) = taken(driver)
    assert command.add_comment is not None
    assert command.add_comment.body == (
        "Shipping delay now concerns line 2. The order is now partially shipped."
    )
    assert command.add_comment.source_ref == f"{FLOW}:{PARTNER}:1"


def test_the_same_order_again_says_nothing() -> None:
    driver = driven(handling_days=1)
    late(driver, line("1"))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), version=2))
    assert taken(driver) == []
    assert filtered(driver, "nothing new is wrong") == 1


def test_an_order_that_ships_resolves_its_thread_by_itself() -> None:
    driver = driven(handling_days=1)
    late(driver, line("1"))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), status_id=2, version=2))
    (command,) = taken(driver)
    assert command.move_thread is not None
    move = command.move_thread
    assert (move.to, move.external_ref, move.reason_code) == ("resolved", PARTNER, "shipping_delay")
    assert (move.resolution_code, move.resolution_action) == ("shipped", "ship")
    assert move.resolution_summary


def test_a_cancelled_order_cancels_its_threads() -> None:
    driver = driven(handling_days=1)
    late(driver, line("1"))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), status_id=5, version=2))
    (command,) = taken(driver)
    assert command.move_thread is not None
    assert (command.move_thread.to, command.move_thread.resolution_code) == ("cancelled", None)
    driver.advance(hours=24 * 30)
    assert taken(driver) == []


def test_a_matter_that_returns_after_it_was_closed_opens_a_new_occurrence() -> None:
    driver = driven()
    for version, status_id in enumerate([6, 11, 6, 11], start=1):
        driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=status_id, version=version))
    assert operations(driver) == [
        ("open_thread", f"{ORDER}/internal/1"),
        ("move_thread", f"{ORDER}/internal/1"),
        ("open_thread", f"{ORDER}/internal/2"),
        ("move_thread", f"{ORDER}/internal/2"),
    ]


def test_an_older_version_never_overwrites_a_newer_one() -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=11, version=5))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=6, version=4))
    assert taken(driver) == []
    assert filtered(driver, "older version") == 1


def order_thread(status: str, reference: str = INTERNAL, **fields: Any) -> r.OrderThread:
    ours = r.ExternalRef(system="bigcommerce", type="order-exception", id=reference)
    found = thread(status=status, external_refs=(ours,), **fields)
    return r.OrderThread(order_ref=ORDER, thread=found)


def test_what_people_closed_in_trading_grid_stays_closed_until_the_cause_returns() -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=6))
    driver.send(topics.ORDER_THREADS, order_thread("closed"))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=6, version=2))
    assert operations(driver) == [("open_thread", INTERNAL)]
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=11, version=3))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=6, version=4))
    assert operations(driver) == [("open_thread", f"{ORDER}/internal/2")]


def test_a_thread_that_people_reopen_is_resolved_once_the_cause_has_gone() -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=6))
    driver.send(topics.ORDER_THREADS, order_thread("resolved"))
    driver.send(topics.ORDER_THREADS, order_thread("reopened", version=2))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=11, version=2))
    assert operations(driver) == [("open_thread", INTERNAL), ("move_thread", INTERNAL)]


def test_a_thread_that_people_reopen_without_a_cause_is_theirs_to_close() -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=6))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=11, version=2))
    taken(driver)
    driver.send(topics.ORDER_THREADS, order_thread("reopened"))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=11, version=3))
    assert taken(driver) == []


def test_our_own_writes_that_come_back_and_other_threads_change_nothing() -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=6))
    driver.send(topics.ORDER_THREADS, order_thread("open"), order_thread("closed", "other/1/1"))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=11, version=2))
    driver.send(topics.ORDER_THREADS, order_thread("resolved", version=2))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=6, version=3))
    assert [name for name, _ in operations(driver)] == [
        "open_thread",
        "move_thread",
        "open_thread",
    ]
    assert filtered(driver, "no news of our threads") == 3


# ---- data protection and bounds --------------------------------------------------------------------
def test_no_personal_data_leaves_in_any_command() -> None:
    driver = driven(handling_days=0)
    held = order(
        status_id=12,
        staff_notes="fraud: Jane Roe, jane@example.org, 12 Main Street, +1 555 0100",
        customer_ref="jane.roe",
    )
    driver.send(topics.BIGCOMMERCE_ORDERS, held)
    driver.send(topics.BIGCOMMERCE_ORDER_MESSAGES, message())
    driver.send(topics.BIGCOMMERCE_ORDERS, order(status_id=5, version=2))
    written = msgspec.json.encode(driver.out(topics.TRADING_GRID_COMMANDS)).decode().lower()
    assert written.count("move_thread")
    for secret in ("jane", "roe", "main street", "555 0100", "example.org"):
        assert secret not in written


def test_flagged_messages_are_bounded() -> None:
    driver = driven(messages_max=2)
    driver.send(topics.BIGCOMMERCE_ORDER_MESSAGES, *(message(n) for n in range(3)))
    assert filtered(driver, "too many flagged messages") == 1


def test_a_quiet_order_is_forgotten() -> None:
    driver = driven(keep_days=10)
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line(quantity_shipped=1), version=5))
    driver.advance(hours=10 * 24)
    driver.send(topics.BIGCOMMERCE_ORDERS, order(version=4, status_id=6))
    assert operations(driver) == [("open_thread", INTERNAL)]


def test_the_reason_and_the_skus_stand_in_the_thread() -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1", quantity=4), status_id=6))
    (command,) = taken(driver)
    assert command.open_thread is not None
    assert command.open_thread.subject == f"Order {ORDER}: payment failure"
    assert command.open_thread.body == "The order is declined. Concerned: payment failure (line 1)."
    assert command.open_thread.lines == (
        r.ThreadLine(line_ref="1", sku=SKU, quantity=4, reason_code="payment_failure"),
    )


def test_an_order_that_we_see_for_the_first_time_is_no_news_on_its_thread() -> None:
    driver = driven()
    driver.send(topics.BIGCOMMERCE_ORDER_MESSAGES, message())
    driver.send(topics.BIGCOMMERCE_ORDERS, order())
    commands = taken(driver)
    assert [one.operation for one in commands] == ["open_thread", "add_comment"]
    assert commands[1].add_comment is not None
    assert commands[1].add_comment.body == "Customer message now concerns line 1."
