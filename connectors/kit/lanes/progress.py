"""How far one partition has been carried out, when records finish out of order.

The committed offset is the watermark: everything before it is done. What is done beyond it, and which unsafe
operations were about to be sent, travels in the metadata of the same offset commit. So outcomes are committed with
their receipts at once, a slow record holds up nobody, and after a restart nothing that was finished is done again.

Metadata: `gw2.` and base64url of: the number of intents, their distances (varints; the first from the watermark, each
other from the one before), then runs of a bitmap of done offsets, from the watermark on: bytes left out since the run
before (none of their offsets is done), bytes of the run, the run. A byte stands for eight offsets from a multiple of
eight. So offsets that hold no records (aborted transactions, markers, compaction) cost next to nothing.

It never exceeds METADATA_CHARS_MAX, below the broker's limit (`offset.metadata.max.bytes`). Intents are always in it;
done offsets as far as there is room, the first ones first. The feed takes no more than has room, so nothing of
that is left out, unless intents lie apart by 2**21 offsets each. What is left out a successor takes again, and a sink's
ledger drops the commands that had their effect.

`gw1.` (a bitmap without gaps) is still read.
"""

import base64
import binascii
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

PREFIX = "gw2."
PREFIX_WITHOUT_GAPS = "gw1."
METADATA_CHARS_MAX = 4_095
RAW_BYTES_MAX = (METADATA_CHARS_MAX - len(PREFIX)) // 4 * 3
INTENTS_MAX = 256
INTENT_BYTES = 3
ROOM_BYTES = RAW_BYTES_MAX - 2 - INTENTS_MAX * INTENT_BYTES  # for done offsets: 18,000 without gaps
RECORD_BYTES_MAX = (
    6  # that one more record may need: a byte, its run's length, a gap of up to 2**28 bytes
)
GAP_BYTES_MIN = 3  # a shorter one costs less as zeros


class Progress:
    """One partition since its assignment. `position`: the offset to commit; None before anything is known."""

    def __init__(self, committed: int | None, metadata: str | None = None) -> None:
        self.position = committed
        self._open: deque[int] = deque()  # taken, in order, from the watermark on
        self._done: set[int] = set()  # beyond the watermark
        self._intents: set[int] = set()
        self._footprint = Footprint()
        if committed is not None and metadata:
            self._done, self._intents = unpacked(metadata, committed)

    @property
    def room(self) -> int:
        """Bytes left in the metadata if everything that was taken were done, but for what holds the watermark."""
        return ROOM_BYTES - self._footprint.bytes

    @property
    def unfinished(self) -> int:
        """Records taken and not done."""
        return sum(1 for offset in self._open if offset not in self._done)

    def take(self, offset: int) -> bool:
        """A record arrived. False: an earlier owner of the partition finished it already."""
        if self.position is None:
            self.position = offset
        self._open.append(offset)
        self._footprint.take(offset, self.position)
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
        opened, done, before = self._open, self._done, self.position
        while opened and opened[0] in done:
            offset = opened.popleft()
            done.discard(offset)
            self.position = offset + 1
        if self.position is not None and self.position != before:
            self._footprint.advance(self.position)


@dataclass(slots=True)
class Run:
    """Bytes `first` to `last` of the bitmap, and what they take in metadata, `gap_bytes` before them."""

    first: int
    last: int
    gap_bytes: int

    @property
    def bytes(self) -> int:
        length = self.last - self.first + 1
        return self.gap_bytes + len(_varint(length)) + length


class Footprint:
    """`bytes`: what the bitmap takes at most, whichever of the offsets that were taken are done."""

    def __init__(self) -> None:
        self.bytes = 0
        self._runs: deque[Run] = deque()

    def take(self, offset: int, position: int) -> None:
        """`offset` is beyond those before. `position`: the watermark."""
        at = offset // 8
        last = self._runs[-1] if self._runs else None
        if last is not None and at <= last.last + GAP_BYTES_MIN:
            if at != last.last:
                before, last.last = last.bytes, at
                self.bytes += last.bytes - before
            return
        end = position // 8 - 1 if last is None else last.last
        run = Run(
            at, at, len(_varint(max(0, at - end)))
        )  # a gap may grow by the byte in which the watermark is
        self._runs.append(run)
        self.bytes += run.bytes

    def advance(self, position: int) -> None:
        """The watermark has moved."""
        base, runs = position // 8, self._runs
        while runs and runs[0].last < base:
            self.bytes -= runs.popleft().bytes
        if runs and runs[0].first < base:
            before, runs[0].first = runs[0].bytes, base
            self.bytes += runs[0].bytes - before


def packed(done: Iterable[int], intents: Iterable[int], position: int) -> str:
    """Metadata of a commit at `position`, METADATA_CHARS_MAX at most; empty where there is nothing to say.

    Offsets before it (their records were deleted before we could take them) are left out.
    """
    ahead = sorted(offset for offset in intents if offset >= position)
    bits: dict[int, int] = {}
    for offset in done:
        if offset >= position:
            bits[offset >> 3] = bits.get(offset >> 3, 0) | 1 << (offset & 7)
    if not bits and not ahead:
        return ""
    raw = bytearray(_varint(len(ahead)))
    for before, offset in zip([position, *ahead], ahead, strict=False):
        raw += _varint(offset - before)
    raw += _runs(bits, position // 8, RAW_BYTES_MAX - len(raw))
    return PREFIX + base64.urlsafe_b64encode(raw).decode()


def _runs(bits: Mapping[int, int], base: int, bytes_max: int) -> bytes:
    """The bitmap from byte `base` on, as far as it fits."""
    out = bytearray()
    for first, last in _stretches(sorted(bits)):
        gap, length = _varint(first - base), last - first + 1
        fits = min(length, bytes_max - len(out) - len(gap) - len(_varint(length)))
        if fits > 0:
            out += gap + _varint(fits) + bytes(bits.get(at, 0) for at in range(first, first + fits))
        if fits < length:
            break
        base = last + 1
    return bytes(out)


def _stretches(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of what is worth a run."""
    first = last = None
    for number in numbers:
        if first is None or last is None:
            first = number
        elif number > last + GAP_BYTES_MIN:
            yield first, last
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last


def unpacked(metadata: str, position: int) -> tuple[set[int], set[int]]:
    """Done offsets and intents out of a commit's metadata; both empty where it is not ours."""
    prefix = metadata[: len(PREFIX)]
    if prefix not in (PREFIX, PREFIX_WITHOUT_GAPS):
        return set(), set()
    try:
        raw = base64.urlsafe_b64decode(metadata[len(prefix) :])
        return (_unpacked if prefix == PREFIX else _unpacked_without_gaps)(raw, position)
    except (binascii.Error, ValueError, IndexError):
        return set(), set()


def _unpacked(raw: bytes, position: int) -> tuple[set[int], set[int]]:
    count, at = _read_varint(raw, 0)
    done, intents, offset = set(), set(), position
    for _ in range(count):
        distance, at = _read_varint(raw, at)
        offset += distance
        intents.add(offset)
    base = position // 8
    while at < len(raw):
        gap, at = _read_varint(raw, at)
        length, at = _read_varint(raw, at)
        if at + length > len(raw):
            raise IndexError("a run is cut short")
        base += gap
        done |= _offsets(raw[at : at + length], base * 8)
        at, base = at + length, base + length
    return done, intents


def _unpacked_without_gaps(raw: bytes, position: int) -> tuple[set[int], set[int]]:
    count, at = _read_varint(raw, 0)
    intents = set()
    for _ in range(count):
        distance, at = _read_varint(raw, at)
        intents.add(position + distance)
    return _offsets(raw[at:], position), intents


def _offsets(bits: bytes, first: int) -> set[int]:
    return {first + i for i in range(len(bits) * 8) if bits[i // 8] & (1 << i % 8)}


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
