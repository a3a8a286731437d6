"""How far one partition has been carried out, when records finish out of order.

The committed offset is the watermark: everything before it is done. What is done beyond it, and which unsafe
operations were about to be sent, travels in the metadata of the same offset commit. So outcomes are committed with
their receipts at once, a slow record holds up nobody, and after a restart nothing that was finished is done again.

Metadata: `gw1.` and base64url of: the number of intents, their distances from the watermark (varints), then a bitmap of
done offsets beginning right behind the watermark. SPAN_MAX keeps it below the broker's limit of 4,096 bytes
(`offset.metadata.max.bytes`).
"""

import base64
import binascii
from collections import deque
from collections.abc import Iterable

PREFIX = "gw1."
SPAN_MAX = 16_384  # offsets between the watermark and the newest one taken: 2.7 kB of bitmap
INTENTS_MAX = 256  # at most 3 bytes each


class Progress:
    """One partition since its assignment. `position`: the offset to commit; None before anything is known."""

    def __init__(self, committed: int | None, metadata: str | None = None) -> None:
        self.position = committed
        self._open: deque[int] = deque()  # taken, in order, from the watermark on
        self._done: set[int] = set()  # beyond the watermark
        self._intents: set[int] = set()
        self._last = -1
        if committed is not None and metadata:
            self._done, self._intents = unpacked(metadata, committed)

    @property
    def span(self) -> int:
        """Offsets between the watermark and the newest one taken."""
        return 0 if self.position is None else max(0, self._last + 1 - self.position)

    @property
    def unfinished(self) -> int:
        """Records taken and not done."""
        return sum(1 for offset in self._open if offset not in self._done)

    def take(self, offset: int) -> bool:
        """A record arrived. False: an earlier owner of the partition finished it already."""
        if self.position is None:
            self.position = offset
        self._open.append(offset)
        self._last = offset
        if offset not in self._done:
            return True
        self._advance()
        return False

    def intended(self, offset: int) -> bool:
        """Whether an intent for this record was committed before."""
        return offset in self._intents

    def intend(self, offset: int) -> None:
        """The record's unsafe operation is about to be sent. Raises OverflowError above INTENTS_MAX."""
        if len(self._intents) >= INTENTS_MAX and offset not in self._intents:
            raise OverflowError(f"more than {INTENTS_MAX} unsafe operations at once")
        self._intents.add(offset)

    def retract(self, offset: int) -> None:
        """The intent is taken back: nothing was sent."""
        self._intents.discard(offset)

    def finish(self, offset: int) -> None:
        """The record has its outcome."""
        self._done.add(offset)
        self._intents.discard(offset)
        self._advance()

    def metadata(self) -> str:
        """What to commit beside `position`."""
        return packed(self._done, self._intents, self.position or 0)

    def _advance(self) -> None:
        opened, done = self._open, self._done
        while opened and opened[0] in done:
            offset = opened.popleft()
            done.discard(offset)
            self.position = offset + 1


def packed(done: Iterable[int], intents: Iterable[int], position: int) -> str:
    """Metadata of a commit at `position`; empty where there is nothing to say.

    Offsets before it (their records were deleted before we could take them) are left out.
    """
    bits = bytearray()
    for distance in (offset - position for offset in done if offset >= position):
        index, bit = divmod(distance, 8)
        if index >= len(bits):
            bits.extend(bytes(index + 1 - len(bits)))
        bits[index] |= 1 << bit
    distances = sorted(offset - position for offset in intents if offset >= position)
    if not bits and not distances:
        return ""
    raw = b"".join(map(_varint, (len(distances), *distances))) + bytes(bits)
    return PREFIX + base64.urlsafe_b64encode(raw).decode()


def unpacked(metadata: str, position: int) -> tuple[set[int], set[int]]:
    """Done offsets and intents out of a commit's metadata; both empty where it is not ours."""
    if not metadata.startswith(PREFIX):
        return set(), set()
    try:
        raw = base64.urlsafe_b64decode(metadata.removeprefix(PREFIX))
        count, at = _read_varint(raw, 0)
        intents = set()
        for _ in range(min(count, INTENTS_MAX)):
            distance, at = _read_varint(raw, at)
            intents.add(position + distance)
    except (binascii.Error, IndexError):
        return set(), set()
    bits = raw[at:]
    done = {position + i for i in range(len(bits) * 8) if bits[i // 8] & (1 << i % 8)}
    return done, intents


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
