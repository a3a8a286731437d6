"""What Trading Grid's answers mean: problem details (RFC 9457) with codes."""

from typing import Any

from connectors.kit.connector import (
    Misconfigured,
    RateAdvice,
    Rejected,
    Request,
    Response,
    Transient,
    Verdict,
)
from connectors.kit.reading import detailed, number, whole
from connectors.kit.verdicts import VerdictTable, delta_s, first, on, retry_after

KEY_REUSED, INVALID_TRANSITION = "idempotency_key_reuse", "invalid_transition"


def _advice(response: Response, now_s: float) -> float | None:
    """The rate limit's reset stands on every answer; it is advice on a 429 alone."""
    if response.status == 429:
        return first(retry_after, delta_s("ratelimit-reset"))(response, now_s)
    return retry_after(response, now_s)


TABLE = VerdictTable(
    (
        on(400, then=Rejected("bad request")),
        on(401, then=Misconfigured("Trading Grid refuses a fresh token: check TG_CLIENT_ID")),
        on(403, then=Misconfigured("the API client lacks a scope, or TG_COMMUNITY_ID is wrong")),
        on(404, then=Rejected("no such object")),
        on(
            405,
            406,
            415,
            501,
            then=Misconfigured("not the assumed API: check TG_BASE_URL, TG_PATHS"),
        ),
        on(409, then=Transient("the same request is in progress")),
        on(412, then=Transient("the object has changed since it was read")),
        on(413, then=Rejected("too large")),
        on(422, then=Rejected("not valid")),
        on(428, then=Misconfigured("an ETag is required: set TG_SUPPORTS_ETAG=true")),
        on(503, then=Transient("unavailable", throttled=True), when=lambda r: bool(_told(r))),
    ),
    _advice,
)


def _told(response: Response) -> str | None:
    """A 503 that says when to come back means "slower"."""
    return response.headers.get("retry-after")


def verdict(request: Request, response: Response) -> Verdict:
    """The verdict on one answer; a refusal says why, without personal data."""
    return detailed(TABLE(request, response), request, said(response))


def code(response: Response) -> str | None:
    """The problem's code, which decisions rest on."""
    return _text(response, "code")


def existing_id(response: Response) -> str | None:
    """The object that already has the external reference (409)."""
    return _text(response, "existing_id")


def _text(response: Response, name: str) -> str | None:
    body = response.json()
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) and value else None


def said(response: Response) -> Any:
    """The problem's code and what it says to people."""
    body = response.json()
    if not isinstance(body, dict):
        return None
    return " ".join(str(body[name]) for name in ("code", "detail") if body.get(name))


def rate(response: Response, _now_s: float) -> RateAdvice | None:
    """The budget; `ratelimit-reset` is in seconds from now."""
    reset_s = number(response.headers.get("ratelimit-reset"))
    if reset_s is None:
        return None
    return RateAdvice(
        limit=whole(response.headers.get("ratelimit-limit")),
        remaining=whole(response.headers.get("ratelimit-remaining")),
        reset_s=reset_s,
    )
