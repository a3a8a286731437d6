"""Ids that are functions of their cause, so that a replay yields the same id."""

import hashlib
import uuid

NAMESPACE = uuid.UUID("6f0a2d2e-9d0b-5a4e-8c39-8f6f1f7f3d10")  # gridwire's own, fixed for ever


def derived(*parts: str | int) -> str:
    """UUIDv5 (36 characters) of the parts; the same parts always give the same id."""
    return str(uuid.uuid5(NAMESPACE, "|".join(str(part) for part in parts)))


def trace_of(event_id: str) -> str:
    """Trace id (32 hex digits, W3C trace context) of the platform event with this id."""
    return hashlib.blake2b(event_id.encode(), digest_size=16).hexdigest()
