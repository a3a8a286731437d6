"""`gridwire run sources|streams|sinks|all`, and `gridwire run sinks --dry-run`."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import uvloop

from gridwire import compatibility, logs, tracing
from gridwire.bounded import abandoned
from gridwire.commands.configuration import Configuration, configuration
from gridwire.commands.guard import guarded
from gridwire.commands.platforms import none_configured, require_one
from gridwire.settings import KafkaSettings
from streams.feeds import FEEDS

log = logging.getLogger(__name__)

ROLES = ("sources", "streams", "sinks")
STOP_S_MAX = 45.0
WATCH_S = 0.2
FAILED = 1

Role = Callable[[Configuration, asyncio.Event], Awaitable[None]]


# Each role imports its own half only: a sink need not load Faust, a stream worker no HTTP client.
async def _sources(config: Configuration, stop: asyncio.Event) -> None:
    from connectors.kit.role import run_sources  # noqa: PLC0415

    tell_of_none(config)
    sources = [connector.source(settings) for connector, settings in config.connectors]
    await run_sources(config.kafka, sources, stop)


async def _sinks(config: Configuration, stop: asyncio.Event) -> None:
    from connectors.kit.role import run_sinks  # noqa: PLC0415

    tell_of_none(config)
    sinks = [connector.sink(settings) for connector, settings in config.connectors]
    await run_sinks(config.kafka, sinks, stop)


def tell_of_none(config: Configuration) -> None:
    """A role that has nothing to do is as well as any: only its log can say so."""
    if not config.connectors:
        log.error("nothing to do", extra={"problem": none_configured()})


async def _streams(config: Configuration, stop: asyncio.Event) -> None:
    from streams.runtime.worker import run_streams  # noqa: PLC0415

    for flow, missing in config.inactive.items():
        log.info(
            "flow inactive", extra={"flow": flow, "platforms_not_configured": ", ".join(missing)}
        )
    flows = (*FEEDS, *config.flows)
    await run_streams(config.kafka, config.streams, flows, config.flow_settings, stop)


RUN: dict[str, Role] = {"sources": _sources, "streams": _streams, "sinks": _sinks}


def run(role: str) -> int:
    """Runs a role until SIGTERM or SIGINT. Returns the exit status."""
    if role == "all":
        return run_all()
    config = configuration()
    logs.configure(role, config.common.log_level)
    tracing.start(config.traces, role)
    try:
        uvloop.run(_until_signal(RUN[role], config))
    except Exception as error:
        log.exception("role ended", extra={"reason": str(error)})
        status = FAILED
    else:
        status = 0
    tracing.stop()
    if abandoned():
        logging.shutdown()
        os._exit(status)
    return status


async def _until_signal(role: Role, config: Configuration) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    url = config.kafka.registry_url
    looks = asyncio.create_task(asyncio.to_thread(compatibility.warn, url, stop.is_set))
    try:
        await role(config, stop)
    finally:
        stop.set()
        await looks


def dry_run(limit: int) -> int:
    """Prints the requests that the sinks would make, a line of JSON each; nothing is sent, nothing committed.

    Exit status 0 also where no command waits. Raises SettingsError, also where no platform is configured.
    """
    from connectors.kit.sinks import dry_run as dry  # noqa: PLC0415

    config = configuration()
    require_one(config)
    sinks = [connector.sink(settings) for connector, settings in config.connectors]
    found = dry.Dry()

    def shown(kafka: KafkaSettings) -> int:
        for line in dry.dry_run(kafka, sinks, limit, found):
            print(json.dumps(line, ensure_ascii=False), flush=True)
        rest = f"; {found.cut}, about {found.left} more wait" if found.cut else "; that is all"
        said = f"{found.shown} commands shown{rest}. Nothing was sent, nothing committed."
        print(said, file=sys.stderr)
        return 0

    return guarded(config.kafka, shown)


def run_all() -> int:
    """All roles on one machine, a process each: ops ports are the configured one and the two after it.

    One that ends takes the others with it, so that a supervisor sees it.
    """
    config = configuration()
    logs.configure("all", config.common.log_level)
    children = {role: _spawn(role, config.kafka.ops_port, n) for n, role in enumerate(ROLES)}
    stopping = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while not stopping and all(child.poll() is None for child in children.values()):
        time.sleep(WATCH_S)
    ended = {role: child.poll() for role, child in children.items() if child.poll() is not None}
    for role, status in ended.items():
        log.error("role ended by itself", extra={"ended": role, "status": status})
    _stop(children)
    return FAILED if ended else 0


def _spawn(role: str, ops_port: int, number: int) -> subprocess.Popen[bytes]:
    environ = dict(os.environ)
    environ["GRIDWIRE_OPS_PORT"] = str(ops_port + number if ops_port else 0)
    command = [sys.executable, "-m", "gridwire.cli", "run", role]
    return subprocess.Popen(command, env=environ, start_new_session=True)  # noqa: S603


def _stop(children: dict[str, subprocess.Popen[bytes]]) -> None:
    """Sources first, so that nothing new comes in while the rest finishes."""
    deadline = time.monotonic() + STOP_S_MAX
    for child in children.values():
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(max(0.1, deadline - time.monotonic()))
    for role, child in children.items():
        if child.poll() is None:
            log.error("role did not stop in time and is killed", extra={"killed": role})
            child.kill()
            child.wait()
