"""The mock broker keeps its promises, and the way to it is open with Python alone."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from sandbox import kafka as local_kafka
from sandbox.kafka.mock import PARTITIONS
from tests.waiting import until

QUIET = {"log_level": 0}
TIMEOUT_S = 20.0
# As another process of the same group: reads two records, commits, and is gone without a word.
READ_TWO = """
import os, sys
from confluent_kafka import Consumer, TopicPartition
consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "g", "enable.auto.commit": False, "log_level": 0})
consumer.assign([TopicPartition("mock.shared", 0, 0)])
messages = []
while len(messages) < 2:
    messages += [m for m in consumer.consume(2 - len(messages), 1.0) if m.error() is None]
consumer.commit(asynchronous=False)
os._exit(0)
"""


@pytest.fixture(scope="module")
def mock() -> Iterator[local_kafka.RunningBroker]:
    with local_kafka.start(allow=("mock",)) as running:
        yield running


def test_with_no_java_docker_or_bootstrap_it_is_the_mock_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    for variable in ("KAFKA_BOOTSTRAP", "JAVA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    with local_kafka.start() as running:
        assert running.broker.kind == "mock"
        assert not running.broker.exactly_once
        for reason in ("KAFKA_BOOTSTRAP is not set", "no docker on the PATH", "no java on the"):
            assert reason in running.choice


def test_where_only_a_real_kafka_will_do_the_error_names_every_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    for variable in ("KAFKA_BOOTSTRAP", "JAVA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(local_kafka.NoKafkaError, match=r"not external: .* not docker: .* not java"):
        local_kafka.start(allow=("external", "docker", "java"))


def test_naming_a_topic_creates_it_with_the_announced_partitions(
    mock: local_kafka.RunningBroker,
) -> None:
    admin = AdminClient({"bootstrap.servers": mock.broker.bootstrap, **QUIET})
    assert len(
        admin.list_topics("mock.named", timeout=TIMEOUT_S).topics["mock.named"].partitions
    ) == (PARTITIONS)
    assert mock.broker.partitions_fixed == PARTITIONS


def test_keys_headers_and_tombstones_come_back(mock: local_kafka.RunningBroker) -> None:
    bootstrap = mock.broker.bootstrap
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, **QUIET})
    producer.produce("mock.kept", key="k", value="v", headers={"h": b"1"}, partition=0)
    producer.produce("mock.kept", key="k", value=None, partition=0)
    assert producer.flush(TIMEOUT_S) == 0
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "kept", **QUIET})
    consumer.assign([TopicPartition("mock.kept", 0, 0)])
    record, tombstone = consumer.consume(2, TIMEOUT_S)
    consumer.close()
    assert (record.key(), record.value(), record.headers()) == (b"k", b"v", [("h", b"1")])
    assert (tombstone.key(), tombstone.value()) == (b"k", None)


def test_offsets_that_another_process_committed_are_kept(mock: local_kafka.RunningBroker) -> None:
    bootstrap = mock.broker.bootstrap
    producer = Producer({"bootstrap.servers": bootstrap, **QUIET})
    for value in "abc":
        producer.produce("mock.shared", value, partition=0)
    assert producer.flush(TIMEOUT_S) == 0
    subprocess.run([sys.executable, "-c", READ_TWO, bootstrap], check=True, timeout=60)
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "g",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
            **QUIET,
        }
    )
    consumer.subscribe(["mock.shared"])
    seen: list[bytes | None] = []

    def read_the_rest() -> bool:
        messages = consumer.consume(10, 0.5)
        seen.extend(message.value() for message in messages if message.error() is None)
        return bool(seen)

    until(read_the_rest, "the rest is read by a successor", deadline_s=60)
    consumer.close()
    assert seen == [b"c"]


def test_a_mock_that_was_killed_cannot_come_back() -> None:
    with local_kafka.start(allow=("mock",)) as running:
        running.kill()
        with pytest.raises(local_kafka.NotOursError, match="keeps nothing"):
            running.restart()
