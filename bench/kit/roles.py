"""The kit's roles as child processes: the gateway and the polls of Trading Grid, sinks of platforms made for this."""

import argparse
import asyncio
import base64
import os
import signal
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import uvloop

from bench.kit.platforms import Style
from connectors.bigcommerce import verdicts as bigcommerce
from connectors.braze import verdicts as braze
from connectors.kit.auth import Bearer
from connectors.kit.connector import (
    Done,
    Operation,
    Platform,
    RateAdvice,
    Request,
    Response,
    Sink,
    Source,
    Steps,
)
from connectors.kit.role import run_sinks, run_sources
from connectors.kit.verdicts import VerdictTable, first, retry_after
from connectors.trading_grid.settings import TradingGridSettings
from connectors.trading_grid.source import source as trading_grid
from gridwire import logs
from gridwire.ids import derived, trace_of
from gridwire.records import BrazeCommand, Receipt, SetAttributes
from gridwire.settings import KafkaSettings, Secret
from gridwire.topics import Topic

SECRET = "whsec_" + base64.b64encode(b"bench" * 8).decode()
PATH = "/trading-grid/webhooks"
OPERATION = "set_attributes"
PER_LANE = 4  # commands to one customer
TIMEOUT_S = 1.0
Kind = Literal["gateway", "polls", "sinks"]


class SinkSetup(msgspec.Struct, frozen=True, kw_only=True):
    """One sink. `requests_per_s` 0: without a limit of ours."""

    name: str
    style: Style = "silent"
    requests_per_s: float = 0.0
    concurrency: int = 32


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a role is told. `url`: of the platforms."""

    kind: Kind
    bootstrap: str
    registry: str
    group: str
    partitions: int
    ops_port: int
    url: str = "http://127.0.0.1:9"
    sinks: tuple[SinkSetup, ...] = ()


def commands(name: str) -> Topic[BrazeCommand]:
    """The commands of a sink made for this."""
    return Topic(
        f"command.bench-{name}", BrazeCommand, lambda one: one.lane, "command", "The bench's."
    )


def receipts(name: str) -> Topic[Receipt]:
    """The receipts of a sink made for this."""
    return Topic(f"receipt.bench-{name}", Receipt, lambda one: one.lane, "receipt", "The bench's.")


def command(run: str, number: int, now_ms: int) -> BrazeCommand:
    """The command with this number in a run: an attribute of one customer."""
    event_id = derived("bench", run, number)
    customer = f"customer-{number // PER_LANE:07d}"
    change = SetAttributes(
        customer_ref=customer, attributes={"last_order": str(number), "tier": "gold"}
    )
    return BrazeCommand(
        event_id=event_id,
        occurred_at=now_ms,
        produced_at=now_ms,
        source="bench/commands",
        trace_id=trace_of(event_id),
        flow="bench.delivery",
        lane=customer,
        operation=OPERATION,
        set_attributes=change,
    )


def written(_command: BrazeCommand, change: Any) -> Steps:
    """One request per command."""
    user = {"external_id": change.customer_ref, "_update_existing_only": True, **change.attributes}
    yield Request("POST", "/users/track", json={"attributes": [user]}, timeout_s=TIMEOUT_S)
    return Done()


def silent(_answer: Response, _now_s: float) -> RateAdvice | None:
    """A platform that says nothing of its budget."""
    return None


RATES = {"braze": braze.rate, "bigcommerce": bigcommerce.rate, "silent": silent}


def sink(setup: SinkSetup, url: str) -> Sink:
    """A sink whose operations are natural."""
    platform = Platform(
        name=f"bench-{setup.name}",
        base_url=f"{url}/{setup.name}",
        auth=Bearer(Secret("bench")),
        verdict=VerdictTable((), first(retry_after)),
        rate=RATES[setup.style],
        requests_per_s=setup.requests_per_s or float("inf"),
        concurrency=setup.concurrency,
    )
    operation = Operation(OPERATION, "natural", written)
    return Sink(platform, commands(setup.name), receipts(setup.name), {OPERATION: operation})


def source(setup: Setup) -> Source:
    """Trading Grid as a source: its webhooks only, or its poll of threads only."""
    settings = TradingGridSettings(
        base_url=f"{setup.url}/listing",
        token_url=f"{setup.url}/listing/token",
        client_id="bench",
        client_secret=Secret("bench"),
        webhook_secret=Secret(SECRET),
        requests_per_s=10_000.0,
        backfill_days=3_650,
    )
    whole = trading_grid(settings)
    if setup.kind == "gateway":
        return Source(whole.platform, whole.routes)
    polls = tuple(poll for poll in whole.polls if poll.resource == "trading-grid.threads")
    return Source(whole.platform, (), polls=polls)


async def _run(setup: Setup) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    kafka = KafkaSettings(
        bootstrap=setup.bootstrap,
        registry_url=setup.registry,
        group_prefix=setup.group,
        partitions=setup.partitions,
        ops_host="127.0.0.1",
        ops_port=setup.ops_port,
    )
    if setup.kind == "sinks":
        await run_sinks(kafka, [sink(one, setup.url) for one in setup.sinks], stop)
    else:
        await run_sources(kafka, [source(setup)], stop)


def environment(port: int) -> Iterator[tuple[str, str]]:
    """Variables of a gateway on `port`."""
    yield "GRIDWIRE_GATEWAY_HOST", "127.0.0.1"
    yield "GRIDWIRE_GATEWAY_PORT", str(port)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("setup", help="JSON")
    setup = msgspec.json.decode(parser.parse_args().setup, type=Setup)
    logs.configure(setup.kind, os.environ.get("GRIDWIRE_LOG_LEVEL", "INFO"))
    uvloop.run(_run(setup))


if __name__ == "__main__":
    main()
