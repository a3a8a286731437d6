"""What Braze's answers mean: "success" is "accepted", with a `notice` it is "nothing was done"."""

from typing import Any

from connectors.braze import endpoints
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
from connectors.kit.reading import detailed, number, vendor_text, whole
from connectors.kit.verdicts import VerdictTable, When, epoch_s, first, on, retry_after

# Budgets that several endpoints draw on together.
SENDS, SHARED, ITEMS = "sends", "shared", "catalog items"
SUCCESS = range(200, 300)
ITEM_REFUSED = "braze refused the item"
# Braze's words for an external_send_id that it has already taken.
ALREADY_QUEUED = "external reference has been queued"


def _already_queued(response: Response) -> bool:
    return ALREADY_QUEUED in str(said(response)).lower()


def _says(name: str) -> When:
    """The body has a `name` that is not empty."""

    def when(response: Response) -> bool:
        body = response.json()
        return isinstance(body, dict) and bool(body.get(name))

    return when


def _advice(response: Response, now_s: float) -> float | None:
    """The reset header stands on every answer; it is advice on a 429 alone."""
    if response.status == 429:
        return first(epoch_s("x-ratelimit-reset"), retry_after)(response, now_s)
    return retry_after(response, now_s)


def _foreign(response: Response) -> bool:
    """A page: something answered that is not Braze. Half an answer, or none, is still Braze's success."""
    return response.body.lstrip().startswith(b"<")


RULES = (
    on(SUCCESS, then=Misconfigured("no answer of Braze's: check BRAZE_BASE_URL"), when=_foreign),
    on(
        SUCCESS,
        then=Rejected("campaign or canvas is paused, stopped or archived: resume it, then replay"),
        when=_says("notice"),
    ),
    on(SUCCESS, then=Rejected(ITEM_REFUSED), when=_says("errors")),
    on(400, then=Delivered(), when=_already_queued),
    on(400, then=Rejected("braze refused the request")),
    on(401, then=Misconfigured("BRAZE_API_KEY is not valid at BRAZE_BASE_URL")),
    on(403, then=Misconfigured("BRAZE_API_KEY lacks a permission, or our address is not allowed")),
    on(413, then=Rejected("the request is larger than Braze takes")),
)
BY_URL = VerdictTable(
    (*RULES, on(404, then=Misconfigured("no such endpoint: check BRAZE_BASE_URL"))), _advice
)
BY_ID = VerdictTable((*RULES, on(404, then=Rejected("braze knows no such campaign"))), _advice)
BY_CATALOG = VerdictTable(
    (*RULES, on(404, then=Rejected("braze knows no such catalog: create it with its fields"))),
    _advice,
)


def said(response: Response) -> Any:
    """What Braze says about a refusal: its notice, its first error, its message."""
    body = response.json()
    if not isinstance(body, dict):
        return None
    errors = body.get("errors")
    first_error = errors[0] if isinstance(errors, list) and errors else errors
    if isinstance(first_error, dict):  # as /users/track has them
        first_error = " ".join(str(value) for value in first_error.values())
    return body.get("notice") or first_error or body.get("message")


def verdict(request: Request, response: Response) -> Verdict:
    """The verdict on one answer; a refusal says why in Braze's words, without personal data."""
    return detailed(_table(request)(request, response), request, said(response))


def _table(request: Request) -> VerdictTable:
    """A 404 is about what the path names: a campaign, a catalog, or nothing that there is."""
    if request.path.startswith(endpoints.TRANSACTIONAL):
        return BY_ID
    return BY_CATALOG if request.path.startswith(endpoints.CATALOGS) else BY_URL


def item_refused(request: Request, vendor_said: Any) -> Rejected:
    """One item of a batch was not taken."""
    said_so = f": {vendor_text(vendor_said, request)}" if vendor_said else ""
    return Rejected(ITEM_REFUSED + said_so)


def rate(response: Response, now_s: float) -> RateAdvice | None:
    """The budget of the endpoint that answered; `x-ratelimit-reset` is in epoch seconds."""
    reset = number(response.headers.get("x-ratelimit-reset"))
    if reset is None:
        return None
    return RateAdvice(
        limit=whole(response.headers.get("x-ratelimit-limit")),
        remaining=whole(response.headers.get("x-ratelimit-remaining")),
        reset_s=max(0.0, reset - now_s),
    )


def budget(request: Request) -> str:
    """Braze limits most endpoints by themselves, and some together."""
    path = request.path
    if path.startswith(endpoints.TRANSACTIONAL):
        return "transactional"
    if path.startswith(endpoints.CATALOGS):
        return ITEMS
    if path in (endpoints.TRIGGER, endpoints.CANVAS_TRIGGER):
        return SENDS
    return SHARED if endpoints.SCHEDULE in path or path == endpoints.GROUP_STATUS else path


def unanswered(what: str) -> Transient:
    """A success without the content that was asked for (Braze under maintenance only queues)."""
    return Transient(f"{what}: Braze accepted the call without an answer to it")
