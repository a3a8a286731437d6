"""Field specifications as data, and the one function that checks a body against them.

A specification is a word, with a final `!` when the field is required:
`text int number bool time object json texts objects`, `enum:<name>`, `enums:<name>` (a list),
`shape:<name>`, `shapes:<name>` (a list), `ref:<kind>` (the id of an existing object).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sandbox.trading_grid.problems import FieldError

Fields = Mapping[str, str]

ENUMS: dict[str, frozenset[str]] = {
    name: frozenset(values.split())
    for name, values in {
        "thread_kind": "order_exception return chargeback claim warranty compliance allocation"
        " launch service_case recurring_issue content_request asset_issue feedback document_request"
        " discussion event",
        "priority": "low normal high urgent",
        "visibility": "shared internal",
        "author_type": "internal partner system",
        "resolution_action": "refund replace credit cancel ship none",
        "partner_role": "supplier carrier 3pl retailer distributor agency warehouse",
        "compliance": "compliant expiring non_compliant unknown",
        "document_type": "po po_ack asn packing_list invoice certificate_of_origin customs"
        " compliance_cert pod rma credit_note other asset package guideline policy agreement"
        " tax_form insurance",
        "acknowledgement": "received accepted rejected accepted_with_changes",
        "receipt": "delivered read acknowledged",
        "checklist_status": "todo in_progress done blocked waived",
        "availability_type": "stock lead_time allocation backorder discontinuation substitution",
        "po_acknowledgement": "acknowledged partially_acknowledged rejected",
        "milestone_status": "planned reached missed",
        "webhook_status": "enabled disabled auto_disabled",
    }.items()
}

SHAPES: dict[str, Fields] = {
    "external_ref": {"system": "text!", "type": "text!", "id": "text!", "url": "text"},
    "related": {"type": "text!", "id": "text!", "system": "text", "url": "text"},
    "money": {"amount": "decimal!", "currency": "currency!"},
    "sla": {"respond_by": "time", "resolve_by": "time", "breached": "bool"},
    "thread_line": {
        "line_ref": "text!",
        "sku": "text",
        "quantity": "number",
        "reason_code": "text",
    },
    "line_decision": {
        "line_ref": "text!",
        "action": "enum:resolution_action!",
        "quantity": "number",
        "amount": "shape:money",
        "note": "text",
    },
    "resolution": {
        "code": "text!",
        "summary": "text",
        "action": "enum:resolution_action!",
        "amount": "shape:money",
        "line_decisions": "shapes:line_decision",
        "decided_at": "time",
    },
    "participant": {"type": "enum:author_type!", "id": "text!", "role": "text"},
    "onboarding_task": {"key": "text!", "title": "text", "status": "text", "due_at": "time"},
    "onboarding": {"stage": "text", "percent": "number", "tasks": "shapes:onboarding_task"},
    "compliance_flag": {
        "code": "text!",
        "severity": "text",
        "effective_at": "time",
        "expires_at": "time",
        "document_id": "text",
    },
    "compliance": {"status": "enum:compliance!", "flags": "shapes:compliance_flag"},
    "audience": {
        "partner_ids": "texts",
        "roles": "enums:partner_role",
        "regions": "texts",
    },
    "launch_product": {"sku": "text!", "external_refs": "shapes:external_ref"},
    "checklist_item": {
        "key": "text!",
        "title": "text",
        "owner_partner_id": "text",
        "required": "bool",
        "status": "enum:checklist_status!",
        "evidence_document_id": "text",
        "due_at": "time",
    },
    "po_line": {
        "line_no": "int!",
        "sku": "text!",
        "quantity": "number!",
        "unit_cost": "shape:money",
        "status": "text",
        "ack_quantity": "number",
        "promised_date": "text",
    },
    "po_ack_line": {
        "line_no": "int!",
        "status": "text",
        "ack_quantity": "number",
        "promised_date": "text",
    },
    "fulfilment_line": {
        "line_no": "int!",
        "sku": "text!",
        "quantity": "number!",
        "serials": "texts",
    },
    "window": {"from": "time!", "to": "time!"},
}

CURRENCY = re.compile(r"[A-Z]{3}")
DECIMAL = re.compile(r"-?\d{1,15}(\.\d{1,6})?")


def is_time(value: object) -> bool:
    """An ISO-8601 instant with a zone."""
    if not isinstance(value, str):
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_list_of(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(one, kind) for one in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


CHECKS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("a string", lambda value: isinstance(value, str)),
    "int": ("a whole number", lambda value: _is_number(value) and isinstance(value, int)),
    "number": ("a number", _is_number),
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "time": ("an ISO-8601 instant with a time zone", is_time),
    "object": ("an object", lambda value: isinstance(value, dict)),
    "json": ("any JSON", lambda _value: True),
    "texts": ("a list of strings", _is_list_of(str)),
    "objects": ("a list of objects", _is_list_of(dict)),
    "decimal": (
        "a decimal number in a string",
        lambda value: isinstance(value, str) and DECIMAL.fullmatch(value) is not None,
    ),
    "currency": (
        "three capital letters",
        lambda value: isinstance(value, str) and CURRENCY.fullmatch(value) is not None,
    ),
}


def _error(pointer: str, code: str, message: str) -> FieldError:
    return {"pointer": pointer, "code": code, "message": message}


def _check_list(spec: str, value: object, pointer: str) -> list[FieldError]:
    if not isinstance(value, list):
        return [_error(pointer, "wrong_type", "must be a list")]
    found: list[FieldError] = []
    for index, one in enumerate(value):
        found += _check_value(spec, one, f"{pointer}/{index}")
    return found


def _check_value(spec: str, value: object, pointer: str) -> list[FieldError]:
    word, _, name = spec.partition(":")
    if word in ("enums", "shapes"):
        return _check_list(f"{word[:-1]}:{name}", value, pointer)
    if word == "shape":
        if not isinstance(value, dict):
            return [_error(pointer, "wrong_type", "must be an object")]
        return check(SHAPES[name], value, pointer)
    if word == "enum":
        if isinstance(value, str) and value in ENUMS[name]:
            return []
        return [_error(pointer, "not_allowed", f"must be one of {sorted(ENUMS[name])}")]
    what, passes = CHECKS["text" if word == "ref" else word]
    return [] if passes(value) else [_error(pointer, "wrong_type", f"must be {what}")]


def check(fields: Fields, body: Mapping[str, Any], pointer: str = "") -> list[FieldError]:
    """Every way in which `body` breaks `fields`; null counts as absent."""
    found = [
        _error(f"{pointer}/{name}", "unknown_field", "there is no such field")
        for name in body
        if name not in fields
    ]
    for name, spec in fields.items():
        value = body.get(name)
        if value is not None:
            found += _check_value(spec.removesuffix("!"), value, f"{pointer}/{name}")
        elif spec.endswith("!"):
            found.append(_error(f"{pointer}/{name}", "required", "is required"))
    return found


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: objects merge, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged
