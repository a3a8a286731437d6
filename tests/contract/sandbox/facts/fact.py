"""A fact of a vendor's contract: a request, and the answer that the contract promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

Check = Callable[[Any], bool]
Authorize = Callable[[httpx.Client], Mapping[str, str]]
ABSENT = object()


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to the platform. `headers` go on top of the credentials; None takes one away.

    `if_match`: the path of the object whose ETag of now is sent along.
    """

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    if_match: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One row. `section`: of the vendor's contract. `control`: what the sandbox is told before (path, body); `before`:
    requests that come first. `headers`, `fields`: what the answer has, by name and by dotted place (`data.0.id`, `#` is
    a length); a function is a check of the value, ABSENT says that it is not there. `raw`: the body itself.
    """

    section: str
    says: str
    ask: Ask
    status: int
    headers: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    control: tuple[tuple[str, Any], ...] = ()
    before: tuple[Ask, ...] = ()
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The facts of one platform. `prefix`: of its API in the sandbox; `authorize`: credentials for a request."""

    platform: str
    prefix: str
    seed: Mapping[str, Any]
    configure: Mapping[str, Any]
    authorize: Authorize
    facts: tuple[Fact, ...]


# ---- checks --------------------------------------------------------------------------------------
def text(value: Any) -> bool:
    """A text that says something."""
    return isinstance(value, str) and value != ""


def whole(value: Any) -> bool:
    """A whole number, also as text."""
    return isinstance(value, int) or (isinstance(value, str) and value.isdigit())


def begins(prefix: str) -> Check:
    return lambda value: isinstance(value, str) and value.startswith(prefix)


def holds(part: str) -> Check:
    return lambda value: part in str(value)


def between(low: float, high: float) -> Check:
    return lambda value: low <= float(value) <= high


def has(*names: str) -> Check:
    """An object with at least these fields."""
    return lambda value: isinstance(value, dict) and set(names) <= value.keys()


# ---- asking --------------------------------------------------------------------------------------
class Asker:
    """Asks one platform of the sandbox."""

    def __init__(self, http: httpx.Client, table: Table) -> None:
        self._http = http
        self._table = table
        control = f"/_sandbox/{table.platform}"
        self.control(f"{control}/configure", table.configure)
        self.control(f"{control}/seed", table.seed)
        self._credentials = table.authorize(http)

    def control(self, path: str, body: Any) -> None:
        answer = self._http.post(path, json=body)
        assert answer.is_success, f"{path}: {answer.text}"

    def ask(self, ask: Ask) -> httpx.Response:
        headers = {**self._credentials, **ask.headers}
        if ask.if_match:
            headers["if-match"] = self.ask(Ask("GET", ask.if_match)).headers["etag"]
        sent = {name: value for name, value in headers.items() if value is not None}
        url = self._table.prefix + ask.path
        if isinstance(ask.body, bytes):
            return self._http.request(ask.method, url, headers=sent, content=ask.body)
        return self._http.request(ask.method, url, headers=sent, json=ask.body)


def at(body: Any, place: str) -> Any:
    """The value at a dotted place; ABSENT where there is none."""
    for step in place.split("."):
        if step == "#":
            body = len(body)
        elif isinstance(body, list) and step.isdigit() and int(step) < len(body):
            body = body[int(step)]
        elif isinstance(body, dict) and step in body:
            body = body[step]
        else:
            return ABSENT
    return body


def agrees(value: Any, expected: Any) -> bool:
    if callable(expected):
        return value is not ABSENT and bool(expected(value))
    return bool(value is ABSENT if expected is ABSENT else value == expected)


def check(http: httpx.Client, table: Table, fact: Fact) -> None:
    """Asks, and holds the answer against the fact."""
    asker = Asker(http, table)
    for path, body in fact.control:
        asker.control(f"/_sandbox/{path}", body)
    for ask in fact.before:
        asker.ask(ask)
    answer = asker.ask(fact.ask)
    assert answer.status_code == fact.status, answer.text
    if fact.raw is not None:
        assert answer.content == fact.raw
    for name, expected in fact.headers.items():
        value = answer.headers.get(name, ABSENT)
        assert agrees(value, expected), f"header {name}: {value!r}"
    body = answer.json() if fact.fields else None
    for place, expected in fact.fields.items():
        assert agrees(at(body, place), expected), f"{place}: {at(body, place)!r} in {answer.text}"
