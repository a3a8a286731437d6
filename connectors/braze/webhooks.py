"""What Braze posts beside Currents: webhooks made of our templates, and what became of transactional messages; pure."""

import math
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from connectors.braze.settings import BrazeSettings
from connectors.braze.wire import impersonal, order_ref, text
from connectors.kit.connector import Delivery, Intake, MalformedError
from connectors.kit.reading import PERSONAL, TEXT_CHARS_MAX, iso_ms, iso_ms_or_none, read
from gridwire.ids import derived, trace_of
from gridwire.records import (
    BrazeFeedback,
    BrazeSend,
    Engagement,
    FeedbackConcern,
    FeedbackKind,
    SendStatus,
)
from gridwire.topics import BRAZE_ENGAGEMENT, BRAZE_FEEDBACK, BRAZE_SENDS

TEMPLATES = "docs/braze-templates.md"
CONCERNS: tuple[FeedbackConcern, ...] = get_args(FeedbackConcern)
STATUSES: Mapping[str, SendStatus] = {
    name: name for name in get_args(SendStatus) if name != "unknown"
}


class CanvasWebhook(msgspec.Struct):
    """A webhook made of a template in docs/braze-templates.md. Liquid fills what it has not with nothing."""

    event_type: str
    dispatch_id: str
    external_user_id: str
    occurred_at: str
    campaign_id: str | None = None
    canvas_id: str | None = None
    order_ref: str | None = None
    sku: str | None = None
    region: str | None = None
    concerns: str | None = None
    question: str | None = None
    score: float | str | None = None
    scale_max: float | str | None = None
    text: str | None = None
    properties: dict[str, Any] | None = None


class PostbackMetadata(msgspec.Struct):
    """Who sent it, and when it came how far: `<status>_at` is looked up by its name."""

    external_send_id: str | None = None
    campaign_api_id: str | None = None
    reason: str | None = None


class Postback(msgspec.Struct):
    """What became of a transactional message."""

    dispatch_id: str
    status: str
    metadata: dict[str, Any]


# ---- templates -----------------------------------------------------------------------------------
def canvas_webhook(body: Any, settings: BrazeSettings) -> Intake:
    """A webhook made of our templates: feedback where its type says so, else engagement.

    Raises MalformedError where it is not.
    """
    hook = read(body, CanvasWebhook, "body")
    if not hook.external_user_id or not hook.dispatch_id:
        raise MalformedError("body: empty external_user_id or dispatch_id")
    kind = settings.feedback_events.get(hook.event_type)
    if kind is not None:
        return Intake(((BRAZE_FEEDBACK, _feedback(hook, kind, settings)),))
    return Intake(((BRAZE_ENGAGEMENT, _engagement(hook, settings)),))


def _feedback(hook: CanvasWebhook, kind: FeedbackKind, settings: BrazeSettings) -> BrazeFeedback:
    """One answer: one dispatch may ask several questions. A concern that is not in the list is `other`."""
    feedback_id = derived(
        "braze",
        "feedback",
        hook.event_type,
        hook.dispatch_id,
        hook.external_user_id,
        hook.question or "",
    )
    return BrazeFeedback(
        event_id=feedback_id,
        occurred_at=iso_ms(hook.occurred_at, "occurred_at"),
        source="braze/webhook",
        trace_id=trace_of(feedback_id),
        feedback_id=feedback_id,
        customer_ref=hook.external_user_id,
        order_ref=order_ref(hook.order_ref, settings),
        kind=kind,
        concerns=next((one for one in CONCERNS if one == hook.concerns), "other"),
        question=text(hook.question),
        score=_number(hook.score, "score"),
        scale_max=_number(hook.scale_max, "scale_max"),
        text=text(hook.text),
        sku=text(hook.sku),
        canvas_id=text(hook.canvas_id),
        campaign_id=text(hook.campaign_id),
    )


def _number(value: float | str | None, name: str) -> float | None:
    """Liquid writes numbers as text, and none as empty text. Raises MalformedError."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise MalformedError(f"body.{name}: not a number, mend the template ({TEMPLATES})")
    return number


def _engagement(hook: CanvasWebhook, settings: BrazeSettings) -> Engagement:
    event_id = derived("braze", "webhook", hook.event_type, hook.dispatch_id, hook.external_user_id)
    return Engagement(
        event_id=event_id,
        occurred_at=iso_ms(hook.occurred_at, "occurred_at"),
        source="braze/webhook",
        trace_id=trace_of(event_id),
        user_id=hook.external_user_id,
        identified=True,
        kind="other",
        event_type=f"webhook.{hook.event_type}",
        channel="webhook",
        sku=hook.sku or None,
        region=hook.region or None,
        campaign_id=hook.campaign_id or None,
        canvas_id=hook.canvas_id or None,
        order_ref=order_ref(hook.order_ref, settings),
        properties=impersonal(hook.properties or {}),
    )


# ---- postbacks -----------------------------------------------------------------------------------
def postback(delivery: Delivery) -> Intake:
    """How far a transactional message has come. One that gridwire did not ask for is left out.

    Raises MalformedError.
    """
    found = read(delivery.body, Postback, "body")
    metadata = read(found.metadata, PostbackMetadata, "body.metadata")
    if not found.dispatch_id:
        raise MalformedError("body.dispatch_id: empty")
    status = STATUSES.get(found.status)
    if status is None:
        return Intake(unknown={f"transactional.{found.status}": 1})
    if not metadata.external_send_id:
        return Intake(filtered={"transactional message of somebody else": 1})
    at_ms = iso_ms_or_none(text(found.metadata.get(f"{status}_at")), f"body.metadata.{status}_at")
    event_id = derived("braze", "send", found.dispatch_id, status)
    record = BrazeSend(
        event_id=event_id,
        occurred_at=delivery.received_ms if at_ms is None else at_ms,
        source="braze/postback",
        trace_id=trace_of(event_id),
        causation_id=metadata.external_send_id,
        external_send_id=metadata.external_send_id,
        dispatch_id=found.dispatch_id,
        status=status,
        campaign_id=text(metadata.campaign_api_id),
        reason=_reason(metadata.reason),
    )
    return Intake(((BRAZE_SENDS, record),))


def _reason(said: str | None) -> str | None:
    """Braze's words in one line, without addresses."""
    return PERSONAL.sub("…", " ".join(said.split()))[:TEXT_CHARS_MAX] if said else None
