"""`gridwire demo`: from nothing to a finished run of the whole scenario, on a real Kafka and on none."""

import json
import signal
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from sandbox.kafka import java
from sandbox.kafka.broker import UnavailableError
from streams.flows import FLOWS
from tests.integration.demos import (
    adds_up,
    children,
    environ,
    played,
    runs,
    small,
    under_way,
    whole,
)
from tests.waiting import until

BEGUN = "the scenario begins"
CHILDREN = ("Kafka", "registry", "sandbox", "sources", "streams", "sinks")
linux = pytest.mark.skipif(
    sys.platform != "linux", reason="looks at processes in /proc: run it on Linux"
)


@pytest.fixture
def needs_java(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips, saying what to install, where Apache Kafka cannot run; fetches its jars the first time."""
    try:
        java.find(tmp_path_factory.mktemp("probe"), "kernel").release()
    except UnavailableError as error:
        pytest.skip(f"{error}; install Java 17+ and Maven")


def check_report(path: Path, kind: str, delivery: str) -> dict[str, Any]:
    """Every flow did what it must, and its numbers add up."""
    report: dict[str, Any] = json.loads(path.read_text())
    assert report["ok"]
    assert f"({kind}, " in report["broker"]
    assert report["delivery"] == delivery
    assert report["flows"].keys() == {flow.id for flow in FLOWS}
    for name, flow in (report["flows"] | report["feeds"]).items():
        assert flow["ok"], name
        assert adds_up(flow), name
        assert (flow["dead"], flow["failed"]) == (0, 0), name
    for name, flow in report["flows"].items():
        assert flow["in"] > 0, name
        assert 0 < flow["delivered"] <= flow["emitted"], name
    return report


@pytest.mark.java
@pytest.mark.usefixtures("needs_java")
def test_on_apache_kafka_every_flow_does_what_it_must_exactly_once(tmp_path: Path) -> None:
    report = tmp_path / "demo.json"
    done = played(whole(report), environ(tmp_path, "java"))
    assert done.returncode == 0, done.stdout + done.stderr
    check_report(report, "java", "exactly_once")
    assert "every flow did what it must" in done.stdout
    assert "not docker: no docker on the PATH" in done.stdout


def test_with_python_alone_every_flow_does_what_it_must_at_least_once(tmp_path: Path) -> None:
    report = tmp_path / "demo.json"
    done = played(whole(report), environ(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    check_report(report, "mock", "at_least_once")
    assert "not java: no java on the PATH" in done.stdout
    logs = {path.name for path in (tmp_path / "demo").glob("*.log")}
    assert {"sources.log", "streams.log", "sinks.log"} <= logs


def test_an_expectation_that_is_not_met_fails_the_demo_and_is_named(tmp_path: Path) -> None:
    report = tmp_path / "demo.json"
    done = played([*small("the moon is made of cheese"), str(report)], environ(tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "✗ braze.case-notification: the moon is made of cheese" in done.stdout
    assert f"logs: {tmp_path / 'demo' / 'sources.log'}" in done.stdout
    found = json.loads(report.read_text())
    assert not found["ok"]
    assert found["flows"]["braze.case-notification"]["unmet"] == ["the moon is made of cheese"]


def test_a_role_that_ends_fails_the_demo_with_what_it_said_last(tmp_path: Path) -> None:
    report = tmp_path / "demo.json"
    done = played([*small(broken=True), str(report)], environ(tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ended by itself with 1" in json.loads(report.read_text())["failure"]
    assert "no luck today" in done.stdout


@linux
def test_interrupted_it_stops_everything_that_it_started(tmp_path: Path) -> None:
    report = tmp_path / "demo.json"
    report.write_text('{"ok": true}')  # of an earlier run
    with under_way(whole(report), environ(tmp_path), tmp_path) as demo:
        demo.wait_for(BEGUN)
        started = children(demo.process.pid)
        assert len(started) == len(CHILDREN)
        demo.process.send_signal(signal.SIGINT)
        assert demo.ended() == 130
        assert not any(runs(pid) for pid in started)
        assert not report.exists()


@linux
def test_killed_it_leaves_nothing_behind(tmp_path: Path) -> None:
    arguments = [*small(), str(tmp_path / "demo.json")]
    with under_way(arguments, environ(tmp_path), tmp_path) as demo:
        demo.wait_for(BEGUN)
        started = children(demo.process.pid)
        assert len(started) == len(CHILDREN)
        demo.process.kill()
        until(lambda: not any(runs(pid) for pid in started), "all children are gone")


def test_kept_it_shows_where_everything_is_until_it_is_told_to_end(tmp_path: Path) -> None:
    arguments = [*small(keep=True), str(tmp_path / "demo.json")]
    with under_way(arguments, environ(tmp_path), tmp_path) as demo:
        demo.wait_for("export SCHEMA_REGISTRY_URL=http://")
        line = next(one for one in demo.said().splitlines() if "metrics of streams" in one)
        with urllib.request.urlopen(line.split()[-1], timeout=10) as answer:
            assert b"gridwire_" in answer.read()
        demo.process.send_signal(signal.SIGTERM)
        assert demo.ended() == 0


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    report = tmp_path / "demo.json"
    arguments = [*small(keep=True), str(report)]
    env = environ(tmp_path)
    with under_way(arguments, env, tmp_path) as demo:
        demo.wait_for("starting Kafka")
        done = played([*small(), str(report)], env)
        assert done.returncode == 1
        assert "another demo runs in" in done.stdout
        assert demo.process.poll() is None
