"""Signed webhooks, acknowledged by Kafka before they are answered: at the peak, and at half of it at a fixed rate."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from bench import counting, observing
from bench.kit import roles, running
from bench.kit.sender import Asked, Sent
from bench.subjects import STOP_S_MAX
from bench.world import World
from gridwire.topics import TRADING_GRID_NOTICES
from sandbox.child import Child, spawn
from sandbox.ports import free_port

OURS, PEER = "gateway/signed", "gateway/starlette"
SUBJECTS = (OURS, PEER)
CONNECTIONS = 64  # at the peak
CONNECTIONS_PACED = 512  # there are enough when deliveries are due
WARM_UP = 5_000
HALF = 0.5
SEND_S_MAX = 120.0


class SendingError(Exception):
    """Deliveries were refused or lost; the message counts them."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One subject, once. `rate`: answered a second at the peak; `per_core`: per second of its CPU time.

    `peak`, `half`: what came of the peak, and of half of it. `others`: share of the machine that others took.
    """

    name: str
    rate: float
    per_core: float
    peak: Sent
    half: Sent
    others: float

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.rate:,.0f} requests/s, {self.per_core:,.0f} per core; "
            f"p50 {self.peak.p50_ms:.1f} ms, p99 {self.peak.p99_ms:.1f} ms at {CONNECTIONS} connections; "
            f"p50 {self.half.p50_ms:.1f} ms, p99 {self.half.p99_ms:.1f} ms at half of it; "
            f"others took {self.others:.0%} of the machine"
        )


def measure(world: World, count: int, runs: int) -> Iterator[Loaded]:
    """All subjects once, then again. Raises SendingError, NotStartedError."""
    for _ in range(runs):
        for name in SUBJECTS:
            yield _loaded(world, name, count)


def _loaded(world: World, name: str, count: int) -> Loaded:
    world.fresh(TRADING_GRID_NOTICES.name)
    world.dirty.add(TRADING_GRID_NOTICES.name)
    port = free_port()
    with _ours(world, port) if name == OURS else _peer(world, port) as child:
        warm_up = Asked(
            port=port,
            path=roles.PATH,
            secret=roles.SECRET,
            first=1,
            count=WARM_UP,
            connections=CONNECTIONS,
        )
        _send(world, warm_up)
        others = observing.Others((os.getpid(), child.pid, world.broker_pid))
        before_s = observing.cpu_s_of(child.pid)
        asked = msgspec.structs.replace(warm_up, first=WARM_UP + 1, count=count)
        peak = _send(world, asked)
        spent_s = observing.cpu_s_of(child.pid) - before_s
        rate = count / peak.seconds
        paced = msgspec.structs.replace(
            asked,
            first=WARM_UP + count + 1,
            connections=CONNECTIONS_PACED,
            rate=rate * HALF,
        )
        half = _send(world, paced)
        share = others.share(peak.cpu_s + half.cpu_s)
    _check(world, WARM_UP + 2 * count)
    return Loaded(name, rate, count / spent_s, peak, half, share)


def _send(world: World, asked: Asked) -> Sent:
    """Everything was answered 200. Raises SendingError."""
    name = running.next_name("sender")
    result = world.folder / f"{name}.json"
    words = [msgspec.json.encode(asked).decode(), str(result)]
    command = [sys.executable, "-m", "bench.kit.sender", *words]
    child = spawn(command, log=world.folder / f"{name}.log")
    try:
        child.process.wait(SEND_S_MAX)
    except subprocess.TimeoutExpired as error:
        raise SendingError(f"not answered within {SEND_S_MAX:.0f} s") from error
    finally:
        child.stop(STOP_S_MAX)
    if not result.exists():
        raise SendingError(f"the sender failed: {running.said(child)}")
    sent = msgspec.json.decode(result.read_bytes(), type=Sent)
    if set(sent.statuses) != {200}:
        raise SendingError(f"answers by status: {sent.statuses}")
    return sent


def _check(world: World, count: int) -> None:
    """What was answered 200 is in Kafka, once. Raises SendingError."""
    codec = world.codec.of(TRADING_GRID_NOTICES)
    values = counting.values(world.settings, TRADING_GRID_NOTICES.name)
    sequences = (codec.decode(value).detail["sequence"] for value in values)
    faults = counting.tally({str(number + 1) for number in range(count)}, sequences).faults
    if faults:
        raise SendingError(f"in Kafka: {', '.join(faults)}")


@contextmanager
def _ours(world: World, port: int) -> Iterator[Child]:
    with running.role(world, "gateway", port=port) as child:
        yield child


@contextmanager
def _peer(world: World, port: int) -> Iterator[Child]:
    where = ["--bootstrap", world.settings.bootstrap, "--registry", world.settings.registry_url]
    which = ["--port", str(port), "--secret", roles.SECRET, "--path", roles.PATH]
    command = [sys.executable, "-m", "bench.peers.receiver", *where, *which]
    name = running.next_name("receiver")
    child = spawn(command, log=world.folder / f"{name}.log")
    try:
        running.until_answered(child, port, "/ready")
        yield child
    finally:
        child.stop(STOP_S_MAX)
