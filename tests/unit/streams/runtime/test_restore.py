"""Restores step by step, with a reader that is a list: how far they are, when they end, what they skip."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from gridwire.settings import KafkaSettings
from streams.engine.rows import Home
from streams.engine.task import Task
from streams.runtime import restore
from streams.runtime.restore import Changelog, Restore, RestoreError
from streams.runtime.tasks import Tasks

SETTINGS = KafkaSettings(bootstrap="nowhere:1", registry_url="http://unused", partitions=2)
TOPIC = "table.orders"


class _Message:
    def __init__(self, partition: int, offset: int, key: bytes | None, value: bytes | None) -> None:
        self._at = (partition, offset)
        self._key, self._value = key, value

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return self._at[0]

    def offset(self) -> int:
        return self._at[1]

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value


class Reader:
    """Gives `messages` in portions of `portion`; its position is behind the last one given, at `ends` when all are."""

    portion = 2

    def __init__(self, messages: list[_Message], ends: dict[int, int]) -> None:
        self.left = list(messages)
        self.positions = dict.fromkeys(ends, -1001)
        self.ends = ends
        self.closed = False

    def assign(self, places: list[Any]) -> None:
        self.assigned = places

    def consume(self, _at_most: int, _timeout_s: float) -> list[_Message]:
        given, self.left = self.left[: self.portion], self.left[self.portion :]
        for message in given:
            self.positions[message.partition()] = message.offset() + 1
        if not self.left:
            self.positions = dict(self.ends)
        return given

    def position(self, places: list[Any]) -> list[Any]:
        for place in places:
            place.offset = self.positions[place.partition]
        return places

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    fake = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("streams.runtime.restore.time", fake)
    return now


def reading(monkeypatch: pytest.MonkeyPatch, *messages: _Message, end: int) -> Reader:
    reader = Reader(list(messages), {0: end})
    monkeypatch.setattr("gridwire.kafka.reader", lambda _settings: reader)
    return reader


def message(offset: int, key: bytes | None = b"k", value: bytes | None = b"v") -> _Message:
    return _Message(0, offset, key, value)


def test_a_restore_goes_on_step_by_step_and_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    reader = reading(monkeypatch, *(message(n) for n in range(6)), end=8)
    found: list[Any] = []
    one = Restore(SETTINGS, [Changelog(TOPIC, 0, "s", 0, 8)], lambda *taken: found.append(taken))
    assert one.shares["s"].ratio == 0.0
    assert one.step(0) is False
    assert (one.shares["s"].rows, one.shares["s"].ratio) == (2, 0.25)
    assert one.step(0) is False
    assert one.step(0) is True
    assert (one.rows, one.shares["s"].bytes, one.shares["s"].ratio) == (6, 12, 1.0)
    assert [(store, partition) for store, partition, _ in found] == [("s", 0)] * 3
    assert reader.closed


def test_of_a_portion_each_key_is_handed_over_once_with_its_last_value(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    monkeypatch.setattr(Reader, "portion", 9)
    rows = [message(0, b"a", b"1"), message(1, b"b", b"2"), message(2, b"a", None)]
    reading(monkeypatch, *rows, end=3)
    found: list[Any] = []
    one = Restore(SETTINGS, [Changelog(TOPIC, 0, "s", 0, 3)], lambda *taken: found.append(taken))
    assert one.step(0)
    assert found == [("s", 0, {"a": None, "b": b"2"})]


def test_a_key_that_is_no_text_is_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    reading(monkeypatch, message(0, b"\xff"), message(1, b"a"), end=2)
    found: list[Any] = []
    one = Restore(SETTINGS, [Changelog(TOPIC, 0, "s", 0, 2)], lambda *taken: found.append(taken))
    assert one.step(0)
    assert found == [("s", 0, {"a": b"v"})]
    assert "a key that is no text" in caplog.text


def test_a_restore_that_comes_no_nearer_ends_with_where_it_stands(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    reader = reading(monkeypatch, message(0), message(1), end=9)
    reader.ends = {0: 2}  # a transaction stays open behind it
    one = Restore(SETTINGS, [Changelog(TOPIC, 0, "s", 0, 9)], lambda *_: None)
    assert one.step(0) is False
    looked(one, clock, restore.IDLE_S_MAX)
    clock[0] += 1
    with pytest.raises(RestoreError, match=f"{TOPIC}/0 has not come nearer .* 7 offsets are left"):
        one.step(0)


def looked(one: Restore, clock: list[float], seconds: float) -> None:
    """Looks for so long, in vain."""
    for _ in range(int(seconds)):
        clock[0] += 1
        assert one.step(0) is False


def stuck(monkeypatch: pytest.MonkeyPatch, outage: restore.Outage) -> Restore:
    reader = reading(monkeypatch, message(0), message(1), end=9)
    reader.ends = {0: 2}
    one = Restore(SETTINGS, [Changelog(TOPIC, 0, "s", 0, 9)], lambda *_: None, outage)
    assert one.step(0) is False
    return one


def test_an_outage_costs_no_patience_and_afterwards_there_is_as_much_again(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    away: list[str | None] = [None]
    one = stuck(monkeypatch, lambda: away[0])
    looked(one, clock, restore.IDLE_S_MAX - 1)
    away[0] = "Kafka does not answer"
    looked(one, clock, 2 * restore.RESTORE_S_MAX)
    away[0] = None
    looked(one, clock, restore.IDLE_S_MAX)
    clock[0] += 1
    with pytest.raises(RestoreError, match="has not come nearer"):
        one.step(0)


@pytest.mark.parametrize("frozen_s", [restore.IDLE_S_MAX + 1, 2 * restore.RESTORE_S_MAX])
def test_a_process_that_was_frozen_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], frozen_s: float
) -> None:
    reader = reading(monkeypatch, *(message(n) for n in range(4)), end=4)
    one = Restore(SETTINGS, [Changelog(TOPIC, 0, "s", 0, 4)], lambda *_: None)
    assert one.step(0) is False
    reader.portion = 0  # the first read after it comes back empty
    clock[0] += frozen_s
    assert one.step(0) is False
    reader.portion = 2
    assert one.step(0) is True


def test_a_restore_has_a_bound_that_names_the_fix(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    reading(monkeypatch, *(message(n) for n in range(9)), end=9)
    monkeypatch.setattr(restore, "RESTORE_S_MAX", 2.5)
    one = Restore(SETTINGS, [Changelog(TOPIC, 0, "s", 0, 9)], lambda *_: None)
    looked(one, clock, 2)  # each time it comes nearer
    clock[0] += 1
    with pytest.raises(RestoreError, match="gridwire topics --apply"):
        one.step(0)


def test_nothing_to_read_is_done_at_once() -> None:
    assert Restore(SETTINGS, [Changelog(TOPIC, 0, "s", 5, 5)], lambda *_: None).step(0)


# ---- the tasks around it ------------------------------------------------------------------------------------------
class FakeTask:
    """A task of which nothing but its life counts."""

    def __init__(self) -> None:
        self.state = self
        self.rows: dict[str, bytes | None] = {}
        self.is_restored = False

    def restore(self, _store: str, entries: dict[str, bytes | None]) -> None:
        self.rows |= entries

    def restored(self) -> None:
        self.is_restored = True


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> tuple[Tasks, Reader]:
    messages = [_Message(n % 2, n // 2, f"k{n}".encode(), b"v") for n in range(8)]
    reader = Reader(messages, {0: 4, 1: 4})
    monkeypatch.setattr("gridwire.kafka.reader", lambda _settings: reader)
    ends = {(TOPIC, 0): (0, 4), (TOPIC, 1): (0, 4)}
    monkeypatch.setattr(
        "gridwire.kafka.watermarks", lambda _s, places: {p: ends[p] for p in places}
    )

    def make(_partition: int, _home: Home) -> Task:
        made: Any = FakeTask()
        return made  # type: ignore[no-any-return]

    return Tasks(SETTINGS, {"s": TOPIC}, make), reader


def test_tasks_are_ready_once_all_is_read(kept: tuple[Tasks, Reader]) -> None:
    held, reader = kept
    held.assigned([0, 1])
    assert (held.restoring, held.ready) == (True, {})
    assert held.step(0) is False
    assert "25% read" in held.told()
    while not held.step(0):
        assert held.restoring
    assert sorted(held.ready) == [0, 1]
    one: Any = held.ready[1]
    assert (one.is_restored, sorted(one.rows)) == (True, ["k1", "k3", "k5", "k7"])
    assert reader.closed
    assert not held.restoring


def test_a_restore_ends_where_its_partitions_go_again(kept: tuple[Tasks, Reader]) -> None:
    held, reader = kept
    held.assigned([0, 1])
    held.step(0)
    held.revoked(set())
    assert reader.closed
    assert len(reader.left) == 6, "nothing more is read"
    assert (held.restoring, held.ready, held.step(0)) == (False, {}, True)


def test_a_worker_that_stops_reads_no_further(kept: tuple[Tasks, Reader]) -> None:
    held, reader = kept
    held.assigned([0, 1])
    held.step(0)
    held.close()
    assert reader.closed
    assert not held.restoring


def test_a_commit_of_unknown_outcome_has_everything_restored_again(
    kept: tuple[Tasks, Reader],
) -> None:
    held, _ = kept
    held.assigned([0, 1])
    while not held.step(0):
        continue
    before = held.ready[0]
    held.again()
    assert (held.restoring, held.ready) == (True, {})
    held._restore = None
    assert before not in [coming.task for coming in held._coming.values()]


def test_partitions_are_built_one_by_one_between_polls_and_are_ready_together(
    kept: tuple[Tasks, Reader],
) -> None:
    held, reader = kept
    reader.portion = 99
    held.assigned([0, 1])
    first, second = (held._coming[n].task for n in (0, 1))
    assert held.step(0) is False
    assert (built(first), built(second), held.ready) == (True, False, {})
    assert held.step(0) is True
    assert built(second)
    assert sorted(held.ready) == [0, 1]


def built(task: Any) -> bool:
    return bool(task.is_restored)


def test_a_partition_that_is_whole_is_not_read_again_for_one_that_comes(
    kept: tuple[Tasks, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    held, reader = kept
    reader.left, reader.portion = reader.left[::2], 99  # of partition 0
    reader.ends, reader.positions = {0: 4}, {0: -1001}
    held.assigned([0])
    monkeypatch.setattr(held, "_built", lambda until: bool(Tasks._built(held, until)) and False)
    assert held.step(0) is False
    monkeypatch.undo()
    asked = Ends(fails=0)
    later = Reader([_Message(1, n, b"k", b"v") for n in range(4)], {1: 4})
    monkeypatch.setattr("gridwire.kafka.reader", lambda _settings: later)
    monkeypatch.setattr("gridwire.kafka.watermarks", asked)
    held.assigned([1])
    while not held.step(0):
        continue
    assert asked.places == [(TOPIC, 1)]
    assert [place.partition for place in later.assigned] == [1]
    assert sorted(held.ready) == [0, 1]


class Ends:
    """Says where changelogs end once it has failed so many times."""

    def __init__(self, fails: int) -> None:
        self.fails, self.asked = fails, 0
        self.places: Any = None

    def __call__(self, _settings: Any, places: Any) -> Any:
        self.asked += 1
        self.places = places
        if self.asked <= self.fails:
            raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
        return dict.fromkeys(places, (0, 4))


def test_brokers_that_do_not_say_at_once_where_changelogs_end_are_asked_once_a_step(
    kept: tuple[Tasks, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    held, _ = kept
    ends = Ends(fails=3)
    monkeypatch.setattr("gridwire.kafka.watermarks", ends)
    monkeypatch.setattr("gridwire.kafka.ASK_PAUSE_S", 0.0)
    held.assigned([0, 1])
    for n in range(1, 4):
        assert held.step(0) is False
        assert ends.asked == n, "the group is polled between two tries"
    while not held.step(0):
        continue
    assert (sorted(held.ready), ends.asked) == ([0, 1], 4)


def test_brokers_that_never_say_where_changelogs_end_end_the_worker_unless_they_are_away(
    kept: tuple[Tasks, Reader], monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    held, _ = kept
    monkeypatch.setattr("gridwire.kafka.watermarks", Ends(fails=10_000))
    monkeypatch.setattr("gridwire.kafka.ASK_PAUSE_S", 0.0)
    away: list[str | None] = ["Kafka does not answer"]
    held.outage = lambda: away[0]
    held.assigned([0, 1])
    for _ in range(200):
        clock[0] += 1
        assert held.step(0) is False
    away[0] = None
    for _ in range(int(restore.IDLE_S_MAX)):
        clock[0] += 1
        assert held.step(0) is False
    clock[0] += 1
    with pytest.raises(RestoreError, match="LEADER_NOT_AVAILABLE"):
        held.step(0)
