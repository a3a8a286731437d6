"""After an abort: the committed offsets can be read only once the transaction that holds new ones has ended."""

from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from gridwire import kafka
from gridwire.settings import KafkaSettings
from streams.runtime.broker import Broker, Rebalanced
from streams.runtime.writer import AbortedError, Writer

SETTINGS = KafkaSettings(bootstrap="b:1", registry_url="http://r")


class _Cluster:
    """Producers of one transactional id: a transaction stays open until it is aborted or another one begins."""

    def __init__(self) -> None:
        self.made = 0
        self.open = False
        self.init_fails = False

    def producer(self, *_: Any, **__: Any) -> "_Producer":
        self.made += 1
        return _Producer(self)

    def committed(self, *_: Any, **__: Any) -> list[Any]:
        if self.open:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return []

    def assignment(self) -> list[Any]:
        return []


class _Producer:
    def __init__(self, cluster: _Cluster) -> None:
        self._cluster = cluster

    def init_transactions(self, _timeout_s: float) -> None:
        if self._cluster.init_fails:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        self._cluster.open = False

    def begin_transaction(self) -> None:
        self._cluster.open = True

    def send_offsets_to_transaction(self, *_: Any) -> None:
        raise KafkaException(KafkaError(KafkaError._FATAL, fatal=True))


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> _Cluster:
    cluster = _Cluster()
    monkeypatch.setattr(kafka, "producer", cluster.producer)
    monkeypatch.setattr("streams.runtime.broker.REWIND_TRIES_MAX", 1)
    return cluster


def given_up(cluster: _Cluster) -> Broker:
    """A broker whose producer was given up with a transaction open."""
    broker = Broker.__new__(Broker)
    fake: Any = cluster
    broker.writer, broker._consumer = Writer(SETTINGS, "slot", "group"), fake
    broker._owned = {("source.a", 0)}
    with pytest.raises(Exception, match="_FATAL"):
        broker.writer.commit([], None)
    broker.writer.abort()
    assert cluster.open
    return broker


def test_a_producer_that_was_given_up_is_replaced_before_the_offsets_are_asked_for(
    cluster: _Cluster,
) -> None:
    given_up(cluster).rewind()
    assert cluster.made == 2
    assert not cluster.open


def test_a_producer_that_cannot_be_replaced_yet_is_left_for_the_next_try(cluster: _Cluster) -> None:
    broker = given_up(cluster)
    cluster.init_fails = True
    broker.writer.renew()
    cluster.init_fails = False
    broker.rewind()
    assert cluster.made == 3


def test_a_producer_that_is_well_stays(cluster: _Cluster) -> None:
    writer = Writer(SETTINGS, "slot", "group")
    writer.renew()
    assert cluster.made == 1
    writer.close()


class _Offset:
    """As `TopicPartition` comes back from the broker."""

    def __init__(self, partition: int, offset: int, error: KafkaError | None = None) -> None:
        self.topic, self.partition, self.offset, self.error = "source.a", partition, offset, error


class _Consumer:
    """`answers`: what `committed` says, call by call. `polled`: batches, each with what happens while it is read."""

    def __init__(self, *answers: list[_Offset]) -> None:
        self.answers = list(answers)
        self.seeks: list[tuple[int, int]] = []
        self.assigned: list[list[int]] = []
        self.polled: list[Any] = []

    def committed(self, _partitions: Any, **_: Any) -> list[_Offset]:
        return self.answers.pop(0)

    def assignment(self) -> list[_Offset]:
        return [_Offset(0, 0), _Offset(1, 0)]

    def seek(self, place: Any) -> None:
        self.seeks.append((place.partition, place.offset))

    def consumer_group_metadata(self) -> None:
        return None

    def assign(self, partitions: list[Any]) -> None:
        self.assigned.append([p.partition for p in partitions])

    def poll(self, _timeout_s: float) -> Any:
        return self.polled.pop(0)() if self.polled else None

    def consume(self, _at_most: int, _timeout_s: float) -> list[Any]:
        return list(self.polled.pop(0)())


class _Message:
    def __init__(self, offset: int) -> None:
        self._offset = offset

    def error(self) -> None:
        return None


class _Writer:
    exactly_once = True

    def __init__(self) -> None:
        self.offsets: list[Any] = []

    def renew(self) -> None:
        """Is well."""

    def commit(self, offsets: list[Any], _metadata: Any) -> None:
        self.offsets.append(sorted((p.partition, p.offset) for p in offsets))


def broker_of(consumer: _Consumer, on: Rebalanced | None = None) -> Broker:
    broker = Broker.__new__(Broker)
    fakes: Any = consumer, _Writer()
    broker._consumer, broker.writer = fakes
    broker._owned, broker._committed, broker._rebalances = {("source.a", 0), ("source.a", 1)}, {}, 0
    broker._on = on or Rebalanced(lambda _: None, lambda _: None, lambda _: None)
    broker._metadata, broker.settings, broker._group = None, SETTINGS, "group"
    return broker


def test_an_offset_as_it_stands_is_as_it_stands_after_a_commit_of_unknown_outcome() -> None:
    """The commit took place, though its answer was lost: an older anchor would take it back."""
    broker = broker_of(_Consumer([_Offset(0, 70), _Offset(1, 5)]))
    broker._committed = {("source.a", 0): 10, ("source.a", 1): 5}
    broker.rewind()
    broker.commit({})
    assert broker.writer.offsets == [[(0, 70), (1, 5)]]  # type: ignore[attr-defined]


def test_one_partition_without_an_answer_is_no_partition_without_an_offset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.runtime.broker.REWIND_TRIES_MAX", 2)
    monkeypatch.setattr("streams.runtime.broker.SEEK_PAUSE_S", 0)
    unknown = [
        _Offset(0, -1001, KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS)),
        _Offset(1, 5),
    ]
    consumer = _Consumer(unknown, [_Offset(0, 70), _Offset(1, 5)])
    broker_of(consumer).rewind()
    assert consumer.seeks == [(0, 70), (1, 5)]
    silent = _Consumer(unknown, unknown)
    with pytest.raises(AbortedError, match="cannot be read"):
        broker_of(silent).rewind()
    assert silent.seeks == []


def test_where_nothing_was_ever_committed_all_is_read() -> None:
    consumer = _Consumer([_Offset(0, -1001), _Offset(1, 5)])
    broker_of(consumer).rewind()
    assert consumer.seeks == [(0, OFFSET_BEGINNING), (1, 5)]


def test_what_was_read_around_a_rebalance_is_read_again() -> None:
    consumer = _Consumer([_Offset(0, 70)])
    broker = broker_of(consumer)
    fake: Any = consumer

    def rebalance() -> list[_Message]:
        broker._revoked(fake, [TopicPartition("source.a", 0), TopicPartition("source.a", 1)])
        broker._assigned(fake, [TopicPartition("source.a", 0)])
        return [_Message(70)]

    consumer.polled = [lambda: _Message(70), rebalance, lambda: _Message(70), list]
    assert broker.consume(10, 0.0) == []
    assert consumer.assigned == [[0], [0]], "assigned anew: from the committed offsets"
    assert len(broker.consume(10, 0.0)) == 1


def test_what_is_finished_is_committed_before_its_partitions_go() -> None:
    """Also what timers wrote alone: their anchor needs a partition that is owned."""
    broker = broker_of(_Consumer())
    broker._on = Rebalanced(lambda _: None, lambda _: broker.commit({}), lambda _: None)
    broker._committed = {("source.a", 0): 10, ("source.a", 1): 4}
    fake: Any = broker._consumer
    broker._revoked(fake, [TopicPartition("source.a", 0), TopicPartition("source.a", 1)])
    assert broker.writer.offsets == [[(0, 10), (1, 4)]]  # type: ignore[attr-defined]
    assert broker._owned == set()


def test_every_partition_has_an_offset_in_a_transaction_of_one_of_them() -> None:
    """Whoever takes a partition over waits for offsets that are pending, and sees no other sign of the transaction."""
    broker = broker_of(_Consumer())
    broker._owned |= {("source.b", 0), ("source.b", 1), ("source.b", 2)}
    broker._committed = {("source.a", 0): 10, ("source.a", 1): 4, ("source.b", 1): 9}
    broker.commit({("source.b", 1): 12})
    assert broker.writer.offsets == [[(0, 10), (1, 12), (2, 0)]]  # type: ignore[attr-defined]


def test_an_error_that_comes_with_a_rebalance_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A static member that is fenced loses its partitions in the same call: unheard it would wait for ever."""
    consumer = _Consumer()
    heeded: list[KafkaError] = []
    broker = broker_of(consumer)
    fake: Any = consumer
    fenced = KafkaError(KafkaError.FENCED_INSTANCE_ID)

    class _Error(_Message):
        def error(self) -> Any:
            return fenced

        def topic(self) -> None:
            return None

    def lost() -> _Error:
        broker._lost(fake, [TopicPartition("source.a", 0), TopicPartition("source.a", 1)])
        return _Error(-1)

    monkeypatch.setattr(broker, "_renew_consumer", heeded.append)
    consumer.polled = [lost, list]
    assert broker.consume(10, 0.0) == []
    assert heeded == [fenced]
