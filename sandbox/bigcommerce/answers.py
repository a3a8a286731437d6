"""Answers of the store's API: bodies, V2 and V3 error shapes, pages.

V2 errors are a JSON array of {status, message}; V3 errors one problem object. Which of the two
is the dispatcher's choice, so handlers raise `Refused` and know nothing of it.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

Json = dict[str, Any]
Version = str
"""`v2` or `v3`: the first segment behind the store hash."""

ERROR_TYPE = "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes"
V2_LIMIT_DEFAULT = 50
V2_LIMIT_MAX = 250
PAGE_MAX = 1_000_000


class Refused(Exception):
    """A request that the store refuses.

    `errors` (field -> reason) stands in V3 bodies; `code` and `instance` where the vendor adds
    them; `body` replaces the whole body where an operation has a shape of its own.
    """

    def __init__(
        self,
        status: int,
        title: str,
        *,
        errors: Mapping[str, str] | None = None,
        code: int | None = None,
        instance: str | None = None,
        details: Json | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.errors = None if errors is None else dict(errors)
        self.code = code
        self.instance = instance
        self.details = details
        self.body = body


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` None means no body at all."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def data(body: Any, *, status: int = 200, meta: Json | None = None) -> Answer:
    """A V3 answer: {data, meta}."""
    return Answer(status, {"data": body, "meta": meta or {}})


def v2_list(rows: Sequence[Json], *, empty_is_204: bool) -> Answer:
    """A V2 list: a bare array, or 204 without a body when there is nothing to show."""
    if not rows and empty_is_204:
        return Answer(204)
    return Answer(200, list(rows))


def error_answer(refused: Refused, version: Version) -> Answer:
    """The vendor's error body for this version of the API."""
    if refused.body is not None:
        return Answer(refused.status, refused.body)
    if version == "v2":
        entry: Json = {"status": refused.status, "message": refused.title}
        if refused.details:
            entry["details"] = refused.details
        return Answer(refused.status, [entry])
    body: Json = {"status": refused.status, "title": refused.title, "type": ERROR_TYPE}
    if refused.code is not None:
        body["code"] = refused.code
    if refused.instance is not None:
        body["instance"] = refused.instance
    if refused.errors is not None:
        body["errors"] = refused.errors
    return Answer(refused.status, body)


def not_found(what: str) -> Refused:
    return Refused(404, f"There is no such {what}.", instance="")


def whole_number(query: Mapping[str, str], name: str, default: int, highest: int) -> int:
    """A positive whole number of the query string. Raises Refused: 400, or 413 when too large."""
    text = query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise Refused(400, f"The value of '{name}' must be a whole number from 1.")
    if int(text) > highest:
        raise Refused(413, f"The value of '{name}' must not exceed {highest}.")
    return int(text)


def v2_page(rows: Sequence[Json], query: Mapping[str, str]) -> Sequence[Json]:
    """The page that `page` and `limit` ask for."""
    limit = whole_number(query, "limit", V2_LIMIT_DEFAULT, V2_LIMIT_MAX)
    page = whole_number(query, "page", 1, PAGE_MAX)
    return rows[(page - 1) * limit : page * limit]


def v3_page(
    rows: Sequence[Json],
    query: Mapping[str, str],
    *,
    limit_default: int = 50,
    limit_max: int = 250,
) -> Answer:
    """One page with the pagination meta of V3. Raises Refused 413 for an over-large limit."""
    limit = whole_number(query, "limit", limit_default, limit_max)
    page = whole_number(query, "page", 1, PAGE_MAX)
    shown = list(rows[(page - 1) * limit : page * limit])
    pages = -(-len(rows) // limit)
    kept = {name: text for name, text in query.items() if name not in ("page", "limit")}

    def link(number: int) -> str:
        return "?" + urlencode({**kept, "page": number, "limit": limit})

    links = {"current": link(page)}
    if page > 1:
        links["previous"] = link(page - 1)
    if page < pages:
        links["next"] = link(page + 1)
    pagination = {
        "total": len(rows),
        "count": len(shown),
        "per_page": limit,
        "current_page": page,
        "total_pages": pages,
        "links": links,
    }
    return data(shown, meta={"pagination": pagination})


def v3_cursor_page(rows: Sequence[Json], query: Mapping[str, str]) -> Answer:
    """The same for lists with cursors, whose rows have an `id` in rising order.

    Behind `after` or before `before`, `page` is ignored. Raises Refused 400 for a cursor that is none.
    """
    after, before = _row_id(query, "after"), _row_id(query, "before")
    if after is not None or before is not None:
        limit = whole_number(query, "limit", V2_LIMIT_DEFAULT, V2_LIMIT_MAX)
        rows = [row for row in rows if after is None or row["id"] > after]
        rows = rows if before is None else [row for row in rows if row["id"] < before][-limit:]
        query = {name: text for name, text in query.items() if name != "page"}
    answer = v3_page(rows, query)
    shown = answer.body["data"]
    cursors: Json = {"count": len(shown), "start_cursor": None, "end_cursor": None}
    if shown:
        ends = {"start_cursor": shown[0]["id"], "end_cursor": shown[-1]["id"]}
        cursors |= {
            name: urlsafe_b64encode(b"%d" % row_id).decode() for name, row_id in ends.items()
        }
    return data(shown, meta={**answer.body["meta"], "cursor_pagination": cursors})


def _row_id(query: Mapping[str, str], name: str) -> int | None:
    """The row that a cursor names; None where there is no cursor."""
    text = query.get(name)
    if text is None:
        return None
    try:
        return int(urlsafe_b64decode(text))
    except ValueError as error:  # binascii.Error is one
        raise Refused(400, f"The value of '{name}' is no cursor.") from error


def as_json_bytes(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def as_xml_bytes(body: Any, root: str) -> bytes:
    """What V2 shows to a caller that does not ask for JSON: elements named after the fields."""
    element = ET.Element(root)
    _fill(element, body)
    document: bytes = ET.tostring(element, encoding="utf-8", xml_declaration=True)
    return document


def _fill(element: ET.Element, value: Any) -> None:
    if isinstance(value, Mapping):
        for name, part in value.items():
            _fill(ET.SubElement(element, str(name)), part)
    elif isinstance(value, list):
        for part in value:
            _fill(ET.SubElement(element, "item"), part)
    elif value is not None:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)
