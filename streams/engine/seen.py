"""Event ids seen lately, per source topic: platforms redeliver, and an event must count once.

The ids of a round are one row of the store, so that remembering costs 16 bytes an event in the changelog.
"""

import hashlib
import re
from collections import deque
from collections.abc import Sequence

from streams.engine.store import Store

ID_BYTES = 16
CHUNK_IDS_MAX = 20_000  # a row of the store must fit into a message
NUMBER = re.compile("[0-9a-f]+")
UUID_TEXT = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def compact(event_id: str) -> bytes:
    """16 bytes of a UUID text, or the hash of any other id."""
    if UUID_TEXT.fullmatch(event_id):
        return bytes.fromhex(event_id.replace("-", ""))
    return hashlib.blake2b(event_id.encode(), digest_size=ID_BYTES).digest()


class Seen:
    """The last `ids_max` ids of one topic in one partition."""

    def __init__(self, topic: str, store: Store, ids_max: int) -> None:
        self._topic = topic
        self._store = store
        self._ids_max = ids_max
        self._ids: set[bytes] = set()
        self._chunks: deque[tuple[int, bytes]] = deque()
        self._round: list[bytes] = []
        self._next = 0

    def rebuild(self) -> None:
        """From the store, as restored or as it is after an abort."""
        self._ids, self._round = set(), []
        prefix = f"{self._topic}|"
        ours = [key[len(prefix) :] for key in self._store if key.startswith(prefix)]
        numbers = sorted(int(name, 16) for name in ours if NUMBER.fullmatch(name))
        self._chunks = deque((n, self._store.get(self._key(n)) or b"") for n in numbers)
        self._next = numbers[-1] + 1 if numbers else 0
        for _, chunk in self._chunks:
            self._ids.update(_split(chunk))

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

    def drain(self) -> None:
        """Writes the round's ids into the store and forgets the oldest beyond the bound."""
        if not self._round:
            return
        ids, self._round = self._round, []
        for first in range(0, len(ids), CHUNK_IDS_MAX):
            chunk = b"".join(ids[first : first + CHUNK_IDS_MAX])
            self._store.put(self._key(self._next), chunk)
            self._chunks.append((self._next, chunk))
            self._next += 1
        while len(self._ids) > self._ids_max and len(self._chunks) > 1:
            number, oldest = self._chunks.popleft()
            self._store.put(self._key(number), None)
            self._ids.difference_update(_split(oldest))

    def _key(self, number: int) -> str:
        return f"{self._topic}|{number:x}"


def _split(chunk: bytes) -> list[bytes]:
    return [chunk[i : i + ID_BYTES] for i in range(0, len(chunk), ID_BYTES)]
