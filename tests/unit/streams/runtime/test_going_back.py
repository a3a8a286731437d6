"""After an abort: the committed offsets can be read only once the transaction that holds new ones has ended."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from gridwire import kafka
from gridwire.settings import KafkaSettings
from streams.runtime.broker import Broker
from streams.runtime.writer import Writer

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
    monkeypatch.setattr("streams.runtime.broker.SEEK_TRIES_MAX", 1)
    return cluster


def given_up(cluster: _Cluster) -> Broker:
    """A broker whose producer was given up with a transaction open."""
    broker = Broker.__new__(Broker)
    fake: Any = cluster
    broker.writer, broker._consumer = Writer(SETTINGS, "slot", "group"), fake
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
