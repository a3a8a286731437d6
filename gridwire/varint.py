"""Avro's numbers on the wire: zigzag, seven bits a byte, the lowest first."""

from functools import lru_cache
from struct import Struct

SMALL = 8_192  # numbers below have their bytes at hand
LONG_BITS = 64
LONG_BYTES_MAX = 10
# Milliseconds since 1970 are among the numbers of six bytes, until 2039.
SIX_BYTES_MIN, SIX_BYTES_END = 1 << 34, 1 << 41
SIX_BYTES_KEPT = 4_096


class UnfitError(Exception):
    """Not for us: fastavro decides. Also raised where a schema has something that no reader here knows."""


_four_pairs, _pack_pairs = Struct("<HHHH").unpack_from, Struct("<HHHH").pack
# Two bytes as a little-endian number → their 14 bits, without those that say whether another byte follows ...
_PAIRS = tuple(pair & 0x7F | (pair >> 8 & 0x7F) << 7 for pair in range(1 << 16))
# ... and back, where one does.
_FULL_PAIRS = tuple(bits & 0x7F | bits >> 7 << 8 | 0x8080 for bits in range(1 << 14))


def _zigzag(number: int) -> bytes:
    number = (number << 1) ^ (number >> (LONG_BITS - 1))
    if number >> 56:  # eight bytes that are all followed by another, and one or two more
        one, two = _FULL_PAIRS[number & 0x3FFF], _FULL_PAIRS[number >> 14 & 0x3FFF]
        three, four = _FULL_PAIRS[number >> 28 & 0x3FFF], _FULL_PAIRS[number >> 42 & 0x3FFF]
        top = number >> 56
        return _pack_pairs(one, two, three, four) + (
            bytes((top,)) if top < 0x80 else bytes((top & 0x7F | 0x80, top >> 7))
        )
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


NUMBERS = tuple(_zigzag(number) for number in range(SMALL))
_six_bytes = lru_cache(SIX_BYTES_KEPT)(_zigzag)  # records of one time carry few different ones


def long(number: int) -> bytes:
    """A number of up to 64 bits. Raises UnfitError beyond, TypeError where it is none."""
    if SIX_BYTES_MIN <= number < SIX_BYTES_END:
        return _six_bytes(number)
    if -(1 << 63) <= number < 1 << 63:
        return _zigzag(number)
    raise UnfitError


def integer(number: int) -> bytes:
    """A number of up to 32 bits. Raises UnfitError beyond, TypeError where it is none."""
    if -(1 << 31) <= number < 1 << 31:
        return _zigzag(number)
    raise UnfitError


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends. Raises UnfitError, IndexError."""
    if len(data) - at >= LONG_BYTES_MAX:
        one, two, three, four = _four_pairs(data, at)
        if one & two & 0x8080 == 0x8080:
            if three & 0x8080 == 0x80:  # six bytes: a time
                number = _PAIRS[one] | _PAIRS[two] << 14 | _PAIRS[three] << 28
                return (number >> 1) ^ -(number & 1), at + 6
            if three & four & 0x8080 == 0x8080:  # nine or ten: a hash
                low = _PAIRS[one] | _PAIRS[two] << 14 | _PAIRS[three] << 28 | _PAIRS[four] << 42
                return _read_top(data, at + 8, low)
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    if number >> LONG_BITS:
        raise UnfitError
    return (number >> 1) ^ -(number & 1), at


def _read_top(data: bytes, at: int, low: int) -> tuple[int, int]:
    """The number of which `low` holds 56 bits; the others are in one byte or two."""
    byte = data[at]
    at += 1
    number = low | (byte & 0x7F) << 56
    if byte > 0x7F:
        if data[at] > 1:
            raise UnfitError
        number |= data[at] << 63
        at += 1
    return (number >> 1) ^ -(number & 1), at


def read_length(data: bytes, at: int) -> tuple[int, int]:
    """A number that is not negative."""
    number, at = read_long(data, at)
    if number < 0:
        raise UnfitError
    return number, at
