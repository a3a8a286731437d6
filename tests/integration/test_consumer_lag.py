"""Lag as it is told: of records. The markers that end transactions are none, though they have offsets."""

import uuid

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from gridwire import kafka as clients
from gridwire.settings import KafkaSettings
from sandbox.kafka import RunningBroker
from streams.runtime.broker import Broker, Rebalanced
from streams.runtime.lag import Lags
from streams.runtime.observing import Ends
from streams.runtime.progress import Progress
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
    ends, lags, progress, tp = Ends(settings), Lags(), Progress(), (topic, 0)
    lags.assigned({tp: None}, 0.0, 0)
    progress.assigned([tp])
    read: list[int] = []

    def lag() -> int:
        lags.ended(ends.ask([tp]), ends.ask([tp], begins=True), 0.0, 0)
        return lags.figures(0)[tp][0]

    def at_end() -> bool:
        for message in broker.consume(100, 0.1):
            if message.error() is None:
                read.append(message.offset() or 0)
            else:
                progress.end(tp, message.offset() or 0)
        return bool(progress.ends())

    try:
        broker.subscribe([topic])
        assert lag() == 2 * WRITTEN  # before anything is read nobody can tell records from markers
        until(at_end, "the partition is read to its end")
        assert len(read) == WRITTEN
        lags.committed({tp: read[-1] + 1}, {}, 0.0)
        assert lag() == 1  # the marker
        lags.reached(progress.ends(), 0.0)
        assert lag() == 0
    finally:
        broker.close()
        ends.close()
