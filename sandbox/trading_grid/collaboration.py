"""Resource kinds of the collaboration: partners, threads, documents, announcements."""

from __future__ import annotations

from sandbox.trading_grid import machines
from sandbox.trading_grid.kind import Kind, ops

PARTNER = Kind(
    name="partner",
    path="/partners",
    prefix="pt",
    area="partners",
    ops=ops("list create get patch transition"),
    machine=machines.PARTNER,
    created_event="partner.created",
    updated_event="partner.updated",
    status_events={"*": "partner.status_changed"},
    fields={
        "name": "text!",
        "partner_code": "text",
        "gln": "text",
        "duns": "text",
        "roles": "enums:partner_role",
        "onboarding": "shape:onboarding",
        "compliance": "shape:compliance",
        "selling_enabled": "bool",
        "skus": "texts",
        "brands": "texts",
        "regions": "texts",
        "product_lines": "texts",
        "entitlements": "texts",
        "timezone": "text",
        "manager": "json",
        "contract_renewal_at": "time",
        "review_due_at": "time",
    },
)

CONTACT = Kind(
    name="contact",
    path="/partners/{parent}/contacts",
    prefix="ct",
    area="partners",
    ops=ops("list get patch"),
    parent="partner",
    created_event="partner.contact_added",
    updated_event="partner.contact_updated",
    fields={
        "name": "text!",
        "email": "text",
        "phone": "text",
        "role": "text",
        "language": "text",
        "timezone": "text",
        "consent": "object",
        "preferences": "object",
    },
)

THREAD = Kind(
    name="thread",
    path="/threads",
    prefix="th",
    area="threads",
    ops=ops("list create get patch transition"),
    machine=machines.THREAD,
    created_event="thread.created",
    updated_event="thread.updated",
    status_events={"escalated": "thread.escalated", "*": "thread.status_changed"},
    filters=("kind",),
    defaults={"priority": "normal", "related": [], "lines": []},
    derived=frozenset({"resolution", "participants"}),
    once=frozenset({"kind"}),
    fields={
        "kind": "enum:thread_kind!",
        "subject": "text!",
        "body": "text",
        "priority": "enum:priority",
        "severity": "text",
        "partner_id": "ref:partner",
        "assignee": "text",
        "sla": "shape:sla",
        "related": "shapes:related",
        "lines": "shapes:thread_line",
    },
)

COMMENT = Kind(
    name="comment",
    path="/threads/{parent}/comments",
    prefix="cm",
    area="threads",
    ops=ops("list create get"),
    parent="thread",
    created_event="thread.comment_added",
    updated_event="thread.comment_updated",
    filters=("source_ref",),
    defaults={"visibility": "shared", "attachments": []},
    derived=frozenset({"author"}),
    fields={
        "body": "text!",
        "visibility": "enum:visibility",
        "attachments": "texts",
        "source_ref": "text",
    },
)

THREAD_ATTACHMENT = Kind(
    name="thread_attachment",
    path="/threads/{parent}/attachments",
    prefix="ta",
    area="threads",
    ops=ops("list create"),
    parent="thread",
    created_event="thread.attachment_added",
    fields={"attachment_id": "text!"},
)

ESCALATION = Kind(
    name="escalation",
    path="/threads/{parent}/escalations",
    prefix="es",
    area="threads",
    ops=ops("list"),
    parent="thread",
    fields={"level": "int", "reason_code": "text", "note": "text"},
)

DOCUMENT = Kind(
    name="document",
    path="/documents",
    prefix="dc",
    area="documents",
    ops=ops("list create get patch transition"),
    machine=machines.DOCUMENT,
    created_event="document.created",
    status_events={"*": "document.status_changed"},
    filters=("type",),
    once=frozenset({"type"}),
    fields={
        "type": "enum:document_type!",
        "title": "text",
        "number": "text",
        "version_no": "int",
        "partner_id": "ref:partner",
        "related": "shapes:related",
        "attachment_id": "text",
        "expires_at": "time",
        "audience": "shape:audience",
        "requires_ack": "bool",
        "ack_due_at": "time",
        "valid_from": "time",
        "valid_until": "time",
    },
)

ACKNOWLEDGEMENT = Kind(
    name="acknowledgement",
    path="/documents/{parent}/acknowledgements",
    prefix="ak",
    area="documents",
    ops=ops("list create"),
    parent="document",
    created_event="document.acknowledged",
    fields={
        "status": "enum:acknowledgement!",
        "code": "text",
        "note": "text",
        "partner_id": "ref:partner",
    },
)

ANNOUNCEMENT = Kind(
    name="announcement",
    path="/announcements",
    prefix="an",
    area="announcements",
    ops=ops("list create get patch"),
    machine=machines.ANNOUNCEMENT,
    status_events={"published": "announcement.published"},
    fields={
        "title": "text!",
        "body_html": "text",
        "audience": "shape:audience",
        "category": "text",
        "publish_at": "time",
        "expires_at": "time",
        "requires_ack": "bool",
        "partner_id": "ref:partner",
    },
)

RECEIPT = Kind(
    name="receipt",
    path="/announcements/{parent}/receipts",
    prefix="rc",
    area="announcements",
    ops=ops("list"),
    parent="announcement",
    created_event="announcement.acknowledged",
    fields={
        "partner_id": "ref:partner!",
        "contact_id": "text",
        "status": "enum:receipt!",
        "at": "time",
    },
)
