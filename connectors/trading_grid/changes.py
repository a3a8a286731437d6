"""What every change of an object has in common, whoever tells of it first: a webhook, the feed of events, or a poll.

A change of state has an id by its version, so that it is one event however often it is told of. What happens beside the
state (a comment, an acknowledgement) has the id of its own event.
"""

from collections.abc import Collection
from typing import Any, Protocol

from connectors.kit.reading import iso_ms
from connectors.trading_grid.shapes import ActorJson
from gridwire.ids import derived, trace_of
from gridwire.records import Notice

HOOKS, POLLED, POLL = "trading-grid/webhooks", "trading-grid/poll", "poll"


class Changed(Protocol):
    """An object as it was read."""

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def updated_at(self) -> str: ...
    @property
    def created_by(self) -> ActorJson | None: ...


def status_told(found: Changed, notice: Notice) -> str:
    """The status after the change that a webhook told of. `found` is at that version or further on."""
    version = notice.version or found.version
    told = notice.detail.get("status") if version < found.version else None
    return told or found.status


def noticed(kind: str, found: Changed, notice: Notice, beside: Collection[str]) -> dict[str, Any]:
    """Fields of the change that a webhook told of; `beside`: types of events that change no state."""
    version, detail = notice.version or found.version, notice.detail
    event_id = derived("trading-grid", kind, found.id, version)
    if notice.event_type in beside:
        mark = detail.get("sequence", notice.event_id)
        event_id = derived("trading-grid", kind, found.id, notice.event_type, mark)
    return {
        "event_id": event_id,
        "occurred_at": notice.occurred_at,
        "source": HOOKS,
        "version": version,
        "trace_id": notice.trace_id,
        "causation_id": notice.event_id,
        "event_type": notice.event_type,
        "actor_type": detail.get("actor_type", "unknown"),
        "actor_id": detail.get("actor_id"),
    }


def polled(kind: str, found: Changed) -> dict[str, Any]:
    """Fields of the change that a poll finds. Who made it is known of the first version only. Raises MalformedError."""
    event_id = derived("trading-grid", kind, found.id, found.version)
    creator = found.created_by if found.version == 1 else None
    return {
        "event_id": event_id,
        "occurred_at": iso_ms(found.updated_at, f"{kind}.updated_at"),
        "source": POLLED,
        "version": found.version,
        "trace_id": trace_of(event_id),
        "event_type": POLL,
        "actor_type": creator.type if creator else "unknown",
        "actor_id": creator.id if creator else None,
    }
