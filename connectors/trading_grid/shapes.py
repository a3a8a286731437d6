"""Trading Grid's JSON as far as we read it, as the assumed contract has it.

`mapped` first brings a tenant's own field names into this form.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from connectors.kit.reading import Long, read

S = TypeVar("S")


class ActorJson(msgspec.Struct):
    """Who did something."""

    type: str = "unknown"
    id: str | None = None


class SlaJson(msgspec.Struct):
    """Due times of a thread."""

    respond_by: str | None = None
    resolve_by: str | None = None
    breached: bool | None = None


class ExternalRefJson(msgspec.Struct):
    """The same thing in another system."""

    system: str
    type: str
    id: str


class RelatedJson(msgspec.Struct):
    """Something that a thread is about."""

    type: str
    id: str


class ThreadLineJson(msgspec.Struct):
    """An order line that a thread is about."""

    line_ref: str
    sku: str | None = None
    quantity: float | None = None
    reason_code: str | None = None


class MoneyJson(msgspec.Struct):
    """An amount in decimal text."""

    amount: str
    currency: str


class ResolutionJson(msgspec.Struct):
    """How a thread was resolved."""

    code: str
    action: str
    summary: str | None = None
    amount: MoneyJson | None = None
    decided_at: str | None = None


class ThreadJson(msgspec.Struct):
    """A thread."""

    id: str
    kind: str
    status: str
    version: Long
    updated_at: str
    subject: str = ""
    priority: str = "normal"
    partner_id: str | None = None
    created_by: ActorJson | None = None
    sla: SlaJson | None = None
    external_refs: list[ExternalRefJson] | None = None
    related: list[RelatedJson] | None = None
    lines: list[ThreadLineJson] | None = None
    resolution: ResolutionJson | None = None
    custom: dict[str, Any] | None = None
    revised_delivery_at: str | None = None


class ComplianceJson(msgspec.Struct):
    """What compliance says of a partner."""

    selling_enabled: bool | None = None


class PartnerJson(msgspec.Struct):
    """A partner. `selling_enabled` stands in `compliance` or, in some tenants, beside it."""

    id: str
    name: str
    status: str
    version: Long
    updated_at: str
    partner_code: str | None = None
    roles: list[str] | None = None
    regions: list[str] | None = None
    product_lines: list[str] | None = None
    entitlements: list[str] | None = None
    skus: list[str] | None = None
    brands: list[str] | None = None
    timezone: str | None = None
    compliance: ComplianceJson | None = None
    selling_enabled: bool | None = None


class AvailabilityJson(msgspec.Struct):
    """An availability update."""

    id: str
    partner_id: str
    sku: str
    type: str
    sequence: Long
    decision_status: str
    version: Long
    updated_at: str
    location_code: str | None = None
    quantity: float | None = None
    lead_time_days: float | None = None
    available_from: str | None = None
    allocation_limit: float | None = None
    substitute_sku: str | None = None
    effective_at: str | None = None
    expires_at: str | None = None


class CommentJson(msgspec.Struct):
    """A comment on a thread."""

    id: str
    body: str = ""
    source_ref: str | None = None


class PageJson(msgspec.Struct):
    """Where a list goes on."""

    next_cursor: str | None = None
    has_more: bool = False


class ListJson(msgspec.Struct):
    """One page of a list."""

    data: list[dict[str, Any]]
    page: PageJson = msgspec.field(default_factory=PageJson)


class ToldJson(msgspec.Struct):
    """The `data` of an event."""

    id: str
    version: Long = 0
    status: str | None = None
    previous_status: str | None = None
    actor: ActorJson = msgspec.field(default_factory=ActorJson)
    changed: list[str] | None = None
    partner_id: str | None = None
    sku: str | None = None


class EventJson(msgspec.Struct):
    """A semi-thin webhook."""

    type: str
    timestamp: str
    subject: str
    data: ToldJson
    sequence: Long = 0


def mapped(found: Any, name: str, shape: type[S], fields: Mapping[str, str]) -> S:
    """An object of the tenant in our form. `fields`: see TG_FIELDS. Raises MalformedError."""
    if isinstance(found, dict):
        prefix = f"{name}."
        ours = {
            field.removeprefix(prefix): _at(found, place)
            for field, place in fields.items()
            if field.startswith(prefix)
        }
        found = found | {field: value for field, value in ours.items() if value is not None}
    return read(found, shape, name)


def _at(found: Mapping[str, Any], place: str) -> Any:
    """The value at a dotted place; None where there is none."""
    node: Any = found
    for step in place.split("."):
        node = node.get(step) if isinstance(node, dict) else None
    return node
