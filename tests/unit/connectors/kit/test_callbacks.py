"""Errors within rebalance callbacks, on librdkafka's in-process broker: they reach whoever called the client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from connectors.kit.base.callbacks import Callbacks
from sandbox import kafka as local_kafka
from tests.waiting import until

TOPIC = "command.acme"


@pytest.fixture
def bootstrap(tmp_path: Path) -> Iterator[str]:
    with local_kafka.start(tmp_path / "kafka", allow=("mock",)) as running:
        producer = Producer({"bootstrap.servers": running.broker.bootstrap})
        producer.produce(TOPIC, b"x")
        assert producer.flush(30) == 0
        yield running.broker.bootstrap


def test_an_error_of_a_call_within_a_callback_is_raised_where_the_client_was_called(
    bootstrap: str,
) -> None:
    def asks(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.seek(TopicPartition("of-nobody", len(partitions), 0))

    callbacks, consumer = Callbacks(), Consumer({"bootstrap.servers": bootstrap, "group.id": "g"})
    consumer.subscribe([TOPIC], on_assign=callbacks.caught(asks))
    raised: list[BaseException] = []

    def assigned() -> bool:
        consumer.poll(0.1)
        try:
            callbacks.check()
        except KafkaException as error:
            raised.append(error)
        return bool(raised)

    until(assigned, "partitions were assigned")
    consumer.close()
    assert isinstance(raised[0], KafkaException)


def test_where_no_callback_failed_there_is_nothing_to_raise(bootstrap: str) -> None:
    seen: list[int] = []
    callbacks, consumer = Callbacks(), Consumer({"bootstrap.servers": bootstrap, "group.id": "h"})
    consumer.subscribe([TOPIC], on_assign=callbacks.caught(lambda _, some: seen.append(len(some))))

    def assigned() -> bool:
        consumer.poll(0.1)
        callbacks.check()
        return bool(seen)

    until(assigned, "partitions were assigned")
    consumer.close()
    assert seen != [0]
