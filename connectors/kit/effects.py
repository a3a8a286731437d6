"""Which commands of a partition had their effect: their ids in memory, and as the ledger topic holds them.

An id is 16 bytes, whatever the command's own id looks like. A message of the ledger is one byte that tells its format,
then the ids of one commit. The event loop adds and asks; the Kafka thread makes messages of what was added.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

ID_BYTES = 16
FORMAT = b"\x01"
CHUNK_IDS_MAX = 1_000  # ids that are forgotten together
CHUNK_MS_MAX = 1_000


def id_of(event_id: str, letter: str = "") -> bytes:
    """The id of a command; of a dead letter that came back (`letter`: its id), another one than the command's own."""
    text = f"{event_id}\n{letter}" if letter else event_id
    return hashlib.blake2b(text.encode(), digest_size=ID_BYTES).digest()


def packed(ids: Iterable[bytes]) -> bytes:
    """A message of the ledger."""
    return FORMAT + b"".join(ids)


def unpacked(value: bytes | None) -> list[bytes] | None:
    """The ids of a message; None where it is none of ours."""
    if not value or not value.startswith(FORMAT) or len(value) % ID_BYTES != len(FORMAT):
        return None
    return [value[at : at + ID_BYTES] for at in range(len(FORMAT), len(value), ID_BYTES)]


@dataclass(frozen=True, slots=True)
class Memory:
    """How much of a ledger counts: ids not older than `age_ms_max`, and at most `ids_max` of them per partition."""

    age_ms_max: int
    ids_max: int


@dataclass(slots=True)
class Chunk:
    """Ids of about the same time (epoch ms), oldest first."""

    at_ms: int
    ids: list[bytes] = field(default_factory=list)


class Effects:
    """The ids of one partition, the latest ones: about 100 bytes of memory each."""

    def __init__(self, memory: Memory, chunks: Sequence[Chunk] = ()) -> None:
        self._memory = memory
        self._known: set[bytes] = set()
        self._chunks: deque[Chunk] = deque()
        for chunk in chunks:
            self.add(chunk.ids, chunk.at_ms)

    def __contains__(self, one: bytes) -> bool:
        return one in self._known

    def __len__(self) -> int:
        return len(self._known)

    def add(self, ids: Iterable[bytes], at_ms: int) -> None:
        """These had their effect at `at_ms` (epoch ms). What is too old, or too many, is forgotten."""
        for one in ids:
            if one not in self._known:
                self._known.add(one)
                self._chunk(at_ms).ids.append(one)
        oldest_ms = at_ms - self._memory.age_ms_max
        while self._chunks and (
            self._chunks[0].at_ms < oldest_ms or len(self._known) > self._memory.ids_max
        ):
            self._known.difference_update(self._chunks.popleft().ids)

    def _chunk(self, at_ms: int) -> Chunk:
        last = self._chunks[-1] if self._chunks else None
        if last is None or len(last.ids) >= CHUNK_IDS_MAX or at_ms >= last.at_ms + CHUNK_MS_MAX:
            last = Chunk(at_ms)
            self._chunks.append(last)
        return last
