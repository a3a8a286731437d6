"""Lag as it is told: of records. The markers that end transactions are none, though they have offsets."""

import uuid

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from gridwire import kafka as clients
from gridwire.settings import KafkaSettings
from sandbox.kafka import RunningBroker
from streams.runtime.broker import Broker, Rebalanced
from tests.waiting import until

WRITTEN = 3


def _nothing(_partitions: list[tuple[str, int]]) -> None:
    """Nobody minds."""


def _written(settings: KafkaSettings, topic: str, transactions: int) -> None:
    """A record in a transaction of its own, several times: each ends with a marker."""
    producer = clients.producer(settings, transactional_id=f"writer-{topic}")
    producer.init_transactions(30)
    for _ in range(transactions):
        producer.begin_transaction()
        producer.produce(topic, b"record")
        producer.commit_transaction(30)


def test_a_transaction_marker_at_the_end_of_a_partition_is_no_lag(kafka: RunningBroker) -> None:
    topic = f"lag-{uuid.uuid4().hex[:8]}"
    settings = KafkaSettings(
        bootstrap=kafka.broker.bootstrap, registry_url="http://unused", group_prefix=topic
    )
    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    _written(settings, topic, WRITTEN)
    broker = Broker(settings, "lag", Rebalanced(_nothing, _nothing, _nothing))
    read: list[int] = []

    def all_read() -> bool:
        read.extend(m.offset() or 0 for m in broker.consume(100, 0.1) if m.error() is None)
        return len(read) == WRITTEN

    try:
        broker.subscribe([topic])
        until(all_read, "all records are read")
        committed = {(topic, 0): read[-1] + 1}
        assert broker.lags(committed, idle=False) == {(topic, 0): 1}  # the marker
        until(
            lambda: not broker.consume(100, 0.1) and broker.lags({}, idle=True) == {(topic, 0): 0},
            "nothing lags once everything is read and committed",
        )
    finally:
        broker.close()
