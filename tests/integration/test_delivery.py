"""Delivery against a real Kafka and a real HTTP server: storms, crashes, rebalances. Ids are counted in and out."""

import os
import signal
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from gridwire import cli, topics
from gridwire import kafka as clients
from gridwire.records import BrazeCommand, Receipt
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTER_SINKS
from sandbox import kafka as local_kafka
from sandbox.child import spawn
from tests.integration.acme import CONCURRENCY, TOKEN, Acme, World, acme, environment
from tests.roles import Role, Topics, free_port
from tests.waiting import until

PARTITIONS = 4
SETTLED_S = 180.0


class SinkRole(Role):
    """The sinks role for Acme as a child process."""

    def __init__(self, world: World, settings: KafkaSettings, folder: Path, slot: int = 0) -> None:
        super().__init__(f"sinks-{slot}", folder, {})
        self._environ = environment(world, settings, slot, free_port())
        self.port = int(self._environ["GRIDWIRE_OPS_PORT"])

    def start(self) -> None:
        self._starts += 1
        log = self._folder / f"{self.name}-{self._starts}.log"
        command = [sys.executable, "-m", "tests.integration.acme"]
        self.child = spawn(command, log=log, env=self._environ)


class Case:
    """One test: a world, Acme, Kafka, and what went in and out."""

    def __init__(self, acme: Acme, bootstrap: str, registry: str, folder: Path) -> None:
        self.acme = acme
        self.folder = folder
        self.world = World(f"t{uuid.uuid4().hex[:8]}", acme.url)
        self.settings = KafkaSettings(
            bootstrap=bootstrap,
            registry_url=registry,
            group_prefix=self.world.name,
            session_timeout_ms=6_000,
        )
        self.topics = Topics(self.settings)
        self.written: list[BrazeCommand] = []
        clients.create_topics(self.settings, [])
        names = (self.world.commands.name, self.world.receipts.name)
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for created in admin.create_topics([NewTopic(n, PARTITIONS, 1) for n in names]).values():
            created.result(30)

    def role(self, slot: int = 0) -> SinkRole:
        return SinkRole(self.world, self.settings, self.folder, slot)

    def write(self, count: int, lanes: int = 50) -> None:
        begin = len(self.written)
        new = [self.world.command(n, lanes) for n in range(begin, begin + count)]
        self.topics.write(self.world.commands, new)
        self.written += new

    def receipts(self) -> list[Receipt]:
        return self.topics.read(self.world.receipts)

    def letters(self) -> list[tuple[bytes | None, dict[str, bytes]]]:
        """Dead letters of this test's commands: key and headers."""
        found = [
            (m.key(), dict(m.headers() or [])) for m in self.topics.messages(DEAD_LETTER_SINKS.name)
        ]
        own = self.world.commands.name.encode()
        return [one for one in found if one[1].get("__connect.errors.topic") == own]

    def taken(self, at_least: int) -> bool:
        return len(self.acme.taken()) >= at_least

    def settled(self) -> None:
        """Waits until every command has a receipt (or a dead letter)."""
        wanted = {command.event_id for command in self.written}

        def all_known() -> bool:
            if self.topics.count(self.world.receipts.name) < len(wanted):
                return False
            return wanted <= {receipt.command_id for receipt in self.receipts()}

        until(all_known, "every command has a receipt", SETTLED_S)

    def in_order_per_lane(self) -> bool:
        """First effects of each lane come in the order of its commands."""
        first: dict[str, list[int]] = {}
        seen: set[str] = set()
        for id_, lane, n in self.acme.taken():
            if id_ not in seen:
                seen.add(id_)
                first.setdefault(lane, []).append(n)
        return all(numbers == sorted(numbers) for numbers in first.values())

    def repeated(self) -> int:
        """Effects beyond the first of each command."""
        return sum(count - 1 for count in Counter(id_ for id_, _, _ in self.acme.taken()).values())


@pytest.fixture
def case(kafka: local_kafka.RunningBroker, registry: str, tmp_path: Path) -> Iterator[Case]:
    with acme(tmp_path) as platform:
        one = Case(platform, kafka.broker.bootstrap, registry, tmp_path)
        yield one
        one.topics.close()


@contextmanager
def started(*roles: SinkRole) -> Iterator[None]:
    try:
        for role in roles:
            role.start()
        for role in roles:
            role.wait_ready()
        yield
    finally:
        for role in roles:
            if role.child is not None and role.child.alive:
                os.kill(role.child.pid, signal.SIGCONT)
            role.stop()


def check_complete(case: Case, outcome: str = "delivered") -> None:
    """Every command has exactly one receipt, and nothing is a dead letter that should not be."""
    receipts = case.receipts()
    times = Counter(receipt.command_id for receipt in receipts)
    assert set(times) == {command.event_id for command in case.written}
    assert set(times.values()) == {1}
    assert {receipt.outcome for receipt in receipts} == {outcome}


def test_every_command_is_delivered_once_in_order_with_a_receipt(case: Case) -> None:
    case.write(500)
    with started(case.role()):
        case.settled()
    check_complete(case)
    assert case.repeated() == 0
    assert case.in_order_per_lane()
    assert case.letters() == []
    receipt = next(one for one in case.receipts() if one.command_id == f"{case.world.name}-7")
    assert (receipt.object_id, receipt.lane) == (f"obj-{case.world.name}-7", "lane-7")


def test_a_storm_of_429_5xx_and_cut_connections_loses_nothing_and_keeps_the_order(
    case: Case,
) -> None:
    case.acme.set(statuses=[429, 500, 503], share=0.2, cut_share=0.05, headers={"retry-after": "0"})
    case.write(250)
    with started(case.role()):
        case.settled()
    check_complete(case)
    assert case.in_order_per_lane()
    cut = sum(status == 0 for _, _, _, status in case.acme.log())
    assert cut > 0
    assert case.repeated() <= cut  # taken, answer lost, sent again: a natural operation may


def test_killed_again_and_again_under_load_no_command_is_lost_and_receipts_are_exact(
    case: Case,
) -> None:
    case.acme.set(delay_s=0.005)
    case.write(1_500)
    role, kills = case.role(), 3
    for kill in range(kills):
        role.start()
        until(lambda kill=kill: case.taken(250 * (kill + 1)), "there is load")  # type: ignore[misc]
        role.kill()
    with started(role):
        case.settled()
    check_complete(case)
    assert case.in_order_per_lane()
    # Beyond what was committed, only what was in flight or finished since the last commit is sent again.
    assert case.repeated() <= kills * 250


def test_stopped_in_order_under_load_nothing_is_sent_twice(case: Case) -> None:
    case.acme.set(delay_s=0.01)
    case.write(600)
    role = case.role()
    for stop in range(2):
        role.start()
        until(lambda stop=stop: case.taken(150 * (stop + 1)), "there is load")  # type: ignore[misc]
        role.stop()
    with started(role):
        case.settled()
    check_complete(case)
    assert case.repeated() == 0
    assert case.in_order_per_lane()


def test_a_second_replica_takes_its_share_under_load_and_nothing_is_sent_twice(case: Case) -> None:
    case.acme.set(delay_s=0.01)
    case.write(800)
    first, second = case.role(0), case.role(1)
    with started(first):
        until(lambda: case.taken(100), "there is load")
        with started(second):
            case.settled()
    check_complete(case)
    assert case.repeated() == 0
    assert case.in_order_per_lane()


@pytest.mark.chaos
def test_a_replica_that_was_stopped_past_its_session_sends_nothing_when_it_wakes(
    case: Case,
) -> None:
    case.acme.set(delay_s=0.02)
    case.write(600)
    sleeper, other = case.role(0), case.role(1)
    with started(sleeper, other):
        until(lambda: case.taken(50), "there is load")
        sleeper.signal(signal.SIGSTOP)
        case.settled()  # by the other alone: the sleeper's partitions are its own after the session
        before = len(case.acme.log())
        case.write(1, lanes=1)
        case.settled()
        sleeper.signal(signal.SIGCONT)
        until(sleeper.ready, "the sleeper is back in the group")
        case.write(50)
        case.settled()
    assert len(case.acme.log()) - before <= 51 + CONCURRENCY
    check_complete(case)
    assert case.in_order_per_lane()
    assert case.repeated() <= CONCURRENCY


def test_wrong_credentials_stop_the_sink_and_dead_letter_nothing(case: Case) -> None:
    case.acme.set(token="another")
    case.write(100)
    role = case.role()
    role.start()
    try:
        until(lambda: len(case.acme.log()) > 0, "it has tried")
        until(lambda: not role.ready(), "it says that it is not ready")
        tried = len(case.acme.log())
        assert tried <= 2 * CONCURRENCY
        assert case.receipts() == []
        assert case.letters() == []
        case.acme.set(token=TOKEN)
        case.settled()
        until(role.ready, "it is ready again")
    finally:
        role.stop()
    check_complete(case)


def test_what_the_platform_refuses_and_what_cannot_be_read_become_dead_letters(case: Case) -> None:
    case.acme.set(statuses=[400], share=1.0)
    case.write(3)
    producer = clients.producer(case.settings)
    producer.produce(case.world.commands.name, b"\x00\x00\x00\x00\x00nonsense", "poison")
    assert producer.flush(30) == 0
    with started(case.role()):
        case.settled()
        until(lambda: len(case.letters()) == 4, "every one is a dead letter")
        case.acme.set()
        case.write(5)
        case.settled()
    check_complete_mixed = Counter(receipt.outcome for receipt in case.receipts())
    assert check_complete_mixed == {"rejected": 3, "delivered": 5}
    reasons = Counter(headers["gridwire.reason"] for _, headers in case.letters())
    assert reasons == {b"refused": 3, b"unknown schema id": 1}


def test_a_refused_command_that_is_replayed_is_carried_out_once_and_has_a_receipt_of_its_own(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = case.world.commands
    monkeypatch.setitem(topics.BY_NAME, commands.name, commands)
    monkeypatch.setenv("KAFKA_BOOTSTRAP", case.settings.bootstrap)
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", case.settings.registry_url)
    monkeypatch.setenv("GRIDWIRE_GROUP_PREFIX", case.settings.group_prefix)
    case.acme.set(statuses=[400], share=1.0)
    case.write(3)
    role = case.role()
    with started(role):
        case.settled()
        case.acme.set()
        words = ["dead-letters", "replay", "--source-topic", commands.name]
        assert cli.main(words) == 0
        until(lambda: len(case.receipts()) == 6, "the commands were tried again")
        role.kill()
        role.start()
        role.wait_ready()
        assert cli.main(words) == 0
        case.write(1)
        case.settled()
    done = Counter(id_ for id_, _, _ in case.acme.taken())
    assert done == dict.fromkeys((one.event_id for one in case.written), 1)
    receipts = case.receipts()
    assert Counter(one.outcome for one in receipts) == {"rejected": 3, "delivered": 4}
    assert len({one.event_id for one in receipts}) == 7


@pytest.mark.chaos
def test_an_unsafe_operation_is_never_sent_twice_however_often_the_sink_is_killed(
    case: Case,
) -> None:
    case.world.safety = "unsafe"
    case.acme.set(delay_s=0.01)
    case.write(400)
    role = case.role()
    for kill in range(3):
        role.start()
        until(lambda kill=kill: case.taken(60 * (kill + 1)), "there is load")  # type: ignore[misc]
        role.kill()
    with started(role):
        case.settled()
    assert case.repeated() == 0
    outcomes = {receipt.command_id: receipt.outcome for receipt in case.receipts()}
    assert len(case.receipts()) == len(outcomes) == len(case.written)
    taken = {id_ for id_, _, _ in case.acme.taken()}
    assert {id_ for id_, outcome in outcomes.items() if outcome == "delivered"} <= taken
    unknown = {id_ for id_, outcome in outcomes.items() if outcome == "unknown"}
    assert set(outcomes) - taken <= unknown
    assert len(unknown) <= 3 * CONCURRENCY
    assert len(case.letters()) == len(unknown)


@pytest.mark.chaos
def test_a_broker_killed_under_load_loses_no_command_and_repeats_no_receipt(
    own_kafka: local_kafka.RunningBroker, registry: str, tmp_path: Path
) -> None:
    with acme(tmp_path) as platform:
        case = Case(platform, own_kafka.broker.bootstrap, registry, tmp_path)
        platform.set(delay_s=0.005)
        case.write(1_000)
        with started(case.role()):
            until(lambda: case.taken(200), "there is load")
            own_kafka.kill()
            own_kafka.restart()
            case.settled()
        check_complete(case)
        assert case.in_order_per_lane()
        case.topics.close()
