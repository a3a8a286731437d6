"""Out-of-order progress: the watermark never passes what is not done, and a restart repeats nothing."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.progress import INTENTS_MAX, SPAN_MAX, Progress, packed, unpacked

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


def test_metadata_at_its_bounds_fits_what_the_broker_takes() -> None:
    done = set(range(1, SPAN_MAX, 2))
    intents = set(range(0, 2 * INTENTS_MAX - 2, 2)) | {SPAN_MAX - 2}
    text = packed(done, intents, 0)
    assert len(text) <= METADATA_BYTES_MAX
    assert unpacked(text, 0) == (done, intents)


@pytest.mark.parametrize("text", ["", "other client's", "gw1.", "gw1.!!!", "gw1.gICA", "gw1.A"])
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
