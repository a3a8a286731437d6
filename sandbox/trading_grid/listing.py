"""Query parameters of lists: limit, cursor, filters; unknown ones are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.trading_grid.kind import Kind
from sandbox.trading_grid.problems import Problem
from sandbox.trading_grid.store import (
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_MAX,
    Object,
    instant_s,
    iso,
)

PAGING = frozenset({"limit", "cursor"})


def bad_parameter(name: str, message: str) -> Problem:
    error = {"pointer": f"?{name}", "code": "invalid_parameter", "message": message}
    return Problem(400, "invalid_parameter", f"{name}: {message}", errors=[error])


def page_limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(PAGE_SIZE_DEFAULT))
    if not text.isdigit() or not 1 <= int(text) <= PAGE_SIZE_MAX:
        raise bad_parameter("limit", f"must be 1 to {PAGE_SIZE_MAX}")
    return int(text)


def refuse_unknown(query: Mapping[str, str], known: frozenset[str]) -> None:
    for name in query:
        if name not in known | PAGING:
            raise bad_parameter(name, f"unknown; known are {sorted(known | PAGING)}")


def _since(query: Mapping[str, str]) -> str:
    """`updated_since` in the form of updated_at, which sorts like time. A `+` may come as space."""
    text = query.get("updated_since")
    if text is None:
        return ""
    try:
        return iso(instant_s(text.replace(" ", "+")))
    except ValueError as error:
        raise bad_parameter("updated_since", "must be an ISO-8601 instant with a zone") from error


def _reference(query: Mapping[str, str]) -> dict[str, str] | None:
    """`external_ref=<system>:<type>:<id>`; the id may hold further colons."""
    text = query.get("external_ref")
    if text is None:
        return None
    parts = text.split(":", 2)
    if len(parts) != 3 or not all(parts):
        raise bad_parameter("external_ref", "must be <system>:<type>:<id>")
    return dict(zip(("system", "type", "id"), parts, strict=True))


def object_filter(kind: Kind, query: Mapping[str, str]) -> Callable[[Object], bool]:
    """What a list keeps. Raises Problem 400 for a parameter that the kind does not know."""
    known = {"updated_since", "external_ref", "partner_id", *kind.filters}
    wanted: dict[str, Any] = {n: query[n] for n in ("partner_id", *kind.filters) if n in query}
    if kind.machine:
        known.add("status")
        if "status" in query:
            wanted[kind.machine.field] = query["status"]
    refuse_unknown(query, frozenset(known))
    since = _since(query)
    reference = _reference(query)

    def keep(obj: Object) -> bool:
        if obj["updated_at"] < since or any(obj.get(n) != v for n, v in wanted.items()):
            return False
        refs = obj.get("external_refs") or []
        return reference is None or any(reference.items() <= ref.items() for ref in refs)

    return keep


def page_body(data: list[Any], following: str | None, has_more: bool | None = None) -> Object:
    more = following is not None if has_more is None else has_more
    return {"data": data, "page": {"next_cursor": following, "has_more": more}}
