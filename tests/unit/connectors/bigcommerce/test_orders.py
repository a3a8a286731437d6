"""Orders, messages and payments: fetched after a notice, polled by time."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import Any

import pytest

from connectors.bigcommerce.paging import PAGE, PAGES_MAX
from connectors.bigcommerce.source import ORDERS_PAGE, Reader
from connectors.kit.connector import MalformedError, NotThereError, Page, Request, Response
from gridwire.records import BigCommerceOrder, BigCommerceOrderMessage, BigCommerceTransaction
from tests.unit.connectors.bigcommerce.store import (
    ADDRESS,
    MODIFIED,
    MODIFIED_S,
    line,
    notice,
    order,
    settings,
)
from tests.unit.connectors.steps import NOW_MS, Played, answer, play

UPDATED = notice("order", "1001", "store/order/statusUpdated")
EMPTY = answer(204)


def fetched(*answers: Response, **changed: Any) -> tuple[list[Request], BigCommerceOrder]:
    played = play(Reader(settings(**changed)).fetch_order(UPDATED), *answers)
    ((_, record),) = played.value
    assert isinstance(record, BigCommerceOrder)
    return played.requests, record


def test_an_order_is_fetched_with_its_lines_and_where_it_goes() -> None:
    asked, found = fetched(answer(200, order()), answer(200, [line()]), answer(200, [ADDRESS]))
    assert [one.path for one in asked] == [
        "/v2/orders/1001",
        "/v2/orders/1001/products",
        "/v2/orders/1001/shipping_addresses",
    ]
    assert (found.order_ref, found.order_id, found.customer_ref) == ("bigcommerce:1001", 1001, "7")
    assert (found.status_id, found.payment_status, found.staff_notes) == (11, "captured", "")
    assert (found.version, found.occurred_at) == (MODIFIED_S, MODIFIED_S * 1000)
    assert (found.created_at, found.modified_at) == (
        (MODIFIED_S - 86_400) * 1000,
        MODIFIED_S * 1000,
    )
    assert (found.ship_country, found.ship_subdivision) == ("US", "California")
    assert (found.event_type, found.trace_id) == ("store/order/statusUpdated", UPDATED.trace_id)
    assert found.causation_id == UPDATED.event_id
    (one,) = found.lines
    assert (one.line_ref, one.sku, one.quantity, one.product_id) == ("31", "SKU-1", 2, 77)
    assert (one.variant_id, one.return_id) == (None, None)


def test_an_order_without_lines_and_addresses_answers_204() -> None:
    _, found = fetched(answer(200, order()), EMPTY, EMPTY)
    assert (found.lines, found.ship_country, found.ship_subdivision) == ((), None, None)


def test_numbers_may_come_as_text() -> None:
    texts = line(quantity="2", quantity_shipped="1", variant_id="701", return_id="4")
    _, found = fetched(answer(200, order(status_id="12")), answer(200, [texts]), EMPTY)
    assert found.status_id == 12
    (one,) = found.lines
    assert (one.quantity, one.quantity_shipped, one.variant_id, one.return_id) == (2, 1, 701, 4)


def test_a_guest_has_no_customer_reference_and_the_template_is_configuration() -> None:
    _, guest = fetched(answer(200, order(customer_id=0)), EMPTY, EMPTY)
    assert guest.customer_ref is None
    _, known = fetched(answer(200, order()), EMPTY, EMPTY, customer_ref="shop-{customer_id}")
    assert known.customer_ref == "shop-7"


def test_many_lines_are_read_page_by_page() -> None:
    full = [line(id=number) for number in range(PAGE)]
    asked, found = fetched(answer(200, order()), answer(200, full), answer(200, [line()]), EMPTY)
    assert len(found.lines) == PAGE + 1
    assert [one.query.get("page") for one in asked] == [None, "1", "2", "1"]


def test_a_page_loop_ends() -> None:
    full = answer(200, [line(id=number) for number in range(PAGE)])
    with pytest.raises(MalformedError, match="pages"):
        fetched(answer(200, order()), *[full] * PAGES_MAX)


@pytest.mark.parametrize(
    "answers",
    [
        (answer(404, [{"status": 404, "message": "not found"}]),),
        (answer(204),),
        (answer(200, order()), answer(404, [])),
    ],
)
def test_an_order_that_is_not_there_yet_is_waited_for(answers: tuple[Response, ...]) -> None:
    with pytest.raises(NotThereError):
        fetched(*answers)


@pytest.mark.parametrize(
    "answers",
    [
        (answer(200, order(date_modified="today")), EMPTY, EMPTY),
        (answer(200, order(date_modified=None)),),
        (answer(200, [order()]),),
        (answer(200, "<orders/>"),),
        (answer(200, order()), answer(200, {"products": []})),
        (answer(200, order()), answer(200, [line(quantity="two")])),
    ],
)
def test_what_is_no_order_is_refused_without_repeating_it(answers: tuple[Response, ...]) -> None:
    with pytest.raises(MalformedError) as caught:
        fetched(*answers)
    assert "today" not in str(caught.value)
    assert "two" not in str(caught.value)


# ---- one version, one id -------------------------------------------------------------------------
def polled(*answers: Response, cursor: str | None = None, now_ms: int = NOW_MS) -> Played[Page]:
    return play(Reader(settings()).poll_orders(cursor, now_ms), *answers)


def test_a_webhook_and_a_poll_of_one_version_share_one_event_id() -> None:
    parts = answer(200, [line()]), answer(200, [ADDRESS])
    _, by_webhook = fetched(answer(200, order()), *parts)
    ((_, by_poll),) = polled(answer(200, [order()]), *parts, EMPTY).value.records
    assert isinstance(by_poll, BigCommerceOrder)
    assert by_poll.event_id == by_webhook.event_id
    assert (by_poll.version, by_poll.occurred_at) == (by_webhook.version, by_webhook.occurred_at)
    assert (by_poll.event_type, by_poll.causation_id) == ("poll", None)


@pytest.mark.parametrize(
    "changed",
    [
        {"status_id": 12},
        {"staff_notes": "call back"},
        {"date_modified": MODIFIED.replace(":20 ", ":21 ")},
    ],
)
def test_two_states_of_one_second_do_not_hide_one_another(changed: dict[str, Any]) -> None:
    _, before = fetched(answer(200, order()), EMPTY, EMPTY)
    _, after = fetched(answer(200, order(**changed)), EMPTY, EMPTY)
    assert after.event_id != before.event_id


# ---- polls ---------------------------------------------------------------------------------------
def test_the_first_poll_begins_with_the_backfill_and_ends_before_now() -> None:
    played = polled(EMPTY)
    query = played.requests[0].query
    assert query["min_date_modified"] == "2025-09-09T08:53:20.000Z"
    assert query["max_date_modified"] == "2025-10-09T08:53:15.000Z"
    assert (query["sort"], query["page"]) == ("date_modified:asc", "1")
    assert (played.value.records, played.value.more) == ((), False)


def test_the_next_poll_looks_back_behind_the_end_of_the_last() -> None:
    first = polled(EMPTY).value
    later = polled(EMPTY, cursor=first.cursor, now_ms=NOW_MS + 300_000)
    query = later.requests[0].query
    assert query["min_date_modified"] == "2025-10-09T08:51:15.000Z"
    assert query["max_date_modified"] == "2025-10-09T08:58:15.000Z"


def page(first_s: int, step_s: int) -> list[dict[str, Any]]:
    """A full page of orders, `step_s` apart."""
    return [
        order(id=number, date_modified=formatdate(first_s + number * step_s))
        for number in range(ORDERS_PAGE)
    ]


def test_a_full_page_goes_on_from_the_last_time_seen_within_the_same_window() -> None:
    start_s = MODIFIED_S - 3_600
    played = polled(answer(200, page(start_s, 10)), *[EMPTY] * (3 * ORDERS_PAGE))
    assert (len(played.value.records), played.value.more) == (ORDERS_PAGE, True)
    following = polled(EMPTY, cursor=played.value.cursor, now_ms=NOW_MS + 999_000)
    query = following.requests[0].query
    assert query["min_date_modified"] == "2025-10-09T07:56:29.000Z"  # a second before the last
    assert query["max_date_modified"] == "2025-10-09T08:53:15.000Z"
    assert not following.value.more


def test_a_full_page_of_one_second_goes_on_with_the_next_page() -> None:
    bulk_s = MODIFIED_S - 3_600
    parts = [EMPTY] * (3 * ORDERS_PAGE)
    first = polled(answer(200, page(bulk_s, 0)), *parts).value
    second = polled(answer(200, page(bulk_s, 0)), *parts, cursor=first.cursor)
    before = answer(200, page(bulk_s, 0))
    third = polled(EMPTY, before, cursor=second.value.cursor)
    assert [one.query["page"] for one in third.requests] == ["2", "1"]
    assert not third.value.more
    assert second.requests[0].query["page"] == "1"
    assert third.requests[0].query["page"] == "2"
    assert (
        second.requests[0].query["min_date_modified"]
        == third.requests[0].query["min_date_modified"]
    )


def test_a_page_that_does_not_follow_the_one_before_is_read_again_from_the_time_reached() -> None:
    bulk_s = MODIFIED_S - 3_600
    parts = [EMPTY] * (3 * ORDERS_PAGE)
    first = polled(answer(200, page(bulk_s, 0)), *parts).value
    second = polled(answer(200, page(bulk_s, 0)), *parts, cursor=first.cursor).value
    rest = page(bulk_s, 0)[1:]  # one was modified meanwhile: what stood behind it has moved up
    third = polled(EMPTY, answer(200, rest), cursor=second.cursor).value
    assert (third.records, third.more) == ((), True)
    again = polled(answer(200, rest), *parts[3:], cursor=third.cursor)
    assert again.requests[0].query["page"] == "1"
    assert not again.value.more


@pytest.mark.parametrize(
    ("checkpoint", "since"),
    [
        ('{"since_s":1759990000,"until_s":1760000000,"page":1,"done":false}', "06:06:40"),
        ('{"since_s":1759990000,"until_s":1760000000,"page":3,"done":false}', "06:06:40"),
        ('{"since_s":1759990000,"until_s":1759999000,"page":1,"done":true}', "08:34:40"),
    ],
)
def test_a_checkpoint_of_before_there_were_versions_is_read(checkpoint: str, since: str) -> None:
    query = polled(EMPTY, cursor=checkpoint).requests[0].query
    assert query["min_date_modified"] == f"2025-10-09T{since}.000Z"
    assert query["page"] == "1"


def test_a_broken_order_is_set_apart_and_the_poll_goes_on() -> None:
    rows = [order(date_modified=None), order(id=1002)]
    found = polled(answer(200, rows), EMPTY, EMPTY, EMPTY).value
    ((_, record),) = found.records
    assert isinstance(record, BigCommerceOrder)
    assert record.order_id == 1002
    ((raw, _),) = found.broken
    assert json.loads(raw) == rows[0]


def test_an_order_that_vanishes_while_it_is_read_is_set_apart() -> None:
    found = polled(answer(200, [order()]), answer(404, [])).value
    assert found.records == ()
    assert len(found.broken) == 1


def test_a_checkpoint_that_is_none_is_refused_with_the_fix() -> None:
    with pytest.raises(MalformedError, match="delete it"):
        polled(cursor="{}")


# ---- messages and payments -----------------------------------------------------------------------
MESSAGE = {
    "id": 8,
    "order_id": 1001,
    "staff_id": 0,
    "customer_id": 7,
    "type": "customer",
    "subject": "Where is it?",
    "message": "My order has not come.",
    "status": "unread",
    "is_flagged": True,
    "date_created": MODIFIED,
}


def message(*rows: Any) -> BigCommerceOrderMessage:
    given = notice("order_message", "8", "store/order/message/created", order_id="1001")
    played = play(Reader(settings()).fetch_message(given), answer(200, list(rows)))
    assert played.requests[0].path == "/v2/orders/1001/messages"
    assert played.requests[0].query["min_id"] == played.requests[0].query["max_id"] == "8"
    ((_, record),) = played.value
    assert isinstance(record, BigCommerceOrderMessage)
    return record


def test_a_message_is_fetched_from_its_orders_list() -> None:
    found = message(MESSAGE | {"id": 7}, MESSAGE)
    assert (found.message_id, found.order_ref, found.is_flagged) == (8, "bigcommerce:1001", True)
    assert (found.from_customer, found.version) == (True, MODIFIED_S)


def test_a_message_of_the_staff_is_not_from_the_customer() -> None:
    assert not message(MESSAGE | {"staff_id": 1}).from_customer


def test_a_message_that_is_flagged_later_is_another_event() -> None:
    plain = message(MESSAGE | {"is_flagged": False})
    assert plain.event_id != message(MESSAGE).event_id
    assert plain.event_id == message(MESSAGE | {"is_flagged": "false"}).event_id


def test_a_changed_order_is_asked_for_messages_that_were_flagged_meanwhile() -> None:
    given = notice("order", "1001", "store/order/updated")
    flagged = answer(200, [MESSAGE, MESSAGE | {"id": 9, "is_flagged": False}])
    parts = (answer(200, order()), EMPTY, EMPTY)
    played = play(Reader(settings()).fetch_order(given), *parts, flagged)
    assert played.requests[-1].query["is_flagged"] == "true"
    (_, _), (_, record) = played.value
    assert record.event_id == message(MESSAGE).event_id
    unread = play(Reader(settings(read_flags=False)).fetch_order(given), *parts)
    assert len(list(unread.value)) == 1


def test_a_poll_finds_flagged_messages_too() -> None:
    found = polled(answer(200, [order()]), EMPTY, EMPTY, answer(200, [MESSAGE])).value
    assert [type(record) for _, record in found.records] == [
        BigCommerceOrder,
        BigCommerceOrderMessage,
    ]
    assert all(record.trace_id for _, record in found.records)


def test_a_message_that_is_not_listed_is_waited_for() -> None:
    with pytest.raises(NotThereError):
        message()


PAYMENT = {"id": 55, "order_id": "1001", "event": "purchase", "status": "ok", "amount": 39.98}


def payment(row: Any, **detail: str) -> BigCommerceTransaction:
    given = notice(
        "transaction", "55", "store/order/transaction/created", order_id="1001", **detail
    )
    played = play(
        Reader(settings()).fetch_transaction(given), answer(200, {"data": [row], "meta": {}})
    )
    ((_, record),) = played.value
    assert isinstance(record, BigCommerceTransaction)
    return record


@pytest.mark.parametrize(
    ("event", "status", "result", "declined"),
    [
        ("purchase", "ok", "payment_accepted", False),
        ("purchase", "error", "", True),
        ("authorization", "declined", "", True),
        ("capture", "ok", "payment_declined", True),
        ("refund", "error", "payment_declined", False),
        ("void", "ok", "", False),
    ],
)
def test_a_payment_is_declined_where_it_failed_and_was_a_payment(
    event: str, status: str, result: str, declined: bool
) -> None:
    found = payment(PAYMENT | {"event": event, "status": status}, result=result)
    assert (found.declined, found.type, found.status) == (declined, event, status)
    assert (found.transaction_id, found.order_ref) == ("55", "bigcommerce:1001")


@pytest.mark.parametrize("response", [answer(204), answer(404, {"status": 404})])
def test_a_payment_that_is_not_listed_is_waited_for(response: Response) -> None:
    given = notice("transaction", "55", "store/order/transaction/created", order_id="1001")
    with pytest.raises(NotThereError):
        play(Reader(settings()).fetch_transaction(given), response)
