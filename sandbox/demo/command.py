"""`gridwire demo`: from nothing to a finished run of the whole scenario, and back to nothing."""

import asyncio
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from confluent_kafka import KafkaException

from gridwire.settings import KafkaSettings, load
from sandbox import kafka as local_kafka
from sandbox import process, registry
from sandbox.child import ChildError
from sandbox.claim import claim
from sandbox.demo import environment
from sandbox.demo.calls import CallError
from sandbox.demo.environment import Places, Secrets
from sandbox.demo.outputs import Outputs
from sandbox.demo.progress import Progress
from sandbox.demo.report import FlowOutcome, Report, outcomes
from sandbox.demo.roles import RoleError, Roles, configure
from sandbox.demo.scenario import Part, Scenario, ScenarioError
from sandbox.demo.stories import CHECKS, STORIES
from sandbox.demo.story import Cast, Story
from sandbox.kafka.external import VARIABLE
from sandbox.registry.process import RegistryStartError

OK, FAILED, INTERRUPTED = 0, 1, 130
RUNS_MIN, RUNS_MAX = 10_000, 200_000  # numbers of runs; ids made of them fit into 31 bits
NOTHING_RUNS = (
    local_kafka.NoKafkaError,
    local_kafka.KafkaStartError,
    RegistryStartError,
    ChildError,
)
NO_END = (RoleError, ScenarioError, CallError, KafkaException)
T = TypeVar("T")


def run(report: Path, *, keep: bool) -> int:
    """Plays the scenario and writes `report`; logs go into a folder of its name. Returns the exit status.

    0: every flow did what it must. 1: one did not, or something did not start. `keep`: everything
    stays until Ctrl-C.
    """
    folder = report.with_suffix("").resolve()
    lock = claim(folder)
    if lock is None:
        print(f"another demo runs in {folder}: wait for it, or name another report with --json")
        return FAILED
    report.unlink(missing_ok=True)  # an old one must not pass for this run's
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it, too, ends in good order
    try:
        with ExitStack() as stack:
            return _run(report, folder, stack, keep=keep)
    except KeyboardInterrupt:
        print("interrupted; everything that was started is stopped")
        return INTERRUPTED
    finally:
        os.close(lock)


def _run(report: Path, folder: Path, stack: ExitStack, *, keep: bool) -> int:
    progress = Progress()
    progress.say("starting Kafka, schema registry and the simulated platforms")
    try:
        places, choice = _start(folder, stack)
    except NOTHING_RUNS as error:
        progress.say(f"nothing runs: {error}")
        return FAILED
    for line in choice:
        progress.say(line)
    progress.say(f"schema registry {places.registry_url}, sandbox {places.sandbox_url}")
    roles = Roles(folder, places)
    stack.callback(roles.stop)
    settings = load(KafkaSettings, environment.kafka_variables(places))
    parts = _parts()
    theirs = places.broker.kind == "external"
    outputs = Outputs(settings, parts[0].cast.began_s if theirs else None)
    stack.callback(outputs.stop)
    scenario = Scenario(parts, places, Secrets(), roles, outputs, progress)
    return asyncio.run(_played(scenario, report, keep=keep))


def _parts() -> list[Part]:
    """All stories, with names of this run alone."""
    number, began_s = RUNS_MIN + secrets.randbelow(RUNS_MAX - RUNS_MIN), time.time()
    return [
        Part(story, Cast(number, index, began_s)) for index, story in enumerate((*STORIES, *CHECKS))
    ]


# ---- what runs ---------------------------------------------------------------------------------------
def _start(folder: Path, stack: ExitStack) -> tuple[Places, tuple[str, ...]]:
    """Kafka, registry and sandbox, side by side; and why it is this Kafka. Raises NOTHING_RUNS."""
    theirs = os.environ.get(VARIABLE, "").strip() != ""
    registry_url = os.environ.get("SCHEMA_REGISTRY_URL", "") if theirs else ""
    if not theirs:  # a Kafka of our own begins empty; so do its schemas
        shutil.rmtree(folder / "registry", ignore_errors=True)
    with ThreadPoolExecutor(2, "start") as pool:
        broker = pool.submit(local_kafka.start)
        schemas = None if registry_url else pool.submit(registry.start, folder / "registry")
        try:
            running = stack.enter_context(process.start())
        finally:
            _owned(broker, stack.push)
            if schemas is not None:
                _owned(schemas, stack.push)
    started = broker.result()
    url = registry_url if schemas is None else schemas.result().url
    choice = (str(started.broker), *started.why_not)
    return Places(started.broker, url, running.url), choice


def _owned(future: Future[T], own: Callable[[T], object]) -> None:
    """Waits for it; what has started is owned, whatever became of the others."""
    if future.exception() is None:
        own(future.result())


# ---- what is played --------------------------------------------------------------------------------
async def _played(scenario: Scenario, report: Path, *, keep: bool) -> int:
    task = asyncio.create_task(_until_end(scenario, report))
    stop = asyncio.Event()

    def interrupted() -> None:
        stop.set()
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    try:
        outcome = await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    if keep:
        _say_where(scenario)
        await stop.wait()
    return OK if outcome.ok else FAILED


async def _until_end(scenario: Scenario, path: Path) -> Report:
    progress = scenario.progress
    try:
        report = await _scenes(scenario)
    except NO_END as error:
        report = Report(scenario.places.broker, progress.seconds, failure=str(error))
    report.write(path)
    progress.say(f"report in {path}")
    print("\n".join(report.lines()))
    if not report.ok:
        print(f"logs: {', '.join(str(scenario.roles.log(role)) for role in environment.ROLES)}")
    verdict = "every flow did what it must" if report.ok else "the demo failed"
    progress.say(verdict)
    return report


async def _scenes(scenario: Scenario) -> Report:
    progress, places = scenario.progress, scenario.places
    run_number = scenario.parts[0].cast.run
    await configure(places.sandbox_url, environment.configuration(scenario.known, run_number))
    await scenario.seed()
    progress.say("starting the roles: sources, streams, sinks")
    scenario.roles.start(scenario.known, STORIES)
    await scenario.roles.ready()
    progress.say(f"all roles are ready; webhooks go to {places.gateway_url}")
    await asyncio.to_thread(scenario.outputs.start)
    await scenario.connect()
    await scenario.until_known()
    progress.say("partners and products are known; the scenario begins")
    await scenario.play()
    progress.say("played; waiting until nothing is under way")
    world, unsettled = await scenario.settle()
    scenario.judge(world)  # once more: what came late must not have spoilt anything
    unmet = {part.story.flow_id: part.unmet for part in scenario.parts}
    dead = {part.story.flow_id: part.story.dead_letters for part in scenario.parts}
    feeds = [flow for flow in world.figures.flows() if flow.startswith("feed.")]
    return Report(
        broker=places.broker,
        seconds=progress.seconds,
        flows=outcomes(world, _ids(STORIES), unmet, dead),
        checks=_checks(unmet),
        feeds=outcomes(world, feeds, unmet, dead),
        failure=f"not everything came to its end: {unsettled}" if unsettled else "",
    )


def _ids(stories: Sequence[Story]) -> list[str]:
    return [story.flow_id for story in stories]


def _checks(unmet: Mapping[str, Sequence[str]]) -> dict[str, FlowOutcome]:
    return {name: FlowOutcome({}, tuple(unmet.get(name, ()))) for name in _ids(CHECKS)}


def _say_where(scenario: Scenario) -> None:
    places = scenario.places
    lines = {
        "simulated platforms": f"{places.sandbox_url}/_sandbox/<platform>/state",
        "webhook gateway": places.gateway_url,
        **{f"metrics of {role}": f"{places.ops_url(role)}/metrics" for role in environment.ROLES},
        "logs": str(scenario.roles.folder),
    }
    print("\neverything keeps running until Ctrl-C:")
    for name, where in lines.items():
        print(f"  {name:20} {where}")
    print("\nin another terminal:")
    for name, value in environment.exports(places, scenario.known).items():
        print(f"  export {name}={value}")
    print("  .venv/bin/gridwire trace ID    # an event id, command id or trace id", flush=True)
