"""Which commands of a partition had their effect: their ids in memory, and as the ledger topic holds them.

An id is 16 bytes, whatever the command's own id looks like. A message of the ledger is one byte that tells its format,
then the ids of one commit. The event loop adds and asks; the Kafka thread makes messages of what was added.
"""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

ID_BYTES = 16
FORMAT = b"\x01"
CHUNK_IDS_MAX = 1_000  # ids that grow old together
CHUNK_MS_MAX = 1_000
_STARTED_MS = (time.time_ns() - time.monotonic_ns()) // 1_000_000


def steady_ms() -> int:
    """Epoch milliseconds that no change of the clock makes jump: the clock at the start, and the time since."""
    return _STARTED_MS + time.monotonic_ns() // 1_000_000


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
    """The ids of one partition, the latest ones: about 100 bytes of memory each.

    They grow old by `now_ms` and go in the order in which they came. A time ahead of it (a ledger that was written
    under a wrong clock) counts as now.
    """

    def __init__(
        self,
        memory: Memory,
        chunks: Sequence[Chunk] = (),
        now_ms: Callable[[], int] = steady_ms,
    ) -> None:
        self._memory = memory
        self._now_ms = now_ms
        self._known: set[bytes] = set()
        self._chunks: deque[Chunk] = deque()
        now = now_ms()
        for chunk in chunks:
            self._add(chunk.ids, min(chunk.at_ms, now))
            self._forget(now)

    def __contains__(self, one: bytes) -> bool:
        return one in self._known

    def __len__(self) -> int:
        return len(self._known)

    def add(self, ids: Iterable[bytes]) -> None:
        """These had their effect just now. What is too old, or too many, is forgotten: the oldest."""
        now = self._now_ms()
        self._add(ids, now)
        self._forget(now)

    def _add(self, ids: Iterable[bytes], at_ms: int) -> None:
        for one in ids:
            if one not in self._known:
                self._known.add(one)
                self._chunk(at_ms).ids.append(one)

    def _forget(self, now_ms: int) -> None:
        chunks, known = self._chunks, self._known
        while chunks and chunks[0].at_ms < now_ms - self._memory.age_ms_max:
            known.difference_update(chunks.popleft().ids)
        while (excess := len(known) - self._memory.ids_max) > 0:
            oldest = chunks[0].ids
            known.difference_update(oldest[:excess])
            del oldest[:excess]
            if not oldest:
                chunks.popleft()

    def _chunk(self, at_ms: int) -> Chunk:
        last = self._chunks[-1] if self._chunks else None
        if last is None or len(last.ids) >= CHUNK_IDS_MAX or at_ms >= last.at_ms + CHUNK_MS_MAX:
            last = Chunk(at_ms)
            self._chunks.append(last)
        return last
