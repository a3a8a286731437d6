"""Headers that nobody can read, from a real librdkafka. Run by `test_headers`, in a process that may crash."""

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from gridwire import dead_letters, topics
from gridwire.commands.letters.reading import Assembly
from gridwire.headers import headers_of
from gridwire.topics import DEAD_LETTER_SINKS
from sandbox import kafka as local_kafka
from streams.engine.replays import runs
from tests.integration import unreadable_header
from tests.waiting import until

TOPIC = topics.BRAZE_ENGAGEMENT.name


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    with local_kafka.start(allow=("mock",)) as running:
        unreadable_header.produce(running.broker.bootstrap, TOPIC, b"key", b"value")
        yield running.broker.bootstrap


@pytest.fixture
def message(bootstrap: str) -> Iterator[Message]:
    """Read anew for each test: what was asked of a message before matters."""
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "g", "log_level": 0})
    reader.assign([TopicPartition(TOPIC, 0, 0)])
    found: list[Message] = []

    def read() -> bool:
        found.extend(m for m in reader.consume(1, 0.2) if m.error() is None)
        return bool(found)

    try:
        until(read, "the message has come", 20.0)
        yield found[0]
    finally:
        reader.close()


def test_the_client_fails_as_we_expect_it_to(message: Message) -> None:
    """If it does no longer, `gridwire.headers` may go."""
    with pytest.raises(SystemError) as failed:
        message.headers()
    assert isinstance(failed.value.__cause__, UnicodeDecodeError)
    message.set_headers([])


def test_such_a_message_has_no_headers_however_often_it_is_asked(message: Message) -> None:
    assert headers_of(message) == []
    assert headers_of(message) == []
    assert message.headers() == []
    assert (message.key(), message.value()) == (b"key", b"value")


def test_it_runs_through_the_streams_with_its_neighbours(message: Message) -> None:
    read: Any = message
    for _ in range(2):
        [(replay, run)] = runs([read])
        assert (replay, list(run)) == (None, [read])


def test_it_can_become_a_dead_letter(message: Message) -> None:
    why = dead_letters.Why("no reason", "a.flow")
    [letter] = dead_letters.of_message(DEAD_LETTER_SINKS, why, message)
    assert (letter.key, letter.value) == (b"key", b"value")


def test_among_dead_letters_it_is_read_as_one(message: Message) -> None:
    letter = Assembly().add(message)
    assert letter is not None
    assert (letter.key, letter.value) == (b"key", b"value")
