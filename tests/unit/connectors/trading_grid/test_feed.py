"""The feed of events: what it finds has the ids that webhooks give, and only once they had their time."""

from __future__ import annotations

from typing import Any

import pytest

from connectors import trading_grid
from connectors.kit.connector import Page
from connectors.trading_grid.feed import EventFeed
from connectors.trading_grid.wire import intake
from gridwire.records import Notice
from gridwire.topics import TRADING_GRID_NOTICES
from tests.unit.connectors.steps import Played, answer, delivery, play
from tests.unit.connectors.trading_grid.community import AT_MS, event, listed, settings

FIRST = event("thread.status_changed", "thread/th_1") | {"sequence": 41}
SECOND = event("thread.comment_added", "thread/th_1") | {"sequence": 42}
OTHER = event("launch.updated", "launch/la_1")
LATER_MS = AT_MS + 600_000  # the events are settled


def polled(*answers: Any, checkpoint: str | None = None, now_ms: int = LATER_MS) -> Played[Page]:
    return play(EventFeed(settings()).poll(checkpoint, now_ms), *answers)


def begun(now_ms: int = AT_MS - 1_000) -> str:
    """The checkpoint after a first look that found nothing."""
    return polled(answer(200, listed()), now_ms=now_ms).value.cursor


def ids(page: Page) -> list[str]:
    assert all(topic is TRADING_GRID_NOTICES for topic, _ in page.records)
    return [record.event_id for _, record in page.records]


def by_webhook(body: Any) -> str:
    ((_, record),) = intake(delivery(body, {"webhook-id": "msg_1"})).records
    assert isinstance(record, Notice)
    return record.event_id


def test_an_event_of_the_feed_is_the_notice_that_its_webhook_would_have_been() -> None:
    page = polled(answer(200, listed(FIRST, SECOND, OTHER)), checkpoint=begun()).value
    assert ids(page) == [by_webhook(FIRST), by_webhook(SECOND)]
    assert {record.source for _, record in page.records} == {"trading-grid/events"}
    assert page.broken == ()


def test_events_before_the_first_look_are_left_to_the_other_polls() -> None:
    first = polled(answer(200, listed(FIRST, next_cursor="c1"))).value
    assert (first.records, first.more) == ((), True)
    second = polled(answer(200, listed(SECOND)), checkpoint=first.cursor)
    assert second.requests[0].query["cursor"] == "c1"
    assert second.value.records == ()


def test_a_young_event_is_left_until_its_webhook_had_its_time() -> None:
    young = SECOND | {"timestamp": "2025-10-09T09:02:00Z"}  # 80 s before LATER_MS
    page = polled(answer(200, listed(FIRST, young, next_cursor="c1")), checkpoint=begun()).value
    assert ids(page) == [by_webhook(FIRST)]
    assert not page.more
    again = polled(
        answer(200, listed(FIRST, young)), checkpoint=page.cursor, now_ms=LATER_MS + 60_000
    )
    assert "cursor" not in again.requests[0].query  # the same page once more
    assert ids(again.value) == [by_webhook(FIRST), by_webhook(young)]


def test_the_feed_goes_on_where_it_was() -> None:
    body = {"data": [FIRST], "page": {"next_cursor": "c7", "has_more": False}}
    page = polled(answer(200, body), checkpoint=begun()).value
    assert not page.more
    following = polled(answer(200, listed()), checkpoint=page.cursor)
    assert following.requests[0].query == {"limit": "200", "cursor": "c7"}
    assert following.value.cursor == page.cursor


@pytest.mark.parametrize("status", [400, 410])
def test_a_place_that_the_platform_has_forgotten_makes_it_read_what_is_left(status: int) -> None:
    body = {"data": [FIRST], "page": {"next_cursor": "c7", "has_more": False}}
    at = polled(answer(200, body), checkpoint=begun()).value.cursor
    page = polled(answer(status, {"code": "cursor_expired"}), checkpoint=at).value
    assert (page.more, page.findings) == (True, {"feed read anew": 1})
    again = polled(answer(200, listed(SECOND)), checkpoint=page.cursor)
    assert "cursor" not in again.requests[0].query
    assert ids(again.value) == [by_webhook(SECOND)]


@pytest.mark.parametrize("status", [403, 404])
def test_a_tenant_without_a_feed_is_said_and_stops_nothing(status: int) -> None:
    page = polled(answer(status, {})).value
    assert (page.records, page.more, page.findings) == ((), False, {"no feed of events": 1})


def test_an_event_that_cannot_be_read_is_set_apart() -> None:
    broken = FIRST | {"data": {"version": 3}}
    page = polled(answer(200, listed(broken, SECOND)), checkpoint=begun()).value
    assert ids(page) == [by_webhook(SECOND)]
    assert len(page.broken) == 1


def test_the_poll_compares_itself_with_what_webhooks_brought() -> None:
    (poll,) = [
        one for one in trading_grid.source(settings()).polls if one.resource.endswith("events")
    ]
    assert poll.known is TRADING_GRID_NOTICES
