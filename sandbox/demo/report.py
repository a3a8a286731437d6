"""The outcome of a run: figures per flow, what was unmet, the final table, build/demo.json."""

import importlib.metadata
import json
import platform
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import confluent_kafka

from gridwire.records import Receipt
from gridwire.topics import TOPICS
from sandbox.demo.figures import gaps
from sandbox.demo.world import World
from sandbox.kafka import Broker

COLUMNS = (
    "in",
    "processed",
    "kept",
    "filtered",
    "parked",
    "dead",
    "emitted",
    "delivered",
    "withheld",
)
LEGEND = (
    "  kept: changed a state and led to no output yet; parked: waits for a row right now; "
    "withheld: commands not given, as their cause lies before go-live"
)
# Beside the columns in the report: ever parked, timers that fired, receipts of commands that failed.
MORE = ("waited", "timers", "failed")
PACKAGES = ("gridwire", "faust-streaming", "fastavro", "msgspec")
RECEIPTS = tuple(topic for topic in TOPICS if topic.kind == "receipt")


@dataclass(frozen=True, slots=True)
class FlowOutcome:
    """One flow. `unmet`: what should have happened and did not; empty: it did what it must."""

    numbers: Mapping[str, int]
    unmet: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.unmet

    def as_json(self) -> dict[str, Any]:
        numbers = {name: self.numbers.get(name, 0) for name in (*COLUMNS, *MORE)}
        return {"ok": self.ok, **numbers, "unmet": list(self.unmet)}


@dataclass(frozen=True, slots=True)
class Report:
    """The whole run. `checks`: stories that belong to no flow. `feeds`: flows that fill tables."""

    broker: Broker
    seconds: float
    flows: Mapping[str, FlowOutcome] = field(default_factory=dict)
    checks: Mapping[str, FlowOutcome] = field(default_factory=dict)
    feeds: Mapping[str, FlowOutcome] = field(default_factory=dict)
    failure: str = ""

    @property
    def ok(self) -> bool:
        outcomes = (*self.flows.values(), *self.checks.values(), *self.feeds.values())
        return not self.failure and bool(self.flows) and all(one.ok for one in outcomes)

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "broker": str(self.broker),
            "delivery": "exactly_once" if self.broker.exactly_once else "at_least_once",
            "seconds": round(self.seconds, 1),
            "versions": versions(self.broker),
            "failure": self.failure,
            "flows": {name: one.as_json() for name, one in self.flows.items()},
            "checks": {
                name: {"ok": one.ok, "unmet": list(one.unmet)} for name, one in self.checks.items()
            },
            "feeds": {name: one.as_json() for name, one in self.feeds.items()},
        }

    def write(self, path: Path) -> None:
        """The report as JSON, in one step."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")
        partial.replace(path)

    def lines(self) -> list[str]:
        """The final table, and below it what was unmet."""
        rows = {**self.flows, **self.feeds, **self.checks}
        width = max((len(name) for name in rows), default=4)
        found = [f"  {'flow':{width}}  " + " ".join(f"{name:>9}" for name in COLUMNS)]
        for name, one in rows.items():
            mark = "✓" if one.ok else "✗"
            figures = " ".join(f"{one.numbers.get(column, 0):>9}" for column in COLUMNS)
            found.append(f"{mark} {name:{width}}  {figures if one.numbers else ''}".rstrip())
        found.append(LEGEND)
        for name, one in rows.items():
            found += [f"✗ {name}: {sentence}" for sentence in one.unmet]
        return [*found, *([f"✗ {self.failure}"] if self.failure else [])]


def versions(broker: Broker) -> dict[str, str]:
    """What ran."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return found | {
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "kafka": broker.version,
        "librdkafka": confluent_kafka.libversion()[0],
    }


def receipts(world: World) -> dict[str, dict[str, Receipt]]:
    """Flow → command id → its last receipt."""
    found: dict[str, dict[str, Receipt]] = {}
    for topic in RECEIPTS:
        for receipt in world.of(topic):
            found.setdefault(receipt.flow, {})[receipt.command_id] = receipt
    return found


def numbers(world: World, flow: str) -> Counter[str]:
    """What the flow counted, and what became of its commands."""
    counted = world.figures.of(flow)
    for receipt in receipts(world).get(flow, {}).values():
        counted["delivered" if receipt.outcome == "delivered" else "failed"] += 1
    return counted


def sums(world: World, flow: str, dead_letters: int = 0) -> list[str]:
    """Where the flow's numbers contradict one another, or the story."""
    counted = numbers(world, flow)
    found = gaps(world.figures.legs(flow))
    commands = world.figures.commands(flow)
    ended = counted["delivered"] + counted["failed"]
    if commands != ended:
        found.append(f"{commands} commands were given, but {ended} have a receipt")
    if counted["failed"]:
        found.append(f"{counted['failed']} commands were not delivered: see the receipts")
    if counted["dead"] != dead_letters:
        found.append(f"{counted['dead']} dead letters instead of {dead_letters}")
    if counted["parked"]:
        found.append(f"{counted['parked']} records still wait for a row")
    return found


def outcomes(
    world: World, flows: Sequence[str], unmet: Mapping[str, Sequence[str]], dead: Mapping[str, int]
) -> dict[str, FlowOutcome]:
    """Figures and unmet expectations of these flows."""
    found = {}
    for flow in flows:
        wrong = (*unmet.get(flow, ()), *sums(world, flow, dead.get(flow, 0)))
        found[flow] = FlowOutcome(numbers(world, flow), tuple(dict.fromkeys(wrong)))
    return found
