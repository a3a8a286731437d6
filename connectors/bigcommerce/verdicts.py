"""What BigCommerce's answers mean. Errors are arrays in V2, objects in V3; 207: a part failed."""

from collections.abc import Callable, Iterator
from typing import Any

from connectors.kit.connector import (
    Delivered,
    Misconfigured,
    RateAdvice,
    Rejected,
    Request,
    Response,
    Transient,
    Verdict,
)
from connectors.kit.reading import detailed, number, whole
from connectors.kit.verdicts import Advice, VerdictTable, delta_ms, delta_s, first, on, retry_after

WAIT = first(retry_after, delta_s("x-retry-after"))
RETRIED_PARTS = frozenset({423, 429})  # of a 207: locked, throttled
SERVER_ERRORS = range(500, 600)


def _parts(errors: Any) -> Iterator[int | None]:
    """The status of each failed part of a 207; None where it has none."""
    entries = list(errors.values()) if isinstance(errors, dict) else errors
    for entry in entries if isinstance(entries, list) else ():
        fields = entry if isinstance(entry, dict) else {}
        code = fields.get("status") or fields.get("code")
        yield code if isinstance(code, int) else None


def partial(response: Response) -> Verdict:
    """207: saved, but for what stands in `errors`. Refused for good only if every part says so."""
    body = response.json()
    parts = list(_parts(body.get("errors"))) if isinstance(body, dict) else []
    if not parts:
        return Delivered()
    refused = [
        code is not None and 400 <= code < 500 and code not in RETRIED_PARTS for code in parts
    ]
    if all(refused):
        return Rejected("a part was refused, the rest is saved")
    return Transient("a part was not saved")


RULES = (
    on(207, then=partial),
    on(304, then=Transient("not modified: a cache stands between us and BigCommerce")),
    on(400, then=Rejected("bad request")),
    on(401, then=Misconfigured("BIGCOMMERCE_ACCESS_TOKEN is not valid for this store")),
    on(403, then=Misconfigured("the API account lacks a scope, or the store's plan forbids this")),
    on(404, then=Rejected("the store has no such object")),
    on(405, 406, 415, 501, then=Misconfigured("not BigCommerce's API: check BIGCOMMERCE_API_URL")),
    on(409, then=Rejected("conflict with another object")),
    on(413, then=Rejected("too large")),
    on(422, then=Rejected("not valid")),
    on(423, then=Transient("the object is locked")),
    on(499, then=Transient("BigCommerce gave up waiting")),
    on(507, then=Rejected("the store's plan has no room for this")),
)


def judge(write_pause_s: float) -> Callable[[Request, Response], Verdict]:
    """The verdict function. `write_pause_s`: how long a write waits after a server error."""
    reads = VerdictTable(RULES, _advice(None))
    writes = VerdictTable(RULES, _advice(write_pause_s))

    def verdict(request: Request, response: Response) -> Verdict:
        table = reads if request.method == "GET" else writes
        return detailed(table(request, response), request, said(response))

    return verdict


def _advice(pause_s: float | None) -> Advice:
    """The quota's reset stands on every answer; it is advice on a 429 alone."""

    def advice(response: Response, now_s: float) -> float | None:
        if response.status == 429:
            return first(delta_ms("x-rate-limit-time-reset-ms"), WAIT)(response, now_s)
        told = WAIT(response, now_s)
        return pause_s if told is None and response.status in SERVER_ERRORS else told

    return advice


def said(response: Response) -> Any:
    """What BigCommerce says: the message (V2), or the title with its field errors (V3)."""
    body = response.json()
    entry = body[0] if isinstance(body, list) and body else body
    if not isinstance(entry, dict):
        return None
    errors = entry.get("errors")
    if isinstance(errors, dict) and errors:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in errors.items())
        return f"{entry.get('title', '')} {reasons}"
    return entry.get("message") or entry.get("title") or entry.get("detail")


def rate(response: Response, _now_s: float) -> RateAdvice | None:
    """The store's quota, shared by all its apps, until its window ends."""
    reset_ms = number(response.headers.get("x-rate-limit-time-reset-ms"))
    if reset_ms is None:
        return None
    return RateAdvice(
        limit=whole(response.headers.get("x-rate-limit-requests-quota")),
        remaining=whole(response.headers.get("x-rate-limit-requests-left")),
        reset_s=reset_ms / 1000,
    )
