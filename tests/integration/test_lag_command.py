"""`gridwire lag`: read from what is committed, whoever runs; the figures are those of records."""

import json
import time
import uuid

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from gridwire import cli
from gridwire import kafka as clients
from gridwire.commands import lag
from gridwire.settings import KafkaSettings
from sandbox import kafka as local_kafka
from sandbox.kafka import RunningBroker
from streams.runtime.settings import StreamsSettings
from tests.waiting import until

WRITTEN = 5
READ = 2
AGE_S = 3_600
HOUR_AGO_MS = (int(time.time()) - AGE_S) * 1_000


def _topic(settings: KafkaSettings) -> str:
    name = f"lag-{uuid.uuid4().hex[:8]}"
    admin = AdminClient(clients.client_config(settings))
    admin.create_topics([NewTopic(name, 2, 1)])[name].result(30)
    return name


def _settings(bootstrap: str) -> KafkaSettings:
    prefix = f"lag-{uuid.uuid4().hex[:8]}"
    return KafkaSettings(bootstrap=bootstrap, registry_url="http://unused", group_prefix=prefix)


def _write(settings: KafkaSettings, topic: str) -> None:
    """Records of an hour ago in one transaction, which ends in a marker."""
    producer = clients.producer(settings, transactional_id=f"writer-{topic}")
    producer.init_transactions(30)
    producer.begin_transaction()
    for _ in range(WRITTEN):
        producer.produce(topic, b"record", partition=0, timestamp=HOUR_AGO_MS)
    producer.commit_transaction(30)


def _commit(settings: KafkaSettings, group: str, topic: str, offset: int) -> None:
    """As a worker would have, that does not run any more."""
    consumer = clients.consumer(settings, group)
    consumer.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)
    consumer.close()


def test_lag_counts_from_what_a_group_that_does_not_run_has_committed(kafka: RunningBroker) -> None:
    settings = _settings(kafka.broker.bootstrap)
    topic = _topic(settings)
    _write(settings, topic)
    _commit(settings, "worker", topic, READ)
    [row] = lag.lags(settings, {"worker": [topic]})  # partition 1 has nothing, and nobody read it
    assert (row.group, row.partition) == (f"{settings.group_prefix}.worker", 0)
    assert (row.committed, row.end) == (READ, WRITTEN + 1)  # the marker
    assert row.records == WRITTEN + 1 - READ
    assert row.seconds is not None
    assert row.seconds >= AGE_S


def test_a_marker_at_the_end_is_no_lag_and_what_nobody_read_is_all_of_it(
    kafka: RunningBroker,
) -> None:
    settings = _settings(kafka.broker.bootstrap)
    topic = _topic(settings)
    _write(settings, topic)
    _commit(settings, "done", topic, WRITTEN)
    done, new = lag.lags(settings, {"done": [topic], "new": [topic]})
    assert (done.committed, done.records, done.seconds) == (WRITTEN, 0, 0.0)
    assert (new.committed, new.records) == (None, WRITTEN + 1)


def test_it_reads_a_group_that_is_running_without_joining_it(kafka: RunningBroker) -> None:
    settings = _settings(kafka.broker.bootstrap)
    topic = _topic(settings)
    _write(settings, topic)
    moves: list[str] = []
    member = clients.consumer(settings, "worker")
    member.subscribe(
        [topic],
        on_assign=lambda *_: moves.append("assigned"),
        on_revoke=lambda *_: moves.append("revoked"),
    )
    try:
        until(lambda: bool(member.consume(1, 0.1)), "the member reads")
        member.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
        [row] = lag.lags(settings, {"worker": [topic]})
        member.poll(0.5)
        assert (row.committed, moves) == (1, ["assigned"])
    finally:
        member.close()


def test_the_command_prints_every_group_on_the_mock_broker_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with local_kafka.start(allow=("mock",)) as running:
        settings = _settings(running.broker.bootstrap)
        producer = clients.producer(settings)
        for _ in range(WRITTEN):
            producer.produce("command.braze", b"record", partition=0, timestamp=HOUR_AGO_MS)
        assert producer.flush(30) == 0
        _commit(settings, "sink.braze", "command.braze", READ)
        monkeypatch.setenv("KAFKA_BOOTSTRAP", settings.bootstrap)
        monkeypatch.setenv("SCHEMA_REGISTRY_URL", settings.registry_url)
        monkeypatch.setenv("GRIDWIRE_GROUP_PREFIX", settings.group_prefix)
        assert cli.main(["lag", "--json"]) == 0
        [row] = json.loads(capsys.readouterr().out)
        assert row["group"] == f"{settings.group_prefix}.sink.braze"
        assert (row["committed"], row["records"]) == (READ, WRITTEN - READ)
        assert row["seconds"] >= AGE_S
        assert cli.main(["lag"]) == 0
        head, line = capsys.readouterr().out.splitlines()
        assert head.split() == list(lag.HEAD)
        assert line.split()[:2] == [row["group"], "command.braze"]


def test_groups_of_workers_sinks_and_fetches_are_named_as_they_name_themselves() -> None:
    found = lag.groups(StreamsSettings())
    assert found["sink.trading-grid"] == ("command.trading-grid",)
    assert found["fetch.bigcommerce"] == ("source.bigcommerce.notices",)
    assert "source.braze.engagement" in found["streams"]
    beside = lag.groups(StreamsSettings(worker_group="second", flows=("braze.case-notification",)))
    assert "streams" not in beside
    assert set(beside["second"]) < set(found["streams"])
