"""Lists of BigCommerce, page by page, and the spans that a poll goes through.

A poll goes on from the last time seen after every full page, and by page number only within one
second. Its spans end a little before now, so that all changes of the last second are in.
"""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

import msgspec

from connectors.kit.connector import MalformedError, NotThereError, Request, Response
from connectors.kit.cursors import Mark, Span, Spans
from connectors.kit.reading import iso_ms, mail_date_s, read

S = TypeVar("S")
Steps = Generator[Request, Response, S]

PAGE = 50  # the documented default, so that a full page is sure to be a full page
PAGES_MAX = 100
LAG_MS = 5_000  # a span ends this long before now
SECOND_MS = 1_000  # dates are in seconds


def listed(path: str, query: dict[str, str], shape: type[S], where: str) -> Steps[list[S]]:
    """All of a list, V2 (bare array, 204 when empty) or V3 ({data, meta}).

    Raises NotThereError (404), MalformedError (shape; more than PAGES_MAX pages).
    """
    found: list[S] = []
    for page in range(1, PAGES_MAX + 1):
        paged = {**query, "page": str(page), "limit": str(PAGE)}
        response = yield Request("GET", path, paged, expect=frozenset({404}))
        rows = rows_of(response, where)
        found += [read(row, shape, where) for row in rows]
        if not _more(response.json(), page, len(rows)):
            return found
    raise MalformedError(f"{where}: more than {PAGES_MAX} pages of {PAGE}")


def rows_of(response: Response, where: str) -> list[Any]:
    """The rows of a page. Raises NotThereError, MalformedError."""
    if response.status == 404:
        raise NotThereError(f"{where}: 404")
    body = response.json()
    rows = body.get("data") if isinstance(body, dict) else body
    if rows is None and (response.status == 204 or not response.body):
        return []
    if not isinstance(rows, list):
        raise MalformedError(f"{where}: not a list")
    return rows


def _more(body: Any, page: int, rows: int) -> bool:
    """V3 says how many pages there are; elsewhere a page that is not full is the last."""
    try:
        return page < int(body["meta"]["pagination"]["total_pages"])
    except (KeyError, TypeError, ValueError):
        return isinstance(body, list) and rows >= PAGE


def one(path: str, query: dict[str, str], shape: type[S], where: str) -> Steps[S]:
    """One object, V2 (bare) or V3 ({data}). Raises NotThereError, MalformedError."""
    response = yield Request("GET", path, query, expect=frozenset({404}))
    if response.status in (204, 404):
        raise NotThereError(f"{where}: {response.status}")
    body = response.json()
    inner = body["data"] if isinstance(body, dict) and "data" in body else body
    return read(inner, shape, where)


def spans(limit: int, overlap_s: int) -> Spans:
    """How a list is polled that is sorted by `date_modified`, in pages of `limit`.

    Whether the lower end of the filter is inclusive is not documented: cuts look back a second.
    """
    return Spans(
        limit=limit,
        cap=PAGES_MAX * limit,
        stride=limit,
        overlap_ms=overlap_s * 1_000,
        lag_ms=LAG_MS,
        unit_ms=SECOND_MS,
        back_ms=SECOND_MS,
        numbered=True,
    )


def order_mark(row: Any) -> Mark:
    """A row of V2 orders."""
    return _mark(row, lambda text: mail_date_s(text, "date_modified") * SECOND_MS)


def product_mark(row: Any) -> Mark:
    """A row of V3 products."""
    return _mark(row, lambda text: iso_ms(text, "date_modified"))


def _mark(row: Any, time_of: Callable[[str], int]) -> Mark:
    """What tells a row of a list; one that does not say when it was modified is broken elsewhere."""
    if not isinstance(row, dict):
        return Mark("", None)
    try:
        at_ms: int | None = time_of(str(row.get("date_modified")))
    except MalformedError:
        at_ms = None
    return Mark(str(row.get("id")), at_ms)


class _Window(msgspec.Struct):
    """A checkpoint without a version, as it was once written."""

    since_s: int
    until_s: int
    page: int = 1
    done: bool = False


def earlier(decoded: Any) -> Span:
    """Today's form of a checkpoint without a version. Raises msgspec.ValidationError.

    It does not say which row its last page ended with: within a second it is read from its start.
    """
    at = msgspec.convert(decoded, _Window)
    return Span(since_ms=at.since_s * 1_000, until_ms=at.until_s * 1_000, done=at.done)
