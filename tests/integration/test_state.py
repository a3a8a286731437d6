"""State of the streams role over compaction, clean stops and kills: equal to a computation from the input anew."""

import json
import random
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from gridwire import compaction, topics
from gridwire import kafka as clients
from gridwire import records as r
from gridwire.commands.table import NOT_FOUND, table
from gridwire.murmur2 import partition_of
from gridwire.settings import KafkaSettings
from sandbox.demo.calls import CallError, call
from sandbox.kafka import RunningBroker
from streams.driver import Driver
from streams.feeds import orders
from streams.runtime.clean_stop import MARKER
from streams.runtime.settings import StreamsSettings
from streams.tables import ORDERS
from tests.roles import Role, Topics, running
from tests.unit.streams.making import order
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

REFS = 200
CHANGELOG = "table.orders"
SEGMENT_BYTES = 1 << 20  # the least that Kafka takes
DEADLINE_S = 180.0
STAMPED = ("produced_at",)  # of this run
World = tuple[KafkaSettings, Topics]


@pytest.fixture
def world(own_kafka: RunningBroker, registry: str) -> Iterator[World]:
    settings = KafkaSettings(
        bootstrap=own_kafka.broker.bootstrap, registry_url=registry, session_timeout_ms=6_000
    )
    clients.create_topics(settings, [])
    all_topics = Topics(settings)
    yield settings, all_topics
    all_topics.close()


def streams_role(settings: KafkaSettings, folder: Path, **more: str) -> Role:
    given = {
        "KAFKA_BOOTSTRAP": settings.bootstrap,
        "SCHEMA_REGISTRY_URL": settings.registry_url,
        "GRIDWIRE_PLATFORMS": "bigcommerce",
        "GRIDWIRE_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
        "GRIDWIRE_ROUND_RECORDS_MAX": "200",
        "GRIDWIRE_QUERIES_SHOW_PERSONAL": "true",
    }
    return Role("streams", folder, given | more)


def on_disk(folder: Path) -> dict[str, str]:
    return {"GRIDWIRE_STATE": "disk", "GRIDWIRE_STATE_DIR": str(folder / "state")}


def some_orders(rng: random.Random, count: int, version: int) -> list[r.BigCommerceOrder]:
    made = []
    for n in range(count):
        one = order(
            ref=f"bigcommerce:{rng.randrange(REFS)}",
            version=version + n,
            status_id=rng.choice([2, 5, 9, 11]),
            customer_ref=f"customer-{n}",
        )
        event_id = str(uuid.UUID(int=rng.getrandbits(128)))
        made.append(msgspec.structs.replace(one, event_id=event_id, occurred_at=1_000 + n))
    return made


def expected(inputs: list[r.BigCommerceOrder]) -> dict[str, dict[str, Any]]:
    """The table as flows without Kafka compute it."""
    driver = Driver(orders.FLOW)
    driver.send(topics.BIGCOMMERCE_ORDERS, *inputs)
    return {key: _comparable(row) for key, row in driver.table(ORDERS).items()}


def _comparable(row: r.Order | Mapping[str, Any]) -> dict[str, Any]:
    fields = msgspec.json.decode(msgspec.json.encode(row))
    return {name: value for name, value in fields.items() if name not in STAMPED}


def asked(role: Role, key: str) -> tuple[int, Any]:
    answer = call("GET", f"http://127.0.0.1:{role.port}/tables/orders/{key}")
    return answer.status, json.loads(answer.text)


def held(role: Role, keys: list[str]) -> dict[str, dict[str, Any]]:
    """What the worker answers for these keys."""
    found = {}
    for key in keys:
        status, body = asked(role, key)
        if status == 200:
            found[key] = _comparable(body["row"])
    return found


def equals(role: Role, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Waits until the worker's table is as computed."""

    def is_equal() -> bool:
        try:
            return held(role, list(wanted)) == wanted
        except CallError:
            return False

    try:
        until(is_equal, "the table equals its computation from the input", DEADLINE_S)
    except AssertionError:
        assert held(role, list(wanted)) == wanted, role.said()[-1_000:]


def restored(role_folder: Path, start: int) -> list[Any]:
    """The lines on restores in the log of one start."""
    lines = (role_folder / f"streams-{start}.log").read_text().splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in found if line["event"] in ("restored", "state on disk is rebuilt")]


def compact_soon(settings: KafkaSettings) -> None:
    """Small segments that the broker compacts as soon as it looks."""
    eager = {
        "segment.bytes": str(SEGMENT_BYTES),
        "segment.ms": "500",
        "min.cleanable.dirty.ratio": "0.01",
        "max.compaction.lag.ms": "500",
        "delete.retention.ms": "86400000",
    }
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in eager.items()
    ]
    admin = AdminClient(clients.client_config(settings))
    resource = ConfigResource(ResourceType.TOPIC, CHANGELOG, incremental_configs=entries)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


def test_a_compacted_changelog_restores_the_table_and_answers_the_same_to_whoever_asks(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, all_topics = world
    rng = random.Random(1)
    role = streams_role(settings, tmp_path)
    with running(role):
        compact_soon(settings)
        inputs = some_orders(rng, 6_000, version=1)
        all_topics.write(topics.BIGCOMMERCE_ORDERS, inputs)
        equals(role, expected(inputs))
        written = len(all_topics.messages(CHANGELOG))

        def is_compacted() -> bool:
            more = some_orders(rng, 4, version=100_000 + len(inputs))  # so that segments roll
            inputs.extend(more)
            all_topics.write(topics.BIGCOMMERCE_ORDERS, more)
            return len(all_topics.messages(CHANGELOG)) < written / 2

        until(is_compacted, "the changelog is compacted", DEADLINE_S)
        equals(role, expected(inputs))
    with running(role):
        wanted = expected(inputs)
        equals(role, wanted)
        last = restored(tmp_path, 2)[-1]
        assert last["event"] == "restored"
        key = inputs[-1].order_ref
        status, body = asked(role, "bigcommerce:none")
        assert (status, body["error"]) == (404, "no such row")
        assert body["partition"] == partition_of(b"bigcommerce:none", settings.partitions)
        by_worker = _command(settings, key, capsys, f"http://127.0.0.1:{role.port}")
    by_changelog = _command(settings, key, capsys)
    assert by_worker.pop("worker").endswith(str(role.port))
    assert by_worker == by_changelog
    assert _comparable(by_changelog["row"]) == wanted[key]
    streams = StreamsSettings()
    none = table(settings, streams, "orders", "bigcommerce:none", workers=(), as_json=True)
    assert none == NOT_FOUND


def _command(
    settings: KafkaSettings, key: str, capsys: pytest.CaptureFixture[str], *workers: str
) -> dict[str, Any]:
    capsys.readouterr()
    streams = StreamsSettings(queries_show_personal=True)
    assert table(settings, streams, "orders", key, workers=workers, as_json=True) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_clean_restart_on_disk_reads_only_what_came_after_and_a_kill_everything(
    world: World, tmp_path: Path
) -> None:
    settings, all_topics = world
    rng = random.Random(2)
    role = streams_role(settings, tmp_path, **on_disk(tmp_path))
    inputs = some_orders(rng, 3_000, version=1)
    all_topics.write(topics.BIGCOMMERCE_ORDERS, inputs)
    with running(role):
        equals(role, expected(inputs))
    with running(role):  # a first restart reads what was written since the first start
        equals(role, expected(inputs))
    markers = list((tmp_path / "state").rglob(MARKER))
    assert len(markers) == settings.partitions
    with running(role):
        equals(role, expected(inputs))
        assert not any(line["event"].endswith("rebuilt") for line in restored(tmp_path, 3))
        assert sum(line["rows"] for line in restored(tmp_path, 3)) == 0
        assert not any(marker.exists() for marker in markers)
        more = some_orders(rng, 3_000, version=10_000)
        all_topics.write(topics.BIGCOMMERCE_ORDERS, more)
        before = all_topics.count(CHANGELOG)
        until(lambda: all_topics.count(CHANGELOG) > before, "more is on its way")
        role.kill()
        role.start()
        role.wait_ready()
        equals(role, expected(inputs + more))
    rebuilt = [line for line in restored(tmp_path, 4) if line["event"].endswith("rebuilt")]
    assert {line["reason"] for line in rebuilt} == {"no clean stop"}
    assert len(rebuilt) == settings.partitions


def test_partitions_on_disk_that_go_and_come_back_have_what_another_worker_wrote_meanwhile(
    world: World, tmp_path: Path
) -> None:
    settings, all_topics = world
    rng = random.Random(5)
    (tmp_path / "other").mkdir()
    first = streams_role(settings, tmp_path, **on_disk(tmp_path))
    other = streams_role(settings, tmp_path / "other", **on_disk(tmp_path), GRIDWIRE_SLOT="1")
    inputs = some_orders(rng, 1_000, version=1)
    all_topics.write(topics.BIGCOMMERCE_ORDERS, inputs)
    with running(first):
        equals(first, expected(inputs))
        with running(other):
            inputs += some_orders(rng, 1_000, version=5_000)
            all_topics.write(topics.BIGCOMMERCE_ORDERS, inputs[1_000:])

            def answered_by_both() -> bool:
                wanted = expected(inputs)
                both = held(first, list(wanted)) | held(other, list(wanted))
                return both == wanted and len(held(other, list(wanted))) > 0

            until(answered_by_both, "both workers hold their share", DEADLINE_S)
        equals(first, expected(inputs))
    reasons = [line.get("reason") for line in restored(tmp_path, 1)]
    assert reasons.count("no clean stop") == settings.partitions, "only at its first start"


def test_a_changelog_that_was_created_anew_is_not_mixed_with_what_is_on_disk(
    world: World, tmp_path: Path
) -> None:
    settings, all_topics = world
    role = streams_role(settings, tmp_path, **on_disk(tmp_path))
    inputs = some_orders(random.Random(3), 300, version=1)
    all_topics.write(topics.BIGCOMMERCE_ORDERS, inputs)
    with running(role):
        equals(role, expected(inputs))
    admin = AdminClient(clients.client_config(settings))
    admin.delete_topics([CHANGELOG])[CHANGELOG].result(30)
    until(lambda: CHANGELOG not in clients.partition_counts(settings), "the changelog is gone")
    with running(role):
        until(lambda: asked(role, inputs[0].order_ref)[0] == 404, "the table is empty")
        later = some_orders(random.Random(4), 300, version=1_000)
        all_topics.write(topics.BIGCOMMERCE_ORDERS, later)
        equals(role, expected(later))
    assert {line.get("reason") for line in restored(tmp_path, 2)} >= {"another topic"}


def test_a_changelog_that_would_lose_rows_is_repaired_and_others_left_alone(world: World) -> None:
    settings, _ = world
    admin = AdminClient(clients.client_config(settings))
    wrong = {"cleanup.policy": "delete", "segment.bytes": str(1 << 30), "segment.ms": "60000"}
    name = "state.test-of-repair"
    clients.create_topics(settings, [name])
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        for key, value in wrong.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
    admin.incremental_alter_configs([resource])[resource].result(30)
    only_told = msgspec.structs.replace(settings, topic_creation="none")
    harmful = {"cleanup.policy", "segment.bytes"}  # a shorter segment.ms is no harm

    def differ() -> set[str]:
        return {one.name for one in compaction.ensure(only_told, [name])}

    until(lambda: differ() == harmful, "what would harm is told")
    assert {one.name for one in compaction.ensure(settings, [name])} == harmful
    until(lambda: differ() == set(), "the topic is as it should be")
