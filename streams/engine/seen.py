"""Event ids seen lately, per source topic: platforms redeliver, and an event must count once.

The ids of a round are one row of the store. Small rows are merged as more come behind them, so that a topic has some
hundred of them rather than one per event where events are rare. An id has 16 bytes; the changelog takes it once where a
round brings thousands, and up to four times where it brings few (a row's own overhead and its tombstone come on top).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from streams.engine.store import Store

ID_BYTES = 16
CHUNK_IDS_MAX = 20_000  # a row of the store must fit into a message
SMALL_IDS = (16, 256, 4_096)  # a row with fewer ids is small: tried in this order
NUMBER = re.compile("[0-9a-f]+")
UUID_TEXT = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def compact(event_id: str) -> bytes:
    """16 bytes of a UUID text, or the hash of any other id."""
    if UUID_TEXT.fullmatch(event_id):
        return bytes.fromhex(event_id.replace("-", ""))
    return hashlib.blake2b(event_id.encode(), digest_size=ID_BYTES).digest()


@dataclass(slots=True)
class _Rows:
    """The rows of one topic, oldest first: (number, ids). The first `forgotten` ids of the oldest do not count."""

    chunks: list[tuple[int, bytes]] = field(default_factory=list)
    forgotten: int = 0
    next: int = 0

    def copy(self) -> "_Rows":
        return _Rows(list(self.chunks), self.forgotten, self.next)


Change = tuple[bool, Sequence[bytes]]  # True: ids that were remembered; False: that were forgotten


class Seen:
    """The last `ids_max` ids of one topic in one partition, and those of the running round."""

    def __init__(self, topic: str, store: Store, ids_max: int) -> None:
        self.topic = topic
        self._store = store
        self._ids_max = ids_max
        self._ids: set[bytes] = set()
        self._round: list[bytes] = []
        self._rows = _Rows()
        # What an abort goes back to: rows at the last commit (None: as now), and what happened to ids since.
        self._before: _Rows | None = None
        self._changes: list[Change] = []
        self._sealed: tuple[_Rows | None, list[Change]] | None = None

    def restore(self, chunks: Mapping[int, bytes]) -> None:
        """Rows by number, as the changelog says."""
        self._round, self._before, self._changes, self._sealed = [], None, [], None
        chosen = [(number, _whole(chunks[number])) for number in sorted(chunks)]
        over = sum(len(chunk) for _, chunk in chosen) // ID_BYTES - self._ids_max
        self._rows = _Rows(chosen, next=chosen[-1][0] + 1 if chosen else 0)
        self._ids = set()
        self._forget(over)
        self._changes.clear()
        # Only now: what was forgotten may have come again, and stand in a later row.
        first = self._rows.forgotten * ID_BYTES
        for number, (_, chunk) in enumerate(self._rows.chunks):
            self._ids.update(_split(chunk if number else chunk[first:]))

    def first_time(self, event_id: str) -> bool:
        """True once per id."""
        return self._first_time(compact(event_id))

    def _first_time(self, compact_id: bytes) -> bool:
        known = len(self._ids)
        self._ids.add(compact_id)
        if len(self._ids) == known:
            return False
        self._round.append(compact_id)
        return True

    def first_times(self, compact_ids: Sequence[bytes]) -> list[bool] | None:
        """What `first_time` says of each, in order; None where all are new, as they mostly are."""
        ids = set(compact_ids)
        if len(ids) == len(compact_ids) and ids.isdisjoint(self._ids):
            self._ids |= ids
            self._round.extend(compact_ids)
            return None
        return [self._first_time(compact_id) for compact_id in compact_ids]

    # -- rows -------------------------------------------------------------------------------------------
    def drain(self) -> None:
        """Writes the round's ids into the store and forgets the oldest beyond the bound."""
        if not self._round:
            return
        if self._before is None:
            self._before = self._rows.copy()
        ids, self._round = self._round, []
        self._changes.append((True, ids))
        self._append(b"".join(ids))
        self._forget(len(self._ids) - self._ids_max)

    def _append(self, ids: bytes) -> None:
        rows = self._rows
        for chunk in _pieces(ids):
            self._store.put(self._key(rows.next), chunk)
            rows.chunks.append((rows.next, chunk))
            rows.next += 1
            self._merge()

    def _forget(self, count: int) -> None:
        """The oldest ids, to the number: a row goes when all of its ids are forgotten."""
        rows, gone = self._rows, 0
        while count > 0 and gone < len(rows.chunks):
            number, chunk = rows.chunks[gone]
            first = rows.forgotten
            last = min(len(chunk) // ID_BYTES, first + count)
            ids = _split(chunk[first * ID_BYTES : last * ID_BYTES])
            self._ids.difference_update(ids)
            self._changes.append((False, ids))
            count -= last - first
            rows.forgotten = last
            if last == len(chunk) // ID_BYTES:
                self._store.put(self._key(number), None)
                rows.forgotten, gone = 0, gone + 1
        del rows.chunks[:gone]

    def _merge(self) -> None:
        """Small rows become one where they amount to a larger one, or have a larger one behind them.

        So each id is merged at most once per size, and at most one small row stands between two larger ones.
        """
        for small in SMALL_IDS:
            chunks, size = self._rows.chunks, small * ID_BYTES
            behind = len(chunks[-1][1]) >= size
            end = first = len(chunks) - behind
            while first and len(chunks[first - 1][1]) < size:
                first -= 1
            if end - first > 1 and (behind or sum(len(c) for _, c in chunks[first:end]) >= size):
                self._merge_rows(first, end)

    def _merge_rows(self, first: int, end: int) -> None:
        """They get the number of the oldest of them, and are written before the others are deleted: whoever has read
        half of that knows some ids twice, and misses none.
        """
        rows = self._rows
        old = rows.chunks[first:end]
        ids = b"".join(chunk for _, chunk in old)
        if first == 0:
            ids, rows.forgotten = ids[rows.forgotten * ID_BYTES :], 0
        pieces = _pieces(ids)
        numbers = [number for number, _ in old]
        rows.chunks[first:end] = merged = list(zip(numbers, pieces, strict=False))
        for number, chunk in merged:
            self._store.put(self._key(number), chunk)
        for number in numbers[len(merged) :]:
            self._store.put(self._key(number), None)

    def _key(self, number: int) -> str:
        return f"{self.topic}|{number:x}"

    # -- transactions -----------------------------------------------------------------------------------
    def seal(self) -> None:
        """As `Store.seal`: what was drained is being committed."""
        self._sealed = (self._before, self._changes)
        self._before, self._changes = None, []

    def commit(self) -> None:
        """As `Store.commit`."""
        if self._sealed is None:
            self.seal()
        self._sealed = None

    def abort(self) -> None:
        """As `Store.abort`, which the store does itself: only what was not committed is undone here."""
        self._ids.difference_update(self._round)
        self._round = []
        before, changes = self._sealed or (None, [])
        for remembered, ids in reversed([*changes, *self._changes]):
            if remembered:
                self._ids.difference_update(ids)
            else:
                self._ids.update(ids)
        self._rows = before or self._before or self._rows
        self._before, self._changes, self._sealed = None, [], None


def restore_all(store: Store, all_seen: Iterable[Seen]) -> None:
    """Each from the rows of its topic. The store is read once; rows that nobody can have written are left alone."""
    rows: dict[str, dict[int, bytes]] = {}
    for key in store:
        topic, _, number = key.rpartition("|")
        if NUMBER.fullmatch(number):
            rows.setdefault(topic, {})[int(number, 16)] = store.get(key) or b""
    for seen in all_seen:
        seen.restore(rows.get(seen.topic, {}))


def _split(chunk: bytes) -> list[bytes]:
    return [chunk[i : i + ID_BYTES] for i in range(0, len(chunk), ID_BYTES)]


def _pieces(ids: bytes) -> list[bytes]:
    size = CHUNK_IDS_MAX * ID_BYTES
    return [ids[i : i + size] for i in range(0, len(ids), size)]


def _whole(chunk: bytes) -> bytes:
    """Without what is no id."""
    return chunk[: len(chunk) - len(chunk) % ID_BYTES]
