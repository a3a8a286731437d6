"""Lists of Trading Grid: pages chained by cursors, in order of `updated_at`."""

from collections.abc import Generator
from typing import Any

import msgspec

from connectors.kit.connector import MalformedError, NotThereError, Request, Response
from connectors.kit.cursors import Chain
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
        if not one.page.has_more or one.page.next_cursor is None:
            return found
        if one.page.next_cursor == cursor:
            raise MalformedError("list: its next cursor is the one that led here")
        cursor = one.page.next_cursor
    raise MalformedError(f"list: more than {PAGES_MAX} pages of {LIMIT}")


def since(at: Chain) -> dict[str, str]:
    """The filter of a list; none from the beginning of time on."""
    return {"updated_since": ms_iso(at.since_ms)} if at.since_ms else {}


def times(one: ListJson) -> list[int]:
    """When the rows were changed; a row that does not say so is broken elsewhere."""
    found = []
    for row in one.data:
        try:
            found.append(iso_ms(str(row.get("updated_at")), "updated_at"))
        except MalformedError:
            continue
    return found


class _Position(msgspec.Struct):
    """A checkpoint without a version, as it was once written."""

    since_ms: int
    cursor: str | None = None
    latest_ms: int = 0


def earlier(decoded: Any) -> Chain:
    """Today's form of a checkpoint without a version. Raises msgspec.ValidationError."""
    at = msgspec.convert(decoded, _Position)
    return Chain(since_ms=at.since_ms, cursor=at.cursor, latest_ms=at.latest_ms)
