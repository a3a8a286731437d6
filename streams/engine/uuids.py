"""UUID texts of a whole batch at once: `compact` and `derived` of many ids without a Python object for each step."""

import hashlib
import operator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gridwire.ids import NAMESPACE
from streams.engine.seen import ID_BYTES, compact

TEXT_BYTES = 36
_DASHES = np.array([8, 13, 18, 23])
_DIGITS = np.array([at for at in range(TEXT_BYTES) if at not in _DASHES])
_DASH = ord("-")
_NO_DIGIT = 255
_PREFIX = NAMESPACE.bytes
_BYTES = pa.binary()
_digest = operator.methodcaller("digest")

_VALUES = np.full(256, _NO_DIGIT, np.uint8)  # hex digit → value
_VALUES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint8)
_PAIRS = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)


def compacted(ids: pa.StringArray) -> list[bytes]:
    """`compact` of each id, none of which is null."""
    raw = _uuid_bytes(ids)
    if raw is None:
        return [compact(one) for one in ids.to_pylist()]
    return [raw[at : at + ID_BYTES] for at in range(0, len(raw), ID_BYTES)]


def _uuid_bytes(ids: pa.StringArray) -> bytes | None:
    """The 16 bytes of each, joined; None where any is not written as a UUID is."""
    count = len(ids)
    offsets = np.frombuffer(ids.buffers()[1], np.int32)[ids.offset : ids.offset + count + 1]
    if count == 0 or (np.diff(offsets) != TEXT_BYTES).any():
        return None
    text = np.frombuffer(ids.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    text = text.reshape(count, TEXT_BYTES)
    digits = _VALUES[text[:, _DIGITS]]
    if (digits == _NO_DIGIT).any() or (text[:, _DASHES] != _DASH).any():
        return None
    return ((digits[:, ::2] << 4) | digits[:, 1::2]).tobytes()


def derived_all(*parts: str | pa.StringArray) -> pa.StringArray:
    """`gridwire.ids.derived` of each row: of its parts, joined by "|". At least one part is an array.

    TypeError where a part of a row is null.
    """
    columns = [part.view(_BYTES) if isinstance(part, pa.Array) else part.encode() for part in parts]
    joined = pc.binary_join_element_wise(*columns, b"|")
    names = pc.binary_join_element_wise(_PREFIX, joined, b"").to_pylist()
    digests = list(map(_digest, map(hashlib.sha1, names)))
    raw = np.frombuffer(b"".join(digests), np.uint8).reshape(len(digests), -1)[:, :ID_BYTES].copy()
    raw[:, 6] = raw[:, 6] & 0x0F | 0x50  # version 5
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80  # RFC 9562: the bits 10
    text = np.full((len(digests), TEXT_BYTES), _DASH, np.uint8)
    text[:, _DIGITS] = _PAIRS[raw].reshape(len(digests), -1)
    offsets = np.arange(0, text.size + 1, TEXT_BYTES, dtype=np.int32)
    return pa.StringArray.from_buffers(
        len(digests), pa.py_buffer(offsets.tobytes()), pa.py_buffer(text.tobytes())
    )
