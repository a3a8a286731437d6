"""Peers that cannot run here say what to install; those that can are what their pages ask for."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import kafka_streams, quix
from bench import subjects as s
from bench.absent import AbsentError
from gridwire.records import SCHEMAS, Engagement, EnrichedEngagement


@pytest.fixture
def no_cache() -> Iterator[None]:
    kafka_streams.built.cache_clear()
    quix.python.cache_clear()
    yield
    kafka_streams.built.cache_clear()
    quix.python.cache_clear()


@pytest.mark.usefixtures("no_cache")
@pytest.mark.parametrize("tool", ["java", "javac", "mvn"])
def test_without_a_tool_kafka_streams_is_not_measured_and_says_what_to_install(
    tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "shutil.which", lambda name, **_: None if name == tool else f"/usr/bin/{name}"
    )
    assert kafka_streams.missing() == f"no {tool} on the PATH: install a JDK 17 or later, and Maven"
    assert s.STREAMS.missing() == kafka_streams.missing()


@pytest.mark.usefixtures("no_cache")
def test_without_a_network_quix_is_not_measured_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "no route to host")

    monkeypatch.setattr(quix, "BUILT", tmp_path)
    monkeypatch.setattr("subprocess.run", refused)
    assert "cannot be installed (no route to host)" in str(quix.missing())
    with pytest.raises(AbsentError):
        quix.python()


@pytest.mark.usefixtures("no_cache")
def test_a_peer_is_built_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[str] = []

    def done(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append(command[0])
        (folder := tmp_path / "kafka-streams").mkdir(exist_ok=True)
        for word in command:
            if word.startswith("-DoutputDirectory="):
                Path(word.partition("=")[2]).mkdir(parents=True)
        return subprocess.CompletedProcess(command, 0, "", str(folder))

    monkeypatch.setattr(kafka_streams, "BUILT", tmp_path)
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}")
    monkeypatch.setattr("subprocess.run", done)
    first = kafka_streams.built()
    kafka_streams.built.cache_clear()
    assert kafka_streams.built() == first
    assert calls == ["mvn", "javac"]


def test_peers_commit_as_often_as_gridwire() -> None:
    from bench.peers import wire  # noqa: PLC0415 -- beside what it is compared with
    from bench.worker import COMMIT_INTERVAL_MS  # noqa: PLC0415

    assert kafka_streams.COMMIT_INTERVAL_MS == COMMIT_INTERVAL_MS
    assert pytest.approx(COMMIT_INTERVAL_MS) == wire.COMMIT_INTERVAL_S * 1_000


@pytest.mark.parametrize(("record", "calls"), [(Engagement, "in."), (EnrichedEngagement, ".put")])
def test_the_java_program_knows_the_fields_of_the_schemas(record: type, calls: str) -> None:
    """By hand it reads and writes all fields but those at the end that it leaves unread."""
    source = (kafka_streams.HOME / "src" / "Engagement.java").read_text(encoding="utf-8")
    method = source.split("static Engagement read")[1].split("byte[] enriched")
    body = method[0] if record is Engagement else method[1]
    fields = re.findall(r'"name": *"(\w+)", *"type"', SCHEMAS[record])
    left_unread = 1 if record is Engagement else 0  # properties: the last field
    count = len(re.findall(r"in\.(?:read|skip)\w+\(|\.put\w+\(", body))
    assert calls in body
    assert count == len(fields) - left_unread


def test_every_subject_has_a_name_of_its_own() -> None:
    names = [subject.name for subject in s.SUBJECTS]
    assert len(set(names)) == len(names)
    assert {name.partition("/")[0] for name in names} == {"engagement", "rows"}
