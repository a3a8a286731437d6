"""From status and body to verdict: one table per platform, read top down, with the field's defaults below it.

    verdict = VerdictTable(
        rules=(
            on(409, then=Rejected("conflict"), when=json_code("duplicate")),
            on(422, then=lambda response: Rejected(problem_code(response))),
        ),
        advice=first(retry_after, epoch_s("x-ratelimit-reset")),
    )

What no rule names is judged by DEFAULTS, and what those do not know is transient: retried, a bounded number of times.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.kit.connector import (
    Delivered,
    Misconfigured,
    Rejected,
    Request,
    Response,
    Transient,
    Verdict,
)

Advice = Callable[[Response, float], float | None]
"""Seconds to wait, from an answer and now (epoch seconds); None where it gives no advice."""
When = Callable[[Response], bool]
Then = Verdict | Callable[[Response], Verdict]


# ---- advice ------------------------------------------------------------------------------------------------------
def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < 1e15 else None


def retry_after(response: Response, now_s: float) -> float | None:
    """`Retry-After` in seconds or as an HTTP date."""
    text = response.headers.get("retry-after", "")
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_s)
    except (ValueError, OverflowError):
        return None


def delta_s(header: str) -> Advice:
    """A header with seconds from now."""
    return lambda response, _now_s: _number(response.headers.get(header))


def delta_ms(header: str) -> Advice:
    """A header with milliseconds from now."""

    def advice(response: Response, _now_s: float) -> float | None:
        value = _number(response.headers.get(header))
        return None if value is None else value / 1_000

    return advice


def epoch_s(header: str) -> Advice:
    """A header with an epoch time in seconds."""

    def advice(response: Response, now_s: float) -> float | None:
        value = _number(response.headers.get(header))
        return None if value is None else max(0.0, value - now_s)

    return advice


def first(*advices: Advice) -> Advice:
    """The first advice that says something."""

    def advice(response: Response, now_s: float) -> float | None:
        found = (one(response, now_s) for one in advices)
        return next((value for value in found if value is not None), None)

    return advice


# ---- predicates on bodies ----------------------------------------------------------------------------------------
def json_field(path: str, *values: Any) -> When:
    """The JSON body has one of `values` at `path` (dots between names); no values: it has the field at all."""
    names = path.split(".")

    def when(response: Response) -> bool:
        node = response.json()
        for name in names:
            if not isinstance(node, dict) or name not in node:
                return False
            node = node[name]
        return not values or node in values

    return when


# ---- the table ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Rule:
    """Answers with one of `statuses` for which `when` holds are judged `then`."""

    statuses: frozenset[int]
    then: Then
    when: When | None = None


def on(*statuses: int | Iterable[int], then: Then, when: When | None = None) -> Rule:
    """A rule for some statuses: numbers or ranges, e.g. `on(404, range(500, 600), then=…)`."""
    flat: set[int] = set()
    for status in statuses:
        flat.update({status} if isinstance(status, int) else status)
    return Rule(frozenset(flat), then, when)


def status_of(response: Response) -> str:
    return f"status {response.status}"


DEFAULTS: tuple[Rule, ...] = (
    on(range(200, 300), then=Delivered()),
    on(
        range(300, 400),
        then=lambda r: Misconfigured(f"redirect: {status_of(r)}, check the base URL"),
    ),
    on(401, then=Misconfigured("credentials refused: status 401")),
    on(403, then=Misconfigured("permission missing: status 403")),
    on(429, then=Transient("throttled", throttled=True)),
    on(400, 413, 414, 415, 422, then=lambda r: Rejected(f"refused: {status_of(r)}")),
    on(
        408, 425, range(500, 600), then=lambda r: Transient(f"platform unavailable: {status_of(r)}")
    ),
)
UNKNOWN: Then = lambda r: Transient(f"unexpected answer: {status_of(r)}")  # noqa: E731 - a value beside the rules


class VerdictTable:
    """Judges answers: call it with request and response. `now_s`: the wall clock, for dates in advice.

    A transient verdict without a time of its own gets the platform's advice.
    """

    def __init__(
        self,
        rules: tuple[Rule, ...] = (),
        advice: Advice = retry_after,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._advice = advice
        self._now_s = now_s
        self._by_status: dict[int, tuple[Rule, ...]] = {}
        for rule in (*rules, *DEFAULTS):
            for status in rule.statuses:
                self._by_status[status] = (*self._by_status.get(status, ()), rule)

    def __call__(self, _request: Request, response: Response) -> Verdict:
        then = self._find(response)
        verdict = then(response) if callable(then) else then
        if not isinstance(verdict, Transient) or verdict.after_s is not None:
            return verdict
        return replace(verdict, after_s=self._advice(response, self._now_s()))

    def _find(self, response: Response) -> Then:
        for rule in self._by_status.get(response.status, ()):
            if rule.when is None or rule.when(response):
                return rule.then
        return UNKNOWN
