"""The feed takes no more of a partition than the metadata of its commits has room for. Kafka is a fake."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from connectors.kit.lanes.feed import PAUSE_BYTES, TAKE_MAX, KafkaFeed
from connectors.kit.lanes.work import Assigned, Entry
from connectors.kit.output.commits import Committer
from tests.unit.connectors.kit.records import assigned, entry
from tests.unit.connectors.kit.test_settling import FakeCommitter

APART = 4_000  # offsets between two records: aborted transactions


class FakeConsumer(Consumer):
    """A partition without end, of records that lie APART."""

    def __init__(self) -> None:
        super().__init__({"group.id": "none"})
        self.paused: set[int] = set()
        self.asked: list[int] = []
        self._next = 0

    def poll(self, timeout: float = -1) -> Message | None:
        return None if self.paused else self._message()

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        self.asked.append(num_messages)
        return [self._message() for _ in range(num_messages)]

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused.update(one.partition for one in partitions)

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused.difference_update(one.partition for one in partitions)

    def _message(self) -> Message:
        self._next += APART
        return entry(self._next).message


class World:
    """A feed with one partition, its clients and its lanes."""

    session_s = 10.0

    def __init__(self) -> None:
        self.kafka = FakeConsumer()
        self.entries: list[Entry] = []
        self.home = assigned()
        self.feed = KafkaFeed("command.acme", "sink.acme", self, self)
        self.feed._assigned[0] = self.home

    def consumer(self, on_error: Callable[[KafkaError], None]) -> Consumer:
        return self.kafka

    def committer(self, consumer: Consumer) -> Committer:
        return FakeCommitter()

    def arrived(self, entries: Sequence[Entry]) -> None:
        self.entries += entries

    async def drain(self, leaving: Sequence[Assigned]) -> None: ...

    async def drop(self, leaving: Sequence[Assigned]) -> None: ...

    def turn(self) -> None:
        """As the Kafka thread does, without commits."""
        self.feed._take(0.0)
        self.feed._balance(0)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    one = World()
    now: Callable[..., Any] = lambda call, *arguments: call(*arguments)  # noqa: E731
    monkeypatch.setattr(one.feed._loop, "call_soon_threadsafe", now)
    return one


async def test_a_partition_is_paused_before_what_was_taken_has_no_room(world: World) -> None:
    while not world.kafka.paused:
        world.turn()
        assert world.home.progress.room >= 0
    assert world.home.progress.room < PAUSE_BYTES
    assert max(world.kafka.asked) < TAKE_MAX
    for one in world.entries[1:]:
        world.home.progress.finish(one.offset)
    assert len(world.home.progress.metadata()) < 4_096
    held = len(world.entries)
    world.turn()
    assert (len(world.entries), world.kafka.paused) == (held, {0})


async def test_it_goes_on_when_the_record_that_held_it_is_done(world: World) -> None:
    while not world.kafka.paused:
        world.turn()
    for one in world.entries:
        world.home.progress.finish(one.offset)
    world.turn()
    assert world.kafka.paused == set()
    held = len(world.entries)
    world.turn()
    assert len(world.entries) > held
