"""A connector for Acme (`acme_platform`): a sink, topics of its own, and the sinks role in a process to kill."""

import asyncio
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import uvloop

from connectors.kit.auth import Bearer
from connectors.kit.connector import (
    Bulk,
    BulkSteps,
    Done,
    Item,
    Operation,
    Platform,
    RateAdvice,
    Request,
    Response,
    Safety,
    Sink,
    Steps,
    Transient,
)
from connectors.kit.role import run_sinks
from connectors.kit.verdicts import VerdictTable
from gridwire import logs
from gridwire.records import BrazeCommand, Receipt, SetAttributes
from gridwire.settings import KafkaSettings, Secret, load
from gridwire.topics import Topic
from sandbox.child import spawn, wait_for_file

CONCURRENCY = 8
ITEMS_MAX = 40
START_S = 90.0
TOKEN = "t0ken"


class World:
    """One test's topics and group. `name` is unique; `url` is Acme's; `bulk`: commands are sent together."""

    def __init__(
        self, name: str, url: str, safety: Safety = "natural", *, bulk: bool = False
    ) -> None:
        self.name = name
        self.url = url
        self.bulk = bulk
        self.safety: Safety = safety
        self.commands = Topic(
            f"command.{name}", BrazeCommand, lambda one: one.lane, "command", "A test's commands."
        )
        self.receipts = Topic(
            f"receipt.{name}", Receipt, lambda one: one.lane, "receipt", "A test's receipts."
        )

    def sink(self) -> Sink:
        bulk = Bulk(_bulk_steps, ITEMS_MAX) if self.bulk else None
        operation = Operation("set_attributes", self.safety, _steps, bulk)
        return Sink(self.platform(), self.commands, self.receipts, {"set_attributes": operation})

    def platform(self) -> Platform:
        return Platform(
            name="acme",
            base_url=self.url,
            auth=Bearer(Secret(TOKEN)),
            verdict=VerdictTable(),
            rate=_rate,
            requests_per_s=float("inf"),
            concurrency=CONCURRENCY,
        )

    def command(self, n: int, lanes: int = 50) -> BrazeCommand:
        """The command number `n`; its lane is one of `lanes`."""
        customer = SetAttributes(customer_ref=f"c-{n}", attributes={"n": str(n)})
        return BrazeCommand(
            event_id=f"{self.name}-{n}",
            occurred_at=1,
            produced_at=1_760_000_000_000,
            source="test",
            trace_id="a" * 32,
            flow="test.flow",
            lane=f"lane-{n % lanes}",
            operation="set_attributes",
            set_attributes=customer,
        )


def _rate(_answer: Response, _now_s: float) -> RateAdvice | None:
    return None


def _item(command: Any, body: Any) -> dict[str, Any]:
    return {"id": command.event_id, "lane": command.lane, "n": int(body.attributes["n"])}


def _steps(command: Any, body: Any) -> Steps:
    item = _item(command, body)
    found = yield Request("POST", "/items", json=item, idempotent=False, timeout_s=5.0)
    return Done(object_id=found.json()["id"])


def _bulk_steps(items: Sequence[Item]) -> BulkSteps:
    body = {"items": [_item(one.command, one.body) for one in items]}
    found = yield Request("POST", "/batches", json=body, timeout_s=5.0)
    return [
        Done(one["id"]) if one["status"] == 201 else Transient("item failed")
        for one in found.json()["results"]
    ]


# ---- Acme, from outside ------------------------------------------------------------------------------------------
class Acme:
    """Talks to the platform's own side."""

    def __init__(self, url: str) -> None:
        self.url = url

    def set(self, **settings: Any) -> None:
        body = msgspec.json.encode(settings)
        request = urllib.request.Request(f"{self.url}/_settings", body, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def log(self) -> list[tuple[str, str, int, int]]:
        """id, lane, n, status of every call, in the order they came."""
        with urllib.request.urlopen(f"{self.url}/_log", timeout=10) as answer:
            return [
                cast("tuple[str, str, int, int]", tuple(one))
                for one in msgspec.json.decode(answer.read())
            ]

    def calls(self) -> list[int]:
        """How many items each call had."""
        with urllib.request.urlopen(f"{self.url}/_calls", timeout=10) as answer:
            return [int(one) for one in msgspec.json.decode(answer.read())]

    def taken(self) -> list[tuple[str, str, int]]:
        """What had its effect: answered 201, or taken and then cut off."""
        return [(id_, lane, n) for id_, lane, n, status in self.log() if status in (0, 201)]


@contextmanager
def acme(folder: Path) -> Iterator[Acme]:
    """Acme in a process of its own."""
    ready_file = folder / "acme.ready"
    script = str(Path(__file__).with_name("acme_platform.py"))
    child = spawn([sys.executable, script, str(ready_file)], log=folder / "acme.log")
    try:
        yield Acme(wait_for_file(child, ready_file, START_S))
    finally:
        child.stop()


# ---- the role in a process of its own ----------------------------------------------------------------------------
def environment(world: World, settings: KafkaSettings, slot: int, ops_port: int) -> dict[str, str]:
    """What the process is told."""
    return {
        **os.environ,
        "ACME": msgspec.json.encode([world.name, world.url, world.safety, world.bulk]).decode(),
        "KAFKA_BOOTSTRAP": settings.bootstrap,
        "SCHEMA_REGISTRY_URL": settings.registry_url,
        "GRIDWIRE_GROUP_PREFIX": settings.group_prefix,
        "GRIDWIRE_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
        "GRIDWIRE_OPS_HOST": "127.0.0.1",
        "GRIDWIRE_OPS_PORT": str(ops_port),
        "GRIDWIRE_SLOT": str(slot),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }


async def _main() -> None:
    name, url, safety, bulk = msgspec.json.decode(os.environ["ACME"])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run_sinks(load(KafkaSettings), [World(name, url, safety, bulk=bulk).sink()], stop)


if __name__ == "__main__":
    logs.configure("sinks")
    uvloop.run(_main())
