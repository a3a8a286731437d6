"""Out-of-order progress: the watermark never passes what is not done, and a restart repeats nothing."""

import base64
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.lanes.progress import (
    INTENTS_MAX,
    RECORD_BYTES_MAX,
    ROOM_BYTES,
    Progress,
    packed,
    unpacked,
)

METADATA_BYTES_MAX = 4_096  # the broker's offset.metadata.max.bytes


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_successor_knows_exactly_what_was_done_and_intended(seed: int) -> None:
    dice = random.Random(seed)
    progress = Progress(100)
    offset, open_, done, intents = 100, [], set(), set()
    for _ in range(200):
        if dice.random() < 0.5:
            offset += dice.choice([1, 1, 1, 2, 5])  # gaps: control records, compaction
            assert progress.take(offset)
            open_.append(offset)
        elif open_:
            finished = open_.pop(dice.randrange(len(open_)))
            progress.finish(finished)
            done.add(finished)
            intents.discard(finished)
            if open_ and dice.random() < 0.2:
                intents.add(dice.choice(open_))
                for one in intents:
                    progress.intend(one)
        position = progress.position
        assert position is not None
        assert position <= min(open_, default=position)
        assert progress.unfinished == len(open_)
        successor = Progress(position, progress.metadata())
        assert [one for one in open_ if not successor.take(one)] == []
        assert {one for one in open_ if successor.intended(one)} == intents
        for one in sorted(done):
            if one >= position:
                assert not Progress(position, progress.metadata()).take(one)


def test_the_first_record_begins_a_partition_without_a_commit() -> None:
    progress = Progress(None)
    positions = [progress.position]
    assert progress.take(7)
    positions.append(progress.position)
    progress.finish(7)
    assert [*positions, progress.position] == [None, 7, 8]


def test_records_done_by_a_predecessor_are_skipped_and_passed_by_the_watermark() -> None:
    first = Progress(10)
    for offset in (10, 11, 12):
        first.take(offset)
    first.finish(11)
    first.finish(12)
    assert first.position == 10
    second = Progress(first.position, first.metadata())
    assert [second.take(offset) for offset in (10, 11, 12, 13)] == [True, False, False, True]
    second.finish(10)
    assert second.position == 13
    assert second.metadata() == ""


def test_done_records_that_were_deleted_meanwhile_do_no_harm() -> None:
    progress = Progress(10, packed({12}, {14}, 10))
    progress.take(20)
    progress.finish(20)
    assert progress.position == 21
    assert progress.metadata() == ""


def holed(parts: list[tuple[int, int]], first: int = 1_000_003) -> list[int]:
    """Offsets that hold records: for each part a hole, then as many records."""
    found: list[int] = []
    at = first
    for hole, records in parts:
        at += hole
        found += range(at, at + records)
        at += records
    return found


offsets_with_holes = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1, 7, 30, 200, 30_000, 10**7]), st.integers(1, 400)),
    min_size=1,
    max_size=120,
).map(holed)


@given(offsets_with_holes, st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_what_has_room_is_known_to_a_successor_whatever_holes_there_are(
    offsets: list[int], seed: int
) -> None:
    dice, progress = random.Random(seed), Progress(None)
    waiting = offsets[0]
    taken, open_ = [], []
    for offset in offsets:
        if progress.room < RECORD_BYTES_MAX:
            break
        assert progress.take(offset)
        taken.append(offset)
        open_.append(offset)
        while open_[1:] and dice.random() < 0.5:
            progress.finish(open_.pop(dice.randrange(1, len(open_))))
        if dice.random() < 0.02:  # what holds the watermark goes on, and so may the partition
            progress.finish(open_.pop(0))
            waiting = open_[0] if open_ else waiting
    intents = dice.sample(open_, min(len(open_), INTENTS_MAX))
    for offset in intents:
        progress.intend(offset)
    text, position = progress.metadata(), progress.position
    assert len(text) < METADATA_BYTES_MAX
    assert position is not None
    successor = Progress(position, text)
    rest = [offset for offset in taken if offset >= position]
    assert [one for one in rest if successor.intended(one)] == sorted(intents)
    assert [one for one in rest if successor.take(one)] == open_
    assert successor.metadata() == text


@given(offsets_with_holes, st.integers(0, INTENTS_MAX), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_metadata_never_exceeds_what_the_broker_takes_and_leaves_out_the_last_ones(
    offsets: list[int], intents_count: int, step: int
) -> None:
    intents = set(offsets[1::7][:intents_count])
    done = set(offsets[1::step]) - intents
    text = packed(done, intents, offsets[0])
    assert len(text) < METADATA_BYTES_MAX
    known, intended = unpacked(text, offsets[0])
    assert intended == intents
    assert known == {one for one in done if one <= max(known, default=-1)}


def test_a_hole_of_any_size_costs_a_few_bytes() -> None:
    progress = Progress(0)
    progress.take(0)
    for offset in range(10**8, 10**8 + 50):
        progress.take(offset)
        progress.finish(offset)
    assert len(progress.metadata()) < 40
    assert progress.room > ROOM_BYTES - 20


def test_intents_are_always_in_and_done_offsets_as_far_as_there_is_room() -> None:
    intents = {n << 40 for n in range(1, INTENTS_MAX + 1)}
    done = set(range(1, 100_000, 2))
    text = packed(done, intents, 0)
    assert len(text) < METADATA_BYTES_MAX
    known, intended = unpacked(text, 0)
    assert intended == intents
    assert known == set(range(1, max(known) + 1, 2))
    assert len(known) > 4_000


def test_the_room_comes_back_when_the_watermark_goes_on() -> None:
    progress = Progress(5)
    records = holed([(100, 1)] * 400, 5)
    for offset in records:
        progress.take(offset)
    assert progress.room < ROOM_BYTES // 2
    for offset in reversed(records):
        progress.finish(offset)
    assert progress.room >= ROOM_BYTES - 4
    assert progress.metadata() == ""


def test_a_partition_without_holes_has_room_for_fifteen_thousand_records() -> None:
    progress = Progress(0)
    for offset in range(15_000):
        progress.take(offset)
    assert progress.room >= 64 * RECORD_BYTES_MAX


def test_a_watermark_that_moves_along_for_long_needs_no_room() -> None:
    progress = Progress(0)
    for offset in range(50_000):
        progress.take(offset)
        if offset >= 100:
            progress.finish(offset - 100)
    assert progress.room > ROOM_BYTES - 30


def test_metadata_without_gaps_of_an_earlier_version_is_read() -> None:
    raw = bytes([2, 3, 0x80 | 100, 2]) + bytes([0b10, 0, 0b1000_0001])
    text = "gw1." + base64.urlsafe_b64encode(raw).decode()
    assert unpacked(text, 50) == ({51, 66, 73}, {53, 50 + 356})


@pytest.mark.parametrize(
    "text",
    ["", "other client's", "gw1.", "gw1.!!!", "gw1.gICA", "gw1.A", "gw2.gICA", "gw2.AAB_", "ü"],
)
def test_foreign_or_broken_metadata_counts_as_none(text: str) -> None:
    assert Progress(5, text).take(6)


def test_an_intent_that_is_taken_back_is_gone() -> None:
    progress = Progress(1)
    progress.take(1)
    progress.intend(1)
    progress.retract(1)
    assert progress.metadata() == ""


def test_more_intents_than_metadata_can_hold_are_refused() -> None:
    progress = Progress(0)
    for offset in range(INTENTS_MAX):
        progress.intend(offset)
    with pytest.raises(OverflowError):
        progress.intend(INTENTS_MAX)


@given(
    st.lists(st.sampled_from([1, 2, 8, 33, 1_000, 2**30]), max_size=600),
    st.lists(st.sampled_from([1, 33, 2**20, 2**30]), min_size=500, max_size=500),
)
@settings(max_examples=20, deadline=None)
def test_as_many_records_as_the_room_says_never_need_more_than_there_is(
    before: list[int], more: list[int]
) -> None:
    progress, offset = Progress(0), 0
    progress.take(0)
    for distance in before:
        if progress.room < RECORD_BYTES_MAX:
            break
        offset += distance
        progress.take(offset)
    for distance in more[: progress.room // RECORD_BYTES_MAX]:
        offset += distance
        progress.take(offset)
    assert progress.room >= 0
