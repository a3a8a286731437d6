"""The event log: envelopes with a sequence per subject, pulled in pages or pushed as webhooks."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.trading_grid.problems import Problem
from sandbox.trading_grid.store import decode_cursor, encode_cursor, iso

EVENTS_KEPT_MAX = 100_000
RETENTION_S = 7 * 86_400.0
BODY_BYTES_MAX = 20_000

Envelope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. type: internal (a user or API client of the company), partner, system."""

    type: str
    id: str
    name: str = ""

    def as_json(self) -> dict[str, str]:
        return {"type": self.type, "id": self.id}

    def as_author(self) -> dict[str, str]:
        return {"id": self.id, "type": self.type, "name": self.name or self.id}


SYSTEM = Actor("system", "trading-grid", "Trading Grid")


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    position: int
    at_s: float
    envelope: Envelope


def encoded(envelope: Envelope) -> bytes:
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode()


def fitted(envelope: Envelope) -> Envelope:
    """The envelope within BODY_BYTES_MAX: references go first, then the list of changes."""
    for name in ("external_refs", "changed"):
        if len(encoded(envelope)) <= BODY_BYTES_MAX:
            break
        envelope = {**envelope, "data": {**envelope["data"], name: []}}
    return envelope


class EventLog:
    """The last EVENTS_KEPT_MAX events, for at most RETENTION_S."""

    def __init__(self, tenant_id: str, community_id: str) -> None:
        self._tenant_id = tenant_id
        self._community_id = community_id
        self._events: deque[LoggedEvent] = deque(maxlen=EVENTS_KEPT_MAX)
        self._sequences: dict[str, int] = {}
        self._last_position = 0
        self._subscribers: list[Callable[[Envelope], None]] = []

    def subscribe(self, subscriber: Callable[[Envelope], None]) -> None:
        self._subscribers.append(subscriber)

    def append(self, event_type: str, subject: str, data: dict[str, Any], at_s: float) -> Envelope:
        """Log an event under the subject's next sequence number and tell the subscribers."""
        sequence = self._sequences.get(subject, 0) + 1
        self._sequences[subject] = sequence
        envelope = fitted(
            {
                "type": event_type,
                "timestamp": iso(at_s),
                "tenant_id": self._tenant_id,
                "community_id": self._community_id,
                "subject": subject,
                "sequence": sequence,
                "data": data,
            }
        )
        self._last_position += 1
        self._events.append(LoggedEvent(self._last_position, at_s, envelope))
        for subscriber in self._subscribers:
            subscriber(envelope)
        return envelope

    def page(
        self, cursor: str | None, types: frozenset[str], limit: int, now_s: float
    ) -> tuple[list[Envelope], str, bool]:
        """(events, cursor after them, whether there are more); the cursor is always given.

        Raises Problem 400 for a cursor that is not ours or older than the retention.
        """
        after = 0
        if cursor:
            (after,) = decode_cursor(cursor, 1)
            if self._events and after + 1 < self._oldest(now_s):
                raise Problem(
                    400, "cursor_expired", "events after the cursor are gone; re-read the objects"
                )
        kept = [
            event
            for event in self._events
            if event.position > after
            and event.at_s >= now_s - RETENTION_S
            and (not types or event.envelope["type"] in types)
        ]
        chosen, more = kept[:limit], len(kept) > limit
        last = chosen[-1].position if more else max(after, self._last_position)
        return [event.envelope for event in chosen], encode_cursor([last]), more

    def _oldest(self, now_s: float) -> int:
        """The lowest position still within the retention."""
        kept = (one.position for one in self._events if one.at_s >= now_s - RETENTION_S)
        return next(kept, self._last_position + 1)

    def clear(self) -> None:
        """Forget the events; positions and sequences go on, so nothing is numbered twice."""
        self._events.clear()

    def as_json(self) -> list[Envelope]:
        return [event.envelope for event in self._events]
