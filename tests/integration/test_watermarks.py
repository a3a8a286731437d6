"""Where partitions begin and end, asked for all of them at once, on a real broker."""

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from gridwire import kafka
from gridwire.settings import KafkaSettings
from sandbox.kafka import RunningBroker
from tests.waiting import until


def test_ends_count_what_open_transactions_have_written(own_kafka: RunningBroker) -> None:
    settings = KafkaSettings(bootstrap=own_kafka.broker.bootstrap, registry_url="http://unused")
    admin = AdminClient(kafka.client_config(settings))
    for future in admin.create_topics([NewTopic("t", 3, 1)]).values():
        future.result()
    places = [("t", partition) for partition in range(3)]
    writer = kafka.producer(settings, transactional_id="writer")
    writer.init_transactions()
    writer.begin_transaction()
    for n in range(5):
        writer.produce("t", b"v", partition=1, key=str(n).encode())
    assert writer.flush(30) == 0
    kafka.patiently(lambda: kafka.watermarks(settings, places))
    assert kafka.watermarks(settings, places) == {
        ("t", 0): (0, 0),
        ("t", 1): (0, 5),
        ("t", 2): (0, 0),
    }
    writer.commit_transaction()
    marked = {("t", 0): (0, 0), ("t", 1): (0, 6), ("t", 2): (0, 0)}
    until(lambda: kafka.watermarks(settings, places) == marked, "the commit's mark is counted")


def test_a_topic_that_is_not_there_is_an_error(own_kafka: RunningBroker) -> None:
    settings = KafkaSettings(bootstrap=own_kafka.broker.bootstrap, registry_url="http://unused")
    with pytest.raises(KafkaException):
        kafka.watermarks(settings, [("nowhere", 0)])
