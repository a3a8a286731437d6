"""Lists of BigCommerce, page by page, and the window that a poll goes through.

A poll asks for what was modified within a closed window, oldest first, and goes on from the last
time seen, not from a page number: whatever changes meanwhile leaves the window and pushes nothing
past us. The window ends a little before now, so that all changes of its last second are in.
"""

from collections.abc import Generator
from typing import Any, TypeVar

import msgspec

from connectors.kit.connector import MalformedError, NotThereError, Request, Response
from connectors.kit.reading import ms_iso, read

S = TypeVar("S")
Steps = Generator[Request, Response, S]

PAGE = 50  # the documented default, so that a full page is sure to be a full page
PAGES_MAX = 100
SETTLE_S = 5  # a window ends this long before now


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


class Window(msgspec.Struct, frozen=True):
    """Where a poll stands: what changed from `since_s` to `until_s`, from page `page` on."""

    since_s: int
    until_s: int
    page: int = 1
    done: bool = False

    @property
    def since(self) -> str:
        return ms_iso(self.since_s * 1000)

    @property
    def until(self) -> str:
        return ms_iso(self.until_s * 1000)

    def encoded(self) -> str:
        return msgspec.json.encode(self).decode()


def window(cursor: str | None, now_ms: int, *, first_since_s: int, overlap_s: int) -> Window:
    """The window to read now. Raises MalformedError for a checkpoint that is none of ours."""
    until_s = now_ms // 1000 - SETTLE_S
    if cursor is None:
        return Window(first_since_s, until_s)
    try:
        held = msgspec.json.decode(cursor, type=Window)
    except msgspec.DecodeError as error:
        raise MalformedError("checkpoint: not readable, delete it to poll anew") from error
    if not held.done:
        return held
    return Window(max(0, held.until_s - overlap_s), max(until_s, held.until_s))


def following(at: Window, rows: int, page_size: int, last_s: int | None) -> Window:
    """Where the next step goes on. `last_s`: when the page's last row was modified; None: unread.

    Raises MalformedError where more than PAGES_MAX pages share one second.
    """
    if rows < page_size:
        return Window(at.since_s, at.until_s, done=True)
    # From one second before the last: rows of the same second may stand on the next page.
    if last_s is not None and last_s - 1 > at.since_s:
        return Window(last_s - 1, at.until_s)
    if at.page >= PAGES_MAX:
        raise MalformedError(f"more than {PAGES_MAX * page_size} objects changed in one second")
    return Window(at.since_s, at.until_s, at.page + 1)
