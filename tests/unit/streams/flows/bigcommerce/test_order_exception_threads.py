"""bigcommerce.order-exception: one thread per partner concerned, kept up to date."""

from typing import Any

import msgspec

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS, Driver
from streams.tables import PARTNERS, PRODUCTS
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
    HOUR_MS,
    ORDER,
    SKU,
    line,
    message,
    order,
    partner,
    product,
    thread,
)


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
