"""Answers that come packed: one coding, unpacked piece by piece, so that whoever counts the pieces sees each in time.

Pure. We ask for the codings of `ACCEPTED` alone. An answer in another one, or packed twice, is refused: what is packed
inside of what is packed grows before anybody has counted it.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Protocol

ACCEPTED = "gzip, deflate"
PIECE_BYTES_MAX = 64 * 1024
NAMED_MAX = 40  # characters of a coding that a reason names
GZIP = 16 + zlib.MAX_WBITS
RAW = -zlib.MAX_WBITS
KNOWN = {"gzip": GZIP, "x-gzip": GZIP, "deflate": zlib.MAX_WBITS}


class UnpackError(Exception):
    """The answer is packed in a way that is not taken, or broken. The text names the coding, nothing of the answer."""


class _Unpacking(Protocol):
    """What zlib's object offers."""

    @property
    def eof(self) -> bool: ...

    @property
    def unconsumed_tail(self) -> bytes: ...

    def decompress(self, data: bytes, /, max_length: int = 0) -> bytes: ...


class Unpacker:
    """Unpacks one answer."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._zlib: _Unpacking | None = None
        self._held = b""  # the first byte, while the second is not there

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What so much more of the answer gives, at most PIECE_BYTES_MAX at once. Raises UnpackError."""
        data = self._held + chunk
        if self._zlib is None:
            if len(data) < 2:
                self._held = data
                return
            self._held = b""
            self._zlib = zlib.decompressobj(self._window(data))
        yield from self._unpacked(self._zlib, data)

    def end(self) -> None:
        """The answer is over. Raises UnpackError where it broke off; an empty one is not packed at all."""
        if self._held or (self._zlib is not None and not self._zlib.eof):
            raise UnpackError("packed answer broke off")

    def _window(self, data: bytes) -> int:
        """`deflate` means zlib's form (RFC 9110, 8.4.1.2); some servers send the bare one."""
        bare = data[0] & 0x0F != 8 or int.from_bytes(data[:2]) % 31 != 0
        return RAW if self._wbits == zlib.MAX_WBITS and bare else self._wbits

    @staticmethod
    def _unpacked(unpacking: _Unpacking, data: bytes) -> Iterator[bytes]:
        more = True
        while more and not unpacking.eof:  # what stands behind the end is not the answer
            try:
                piece = unpacking.decompress(data, PIECE_BYTES_MAX)
            except zlib.error:
                raise UnpackError("packed answer is broken") from None
            data = unpacking.unconsumed_tail
            more = bool(data) or len(piece) == PIECE_BYTES_MAX
            if piece:
                yield piece


def unpacker(codings: Sequence[str]) -> Unpacker | None:
    """For the codings that Content-Encoding names, over all its lines; None: not packed. Raises UnpackError."""
    names = [name for one in codings for name in one.lower().split(",")]
    packed = [name for name in map(str.strip, names) if name not in ("", "identity")]
    if not packed:
        return None
    if len(packed) > 1 or packed[0] not in KNOWN:
        raise UnpackError(f"answer in a coding that was not asked for: {_named(packed)}")
    return Unpacker(KNOWN[packed[0]])


def _named(names: Sequence[str]) -> str:
    """Codings as a reason may hold them."""
    return re.sub(r"[^a-z0-9, .+_-]", "?", ", ".join(names))[:NAMED_MAX]
