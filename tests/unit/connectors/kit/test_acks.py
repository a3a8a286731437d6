"""What counts as acknowledged by Kafka."""

import asyncio

import pytest
from confluent_kafka import KafkaError, Message

from connectors.kit.acks import UnavailableError, _Write


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
