"""Traces as a collector receives them: from a webhook over fetch and flow to the operation at the platform."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.child import spawn, wait_for_file
from sandbox.demo.stories.braze_case_notification import NAMES
from tests.integration.demos import environ, played

STORY = """
import sys
from pathlib import Path
from sandbox.demo import command
from sandbox.demo.stories.braze_case_notification import STORY

command.STORIES, command.CHECKS = (STORY,), ()
sys.exit(command.run(Path(sys.argv[1]), keep=False))
"""
SERVER, INTERNAL, CLIENT = 2, 1, 3  # opentelemetry's numbers for kinds of spans
ERROR = 2
START_S = 90.0


@dataclass
class Collector:
    """A collector that runs, and what it was sent."""

    url: str
    file: Path

    def spans(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    ready, file = tmp_path / "collector.ready", tmp_path / "spans.jsonl"
    script = str(Path(__file__).with_name("collector.py"))
    child = spawn([sys.executable, script, str(ready), str(file)], log=tmp_path / "collector.log")
    try:
        yield Collector(wait_for_file(child, ready, START_S), file)
    finally:
        child.stop()


def run_story(tmp_path: Path, **variables: str) -> None:
    """A case moves on, and its customer hears of it: all roles, each a process of its own."""
    env = environ(tmp_path) | variables
    done = played(["-c", STORY, str(tmp_path / "demo.json")], env)
    assert done.returncode == 0, f"{done.stdout[-3_000:]} {done.stderr[-3_000:]}"


def chain(span: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The span and its ancestors, up to the first without a parent."""
    found = [span]
    while found[-1]["parent"]:
        assert found[-1]["parent"] in by_id, f"{found[-1]['name']} has a parent that nobody sent"
        found.append(by_id[found[-1]["parent"]])
        assert len(found) < 20
    return found


def test_a_trace_leads_from_the_operation_back_to_the_webhook_over_all_roles(
    tmp_path: Path, collector: Collector
) -> None:
    run_story(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_TRACES_SAMPLER_ARG="1")
    spans = collector.spans()
    by_id = {span["span"]: span for span in spans}
    sent = [one for one in spans if one["name"] == "braze trigger_campaign"]
    assert sent
    roots = set()
    for span in sent:
        path = chain(span, by_id)
        assert {one["trace"] for one in path} == {span["trace"]}
        services = [one["service"] for one in path]
        assert services[:2] == ["gridwire-sinks", "gridwire-streams"]
        assert services[-2:] == ["gridwire-sources", "gridwire-sources"]  # the webhook, its fetch
        assert (span["kind"], path[1]["kind"], path[-1]["kind"]) == (CLIENT, INTERNAL, SERVER)
        assert path[1]["name"] == "flow braze.case-notification/tell"
        assert path[-2]["attributes"]["messaging.destination.name"] == "source.trading-grid.threads"
        assert path[-1]["name"] == "webhook trading-grid.webhooks"
        assert path[-1]["start_ns"] <= span["end_ns"]
        assert all(one["start_ns"] <= one["end_ns"] for one in path)
        roots.add(path[-1]["span"])
        assert span["attributes"]["gridwire.attempts"] >= 1
        assert span["attributes"]["gridwire.outcome"] == "delivered"
        assert span["status"] != ERROR
    assert len(roots) > 1
    texts = {str(value) for one in spans for value in (one["name"], *one["attributes"].values())}
    for name in NAMES:  # of the story's customers: in their ids and addresses at all platforms
        assert not any(name in text for text in texts)
