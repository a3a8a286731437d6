"""Which commands had their effect: what is remembered, for how long, and how the ledger writes it down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.effects import (
    CHUNK_IDS_MAX,
    CHUNK_MS_MAX,
    ID_BYTES,
    Chunk,
    Effects,
    Memory,
    id_of,
    packed,
    unpacked,
)

HOUR_MS = 3_600_000
AT_MS = 1_800_000_000_000
IDS = [id_of(f"c-{n}") for n in range(5_000)]


def effects(age_ms_max: int = 24 * HOUR_MS, ids_max: int = 100_000) -> Effects:
    return Effects(Memory(age_ms_max, ids_max))


def test_an_id_has_sixteen_bytes_whatever_the_commands_own_looks_like() -> None:
    assert {len(id_of(one)) for one in ("", "c-1", "ü" * 4_000)} == {ID_BYTES}


def test_a_dead_letter_that_came_back_is_another_id_than_its_command_and_than_other_letters() -> (
    None
):
    assert len({id_of("c-1"), id_of("c-1", "l/0/1"), id_of("c-1", "l/0/2"), id_of("c-2")}) == 4


@given(st.lists(st.binary(min_size=ID_BYTES, max_size=ID_BYTES), min_size=1))
def test_what_the_ledger_holds_is_read_as_it_was_written(ids: list[bytes]) -> None:
    assert unpacked(packed(ids)) == ids
    assert len(packed(ids)) == 1 + ID_BYTES * len(ids)


@pytest.mark.parametrize("value", [None, b"", b"\x02" + IDS[0], b"\x01" + IDS[0][:-1], b"{}"])
def test_a_message_that_is_none_of_ours_is_not_read(value: bytes | None) -> None:
    assert unpacked(value) is None


def test_what_was_added_is_known_and_nothing_else() -> None:
    one = effects()
    one.add(IDS[:3], AT_MS)
    assert [some in one for some in IDS[:4]] == [True, True, True, False]


def test_ids_are_forgotten_when_they_are_too_old() -> None:
    one = effects(age_ms_max=HOUR_MS)
    one.add(IDS[:1], AT_MS)
    one.add(IDS[1:2], AT_MS + HOUR_MS)
    assert IDS[0] in one
    one.add(IDS[2:3], AT_MS + HOUR_MS + 1)
    assert [some in one for some in IDS[:3]] == [False, True, True]


def test_no_more_ids_are_kept_than_the_bound_and_the_oldest_go_first() -> None:
    one = effects(ids_max=2_000)
    for n, id_ in enumerate(IDS):
        one.add([id_], AT_MS + n * CHUNK_MS_MAX // 100)
        assert len(one) <= 2_000
    assert len(one) > 2_000 - CHUNK_IDS_MAX
    kept = [id_ in one for id_ in IDS]
    assert kept == sorted(kept)


def test_an_id_that_is_added_again_is_kept_once() -> None:
    one = effects()
    one.add(IDS[:2] * 3, AT_MS)
    one.add(IDS[:2], AT_MS + HOUR_MS)
    assert len(one) == 2


def test_what_was_read_back_counts_like_what_was_added() -> None:
    memory = Memory(HOUR_MS, 100)
    chunks = [Chunk(AT_MS - HOUR_MS - 1, IDS[:1]), Chunk(AT_MS, IDS[1:3])]
    one = Effects(memory, chunks)
    assert [some in one for some in IDS[:3]] == [False, True, True]
