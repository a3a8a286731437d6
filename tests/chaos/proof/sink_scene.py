"""The stage of the sinks' proofs: a target, topics, sinks to break, and what came of the commands."""

import os
import signal
import sys
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from gridwire import kafka as clients
from gridwire.records import BrazeCommand, Receipt
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTER_SINKS
from sandbox.child import spawn, wait_for_file
from tests.chaos.proof.sink import Kind, World
from tests.chaos.proof.sink_process import PLAN, Plan
from tests.chaos.proof.sink_verdict import Account, Seen
from tests.roles import Role, Topics
from tests.waiting import until

PARTITIONS = 4
SESSION_MS = 6_000
START_S, SETTLED_S, DEAD_S = 20.0, 90.0, 60.0
LOOK_S = 0.2
PROCESS = [sys.executable, "-m", "tests.chaos.proof.sink_process"]


class Scene:
    """A world of its own on a shared broker."""

    def __init__(self, url: str, bootstrap: str, registry: str, folder: Path) -> None:
        self.world = World(f"p{uuid.uuid4().hex[:8]}", url)
        self.settings = KafkaSettings(
            bootstrap=bootstrap,
            registry_url=registry,
            group_prefix=self.world.name,
            partitions=PARTITIONS,
            session_timeout_ms=SESSION_MS,
        )
        self.topics = Topics(self.settings)
        self.written: list[BrazeCommand] = []
        self._given = 0
        self._folder = folder
        self._roles: list[Role] = []
        clients.create_topics(self.settings, [])
        names = (self.world.commands.name, self.world.receipts.name)
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for created in admin.create_topics([NewTopic(n, PARTITIONS, 1) for n in names]).values():
            created.result(30)

    # ---- the target ----------------------------------------------------------------------------------------------
    def target(self, **settings: Any) -> None:
        """Tells the target how to behave from now on."""
        body = msgspec.json.encode(settings)
        request = urllib.request.Request(f"{self.world.url}/_settings", body, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def seen(self) -> Seen:
        with urllib.request.urlopen(f"{self.world.url}/_seen", timeout=10) as answer:
            return msgspec.json.decode(answer.read(), type=Seen)

    # ---- sinks ---------------------------------------------------------------------------------------------------
    def sink(self, slot: int = 0, **environ: str) -> Role:
        """A sink that is not started yet."""
        folder = self._folder / f"sink-{len(self._roles)}"
        folder.mkdir()
        mine = {
            "KAFKA_BOOTSTRAP": self.settings.bootstrap,
            "SCHEMA_REGISTRY_URL": self.settings.registry_url,
            "GRIDWIRE_GROUP_PREFIX": self.settings.group_prefix,
            "GRIDWIRE_SESSION_TIMEOUT_MS": str(SESSION_MS),
            "GRIDWIRE_SLOT": str(slot),
        }
        role = Role("sinks", folder, mine | environ, PROCESS)
        self._roles.append(role)
        self.arm(role, Plan(name=self.world.name, url=self.world.url))
        return role

    @staticmethod
    def arm(role: Role, plan: Plan) -> None:
        """From its next start on it dies where the plan says."""
        role.environ[PLAN] = msgspec.json.encode(plan).decode()

    @staticmethod
    def dead(role: Role) -> None:
        """Waits until it has died by its own hand."""
        until(
            lambda: role.child is not None and not role.child.alive,
            "the sink has died",
            DEAD_S,
        )
        assert role.child is not None
        status = role.child.process.returncode
        assert status == -signal.SIGKILL, f"it ended with {status}: {role.said()[-2_000:]}"

    # ---- commands ------------------------------------------------------------------------------------------------
    def write(self, commands: Sequence[BrazeCommand], *, again: bool = False) -> None:
        """`again`: they were written before, under the same ids."""
        self.topics.write(self.world.commands, list(commands))
        if not again:
            self.written += commands

    def command(self, kind: Kind, lane: str) -> BrazeCommand:
        """The next command, to be written."""
        self._given += 1
        return self.world.command(self._given - 1, kind, lane)

    def receipts(self) -> list[Receipt]:
        return self.topics.read(self.world.receipts)

    def settled(self) -> None:
        """Waits until every command has a receipt."""
        wanted = {command.event_id for command in self.written}
        missing: set[str] = set()

        def all_known() -> bool:
            nonlocal missing
            missing = wanted
            if not wanted:
                return True
            if self.topics.count(self.world.receipts.name) < len(wanted):
                return False
            missing = wanted - {receipt.command_id for receipt in self.receipts()}
            return not missing

        try:
            until(all_known, "every command has a receipt", SETTLED_S, LOOK_S)
        except AssertionError as error:
            said = [role.said()[-1_500:] for role in self._roles]
            raise AssertionError(f"{error}; missing {sorted(missing)[:5]}; {said}") from None

    def letters(self) -> list[str]:
        """Reasons of this proof's dead letters."""
        own = self.world.commands.name.encode()
        found = [dict(m.headers() or []) for m in self.topics.messages(DEAD_LETTER_SINKS.name)]
        return [
            one["gridwire.reason"].decode()
            for one in found
            if one.get("__connect.errors.topic") == own
        ]

    # ---- the verdict ---------------------------------------------------------------------------------------------
    def account(self) -> Account:
        """All there is, read anew."""
        return Account(tuple(self.written), tuple(self.receipts()), self.seen(), self.letters())

    def close(self) -> None:
        for role in self._roles:
            if role.child is not None and role.child.alive:
                os.kill(role.child.pid, signal.SIGCONT)
            if role.child is not None:
                role.child.kill()  # one that is dead gives its pipe back
        self.topics.close()


@contextmanager
def staged(bootstrap: str, registry: str, folder: Path) -> Iterator[Scene]:
    """A scene with a target; whatever runs of it ends with the block."""
    ready_file = folder / "target.ready"
    command = [sys.executable, "-m", "tests.chaos.proof.target", str(ready_file)]
    child = spawn(command, log=folder / "target.log")
    try:
        scene = Scene(wait_for_file(child, ready_file, START_S), bootstrap, registry, folder)
        try:
            yield scene
        finally:
            scene.close()
    finally:
        child.stop()
