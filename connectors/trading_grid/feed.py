"""The feed of events: what webhooks have brought, and what they have not. The platform keeps it for seven days.

An event is taken from it only once its webhook has had its time (TG_EVENTS_SETTLE_S): a page with younger ones is
read again at the next poll. Its notice has the id that its webhook would have given it, so what has come is known.
"""

from collections.abc import Generator, Mapping
from typing import Any

import msgspec

from connectors.kit.connector import MalformedError, Page, Request, Response
from connectors.kit.cursors import Chain, Chains
from connectors.kit.reading import read
from connectors.trading_grid import paging, wire
from connectors.trading_grid.settings import TradingGridSettings
from connectors.trading_grid.shapes import EventJson, ListJson
from gridwire.records import Notice
from gridwire.topics import TRADING_GRID_NOTICES

PULLED = "trading-grid/events"
EXPIRED = frozenset({400, 410})
NONE_HERE = frozenset({403, 404})  # a tenant without a feed, or a client without events.read
Broken = tuple[bytes, str]


class EventFeed:
    """Reads the feed page by page."""

    def __init__(self, settings: TradingGridSettings) -> None:
        self._path = settings.path("events")
        self._settle_ms = settings.events_settle_s * 1_000
        self._chains = Chains(settings.poll_overlap_s * 1_000, log=True)

    def poll(self, checkpoint: str | None, now_ms: int) -> Generator[Request, Response, Page]:
        """One page of events; at first none of before now: the other polls find what was changed then.

        Where there is no feed nothing is found, and that is said. Raises MalformedError.
        """
        at = self._chains.begin(checkpoint, now_ms, now_ms, paging.earlier)
        query = {"limit": str(paging.LIMIT)} | ({"cursor": at.cursor} if at.cursor else {})
        expect = NONE_HERE | (EXPIRED if at.cursor else frozenset())
        response = yield Request("GET", self._path, query, expect=expect)
        if response.status in NONE_HERE:
            return Page((), at.encoded(), more=False, findings={"no feed of events": 1})
        if response.status in EXPIRED:
            expired = self._chains.expired(at)
            return Page((), expired.encoded(), more=True, findings={"feed read anew": 1})
        return self._page(at, read(response.json(), ListJson, "list"), now_ms)

    def _page(self, at: Chain, one: ListJson, now_ms: int) -> Page:
        notices, broken, young = self._notices(one, at.since_ms, now_ms)
        records = tuple((TRADING_GRID_NOTICES, notice) for notice in notices)
        if young:
            return Page(records, at.encoded(), more=False)
        after = self._chains.after(
            at,
            one.page.next_cursor,
            more=one.page.has_more,
            times=[notice.occurred_at for notice in notices],
        )
        return Page(records, after.encoded(), one.page.has_more, tuple(broken))

    def _notices(
        self, one: ListJson, since_ms: int, now_ms: int
    ) -> tuple[list[Notice], list[Broken], bool]:
        """What is settled, what cannot be read, and whether there is something younger."""
        notices: list[Notice] = []
        broken: list[Broken] = []
        young = False
        for row in one.data:
            try:
                notice = _notice(row)
            except MalformedError as error:
                broken.append((msgspec.json.encode(row), str(error)))
                continue
            if notice is None or notice.occurred_at < since_ms:
                continue
            if notice.occurred_at > now_ms - self._settle_ms:
                young = True
            else:
                notices.append(notice)
        return notices, broken, young


def _notice(row: Mapping[str, Any]) -> Notice | None:
    """None for a kind of event that is not read. Raises MalformedError."""
    event = read(row, EventJson, "event")
    if not wire.read_here(event):
        return None
    return wire.noticed(event, PULLED)
