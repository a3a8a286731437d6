"""Which commands had their effect: what is remembered, for how long, and how the ledger writes it down."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.lanes.effects import (
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


class Case:
    """Effects under a clock of the test's own."""

    def __init__(self, age_ms_max: int = 24 * HOUR_MS, ids_max: int = 100_000) -> None:
        self.now_ms = AT_MS
        self.effects = Effects(Memory(age_ms_max, ids_max), now_ms=lambda: self.now_ms)

    def add(self, ids: Sequence[bytes], at_ms: int = AT_MS) -> None:
        self.now_ms = at_ms
        self.effects.add(ids)

    def known(self, ids: Sequence[bytes]) -> list[bool]:
        return [one in self.effects for one in ids]


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
    case = Case()
    case.add(IDS[:3])
    assert case.known(IDS[:4]) == [True, True, True, False]


def test_ids_are_forgotten_when_they_are_too_old() -> None:
    case = Case(age_ms_max=HOUR_MS)
    case.add(IDS[:1])
    case.add(IDS[1:2], AT_MS + HOUR_MS)
    assert IDS[0] in case.effects
    case.add(IDS[2:3], AT_MS + HOUR_MS + 1)
    assert case.known(IDS[:3]) == [False, True, True]


def test_the_newest_ids_are_kept_as_many_as_the_bound_says() -> None:
    case = Case(ids_max=2_000)
    for n, id_ in enumerate(IDS):
        case.add([id_], AT_MS + n * CHUNK_MS_MAX // 100)
    assert case.known(IDS) == [False] * 3_000 + [True] * 2_000


def test_of_a_burst_the_newest_ids_are_kept() -> None:
    case = Case(ids_max=1_000)
    for id_ in IDS[:1_001]:
        case.add([id_])
    assert case.known(IDS[:1_001]) == [False] + [True] * 1_000
    case.add(IDS[1_001:4_500])
    assert case.known(IDS) == [False] * 3_500 + [True] * 1_000 + [False] * 500


def test_a_clock_that_jumps_ahead_while_commands_are_settled_makes_nothing_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = Effects(Memory(HOUR_MS, 100_000))
    one.add(IDS[:10])
    ahead_ns = time.time_ns() + 1_000 * HOUR_MS * 1_000_000
    monkeypatch.setattr(time, "time_ns", lambda: ahead_ns)
    one.add(IDS[10:11])
    assert len(one) == 11


def test_a_ledger_written_under_a_clock_far_ahead_makes_nothing_old_and_grows_old_itself() -> None:
    chunks = [
        Chunk(AT_MS, IDS[:5]),
        Chunk(AT_MS + 100 * HOUR_MS, IDS[5:6]),
        Chunk(AT_MS, IDS[6:7]),
    ]
    now = [AT_MS]
    one = Effects(Memory(HOUR_MS, 100), chunks, lambda: now[0])
    assert len(one) == 7
    now[0] += HOUR_MS + 1
    one.add(IDS[7:8])
    assert len(one) == 1


def test_an_id_that_is_added_again_is_kept_once() -> None:
    case = Case()
    case.add(IDS[:2] * 3)
    case.add(IDS[:2], AT_MS + HOUR_MS)
    assert len(case.effects) == 2


def test_what_was_read_back_counts_like_what_was_added() -> None:
    memory = Memory(HOUR_MS, 100)
    chunks = [Chunk(AT_MS - HOUR_MS - 1, IDS[:1]), Chunk(AT_MS, IDS[1:3])]
    one = Effects(memory, chunks, lambda: AT_MS)
    assert [some in one for some in IDS[:3]] == [False, True, True]
