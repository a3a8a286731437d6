"""Parts of the round loop that need no broker: time, the search for poison, what a producer did not take."""

from typing import Any

import pytest
from confluent_kafka import KafkaError

from streams.runtime.broker import Broker
from streams.runtime.progress import AGE_MS_MAX, Progress, told_ms
from streams.runtime.rounds import Batch
from streams.runtime.sizes import ABORTS_AT_ONE_PLACE_MAX, RECORDS_MIN, Pace, Suspect
from streams.runtime.writer import AbortedError, Write, Writer

TP = ("source.braze.engagement", 0)
OTHER = ("source.bigcommerce.orders", 0)


def test_timers_do_not_run_ahead_of_input_that_waits() -> None:
    progress = Progress()
    progress.assigned([TP, OTHER])
    assert progress.time_ms(0, 10_000) == 0
    progress.read(TP, 4_000)
    progress.end(OTHER, 5)
    assert progress.time_ms(0, 10_000) == 4_000
    progress.end(TP, 9)
    assert progress.time_ms(0, 10_000) == 10_000
    assert progress.ends() == {TP: 9, OTHER: 5}


def test_a_partitions_time_ignores_other_partitions() -> None:
    progress = Progress()
    progress.assigned([(TP[0], 0), (TP[0], 1)])
    progress.end((TP[0], 1), 7)
    assert progress.time_ms(1, 7_000) == 7_000
    assert progress.time_ms(0, 7_000) == 0


def test_an_end_mark_of_a_revoked_partition_is_ignored() -> None:
    progress = Progress()
    progress.assigned([TP])
    progress.revoked([TP])
    progress.end(TP, 3)
    assert progress.time_ms(0, 5) == 5


WALL_MS = 1_767_225_600_000  # 2026-01-01


@pytest.mark.parametrize(
    "absurd",
    [
        -1,
        0,
        1,
        86_400_000,
        WALL_MS - AGE_MS_MAX - 1,
        WALL_MS + 86_400_000,
        253_402_300_799_999,
        1 << 62,
    ],
)
def test_a_timestamp_that_cannot_be_true_tells_no_time(absurd: int) -> None:
    assert told_ms([absurd, absurd, WALL_MS - 5_000], WALL_MS) == WALL_MS - 5_000
    assert told_ms([absurd, absurd], WALL_MS) == WALL_MS


def test_absurd_timestamps_neither_stall_timers_nor_let_them_run_ahead_of_input_that_waits() -> (
    None
):
    progress = Progress()
    progress.assigned([TP])
    progress.read(TP, told_ms([1, WALL_MS - 60_000], WALL_MS))
    assert progress.time_ms(0, WALL_MS) == WALL_MS - 60_000
    progress.read(TP, told_ms([253_402_300_799_999, WALL_MS - 50_000], WALL_MS))
    assert progress.time_ms(0, WALL_MS) == WALL_MS - 50_000
    progress.read(TP, told_ms([0, 0], WALL_MS + 1_000))
    assert progress.time_ms(0, WALL_MS + 1_000) == WALL_MS + 1_000


def test_a_partitions_time_does_not_go_back_with_a_producers_clock() -> None:
    progress = Progress()
    progress.assigned([TP])
    progress.read(TP, 5_000)
    progress.read(TP, 4_000)
    assert progress.time_ms(0, 9_000) == 5_000


class _Message:
    def __init__(self, offset: int) -> None:
        self._offset = offset

    def offset(self) -> int:
        return self._offset


def batch(first: int, count: int) -> Batch:
    messages: Any = [_Message(first + n) for n in range(count)]
    return Batch(TP[0], 0, messages, lambda _batch: None)


def find(poison: int, first: int, count: int, full: int) -> tuple[tuple[str, int, int] | None, int]:
    """Plays rounds from `first`; any that holds `poison` aborts. Returns what was found, and the aborts."""
    suspect, position, aborts = Suspect(full), first, 0
    while position < first + count:
        size = min(suspect.limit, first + count - position)
        if position <= poison < position + size:
            aborts += 1
            assert aborts < 100, "the search must end"
            found = suspect.aborted([batch(position, size)])
            if found is not None:
                return found, aborts
        else:
            position += size
            suspect.committed({TP: position})
    return None, aborts


@pytest.mark.parametrize("poison", [100, 101, 150, 163, 198, 199])
def test_the_record_that_a_round_cannot_get_past_is_found(poison: int) -> None:
    found, aborts = find(poison, first=100, count=100, full=64)
    assert found == (TP[0], 0, poison)
    assert aborts >= ABORTS_AT_ONE_PLACE_MAX


def test_aborts_at_different_places_blame_nobody() -> None:
    suspect = Suspect(64)
    for place in (1, 2, 3, 4, 5, 6):
        assert suspect.aborted([batch(place, 10)]) is None
    assert suspect.limit == 64


def test_an_abort_without_records_blames_nobody() -> None:
    suspect = Suspect(64)
    assert [suspect.aborted([]) for _ in range(10)] == [None] * 10


class _Producer:
    """Takes `room` messages of a batch; says QUEUE_FULL, or `code`, for the rest."""

    def __init__(self, room: int, code: int = KafkaError._QUEUE_FULL) -> None:
        self.room, self.code = room, code

    def __len__(self) -> int:
        return 0

    def produce_batch(self, _topic: str, messages: list[dict[str, Any]]) -> int:
        for message in messages[self.room :]:
            message["_error"] = KafkaError(self.code)
        return min(self.room, len(messages))


@pytest.mark.parametrize(
    ("code", "blames"), [(KafkaError.MSG_SIZE_TOO_LARGE, True), (KafkaError._QUEUE_FULL, False)]
)
def test_one_message_that_the_producer_did_not_take_aborts_the_round(
    code: int, *, blames: bool
) -> None:
    producer: Any = _Producer(room=9, code=code)
    with pytest.raises(AbortedError, match="1 messages for t not taken") as caught:
        Writer._produce_batch(producer, Write("t", [{"value": n} for n in range(10)]))
    assert caught.value.blames is blames


def test_a_batch_taken_whole_is_fine() -> None:
    messages: list[dict[str, Any]] = [{"value": n} for n in range(10)]
    producer: Any = _Producer(room=10)
    Writer._produce_batch(producer, Write("t", messages))
    assert not any("_error" in message for message in messages)


class _Writer:
    exactly_once = True

    def __init__(self) -> None:
        self.sent: list[list[tuple[str, int, int]]] = []

    def commit(self, offsets: list[Any], _metadata: Any) -> None:
        self.sent.append([(o.topic, o.partition, o.offset) for o in offsets])


def test_a_round_of_timers_alone_is_fenced_too_by_an_offset_as_it_stands() -> None:
    writer: Any = _Writer()
    broker = Broker.__new__(Broker)
    broker.writer, broker._metadata = writer, None
    broker._owned, broker._committed = {TP, OTHER}, {OTHER: 41}
    broker.commit({})
    broker.commit({TP: 7})
    broker.commit({})
    assert writer.sent == [[(*OTHER, 41)], [(*TP, 7)], [(*OTHER, 41)]]


def test_without_a_partition_there_is_nothing_to_commit() -> None:
    writer: Any = _Writer()
    broker = Broker.__new__(Broker)
    broker.writer, broker._owned, broker._committed = writer, set(), {}
    with pytest.raises(AbortedError, match="no partition"):
        broker.commit({})
    assert writer.sent == []


def test_the_same_place_is_known_again_however_far_each_try_gets() -> None:
    suspect = Suspect(64)
    assert suspect.aborted([batch(0, 10)]) is None
    assert suspect.aborted([batch(0, 5), batch(5, 20)]) is None
    assert suspect.limit == 64
    assert suspect.aborted([batch(0, 3), batch(3, 3)]) is None
    assert suspect.limit == 3


def test_a_single_record_is_named_only_where_nothing_else_was_in_its_round() -> None:
    """Its first rounds may have held timers, too."""
    suspect = Suspect(64)
    for _ in range(ABORTS_AT_ONE_PLACE_MAX):
        assert suspect.aborted([batch(7, 1)]) is None
    assert suspect.searching
    assert suspect.aborted([batch(7, 1)]) == (*TP, 7)
    assert not suspect.searching


def test_a_search_ends_where_the_suspected_place_gets_through() -> None:
    suspect = Suspect(1)
    for _ in range(ABORTS_AT_ONE_PLACE_MAX):
        suspect.aborted([batch(7, 1)])
    assert suspect.searching
    suspect.committed({TP: 8})
    assert not suspect.searching


def test_a_place_stays_suspected_while_other_partitions_commit() -> None:
    suspect = Suspect(64)
    for offset in (1, 2, 3):
        assert suspect.aborted([batch(7, 10), other(offset, 10)]) is None
        suspect.committed({("other", 0): offset + 10})
    assert suspect.limit < 64
    suspect.committed({TP: 17})
    suspect.committed({TP: 57})
    assert suspect.limit == 64


def other(first: int, count: int) -> Batch:
    messages: Any = [_Message(first + n) for n in range(count)]
    return Batch("other", 0, messages, lambda _batch: None)


def test_rounds_that_take_too_long_get_fewer_records() -> None:
    pace = Pace(4_000, 0.1)
    pace.took(4_000, 0.4)
    assert pace.limit == 1_000
    pace.took(1_000, 50.0)
    assert pace.limit == RECORDS_MIN


def test_rounds_grow_again_step_by_step_when_full_ones_are_quick() -> None:
    pace = Pace(4_000, 0.1)
    pace.took(4_000, 0.4)
    pace.took(100, 0.001)
    assert pace.limit == 1_000, "a round that was not full says nothing"
    grown = []
    for _ in range(6):
        pace.took(pace.limit, 0.01)
        grown.append(pace.limit)
    assert grown == sorted(grown)
    assert grown[0] <= 1_501
    assert grown[-1] == 4_000


def test_a_round_never_gets_more_than_its_bound_nor_nothing() -> None:
    for bound in (1, 50, 4_000):
        pace = Pace(bound, 0.1)
        for seconds in (0.0, 0.001, 10.0, 1e-9, 100.0):
            pace.took(pace.limit, seconds)
            assert 1 <= pace.limit <= bound
