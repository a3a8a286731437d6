"""The local Kafka: started, killed, restarted, kept, and never left behind."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from sandbox import kafka as local_kafka
from sandbox.child import PROJECT_ROOT
from sandbox.claim import is_held
from sandbox.kafka import folder, java, standing
from sandbox.kafka.broker import UnavailableError, answers
from tests.waiting import until

QUIET = {"log_level": 0}
TIMEOUT_S = 20.0
OWNER = """
import sys
from sandbox import kafka
running = kafka.start(allow=("java",))
try:
    print(running.pid, running.broker.bootstrap, flush=True)
    sys.stdin.read()
except KeyboardInterrupt:
    running.stop()
    print("stopped", flush=True)
"""


@pytest.fixture
def needs_java(tmp_path_factory: pytest.TempPathFactory) -> None:
    """For tests of the Java broker itself; fetching its jars is not part of any test's time."""
    try:
        java.find(tmp_path_factory.mktemp("probe"), "kernel").release()
    except UnavailableError as error:
        pytest.skip(f"{error}; install Java 17+ and Maven")


def create_topic(bootstrap: str, topic: str, partitions: int = 1) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    for created in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        created.result(TIMEOUT_S)


def produce(bootstrap: str, topic: str, *values: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", **QUIET})
    for value in values:
        producer.produce(topic, value=value)
    assert producer.flush(TIMEOUT_S) == 0


def values_in(bootstrap: str, topic: str, count: int) -> list[str]:
    """The first `count` committed values of partition 0, fewer when there are no more."""
    settings = {"bootstrap.servers": bootstrap, "group.id": "reader", **QUIET}
    consumer = Consumer({**settings, "isolation.level": "read_committed"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages = consumer.consume(count, TIMEOUT_S)
    consumer.close()
    return [value.decode() for message in messages if (value := message.value()) is not None]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" in status.read_text()


def test_topics_are_created_and_records_come_back(kafka: local_kafka.RunningBroker) -> None:
    bootstrap = kafka.broker.bootstrap
    create_topic(bootstrap, "local.come-back")
    produce(bootstrap, "local.come-back", "a", "b")
    assert values_in(bootstrap, "local.come-back", 2) == ["a", "b"]


def test_no_topic_appears_because_somebody_misspelt_it(kafka: local_kafka.RunningBroker) -> None:
    producer = Producer({"bootstrap.servers": kafka.broker.bootstrap, **QUIET})
    with pytest.raises(KafkaException, match="Unknown topic"):
        raise KafkaException(producer.list_topics("local.mispelt").topics["local.mispelt"].error)
    assert "local.mispelt" not in producer.list_topics().topics


def test_an_aborted_transaction_is_not_seen_by_a_committed_reader(
    kafka: local_kafka.RunningBroker,
) -> None:
    bootstrap = kafka.broker.bootstrap
    create_topic(bootstrap, "local.transactions")
    producer = Producer(
        {"bootstrap.servers": bootstrap, "transactional.id": "local-transactions", **QUIET}
    )
    producer.init_transactions(TIMEOUT_S)
    for value, end in (
        ("lost", producer.abort_transaction),
        ("kept", producer.commit_transaction),
    ):
        producer.begin_transaction()
        producer.produce("local.transactions", value)
        producer.flush(TIMEOUT_S)
        end(TIMEOUT_S)
    assert values_in(bootstrap, "local.transactions", 1) == ["kept"]


@pytest.mark.chaos
def test_a_killed_broker_comes_back_on_its_port_with_its_records(
    own_kafka: local_kafka.RunningBroker,
) -> None:
    bootstrap = own_kafka.broker.bootstrap
    create_topic(bootstrap, "local.kept")
    produce(bootstrap, "local.kept", "before")
    own_kafka.kill()
    assert not answers(bootstrap)
    own_kafka.restart()
    assert own_kafka.broker.bootstrap == bootstrap
    produce(bootstrap, "local.kept", "after")
    assert values_in(bootstrap, "local.kept", 2) == ["before", "after"]


@pytest.mark.chaos
def test_a_running_broker_is_restarted_in_order(own_kafka: local_kafka.RunningBroker) -> None:
    create_topic(own_kafka.broker.bootstrap, "local.restarted")
    first = own_kafka.pid
    own_kafka.restart()
    assert own_kafka.pid != first or own_kafka.container is not None
    produce(own_kafka.broker.bootstrap, "local.restarted", "a")
    assert values_in(own_kafka.broker.bootstrap, "local.restarted", 1) == ["a"]


@pytest.mark.java
@pytest.mark.usefixtures("needs_java")
def test_stopping_ends_the_process_and_removes_its_data_and_may_be_done_twice() -> None:
    running = local_kafka.start(allow=("java",))
    pid, data = running.pid, running.folder
    assert pid is not None
    assert data is not None
    running.stop()
    running.stop()
    assert is_gone(pid)
    assert not data.exists()


@pytest.mark.java
@pytest.mark.usefixtures("needs_java")
def test_a_named_folder_keeps_its_records_and_has_one_broker_at_a_time(tmp_path: Path) -> None:
    with local_kafka.start(tmp_path / "data", allow=("java",)) as first:
        create_topic(first.broker.bootstrap, "local.kept")
        produce(first.broker.bootstrap, "local.kept", "a")
        with pytest.raises(local_kafka.KafkaStartError, match="another Kafka runs on"):
            local_kafka.start(tmp_path / "data", allow=("java",))
    with local_kafka.start(tmp_path / "data", allow=("java",)) as second:
        assert values_in(second.broker.bootstrap, "local.kept", 1) == ["a"]


@contextmanager
def owner() -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A process that has started a broker, and the broker's process id."""
    command = [sys.executable, "-c", OWNER]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=PROJECT_ROOT, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline().split()[0])
        finally:
            process.kill()


@pytest.mark.java
@pytest.mark.chaos
@pytest.mark.usefixtures("needs_java")
def test_a_broker_dies_with_an_owner_that_is_killed_and_the_next_one_tidies_up() -> None:
    with owner() as (process, broker_pid):
        assert not is_gone(broker_pid)
        process.kill()
        process.wait(TIMEOUT_S)
        until(lambda: is_gone(broker_pid), "the broker is gone")
    mine, lock = folder.new_run_folder()
    left_behind = [run for run in mine.parent.glob("run-*") if not is_held(run)]
    os.close(lock)
    shutil.rmtree(mine)
    assert left_behind == []


@pytest.mark.java
@pytest.mark.usefixtures("needs_java")
def test_ctrl_c_reaches_the_owner_alone_which_stops_its_broker_in_order() -> None:
    with owner() as (process, broker_pid):
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "stopped\n"
        assert is_gone(broker_pid)


@pytest.mark.java
@pytest.mark.usefixtures("needs_java")
def test_a_broker_outlives_the_thread_that_started_it() -> None:
    started: list[local_kafka.RunningBroker] = []
    thread = threading.Thread(target=lambda: started.append(local_kafka.start(allow=("java",))))
    thread.start()
    thread.join(TIMEOUT_S)
    with started[0] as running:
        assert answers(running.broker.bootstrap)


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A standing Kafka that is not the developer's own."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    monkeypatch.setattr(standing, "build_folder", lambda: tmp_path)
    yield
    local_kafka.down()


@pytest.mark.java
@pytest.mark.usefixtures("needs_java", "apart")
def test_a_standing_kafka_stays_until_it_is_told_to_go() -> None:
    assert local_kafka.status() is None
    first = local_kafka.up(allow=("java",))
    assert local_kafka.up(allow=("java",)) == first
    assert local_kafka.status() == first
    assert answers(first.bootstrap)
    assert local_kafka.down() == first
    assert not answers(first.bootstrap)
    assert local_kafka.status() is None
    assert local_kafka.down() is None


@pytest.mark.java
@pytest.mark.chaos
@pytest.mark.usefixtures("needs_java", "apart")
def test_a_standing_kafka_that_died_is_not_reported_and_starts_again(tmp_path: Path) -> None:
    local_kafka.up(allow=("java",))
    remembered = standing._standing()
    assert remembered is not None
    assert remembered.pid is not None
    os.kill(remembered.pid, signal.SIGKILL)
    until(lambda: local_kafka.status() is None, "its death is noticed")
    assert answers(local_kafka.up(allow=("java",)).bootstrap)
    assert (tmp_path / "standing-java").is_dir()
