"""The resources of the community, as data. A new resource is a row in a table, not new code.

`ops` names the generic endpoints that exist for a kind: list, create, get, patch, transition.
A kind with a parent is nested: writing it moves its parent's version on, and the event (if
`created_event` names one) is told of the parent.
"""

from __future__ import annotations

from sandbox.trading_grid.collaboration import (
    ACKNOWLEDGEMENT,
    ANNOUNCEMENT,
    COMMENT,
    CONTACT,
    DOCUMENT,
    ESCALATION,
    PARTNER,
    RECEIPT,
    THREAD,
    THREAD_ATTACHMENT,
)
from sandbox.trading_grid.kind import Kind
from sandbox.trading_grid.trade import (
    AVAILABILITY,
    FULFILMENT,
    INSIGHT,
    LAUNCH,
    MILESTONE,
    PURCHASE_ORDER,
    WEBHOOK_ENDPOINT,
)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        PARTNER,
        CONTACT,
        THREAD,
        COMMENT,
        THREAD_ATTACHMENT,
        ESCALATION,
        DOCUMENT,
        ACKNOWLEDGEMENT,
        ANNOUNCEMENT,
        RECEIPT,
        LAUNCH,
        AVAILABILITY,
        PURCHASE_ORDER,
        FULFILMENT,
        MILESTONE,
        INSIGHT,
        WEBHOOK_ENDPOINT,
    )
}

EVENT_TYPES = frozenset(
    event
    for kind in KINDS.values()
    for event in (kind.created_event, kind.updated_event, *kind.status_events.values())
    if event is not None
) | {
    "partner.compliance_changed",
    "partner.onboarding_task_completed",
    "partner.contact_removed",
    "thread.sla_breached",
    "document.expiring",
    "launch.checklist_item_changed",
    "insight.recurring_issue_detected",
}
