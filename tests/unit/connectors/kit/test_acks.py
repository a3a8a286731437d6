"""What counts as acknowledged by Kafka, and who hears of it. The producer is a fake."""

import asyncio
import threading
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message

from connectors.kit.output.output import Output
from connectors.kit.webhooks import acks
from connectors.kit.webhooks.acks import AckedProducer, UnavailableError, _Write
from gridwire import kafka as clients
from gridwire.settings import KafkaSettings
from tests.unit.connectors.kit.records import turns


def message(offset: int | None) -> Message:
    if offset is None:
        return Message(topic="t", partition=0, value=b"v")
    return Message(topic="t", partition=0, offset=offset, value=b"v")


def write(count: int) -> _Write:
    return _Write(asyncio.get_running_loop().create_future(), count, 0.0)


async def test_a_write_is_through_when_every_message_has_its_offset() -> None:
    one = write(2)
    one.report(None, message(5))
    assert not one.future.done()
    one.report(None, message(6))
    await one.future


async def test_one_message_that_failed_fails_the_write() -> None:
    one = write(2)
    one.report(KafkaError(KafkaError._MSG_TIMED_OUT), message(None))
    one.report(None, message(6))
    with pytest.raises(UnavailableError, match="_MSG_TIMED_OUT"):
        await one.future


async def test_a_message_that_is_only_assumed_to_be_there_does_not_count_as_acknowledged() -> None:
    one = write(1)
    one.report(None, message(None))
    with pytest.raises(UnavailableError):
        await one.future


async def test_reports_after_the_caller_has_gone_are_ignored() -> None:
    one = write(1)
    one.future.cancel()
    one.report(None, message(5))
    assert one.future.cancelled()


# ---- the producer ------------------------------------------------------------------------------------------------
class FakeProducer:
    """Reports `acknowledged` messages at a time; notes in which threads it did. `room`: messages that it takes."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.room = 10
        self.queue: list[Any] = []
        self.reported_in: set[int] = set()

    def __len__(self) -> int:
        return len(self.queue)

    def produce(self, *_: Any, on_delivery: Any, **__: Any) -> None:
        if len(self.queue) >= self.room:
            raise BufferError
        self.queue.append(on_delivery)

    def poll(self, _timeout_s: float) -> None:
        for report in self.queue[: self.acknowledged]:
            self.reported_in.add(threading.get_ident())
            report(None, message(5))
        del self.queue[: self.acknowledged]

    def flush(self, timeout_s: float) -> int:
        self.poll(timeout_s)
        return len(self.queue)


class World:
    """A producer whose Kafka answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kafka = FakeProducer()
        monkeypatch.setattr(clients, "producer", lambda *_, **__: self.kafka)
        settings = KafkaSettings(bootstrap="none:9092", registry_url="http://none")
        self.acked = AckedProducer(settings, deadline_s=60.0)
        self.acked._problem = None

    async def writing(self, count: int) -> "asyncio.Task[None]":
        task = asyncio.create_task(self.acked.write([Output("t", "k", b"v")] * count))
        await turns(3)
        return task


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def test_what_is_under_way_at_the_end_is_waited_for_and_reported_in_the_loop(
    world: World,
) -> None:
    writing = await world.writing(3)
    assert world.acked._polling is not None
    world.acked._polling.cancel()  # what is left is reported to `stop` alone
    world.kafka.acknowledged = 1
    await world.acked.stop()
    await writing
    assert world.kafka.reported_in == {threading.get_ident()}


async def test_whoever_is_not_acknowledged_at_the_end_is_told_and_polling_ends(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(acks, "FLUSH_S_MAX", 0.0)
    writing = await world.writing(1)
    await world.acked.stop()
    with pytest.raises(UnavailableError, match="stopped"):
        await asyncio.wait_for(writing, 10.0)
    assert world.acked._polling is None
    assert "messages not acknowledged" in caplog.text


async def test_reports_of_a_write_that_was_taken_in_part_reach_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(world.acked._loop, "create_future", lambda: future)
    world.kafka.room = 2
    with pytest.raises(UnavailableError, match="queue is full"):
        await world.acked.write([Output("t", "k", b"v")] * 3)
    assert future.cancelled()
    world.kafka.acknowledged = 2
    world.kafka.poll(0)
    assert future.cancelled()
