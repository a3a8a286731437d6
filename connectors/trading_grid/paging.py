"""Lists of Trading Grid: pages chained by cursors, and where a poll stands in them."""

from collections.abc import Generator
from typing import Any

import msgspec

from connectors.kit.connector import MalformedError, NotThereError, Request, Response
from connectors.kit.reading import iso_ms, ms_iso, read
from connectors.trading_grid.shapes import ListJson

LIMIT = 200
PAGES_MAX = 100  # of one look-up through a list

ListSteps = Generator[Request, Response, ListJson]


def page(
    path: str, query: dict[str, str], cursor: str | None, *, expect: frozenset[int] = frozenset()
) -> ListSteps:
    """One page. Raises MalformedError, NotThereError (a status of `expect`)."""
    asked = {**query, "limit": str(LIMIT)} | ({"cursor": cursor} if cursor else {})
    response = yield Request("GET", path, asked, expect=expect)
    if response.status in expect:
        raise NotThereError(f"{path}: {response.status}")
    return read(response.json(), ListJson, "list")


def rows(path: str, query: dict[str, str]) -> Generator[Request, Response, list[dict[str, Any]]]:
    """All rows of a list. Raises MalformedError for a page loop or more than PAGES_MAX pages."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        one = yield from page(path, query, cursor)
        found += one.data
        following = next_cursor(one, cursor)
        if following is None:
            return found
        cursor = following
    raise MalformedError(f"list: more than {PAGES_MAX} pages of {LIMIT}")


def next_cursor(one: ListJson, cursor: str | None) -> str | None:
    """Where the list goes on; None at its end. Raises MalformedError for a page loop."""
    following = one.page.next_cursor if one.page.has_more else None
    if following is not None and following == cursor:
        raise MalformedError("list: its next cursor is the one that led here")
    return following


class Position(msgspec.Struct, frozen=True):
    """Where a poll stands: changes since `since_ms`, page at `cursor`, the latest change so far."""

    since_ms: int
    cursor: str | None = None
    latest_ms: int = 0

    def query(self) -> dict[str, str]:
        """Lists are in order of `updated_at`; from the beginning of time without a filter."""
        return {"updated_since": ms_iso(self.since_ms)} if self.since_ms else {}

    def encoded(self) -> str:
        return msgspec.json.encode(self).decode()


def position(checkpoint: str | None, first_since_ms: int) -> Position:
    """The position of a checkpoint. Raises MalformedError for one that is none of ours."""
    if checkpoint is None:
        return Position(since_ms=max(0, first_since_ms))
    try:
        return msgspec.json.decode(checkpoint, type=Position)
    except msgspec.DecodeError as error:
        raise MalformedError("checkpoint: not readable, delete it to poll anew") from error


def after(at: Position, one: ListJson, overlap_s: int) -> Position:
    """Where the poll goes on after a page. At the end it looks back from the latest change."""
    latest_ms = max([at.latest_ms, *_times(one)])
    following = next_cursor(one, at.cursor)
    if following is not None:
        return Position(at.since_ms, following, latest_ms)
    return Position(max(at.since_ms, latest_ms - overlap_s * 1000))


def _times(one: ListJson) -> list[int]:
    """When the rows were changed; a row that does not say so is broken elsewhere."""
    times = []
    for row in one.data:
        try:
            times.append(iso_ms(str(row.get("updated_at")), "updated_at"))
        except MalformedError:
            continue
    return times
