"""Pollers killed and frozen between fetch and commit: no page is lost, none comes twice, a zombie commits nothing."""

import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.kit.reads.checkpoints import Checkpoints
from gridwire import kafka as clients
from gridwire.codec import Codec
from gridwire.settings import KafkaSettings
from sandbox import kafka as local_kafka
from tests.integration.polling import GO_ON, HELD, PAGE_RECORDS, Plan
from tests.roles import Role, Topics, free_port
from tests.waiting import until

pytestmark = pytest.mark.timeout(600)

PAGES = 40
HOLD_AT = 7
TAKEN_OVER_S = 180.0


class Case:
    """One polled resource, the processes that poll it, and what came of it."""

    def __init__(self, bootstrap: str, registry: str, folder: Path) -> None:
        self.folder = folder
        self.name = f"p{uuid.uuid4().hex[:8]}"
        self.settings = KafkaSettings(
            bootstrap=bootstrap,
            registry_url=registry,
            group_prefix=self.name,
            session_timeout_ms=6_000,
        )
        self.plan = Plan(self.name, PAGES, str(folder))
        self.topics = Topics(self.settings)
        self.roles: list[Role] = []
        clients.create_topics(self.settings, [])
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for created in admin.create_topics([NewTopic(self.plan.topic.name, 2, 1)]).values():
            created.result(30)

    def poller(self, label: str, hold: str = "") -> Role:
        plan = msgspec.structs.replace(self.plan, hold=hold, hold_at=HOLD_AT)
        environ = {
            "POLLING": msgspec.json.encode(plan).decode(),
            "KAFKA_BOOTSTRAP": self.settings.bootstrap,
            "SCHEMA_REGISTRY_URL": self.settings.registry_url,
            "GRIDWIRE_GROUP_PREFIX": self.settings.group_prefix,
            "GRIDWIRE_SESSION_TIMEOUT_MS": str(self.settings.session_timeout_ms),
            "GRIDWIRE_GATEWAY_HOST": "127.0.0.1",
            "GRIDWIRE_GATEWAY_PORT": str(free_port()),
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        }
        command = [sys.executable, "-m", "tests.integration.polling"]
        role = Role(label, self.folder, environ, command)
        self.roles.append(role)
        return role

    def held(self, role: Role) -> None:
        """Waits until the process stands still within a page."""
        until((self.folder / HELD).exists, f"it holds; it said: {role.said()[-800:]}", TAKEN_OVER_S)

    def read(self) -> list[str]:
        return [one.name for one in self.topics.read(self.plan.topic)]

    def complete(self, role: Role) -> None:
        """Waits until the last page is there; then everything is, once, and in order."""
        wanted = [str(number) for number in range(PAGES * PAGE_RECORDS)]
        name = self.plan.topic.name
        until(
            lambda: self.topics.count(name) >= len(wanted) and self.read()[-1:] == wanted[-1:],
            f"the last page is there; it said: {role.said()[-800:]}",
            TAKEN_OVER_S,
        )
        assert self.read() == wanted

    def checkpoint(self) -> str | None:
        """As the next poller would find it."""
        store = Checkpoints(
            self.settings, Codec(self.topics.codec.registry), "acme", self.plan.name
        )
        return store.open()


@pytest.fixture
def case(kafka: local_kafka.RunningBroker, registry: str, tmp_path: Path) -> Iterator[Case]:
    one = Case(kafka.broker.bootstrap, registry, tmp_path)
    yield one
    for role in one.roles:
        if role.child is not None and role.child.alive:
            role.kill()
    one.topics.close()


@pytest.mark.parametrize("hold", ["fetched", "written"])
def test_a_poller_killed_within_a_page_loses_none_and_repeats_none(case: Case, hold: str) -> None:
    role = case.poller("poller", hold)
    role.start()
    case.held(role)
    role.kill()
    assert len(case.read()) == (HOLD_AT - 1) * PAGE_RECORDS
    role.start()
    case.complete(role)
    role.stop()
    assert case.checkpoint() == str(PAGES)


@pytest.mark.parametrize("hold", ["fetched", "written"])
def test_a_poller_that_wakes_after_another_took_over_commits_nothing(case: Case, hold: str) -> None:
    zombie, heir = case.poller("zombie", hold), case.poller("heir")
    zombie.start()
    case.held(zombie)
    zombie.signal(signal.SIGSTOP)
    heir.start()
    case.complete(heir)
    (case.folder / GO_ON).touch()
    zombie.signal(signal.SIGCONT)
    until(
        lambda: "_FENCED" in zombie.everything() and '"poll ' in zombie.everything(),
        f"the zombie hears that it is one; it said: {zombie.said()[-800:]}",
        TAKEN_OVER_S,
    )
    case.complete(heir)
    assert len(case.topics.read(case.plan.topic, "read_uncommitted")) <= (
        PAGES * PAGE_RECORDS + PAGE_RECORDS  # the page that it had written was undone
    )
    heir.stop()
    zombie.stop()
    assert case.checkpoint() == str(PAGES)
