"""Documents of Trading Grid to records; pure. Ids as those of threads (see `wire`): one per version that is told of."""

from typing import Any

import msgspec

from connectors.kit.reading import Long, iso_ms_or_none
from connectors.trading_grid import changes
from connectors.trading_grid.settings import TradingGridSettings
from connectors.trading_grid.shapes import ActorJson, ExternalRefJson, RelatedJson, mapped
from connectors.trading_grid.wire import DOCUMENT, plain
from gridwire.records import Audience, Document, ExternalRef, Notice, Related

# They tell of a document without changing what it is: a poll cannot find them.
BESIDE_STATE = frozenset(("document.acknowledged", "document.expiring"))


class AudienceJson(msgspec.Struct):
    """Who may see a document."""

    partner_ids: list[str] | None = None
    roles: list[str] | None = None
    regions: list[str] | None = None


class DocumentJson(msgspec.Struct):
    """A document. `process` and `process_ref` are no fields of the contract: TG_FIELDS says where they stand."""

    id: str
    type: str
    status: str
    version: Long
    updated_at: str
    number: str | None = None
    version_no: Long | None = None
    partner_id: str | None = None
    created_by: ActorJson | None = None
    process: str | None = None
    process_ref: str | None = None
    external_refs: list[ExternalRefJson] | None = None
    related: list[RelatedJson] | None = None
    audience: AudienceJson | None = None
    requires_ack: bool | None = None
    ack_due_at: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    expires_at: str | None = None
    attachment_id: str | None = None
    custom: dict[str, Any] | None = None


def document_of(found: Any, settings: TradingGridSettings) -> DocumentJson:
    """Raises MalformedError."""
    return mapped(found, "document", DocumentJson, settings.fields)


def noticed(found: DocumentJson, notice: Notice) -> Document:
    """The change that a webhook told of. `found` is at that version or further on."""
    return msgspec.structs.replace(
        _state(found, changes.status_told(found, notice)),
        **changes.noticed(DOCUMENT, found, notice, BESIDE_STATE),
        previous_status=notice.detail.get("previous_status"),
    )


def polled(found: DocumentJson) -> Document:
    """The document as a poll finds it."""
    return msgspec.structs.replace(_state(found, found.status), **changes.polled(DOCUMENT, found))


def _state(found: DocumentJson, status: str) -> Document:
    """The document at `status`, without what tells of a change. Raises MalformedError."""
    return Document(
        document_id=found.id,
        event_type="",
        type=found.type,
        number=found.number or "",
        status=status,
        version_no=1 if found.version_no is None else found.version_no,
        partner_id=found.partner_id or None,
        actor_type="",
        process=found.process or None,
        process_ref=found.process_ref or None,
        external_refs=tuple(
            ExternalRef(system=ref.system, type=ref.type, id=ref.id)
            for ref in found.external_refs or ()
        ),
        related=tuple(Related(type=one.type, id=one.id) for one in found.related or ()),
        audience=_audience(found.audience),
        requires_ack=bool(found.requires_ack),
        ack_due_at=iso_ms_or_none(found.ack_due_at, "document.ack_due_at"),
        valid_from=iso_ms_or_none(found.valid_from, "document.valid_from"),
        valid_until=iso_ms_or_none(found.valid_until, "document.valid_until"),
        expires_at=iso_ms_or_none(found.expires_at, "document.expires_at"),
        attachment_id=found.attachment_id or None,
        custom={name: plain(value) for name, value in (found.custom or {}).items()},
    )


def _audience(found: AudienceJson | None) -> Audience | None:
    if found is None:
        return None
    return Audience(
        partner_ids=tuple(found.partner_ids or ()),
        roles=tuple(found.roles or ()),
        regions=tuple(found.regions or ()),
    )
