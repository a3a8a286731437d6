"""Starts what is measured and what surrounds it, each in a process of its own."""

import http.client
import itertools
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from bench.kit import roles
from bench.kit.platforms import COUNTS, Counted, Description
from bench.kit.roles import Kind, Setup, SinkSetup
from bench.subjects import SAID_MAX, STOP_S_MAX
from bench.world import OWN, World
from sandbox.child import Child, spawn, wait_for_file
from sandbox.ports import free_port

START_S_MAX = 60.0
ANSWER_S_MAX = 10.0
POLL_S = 0.05
NOWHERE = "http://127.0.0.1:9"
_numbers = itertools.count(1)


class NotStartedError(Exception):
    """A process ended early, or was not ready in time; the message says what it said."""


def next_name(what: str) -> str:
    """A name that no run of this process has had: for groups, files, ids."""
    return f"{OWN}{what}-{next(_numbers)}"


class Platforms:
    """The platforms that are called."""

    def __init__(self, child: Child, url: str) -> None:
        self.child = child
        self.url = url

    def counted(self) -> Mapping[str, Counted]:
        """What each has seen so far."""
        return msgspec.json.decode(
            _got(self._port, f"/{COUNTS.decode()}")[1], type=dict[str, Counted]
        )

    @property
    def _port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextmanager
def platforms(world: World, described: Sequence[Description]) -> Iterator[Platforms]:
    """Raises ChildError where they do not start."""
    name = next_name("platforms")
    ready_file = world.folder / f"{name}.ready"
    words = [msgspec.json.encode(described).decode(), str(ready_file)]
    command = [sys.executable, "-m", "bench.kit.platforms", *words]
    child = spawn(command, log=world.folder / f"{name}.log")
    try:
        yield Platforms(child, wait_for_file(child, ready_file, START_S_MAX))
    finally:
        child.stop(STOP_S_MAX)


@contextmanager
def role(
    world: World, kind: Kind, *, url: str = "", sinks: tuple[SinkSetup, ...] = (), port: int = 0
) -> Iterator[Child]:
    """A role that is ready. `port`: of the gateway. Raises NotStartedError."""
    ops_port = free_port()
    with starting(world, kind, url=url, sinks=sinks, port=port, ops_port=ops_port) as child:
        until_answered(child, ops_port, "/readyz")
        yield child


@contextmanager
def starting(
    world: World,
    kind: Kind,
    *,
    url: str = "",
    sinks: tuple[SinkSetup, ...] = (),
    port: int = 0,
    ops_port: int = 0,
) -> Iterator[Child]:
    """A role that has just been started: what it does can be seen from its first moment on."""
    group = next_name(kind)
    setup = Setup(
        kind=kind,
        bootstrap=world.settings.bootstrap,
        registry=world.settings.registry_url,
        group=group,
        partitions=world.settings.partitions,
        ops_port=ops_port,
        url=url or NOWHERE,
        sinks=sinks,
    )
    command = [sys.executable, "-m", "bench.kit.roles", msgspec.json.encode(setup).decode()]
    env = os.environ | dict(roles.environment(port))
    child = spawn(command, log=world.folder / f"{group}.log", env=env)
    try:
        yield child
    finally:
        child.stop(STOP_S_MAX)


def until_answered(child: Child, port: int, path: str) -> None:
    """Waits until a server of the child answers 2xx. Raises NotStartedError."""
    deadline = time.monotonic() + START_S_MAX
    while not _answers(port, path):
        if not child.alive:
            raise NotStartedError(f"it ended with {child.process.returncode}: {said(child)}")
        if time.monotonic() > deadline:
            raise NotStartedError(f"not ready after {START_S_MAX:.0f} s: {said(child)}")
        time.sleep(POLL_S)


def said(child: Child) -> str:
    """The end of what it said."""
    return child.said()[-SAID_MAX:]


def _answers(port: int, path: str) -> bool:
    try:
        return 200 <= _got(port, path)[0] < 300
    except OSError:
        return False


def _got(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of a GET. Raises OSError where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S_MAX)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
