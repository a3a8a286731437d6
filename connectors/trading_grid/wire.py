"""Trading Grid's JSON to records, and commands to its JSON; pure.

Ids of thread records. Each change of a thread is one version, and each webhook names the version
that it tells of, though the thread that is then fetched may be further on. The record of a
webhook carries the webhook's version, status, previous status and actor, and its id is a function
of thread and version. A poll knows only the latest version and gives it the same id. So flows see
each change once, whoever reports it first, and never take one change for another. Comments and
attachments are no state of the thread, and a poll cannot find them: their ids are functions of
the event's sequence, so that a version which a comment shares with a status hides neither.
"""

import math
from typing import Any

import msgspec

from connectors.kit import money
from connectors.kit.connector import Delivery, Intake, MalformedError
from connectors.kit.reading import iso_ms, iso_ms_or_none, ms_iso, read
from connectors.trading_grid import changes
from connectors.trading_grid.changes import HOOKS, POLLED
from connectors.trading_grid.settings import TradingGridSettings
from connectors.trading_grid.shapes import (
    AvailabilityJson,
    ComplianceJson,
    EventJson,
    PartnerJson,
    ResolutionJson,
    SlaJson,
    ThreadJson,
    ThreadLineJson,
)
from gridwire.ids import derived, trace_of
from gridwire.records import (
    AddComment,
    Availability,
    ExternalRef,
    MoveThread,
    Notice,
    OpenThread,
    Partner,
    PutInsight,
    Related,
    Resolution,
    Thread,
    ThreadLine,
)
from gridwire.topics import TRADING_GRID_NOTICES
from gridwire.vocabulary import ReasonCode, ResolutionAction, ThreadStatus

THREAD, PARTNER, AVAILABILITY, DOCUMENT = "thread", "partner", "availability", "document"
READ = frozenset((THREAD, PARTNER, AVAILABILITY, DOCUMENT))
NOT_READ_YET = frozenset(
    ("announcement", "launch", "purchase_order", "fulfilment", "milestone", "insight")
)
BESIDE_STATE = frozenset(
    ("thread.comment_added", "thread.comment_updated", "thread.attachment_added")
)
REASONS = frozenset(code.value for code in ReasonCode)
ACTIONS = frozenset(action.value for action in ResolutionAction)
DECIDED = frozenset((ThreadStatus.RESOLVED.value, ThreadStatus.CLOSED.value))
UNITS_MAX = 2**31 - 1


# ---- events: webhooks, and the feed that holds them all ------------------------------------------
def intake(delivery: Delivery) -> Intake:
    """The notice of a webhook. Raises MalformedError."""
    event = read(delivery.body, EventJson, "body")
    resource = event.type.partition(".")[0]
    if resource in NOT_READ_YET:
        return Intake(filtered={f"no flow reads {resource} events": 1})
    if resource not in READ:
        return Intake(unknown={event.type: 1})
    return Intake(((TRADING_GRID_NOTICES, noticed(event, HOOKS)),))


def read_here(event: EventJson) -> bool:
    """Whether an event is of a kind that is read."""
    return event.type.partition(".")[0] in READ


def noticed(event: EventJson, source: str) -> Notice:
    """The notice of an event, whichever way it came: redelivered, replayed or pulled, it has one id.

    Raises MalformedError.
    """
    if not event.data.id or not event.subject:
        raise MalformedError("body.data.id or body.subject: empty")
    mark = event.sequence or f"{event.timestamp}|{event.data.version}"
    event_id = derived("trading-grid", "notice", event.subject, event.type, mark)
    resource = event.type.partition(".")[0]
    return Notice(
        event_id=event_id,
        occurred_at=iso_ms(event.timestamp, "body.timestamp"),
        source=source,
        version=event.data.version,
        trace_id=trace_of(event_id),
        platform="trading-grid",
        resource=resource,
        resource_id=event.data.id,
        key=_key(resource, event),
        event_type=event.type,
        detail=_detail(event),
    )


def _key(resource: str, event: EventJson) -> str:
    """The key of the record to come: an update's sku where the event says it, else the object."""
    return event.data.sku or event.data.id if resource == AVAILABILITY else event.data.id


def _detail(event: EventJson) -> dict[str, str]:
    told = event.data
    facts = {
        "sequence": str(event.sequence),
        "status": told.status,
        "previous_status": told.previous_status,
        "actor_type": told.actor.type,
        "actor_id": told.actor.id,
        "changed": ",".join(told.changed or ()),
        "partner_id": told.partner_id,
    }
    return {name: value for name, value in facts.items() if value}


# ---- threads -------------------------------------------------------------------------------------
def noticed_thread(found: ThreadJson, notice: Notice, settings: TradingGridSettings) -> Thread:
    """The change that a webhook told of. `found` is at that version or further on."""
    return msgspec.structs.replace(
        _state(found, changes.status_told(found, notice), settings),
        **changes.noticed(THREAD, found, notice, BESIDE_STATE),
        previous_status=_ours(notice.detail.get("previous_status"), settings),
    )


def polled_thread(found: ThreadJson, settings: TradingGridSettings) -> Thread:
    """The thread as a poll finds it."""
    return msgspec.structs.replace(
        _state(found, found.status, settings), **changes.polled(THREAD, found)
    )


def _state(found: ThreadJson, theirs: str, settings: TradingGridSettings) -> Thread:
    """The thread at status `theirs`, without what tells of a change. Raises MalformedError."""
    status = settings.statuses.get(theirs, theirs)
    sla = found.sla or SlaJson()
    decided = found.resolution if status in DECIDED else None
    return Thread(
        thread_id=found.id,
        event_type="",
        kind=found.kind,
        status=status,
        subject=found.subject,
        priority=found.priority,
        partner_id=found.partner_id,
        actor_type="",
        respond_by=iso_ms_or_none(sla.respond_by, "thread.sla.respond_by"),
        resolve_by=iso_ms_or_none(sla.resolve_by, "thread.sla.resolve_by"),
        breached=bool(sla.breached),
        revised_delivery_at=iso_ms_or_none(found.revised_delivery_at, "thread.revised_delivery_at"),
        external_refs=tuple(
            ExternalRef(system=ref.system, type=ref.type, id=ref.id)
            for ref in found.external_refs or ()
        ),
        related=tuple(Related(type=one.type, id=one.id) for one in found.related or ()),
        lines=tuple(map(_line, found.lines or ())),
        resolution=_resolution(decided) if decided else None,
        custom={name: plain(value) for name, value in (found.custom or {}).items()},
    )


def _ours(theirs: str | None, settings: TradingGridSettings) -> str | None:
    return settings.statuses.get(theirs, theirs) if theirs else None


def _line(found: ThreadLineJson) -> ThreadLine:
    """A reason that is not in the closed list is `other`."""
    return ThreadLine(
        line_ref=found.line_ref,
        sku=found.sku or "",
        quantity=_units(found.quantity, "thread.lines.quantity") or 0,
        reason_code=found.reason_code if found.reason_code in REASONS else ReasonCode.OTHER.value,
    )


def _resolution(found: ResolutionJson) -> Resolution:
    """An action that is not in the closed list is `none`."""
    amount = found.amount
    code = money.currency(amount.currency) if amount else None
    return Resolution(
        code=found.code,
        action=found.action if found.action in ACTIONS else ResolutionAction.NONE.value,
        summary=found.summary or "",
        amount_minor=money.minor(amount.amount, code) if amount and code else None,
        currency=code,
        decided_at=iso_ms_or_none(found.decided_at, "thread.resolution.decided_at"),
    )


def plain(value: Any) -> str:
    """A custom field as text, nested values as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


# ---- partners and availability -------------------------------------------------------------------
def partner(found: PartnerJson, notice: Notice | None) -> Partner:
    """A partner as it stands; `notice`: what led to the reading, None for a poll."""
    event_id = derived("trading-grid", "partner", found.id, found.version)
    compliance = found.compliance or ComplianceJson()
    allowed = (compliance.selling_enabled, found.selling_enabled)
    return Partner(
        event_id=event_id,
        occurred_at=iso_ms(found.updated_at, "partner.updated_at"),
        source=HOOKS if notice else POLLED,
        version=found.version,
        trace_id=notice.trace_id if notice else trace_of(event_id),
        causation_id=notice.event_id if notice else None,
        partner_id=found.id,
        partner_code=found.partner_code or "",
        name=found.name,
        status=found.status,
        roles=tuple(found.roles or ()),
        regions=tuple(found.regions or ()),
        product_lines=tuple(found.product_lines or ()),
        entitlements=tuple(found.entitlements or ()),
        skus=tuple(found.skus or ()),
        brands=tuple(found.brands or ()),
        timezone=found.timezone or "UTC",
        selling_enabled=False not in allowed,
    )


def availability(found: AvailabilityJson, notice: Notice | None) -> Availability:
    """An availability update. Its version is the partner's sequence, also of its decision."""
    event_id = derived("trading-grid", "availability", found.id, found.version)
    return Availability(
        event_id=event_id,
        occurred_at=iso_ms(found.updated_at, "availability.updated_at"),
        source=HOOKS if notice else POLLED,
        version=found.sequence,
        trace_id=notice.trace_id if notice else trace_of(event_id),
        causation_id=notice.event_id if notice else None,
        update_id=found.id,
        partner_id=found.partner_id,
        sku=found.sku,
        location_code=found.location_code or "",
        type=found.type,
        quantity=_units(found.quantity, "availability.quantity"),
        lead_time_days=_units(found.lead_time_days, "availability.lead_time_days"),
        available_from=iso_ms_or_none(found.available_from, "availability.available_from"),
        allocation_limit=_units(found.allocation_limit, "availability.allocation_limit"),
        substitute_sku=found.substitute_sku or None,
        effective_at=iso_ms_or_none(found.effective_at, "availability.effective_at"),
        expires_at=iso_ms_or_none(found.expires_at, "availability.expires_at"),
        sequence=found.sequence,
        decision_status=found.decision_status,
    )


def _units(value: float | None, where: str) -> int | None:
    """Whole units; a fraction is no unit that could be sold. Raises MalformedError."""
    if value is None:
        return None
    if not abs(value) <= UNITS_MAX:
        raise MalformedError(f"{where}: not a number of units")
    return math.floor(value)


# ---- what we send --------------------------------------------------------------------------------
def thread_body(opened: OpenThread, settings: TradingGridSettings) -> dict[str, Any]:
    """POST /threads. No partner: internal operations."""
    reference = {
        "system": opened.system,
        "type": settings.external_ref_type,
        "id": opened.external_ref,
    }
    body: dict[str, Any] = {
        "kind": opened.kind,
        "subject": opened.subject,
        "body": opened.body,
        "priority": opened.priority,
        "external_refs": [reference],
        "related": [{"type": one.type, "id": one.id} for one in opened.related],
        "lines": [msgspec.to_builtins(line) for line in opened.lines],
        "custom": dict(opened.custom),
    }
    if opened.partner_id is not None:
        body["partner_id"] = opened.partner_id
    if opened.resolve_by is not None:
        body["sla"] = {"resolve_by": ms_iso(opened.resolve_by)}
    return body


def comment_body(comment: AddComment) -> dict[str, str]:
    """POST /threads/{id}/comments."""
    return {
        "body": comment.body,
        "visibility": comment.visibility,
        "source_ref": comment.source_ref,
    }


def transition_body(move: MoveThread, to: str, settings: TradingGridSettings) -> dict[str, Any]:
    """POST /threads/{id}/transitions: one step, in the tenant's own word for the status.

    The note goes with the last step alone: people read it once.
    """
    theirs = {ours: name for name, ours in settings.statuses.items()}
    body: dict[str, Any] = {"to": theirs.get(to, to), "reason_code": move.reason_code}
    if to == move.to and move.note:
        body["note"] = move.note
    if to == ThreadStatus.RESOLVED:
        body["resolution"] = {
            "code": move.resolution_code,
            "action": move.resolution_action,
            "summary": move.resolution_summary or "",
        }
    return body


def insight_body(insight: PutInsight) -> dict[str, Any]:
    """PUT /insights/{key}: counts only."""
    return {
        "partner_id": insight.partner_id,
        "kind": insight.kind,
        "window": {"from": ms_iso(insight.window_from), "to": ms_iso(insight.window_to)},
        "region": insight.region,
        "sku": insight.sku,
        "metrics": dict(insight.metrics),
    }
