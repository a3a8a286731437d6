"""Worlds for tests: a cast, metrics pages, records."""

from typing import Any

from gridwire.records import Receipt
from gridwire.topics import BRAZE_RECEIPTS
from sandbox.demo.figures import Figures, samples
from sandbox.demo.story import Cast
from sandbox.demo.world import World
from sandbox.kafka import Broker

CAST = Cast(run=12_345, index=1, began_s=1_900_000_000.0)
REAL = Broker("127.0.0.1:9092", "java", exactly_once=True, version="4.1.1")
MOCK = Broker("127.0.0.1:9", "mock", exactly_once=False, version="mock", partitions_fixed=4)
FLOW = "braze.case-notification"


def page(came_in: int, leg: str = "tell", **counts: int) -> str:
    """A metrics page of one leg; names as in `COUNTS`, `commands`: emitted to a command topic."""
    flow, lines = FLOW, []
    for name, value in {"in": came_in, **counts}.items():
        if name == "parked":
            lines.append(f'gridwire_parked_records{{flow="{flow}",leg="{leg}"}} {value}')
        elif name in ("filtered", "dead"):
            labels = f'flow="{flow}",leg="{leg}",reason="why"'
            lines.append(f"gridwire_flow_records_{name}_total{{{labels}}} {value}")
        elif name == "commands":
            labels = f'flow="{flow}",leg="{leg}",topic="command.braze"'
            lines.append(f"gridwire_flow_records_emitted_total{{{labels}}} {value}")
        else:
            labels = f'flow="{flow}",leg="{leg}"'
            lines.append(f"gridwire_flow_records_{name}_total{{{labels}}} {value}")
    return "\n".join(lines) + "\n"


def figures(*pages: str) -> Figures:
    return Figures(tuple(one for text in pages for one in samples(text)))


def receipt(command: str, outcome: str = "delivered", flow: str = FLOW) -> Receipt:
    fields: dict[str, Any] = {"outcome": outcome}
    return Receipt(
        command_id=command,
        flow=flow,
        platform="braze",
        operation="trigger_campaign",
        lane="c1",
        attempts=1,
        latency_ms=1,
        **fields,
    )


def world(counted: Figures | None = None, *receipts: Receipt, **more: Any) -> World:
    return World(
        cast=CAST,
        exactly_once=True,
        platforms=more.pop("platforms", {}),
        records={BRAZE_RECEIPTS.name: receipts},
        figures=counted or Figures(),
        **more,
    )
