"""Rows of a table that nobody has changed for longer than the table retains them: found a few at a time."""

from collections.abc import Iterator

from streams.engine.store import TableStore

DAY_MS = 86_400_000
PASS_EVERY_MS = 6 * 3_600_000  # of the partition's time, between two looks at all rows
ROWS_PER_STEP_MAX = 500  # rows looked at by one step: a few milliseconds


class Expiry:
    """One table of one partition. Time is the partition's, so nothing expires while input waits to be read."""

    def __init__(self, table: TableStore, retain_days: float) -> None:
        self._table = table
        self._retain_ms = round(retain_days * DAY_MS)
        self._next_ms = 0
        self._walk: Iterator[str] | None = None

    def next_ms(self) -> int | None:
        """When there is something to look at; 0: at once."""
        if self._walk is not None:
            return 0
        return self._next_ms if len(self._table.store) else None

    def step(self, now_ms: int) -> list[str]:
        """Keys of rows that have expired, among the next ROWS_PER_STEP_MAX rows. The caller deletes them."""
        if self._walk is None:
            if now_ms < self._next_ms:
                return []
            self._walk, self._next_ms = self._table.store.rows.walk(), now_ms + PASS_EVERY_MS
        expired = []
        for _ in range(ROWS_PER_STEP_MAX):
            key = next(self._walk, None)
            if key is None:
                self._walk = None
                break
            if self._has_expired(key, now_ms):
                expired.append(key)
        return expired

    def _has_expired(self, key: str, now_ms: int) -> bool:
        """By when we wrote it: `occurred_at` is the platform's word, and may be absurd."""
        raw = self._table.store.get(key)
        row = None if raw is None else self._table.decode(raw)
        return row is not None and 0 < row.produced_at <= now_ms - self._retain_ms
