"""Packed answers: every coding that is asked for, in pieces of bounded size, however it is cut."""

import gzip
import zlib

import pytest

from connectors.kit.http.unpacking import PIECE_BYTES_MAX, Unpacker, UnpackError, unpacker

PLAIN = b'{"a": [1, 2, 3]}' * 100


def bare(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


def of(coding: str) -> Unpacker:
    found = unpacker([coding])
    assert found is not None
    return found


@pytest.mark.parametrize("cut", [1, 2, 7, 100_000])
@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(PLAIN)),
        (" X-GZIP, identity", gzip.compress(PLAIN)),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", bare(PLAIN)),
    ],
)
def test_an_answer_is_unpacked_however_it_is_cut(coding: str, packed: bytes, cut: int) -> None:
    unpacking = of(coding)
    chunks = [packed[at : at + cut] for at in range(0, len(packed), cut)]
    assert b"".join(piece for chunk in chunks for piece in unpacking.pieces(chunk)) == PLAIN
    unpacking.end()


def test_no_piece_is_larger_than_its_bound_and_none_is_made_before_it_is_asked_for() -> None:
    size = 200 * PIECE_BYTES_MAX + 17
    pieces = of("gzip").pieces(gzip.compress(bytes(size)))
    assert len(next(pieces)) == PIECE_BYTES_MAX
    rest = [len(piece) for piece in pieces]
    assert max(rest) == PIECE_BYTES_MAX
    assert sum(rest) + PIECE_BYTES_MAX == size


@pytest.mark.parametrize("codings", [[], [""], ["identity"], ["identity, identity"]])
def test_what_is_not_packed_needs_no_unpacking(codings: list[str]) -> None:
    assert unpacker(codings) is None


@pytest.mark.parametrize("codings", [["gzip, gzip"], ["gzip", "deflate"], ["br"], ["\x00" * 99]])
def test_other_codings_and_several_are_refused_by_a_name_of_bounded_length(
    codings: list[str],
) -> None:
    with pytest.raises(UnpackError, match="not asked for") as error:
        unpacker(codings)
    assert len(str(error.value)) < 100
    assert str(error.value).isprintable()


def test_an_answer_that_is_no_pack_is_broken() -> None:
    with pytest.raises(UnpackError, match="broken"):
        list(of("gzip").pieces(b"abc"))


@pytest.mark.parametrize("end", [1, 10, -5])
def test_an_answer_that_breaks_off_is_no_answer(end: int) -> None:
    unpacking = of("gzip")
    list(unpacking.pieces(gzip.compress(PLAIN)[:end]))
    with pytest.raises(UnpackError, match="broke off"):
        unpacking.end()


def test_an_empty_answer_is_empty_whatever_its_coding() -> None:
    unpacking = of("gzip")
    assert list(unpacking.pieces(b"")) == []
    unpacking.end()
