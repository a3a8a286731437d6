"""Everything that a case runs on: Kafka, registry, sandbox, both roles as processes, and a reader of topics."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal, Self

import httpx
import msgspec

from connectors.kit.connector import Sink, Source
from connectors.registry import CONNECTORS, Connector
from gridwire import kafka as clients
from gridwire.dead_letters import TOPIC as ORIGIN
from gridwire.ids import derived
from gridwire.records import Receipt
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTER_SINKS, DEAD_LETTER_SOURCES
from sandbox.kafka import RunningBroker
from sandbox.ports import free_port
from sandbox.process import SandboxProcess
from sandbox.registry import RunningRegistry
from tests.contract.connectors.conformance.tail import Letter, Tail
from tests.contract.connectors.conformance.value import Conformance, Place, Target, Write
from tests.contract.connectors.world import World
from tests.contract.sandbox.receiver import Receiver
from tests.roles import Role
from tests.waiting import until

Side = Literal["sinks", "sources"]

PARTITIONS = 2
SESSION_TIMEOUT_MS = 6_000
SINK_ATTEMPTS = 4
FETCH_ATTEMPTS = 3
GATEWAY_DEADLINE_S = 2
SETTLED_S = 120.0
ANSWER_TIMEOUT_S = 90.0
PRODUCED_S = 90.0
NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Command:
    """A command that was written: number `n` of `write`."""

    n: int
    write: Write
    record: Any

    @property
    def id(self) -> str:
        return str(self.record.event_id)


@dataclass(frozen=True, slots=True)
class Ground:
    """What all stages of a run share."""

    broker: RunningBroker
    registry: RunningRegistry
    sandbox: SandboxProcess
    folder: Path


class Stage:
    """One connector on its ground; a context manager. The roles run one at a time, each as `gridwire run` does it."""

    def __init__(self, value: Conformance, ground: Ground) -> None:
        self.value = value
        self.ground = ground
        self.environ = dict(value.environ(Place(ground.sandbox.url)))
        connector: Connector = next(one for one in CONNECTORS if one.name == value.name)
        loaded = connector.load(self.environ)
        self.sink: Sink = connector.sink(loaded)
        self.source: Source = connector.source(loaded)
        self.settings = KafkaSettings(
            bootstrap=ground.broker.broker.bootstrap,
            registry_url=ground.registry.url,
            group_prefix=f"conformance-{value.name}",
            partitions=PARTITIONS,
            session_timeout_ms=SESSION_TIMEOUT_MS,
        )
        clients.create_topics(self.settings, [])
        self.tail = Tail(self.settings, told(value, self.sink, self.source))
        self.producer = clients.producer(self.settings)
        self.receiver = Receiver()
        http = httpx.Client(base_url=ground.sandbox.url, timeout=ANSWER_TIMEOUT_S)
        self.world = World(http, self.receiver)
        self._gateway_port = free_port()
        self.gateway = httpx.Client(
            base_url=f"http://127.0.0.1:{self._gateway_port}", timeout=ANSWER_TIMEOUT_S
        )
        self._ops = httpx.Client(timeout=ANSWER_TIMEOUT_S)
        self.roles = {name: self._role(name) for name in ("sinks", "sources")}
        self._given: list[Command] = []  # commands without a receipt yet

    def _role(self, name: str) -> Role:
        given = {
            **self.environ,
            "KAFKA_BOOTSTRAP": self.settings.bootstrap,
            "SCHEMA_REGISTRY_URL": self.settings.registry_url,
            "GRIDWIRE_GROUP_PREFIX": self.settings.group_prefix,
            "GRIDWIRE_PARTITIONS": str(PARTITIONS),
            "GRIDWIRE_SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
            "GRIDWIRE_SINK_ATTEMPTS": str(SINK_ATTEMPTS),
            "GRIDWIRE_FETCH_ATTEMPTS": str(FETCH_ATTEMPTS),
            "GRIDWIRE_GATEWAY_HOST": "127.0.0.1",
            "GRIDWIRE_GATEWAY_PORT": str(self._gateway_port),
            "GRIDWIRE_GATEWAY_DEADLINE_S": str(GATEWAY_DEADLINE_S),
        }
        role = Role(name, self.ground.folder / self.value.name, given)
        (self.ground.folder / self.value.name).mkdir(exist_ok=True)
        return role

    def __enter__(self) -> Self:
        self.receiver.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for role in self.roles.values():
            role.stop()
        self.gateway.close()
        self._ops.close()
        self.world.http.close()
        self.receiver.__exit__(None, None, None)
        self.tail.close()

    # ---- scenes --------------------------------------------------------------------------------
    def begin(self, side: Side) -> None:
        """The simulator as new, this side's role ready and alone, nothing seen yet.

        A role that the case before left stopped is started anew, so that one failure is one failure.
        """
        self.world.http.post("/_sandbox/reset").raise_for_status()
        self.value.prepare(self.world)
        other = self.roles["sources" if side == "sinks" else "sinks"]
        if running(other):
            other.stop()
        role = self.roles[side]
        if not (running(role) and role.ready()):
            self.restart(side)
        self._settle_what_is_left()
        self.tail.forget()

    def _settle_what_is_left(self) -> None:
        """Commands of a case that failed are carried out now, so that they do not disturb the next one."""
        left, self._given = self._given, []

        def all_known() -> bool:
            self.tail.look()
            return all(self.receipts(one) for one in left)

        with contextlib.suppress(AssertionError):
            until(all_known, "nothing is left of the case before", SETTLED_S)

    def restart(self, side: Side) -> None:
        """Stops a role in order where it runs, starts it, and waits until it is ready."""
        role = self.roles[side]
        if running(role):
            role.stop()
        role.start()
        role.wait_ready()

    def problems(self, side: Side) -> str:
        """What `/readyz` says."""
        return self._asked(side, "readyz")

    def log_of(self, side: Side) -> str:
        """The end of what the role said, for whoever reads of a failure."""
        return f"the end of the log of `gridwire run {side}`:\n{self.roles[side].said()}"

    def metrics(self, side: Side) -> str:
        return self._asked(side, "metrics")

    def _asked(self, side: Side, page: str) -> str:
        """A page of the ops port; a client that is made for each call would be most of the work."""
        return self._ops.get(f"http://127.0.0.1:{self.roles[side].port}/{page}").text

    def stopped(self, side: Side) -> None:
        """Waits until the role says that it has stopped, and is not ready."""
        until(lambda: "stopped" in self.problems(side), "it says that it has stopped", SETTLED_S)

    @contextlib.contextmanager
    def kafka_away(self) -> Iterator[None]:
        """A broker that does not answer: frozen where it is a process of ours, else killed."""
        broker = self.ground.broker
        if broker.pid is None:
            broker.kill()
        else:
            os.kill(broker.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            if broker.pid is None:
                broker.restart()
            else:
                os.kill(broker.pid, signal.SIGCONT)

    # ---- the simulator ---------------------------------------------------------------------------
    def fault(self, target: Target, action: str, **more: Any) -> None:
        """Plans a fault for the requests of `target`: once, unless `count` says more."""
        match = {"method": target.method, "path_prefix": target.path}
        self.world.control(self.value.name, "faults", {"match": match, "action": action, **more})

    def hits(self) -> int:
        """How often faults have struck."""
        return sum(one["hits"] for one in self._faults("GET").json())

    def heal(self) -> None:
        """No more faults."""
        self._faults("DELETE")

    def _faults(self, method: str) -> httpx.Response:
        url = f"/_sandbox/{self.value.name}/faults"
        return self.world.http.request(method, url).raise_for_status()

    def calls(self, target: Target) -> list[Any]:
        """The requests of `target` since the case began; those whose token a reset had ended do not count."""
        found = self.world.calls(self.value.name, target.method, target.path)
        return [one for one in found if one["status"] != 401]

    def called(self, target: Target, times: int = 1) -> None:
        until(lambda: len(self.calls(target)) >= times, f"{target} was called", SETTLED_S)

    def platform_time(self, offset_s: float) -> None:
        """Sets the platforms' clocks ahead of ours, or behind."""
        self.world.http.post("/_sandbox/clock", json={"offset_s": offset_s}).raise_for_status()

    # ---- commands --------------------------------------------------------------------------------
    def number(self) -> int:
        """A number that no case had before."""
        return next(NUMBERS)

    def write(self, operation: str) -> Write:
        return next(one for one in self.value.writes if one.operation == operation)

    def command(self, write: Write, *, lane: str = "", body: Any = None) -> Command:
        """A command of an operation about something new; not yet written."""
        n = self.number()
        made = write.body(self.world, n) if body is None else body
        return self.command_of(n, write, made, lane or f"lane-{n}")

    def command_of(self, n: int, write: Write, body: Any, lane: str) -> Command:
        record = self.sink.commands.record(
            event_id=derived("conformance", self.value.name, str(n)),
            occurred_at=int(time.time() * 1_000),
            produced_at=int(time.time() * 1_000),
            source="conformance",
            trace_id=f"{n:032x}",
            flow="conformance.case",
            lane=lane,
            operation=write.operation,
            **{write.operation: body},
        )
        return Command(n, write, record)

    def give(self, *commands: Command) -> None:
        """Writes commands to the topic, in order."""
        self._given += commands
        codec = self.tail.codec.of(self.sink.commands)
        for one in commands:
            self.put(codec.encode(one.record), one.record.lane)

    def put(self, value: bytes, key: str) -> None:
        """Writes bytes to the commands' topic."""
        self.producer.produce(self.sink.commands.name, value, key)
        assert self.producer.flush(PRODUCED_S) == 0

    def receipts(self, command: Command) -> list[Receipt]:
        return self.tail.receipts(self.sink.receipts, command.id)

    def settled(self, *commands: Command) -> None:
        """Waits until each has a receipt, then sees to it that each has one only."""

        def all_known() -> bool:
            self.tail.look()
            return all(self.receipts(one) for one in commands)

        until(all_known, "every command has a receipt", SETTLED_S)
        self.tail.to_end()
        assert [len(self.receipts(one)) for one in commands] == [1] * len(commands)
        self._given = [one for one in self._given if one not in commands]

    def outcome(self, command: Command) -> str:
        """The outcome of a command that has settled."""
        (receipt,) = self.receipts(command)
        return receipt.outcome

    def carry_out(self, *commands: Command) -> None:
        """Gives commands and waits for their receipts."""
        self.give(*commands)
        self.settled(*commands)

    def delivered(self, *commands: Command) -> None:
        """Checks that settled commands were delivered, each with one effect, and none is a dead letter."""
        assert [(self.outcome(one), self.reason(one)) for one in commands] == [
            ("delivered", None)
        ] * len(commands)
        assert self.letters() == []
        for one in commands:
            assert self.times(one) == 1, f"{one.write.operation}: effects in the simulator"

    def reason(self, command: Command) -> str | None:
        (receipt,) = self.receipts(command)
        return receipt.reason

    def times(self, command: Command) -> int:
        """How often the effect of a command stands in the simulator; 1 for what has none."""
        times = command.write.times
        return 1 if times is None else times(self.world, command.n)

    def letters(self) -> list[Letter]:
        return self.tail.letters(DEAD_LETTER_SINKS.name)

    # ---- what a source wrote ---------------------------------------------------------------------
    def source_letters(self) -> list[Letter]:
        """Dead letters of deliveries and polled rows, which come from no topic."""
        found = self.tail.letters(DEAD_LETTER_SOURCES.name)
        return [one for one in found if ORIGIN not in one.headers]

    def notice_letters(self, about: Callable[[Any], bool]) -> list[Letter]:
        """Dead letters of notices: of these only, as fetches of a case before may still be given up."""
        notices = self.source.notices
        assert notices is not None, f"{self.value.name} fetches nothing"
        codec = self.tail.codec.of(notices)
        origin = notices.name.encode()
        return [
            one
            for one in self.tail.letters(DEAD_LETTER_SOURCES.name)
            if one.headers.get(ORIGIN) == origin and about(codec.decode(one.value or b""))
        ]

    def post(self, path: str, raw: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """A delivery to the gateway, as it stands."""
        return self.gateway.post(path, content=raw, headers=dict(headers))


def told(value: Conformance, sink: Sink, source: Source) -> list[str]:
    """Topics that tell what a connector did, whatever their names."""
    found = [sink.receipts, *(one.topic for one in value.hooks)]
    found += [source.notices] if source.notices is not None else []
    found += [value.read.topic] if value.read is not None else []
    names = dict.fromkeys(one.name for one in found)
    return [*names, DEAD_LETTER_SINKS.name, DEAD_LETTER_SOURCES.name]


def encoded(body: Any) -> bytes:
    return msgspec.json.encode(body)


def running(role: Role) -> bool:
    return role.child is not None and role.child.alive
