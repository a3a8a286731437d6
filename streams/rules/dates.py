"""Times: when records arrived, and days as people read them."""

from datetime import UTC, datetime

from gridwire.records import Record

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def arrived_at(record: Record) -> int:
    """When gridwire wrote the record, epoch milliseconds; when it happened, where it does not say."""
    return record.produced_at or record.occurred_at


def day(at_ms: int) -> str:
    """The UTC day of a time in epoch milliseconds, ISO 8601: `2026-01-31`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
