"""Which Kafka is chosen, and what is said about those that were not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import kafka as local_kafka
from sandbox.kafka import docker, java
from sandbox.ports import free_port
from tests.waiting import until

Program = Callable[[str, str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a shell script on a PATH that has nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for variable in ("KAFKA_BOOTSTRAP", "JAVA_HOME"):
        monkeypatch.delenv(variable, raising=False)

    def write(name: str, body: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)

    return write


@pytest.fixture
def no_jars_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "build_folder", lambda: tmp_path)


def test_a_bootstrap_where_nothing_answers_is_an_error_not_a_fallback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", f"127.0.0.1:{free_port()}")
    with pytest.raises(local_kafka.KafkaStartError, match="start it, or unset KAFKA_BOOTSTRAP"):
        local_kafka.start()


def test_a_kafka_of_somebody_else_is_neither_killed_nor_restarted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with local_kafka.start(allow=("mock",)) as theirs:
        monkeypatch.setenv("KAFKA_BOOTSTRAP", theirs.broker.bootstrap)
        with local_kafka.start() as external:
            assert external.broker.kind == "external"
            for harm in (external.kill, external.restart):
                with pytest.raises(local_kafka.NotOursError, match="unset KAFKA_BOOTSTRAP"):
                    harm()
        with local_kafka.start() as still_there:
            assert still_there.broker == external.broker


def test_a_java_that_is_too_old_is_named(program: Program) -> None:
    program("java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")
    with pytest.raises(local_kafka.NoKafkaError, match=r"needs Java 17 .* version .11\.0\.2"):
        local_kafka.start(allow=("java",))


@pytest.mark.usefixtures("no_jars_yet")
def test_without_maven_the_error_names_it(program: Program) -> None:
    program("java", """echo 'openjdk version "21" 2023-09-19' >&2""")
    with pytest.raises(local_kafka.NoKafkaError, match="no mvn on the PATH"):
        local_kafka.start(allow=("java",))


@pytest.mark.usefixtures("no_jars_yet")
def test_a_maven_without_a_network_is_quoted_and_leaves_no_half_set_of_jars(
    program: Program, tmp_path: Path
) -> None:
    program("java", """echo 'openjdk version "17.0.1" 2021-10-19' >&2""")
    program("mvn", "echo '[ERROR] Unknown host'; exit 1")
    with pytest.raises(local_kafka.NoKafkaError, match=r"could not fetch .* Unknown host"):
        local_kafka.start(allow=("java",))
    assert list(tmp_path.glob("libs-*/complete")) == []


def test_a_docker_without_an_engine_is_passed_over(program: Program) -> None:
    program("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    with local_kafka.start(allow=("docker", "mock")) as running:
        assert running.broker.kind == "mock"
        assert "not docker: no engine answers" in running.choice


def test_an_image_that_cannot_be_had_is_passed_over_with_dockers_words(program: Program) -> None:
    program("docker", """case $1 in info) exit 0;; esac; echo 'no such image' >&2; exit 1""")
    with local_kafka.start(allow=("docker", "mock")) as running:
        assert running.broker.kind == "mock"
        assert "`docker run` failed: no such image" in running.choice


@pytest.fixture
def calls(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker that writes down what it is asked; its broker is taken to answer."""
    program("docker", f"""echo "$@" >> {tmp_path}/calls""")
    monkeypatch.setattr(docker, "wait_until_it_answers", lambda *_, **__: None)
    return tmp_path / "calls"


def test_the_container_listens_on_loopback_only_and_advertises_what_it_published(
    calls: Path,
) -> None:
    with local_kafka.start(allow=("docker",)) as running:
        run = next(line for line in calls.read_text().splitlines() if line.startswith("run"))
    port = running.broker.bootstrap.removeprefix("127.0.0.1:")
    assert f"--publish 127.0.0.1:{port}:{port}" in run
    assert f"--env KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://127.0.0.1:{port}" in run
    assert "--env KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR=1" in run
    assert run.endswith(docker.IMAGE)


def test_a_container_is_killed_started_again_and_removed_by_its_name(calls: Path) -> None:
    with local_kafka.start(allow=("docker",)) as running:
        running.kill()
        running.restart()
        name = running.container
    said = calls.read_text()
    assert f"kill {name}\n" in said
    assert f"\nstart {name}\n" in said
    until(lambda: f"rm --force --volumes {name}\n" in calls.read_text(), "it is removed")
    assert said.count("\nrun ") == 1
