"""Trading Grid's JSON as the assumed contract has it, and settings to read it with."""

from __future__ import annotations

import base64
from typing import Any

from connectors.trading_grid.settings import TradingGridSettings
from gridwire.ids import derived
from gridwire.records import Notice
from gridwire.settings import Secret

AT = "2025-10-09T08:53:20Z"
AT_MS = 1_760_000_000_000
SECRET = Secret("whsec_" + base64.b64encode(b"k" * 32).decode())


def settings(**changed: Any) -> TradingGridSettings:
    given: dict[str, Any] = {
        "base_url": "https://tg.example/api/active-community/v1",
        "token_url": "https://tg.example/oauth2/token",
        "client_id": "gridwire",
        "client_secret": Secret("client-secret"),
        "webhook_secret": SECRET,
    }
    return TradingGridSettings(**(given | changed))


def thread(**changed: Any) -> dict[str, Any]:
    """GET /threads/{id}."""
    whole: dict[str, Any] = {
        "id": "th_1",
        "kind": "order_exception",
        "subject": "Order 1001: out of stock",
        "body": "SKU-1",
        "priority": "high",
        "severity": "major",
        "status": "in_progress",
        "partner_id": "pt_1",
        "assignee": None,
        "sla": {"respond_by": AT, "resolve_by": "2025-10-10T08:53:20+00:00", "breached": False},
        "external_refs": [
            {"system": "bigcommerce", "type": "matter", "id": "bigcommerce:1001/pt_1/1"}
        ],
        "related": [{"type": "order", "id": "bigcommerce:1001", "system": "bigcommerce"}],
        "lines": [
            {"line_ref": "31", "sku": "SKU-1", "quantity": 2, "reason_code": "inventory_shortage"}
        ],
        "custom": {"revised_delivery_at": "2025-11-01", "score": 4},
        "created_at": AT,
        "updated_at": AT,
        "created_by": {"type": "internal", "id": "gridwire"},
        "version": 7,
    }
    return whole | changed


def partner(**changed: Any) -> dict[str, Any]:
    """GET /partners/{id}."""
    whole: dict[str, Any] = {
        "id": "pt_1",
        "name": "Acme Supplies",
        "partner_code": "ACME",
        "status": "active",
        "roles": ["supplier"],
        "regions": ["US-CA"],
        "product_lines": ["Outdoor"],
        "entitlements": [],
        "skus": ["SKU-1"],
        "brands": None,
        "timezone": "America/Los_Angeles",
        "compliance": {"status": "compliant", "flags": [], "selling_enabled": True},
        "updated_at": AT,
        "version": 3,
    }
    return whole | changed


def availability(**changed: Any) -> dict[str, Any]:
    """One of GET /availability-updates."""
    whole: dict[str, Any] = {
        "id": "av_1",
        "partner_id": "pt_1",
        "sku": "SKU-1",
        "location_code": "DC-EAST",
        "type": "stock",
        "quantity": 40,
        "allocation_limit": 25,
        "lead_time_days": None,
        "available_from": "2025-11-01",
        "effective_at": AT,
        "sequence": 12,
        "decision_status": "accepted",
        "updated_at": AT,
        "version": 2,
    }
    return whole | changed


def document(**changed: Any) -> dict[str, Any]:
    """GET /documents/{id}."""
    whole: dict[str, Any] = {
        "id": "dc_1",
        "type": "invoice",
        "title": "Invoice 77",
        "number": "INV-77",
        "status": "approved",
        "version_no": 2,
        "partner_id": "pt_1",
        "related": [{"type": "order", "id": "bigcommerce:1001"}],
        "external_refs": [{"system": "bigcommerce", "type": "order", "id": "bigcommerce:1001"}],
        "audience": {"partner_ids": ["pt_1"], "roles": ["supplier"]},
        "requires_ack": True,
        "ack_due_at": "2025-10-10T08:53:20Z",
        "valid_from": None,
        "expires_at": "2025-11-01",
        "attachment_id": "at_1",
        "custom": {"process": "claim", "process_ref": "th_9", "pages": 3},
        "updated_at": AT,
        "created_by": {"type": "partner", "id": "pt_1"},
        "version": 4,
    }
    return whole | changed


def listed(*rows: Any, next_cursor: str | None = None) -> dict[str, Any]:
    """A page of a list."""
    return {"data": list(rows), "page": {"next_cursor": next_cursor, "has_more": bool(next_cursor)}}


def event(event_type: str, subject: str, **data: Any) -> dict[str, Any]:
    """The body of a webhook."""
    about: dict[str, Any] = {
        "id": subject.partition("/")[2],
        "version": 7,
        "external_refs": [],
        "actor": {"type": "partner", "id": "pt_1"},
        "changed": ["status"],
    }
    return {
        "type": event_type,
        "timestamp": AT,
        "tenant_id": "tenant-1",
        "community_id": "community-1",
        "subject": subject,
        "sequence": 42,
        "data": about | data,
    }


def notice(
    resource: str, resource_id: str, event_type: str, version: int = 7, **detail: str
) -> Notice:
    """A notice as our webhooks make them."""
    return Notice(
        event_id=derived("a", "notice", event_type, version),
        occurred_at=AT_MS,
        version=version,
        trace_id="t" * 32,
        platform="trading-grid",
        resource=resource,
        resource_id=resource_id,
        key=resource_id,
        event_type=event_type,
        detail=detail,
    )
