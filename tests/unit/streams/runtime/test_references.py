"""The reader of full copies, with a client that gives it errors: a copy that stands still does not go unseen."""

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from gridwire import metrics
from gridwire.settings import KafkaSettings
from streams.engine.plan import plan
from streams.runtime import references
from streams.runtime.fatal import FatalError
from streams.runtime.references import ReferenceReader
from streams.tables import PARTNERS
from tests.unit.streams.engine.flows import TWO_WAITS
from tests.waiting import until

SETTINGS = KafkaSettings(bootstrap="nowhere:1", registry_url="http://unused")
TOPIC = "source.trading-grid.partners"


class _Message:
    def __init__(self, topic: str, error: KafkaError | None) -> None:
        self._topic, self._error = topic, error

    def topic(self) -> str:
        return self._topic

    def error(self) -> KafkaError | None:
        return self._error

    def key(self) -> bytes:
        return b"P1"

    def value(self) -> bytes:
        return b"row"


class Client:
    """Gives `given`, then nothing. `looked`: what brokers say of a topic, or an error; the last one again and again."""

    def __init__(self, *given: _Message) -> None:
        self.given = list(given)
        self.looked: list[Any] = [there(0)]
        self.looks = 0

    def assign(self, _places: Any) -> None:
        pass

    def consume(self, _at_most: int, _timeout_s: float) -> list[_Message]:
        taken, self.given = self.given, []
        return taken

    def position(self, places: list[Any]) -> list[Any]:
        return places

    def list_topics(self, topic: str, timeout: float) -> Any:
        self.looks += 1
        answer = self.looked.pop(0) if len(self.looked) > 1 else self.looked[0]
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(topics={topic: answer})

    def close(self) -> None:
        pass


def there(*partitions: int) -> Any:
    return SimpleNamespace(error=None, partitions=dict.fromkeys(partitions))


def failing(code: int) -> _Message:
    return _Message(TOPIC, KafkaError(code))


NOWHERE = SimpleNamespace(error=KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), partitions={})


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    made = Client()
    assert PARTNERS.copy_of is not None
    assert PARTNERS.copy_of.name == TOPIC
    monkeypatch.setattr("gridwire.kafka.reader", lambda _settings: made)
    monkeypatch.setattr("gridwire.kafka.partition_counts", lambda _settings: {TOPIC: 1})
    monkeypatch.setattr("gridwire.kafka.end_offsets", lambda _s, _t, ps: dict.fromkeys(ps, 5))
    monkeypatch.setattr(references, "LOOK_PAUSE_S", 0.0)
    return made


@pytest.fixture
def reader(client: Client) -> Iterator[ReferenceReader]:
    made = ReferenceReader(SETTINGS, plan((TWO_WAITS,)))
    yield made
    made.stop()


def ended(reader: ReferenceReader) -> FatalError:
    reader.start()
    until(lambda: reader.error is not None, "the reader says why it ended")
    assert reader.error is not None
    until(lambda: not reader.alive, "its thread has ended")
    return reader.error


def goes_on(reader: ReferenceReader, client: Client) -> None:
    """A row that comes after an error is taken."""
    reader.start()
    client.given = [_Message(TOPIC, None)]
    until(lambda: bool(reader.take(9)), "a row is taken")
    assert (reader.error, reader.alive) == (None, True)


def counted(reason: str) -> float:
    return float(metrics.REFERENCE_READ_ERRORS.labels("partners", reason)._value.get())


def test_rights_that_were_taken_away_end_the_reader_with_what_to_grant(
    client: Client, reader: ReferenceReader
) -> None:
    client.given = [failing(KafkaError.TOPIC_AUTHORIZATION_FAILED)]
    assert "grant DESCRIBE and READ" in str(ended(reader))
    assert TOPIC in str(reader.error)


def test_a_topic_that_was_deleted_ends_the_reader_with_what_to_do(
    client: Client, reader: ReferenceReader
) -> None:
    client.given = [failing(KafkaError.UNKNOWN_TOPIC_OR_PART)]
    client.looked = [NOWHERE]
    assert "gridwire topics --apply" in str(ended(reader))
    assert client.looks == references.LOOKS_MAX


def test_a_topic_that_came_back_with_fewer_partitions_ends_the_reader(
    client: Client, reader: ReferenceReader
) -> None:
    client.given = [failing(KafkaError._UNKNOWN_PARTITION)]
    client.looked = [there()]
    assert "has lost partitions" in str(ended(reader))


@pytest.mark.parametrize(
    "looked", [[NOWHERE, there(0)], [KafkaException(KafkaError(KafkaError._TRANSPORT))]]
)
def test_brokers_that_do_not_know_the_topic_for_a_moment_cost_nothing(
    client: Client, reader: ReferenceReader, looked: list[Any]
) -> None:
    client.given = [failing(KafkaError.UNKNOWN_TOPIC_OR_PART)]
    client.looked = looked
    goes_on(reader, client)


@pytest.mark.parametrize(
    ("looked", "said"),
    [
        (NOWHERE, "gridwire topics --apply"),
        (
            SimpleNamespace(error=KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), partitions={}),
            "grant DESCRIBE and READ",
        ),
    ],
)
def test_what_the_client_does_not_tell_is_found_by_looking(
    client: Client,
    reader: ReferenceReader,
    monkeypatch: pytest.MonkeyPatch,
    looked: Any,
    said: str,
) -> None:
    monkeypatch.setattr(references, "LOOK_EVERY_S", 0.0)
    client.looked = [there(0), there(0), looked]
    assert said in str(ended(reader))


def test_other_errors_are_counted_each_and_told_once_in_a_while(
    client: Client, reader: ReferenceReader, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted("_TRANSPORT")
    errors = [failing(KafkaError._TRANSPORT) for _ in range(50)]
    with caplog.at_level(logging.WARNING):
        client.given = [*errors, _Message(TOPIC, None)]
        reader.start()
        until(lambda: bool(reader.take(9)), "what comes behind the errors is taken")
    assert reader.error is None
    assert counted("_TRANSPORT") - before == 50
    told = [line for line in caplog.messages if "reading reference tables" in line]
    assert told == ["reading reference tables: _TRANSPORT"]


def test_a_client_that_fails_altogether_ends_the_reader_without_its_text(
    client: Client, reader: ReferenceReader
) -> None:
    client.given = [failing(KafkaError.UNKNOWN_TOPIC_OR_PART)]
    client.looked = [ValueError("secret")]
    found = str(ended(reader))
    assert "ValueError" in found
    assert "secret" not in found
