"""Resource kinds of the trade: launches, availability, purchase orders, milestones, insights."""

from __future__ import annotations

from sandbox.trading_grid import machines
from sandbox.trading_grid.kind import Kind, ops

LAUNCH = Kind(
    name="launch",
    path="/launches",
    prefix="la",
    area="launches",
    ops=ops("list create get patch transition"),
    machine=machines.LAUNCH,
    updated_event="launch.updated",
    derived=frozenset({"readiness_percent", "gate_open"}),
    defaults={"checklist": [], "products": [], "channels": []},
    status_events={
        "ready": "launch.ready",
        "delayed": "launch.delayed",
        "launched": "launch.launched",
        "*": "launch.updated",
    },
    fields={
        "name": "text!",
        "launch_at": "time!",
        "timezone": "text",
        "products": "shapes:launch_product",
        "channels": "texts",
        "checklist": "shapes:checklist_item",
        "partner_id": "ref:partner",
    },
)

AVAILABILITY = Kind(
    name="availability",
    path="/availability-updates",
    prefix="av",
    area="availability",
    ops=ops("list create get"),
    machine=machines.AVAILABILITY,
    created_event="availability.updated",
    status_events={"*": "availability.decision_changed"},
    filters=("sku", "location_code", "type"),
    fields={
        "partner_id": "ref:partner!",
        "sku": "text!",
        "location_code": "text!",
        "type": "enum:availability_type!",
        "quantity": "number",
        "lead_time_days": "number",
        "available_from": "text",
        "allocation_limit": "number",
        "substitute_sku": "text",
        "effective_at": "time",
        "expires_at": "time",
        "sequence": "int",
    },
)

PURCHASE_ORDER = Kind(
    name="purchase_order",
    path="/purchase-orders",
    prefix="po",
    area="orders",
    ops=ops("list create get"),
    machine=machines.PURCHASE_ORDER,
    created_event="purchase_order.created",
    status_events={
        "acknowledged": "purchase_order.acknowledged",
        "partially_acknowledged": "purchase_order.acknowledged",
        "rejected": "purchase_order.rejected",
        "change_requested": "purchase_order.change_requested",
        "cancelled": "purchase_order.cancelled",
    },
    filters=("order_ref", "po_number"),
    derived=frozenset({"change_request"}),
    fields={
        "po_number": "text!",
        "order_ref": "text!",
        "partner_id": "ref:partner!",
        "ship_to": "object",
        "requested_ship_date": "text",
        "lines": "shapes:po_line!",
    },
)

FULFILMENT = Kind(
    name="fulfilment",
    path="/fulfilments",
    prefix="ff",
    area="orders",
    ops=ops("list get"),
    machine=machines.FULFILMENT,
    created_event="fulfilment.created",
    updated_event="fulfilment.updated",
    status_events={
        "delivered": "fulfilment.delivered",
        "exception": "fulfilment.exception",
        "*": "fulfilment.updated",
    },
    filters=("purchase_order_id",),
    once=frozenset({"purchase_order_id"}),
    fields={
        "purchase_order_id": "ref:purchase_order!",
        "partner_id": "ref:partner",
        "fulfilment_no": "text!",
        "carrier_code": "text",
        "service": "text",
        "tracking_number": "text",
        "tracking_url": "text",
        "shipped_at": "time",
        "delivered_at": "time",
        "packages": "objects",
        "lines": "shapes:fulfilment_line!",
        "documents": "texts",
    },
)

MILESTONE = Kind(
    name="milestone",
    path="/orders/{order_ref}/milestones",
    prefix="ms",
    area="orders",
    ops=frozenset(),
    machine=machines.MILESTONE,
    status_events={"reached": "milestone.reached", "missed": "milestone.missed"},
    filters=("order_ref", "code"),
    once=frozenset({"order_ref", "code"}),
    fields={
        "order_ref": "text!",
        "code": "text!",
        "planned_at": "time",
        "actual_at": "time",
        "partner_id": "ref:partner",
    },
)

INSIGHT = Kind(
    name="insight",
    path="/insights",
    prefix="in",
    area="insights",
    ops=frozenset(),
    fields={
        "key": "text!",
        "partner_id": "ref:partner!",
        "kind": "text!",
        "window": "shape:window!",
        "region": "text",
        "sku": "text",
        "metrics": "object!",
    },
)

WEBHOOK_ENDPOINT = Kind(
    name="webhook_endpoint",
    path="/webhook-endpoints",
    prefix="we",
    area="webhooks",
    ops=ops("list get"),
    fields={
        "url": "text!",
        "event_types": "texts",
        "description": "text",
        "status": "enum:webhook_status",
    },
)
