"""Dead letters of a running stream worker: in, looked at, mended, back once; and the limit that stops it."""

import json
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridwire import kafka as clients
from gridwire import records as r
from gridwire import topics
from gridwire.codec import HEADER, Registry
from gridwire.records import SCHEMAS
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTER_STREAMS, Topic
from sandbox.kafka import RunningBroker
from sandbox.registry import RunningRegistry
from tests.integration.dead_letter_world import ENGAGEMENT, World, world_on
from tests.roles import Role, running
from tests.unit.streams.engine.flows import event, partner, shop_order, thread
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

SETTLE_S = 180.0
LATER = 40  # by so many schema ids: what the worker registers meanwhile stays below
ORDER = "bigcommerce:1"


@pytest.fixture
def world(
    own_kafka: RunningBroker,
    own_registry: RunningRegistry,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[World]:
    settings = KafkaSettings(
        bootstrap=own_kafka.broker.bootstrap,
        registry_url=own_registry.url,
        session_timeout_ms=6_000,
    )
    with world_on(settings, monkeypatch, capsys) as one:
        yield one


def worker(world: World, folder: Path, **more: str) -> Role:
    environ = {
        "KAFKA_BOOTSTRAP": world.settings.bootstrap,
        "SCHEMA_REGISTRY_URL": world.settings.registry_url,
        "GRIDWIRE_PLATFORMS": "braze,trading-grid,bigcommerce",
        "GRIDWIRE_SESSION_TIMEOUT_MS": str(world.settings.session_timeout_ms),
        "GRIDWIRE_FLOW_FEED_CUSTOMER_CASES": json.dumps({"order_wait_minutes": 0.02}),
    }
    return Role("streams", folder, environ | more)


def stamped(record: Any) -> Any:
    """With an id and times of now."""
    at_ms = 1_767_225_600_000
    found = {name: getattr(record, name) for name in record.__struct_fields__}
    found |= {"event_id": str(uuid.uuid4()), "occurred_at": at_ms, "produced_at": at_ms}
    return type(record)(**found)


def letters(world: World, count: int) -> list[dict[str, Any]]:
    """The letters of streams once there are so many."""
    until(
        lambda: len(world.topics.messages(DEAD_LETTER_STREAMS.name)) >= count,
        f"there are {count} dead letters",
        SETTLE_S,
    )
    return world.rows("--topic", "streams")


def read(world: World, topic: Topic[Any], count: int) -> list[Any]:
    """The records of a topic once there are so many."""
    until(lambda: len(world.topics.read(topic)) >= count, f"{topic.name} has {count}", SETTLE_S)
    return world.topics.read(topic)


# ---- bytes that nobody could read --------------------------------------------------------------------------------
def of_later_schema(world: World, registry: Registry, user: str) -> tuple[bytes, int]:
    """An event in a schema that the registry will have under a certain id, and does not have yet."""
    record = stamped(event(user, "S1", kind="product_view"))
    encoded = world.topics.codec.of(topics.BRAZE_ENGAGEMENT).encode(record)
    schema_id = registry.register("filler-value", filler(0)) + LATER
    return HEADER.pack(0, schema_id) + encoded[HEADER.size :], schema_id


def filler(number: int) -> str:
    fields = [{"name": f"f{number}", "type": "string", "default": ""}]
    return json.dumps({"type": "record", "name": "Filler", "fields": fields})


def register_as(registry: Registry, schema_id: int) -> None:
    """Registers the schema of engagement events, as another version has it, under this id."""
    schema = json.loads(SCHEMAS[r.Engagement]) | {"doc": "As another version has it."}
    for number in range(1, 2 * LATER):
        if registry.register(f"filler-{number}-value", filler(number)) == schema_id - 1:
            break
    assert registry.register("other-version-value", json.dumps(schema)) == schema_id


def test_bytes_that_become_readable_are_written_back_and_appear_once(
    world: World, tmp_path: Path
) -> None:
    registry = Registry(world.settings.registry_url)
    raw, schema_id = of_later_schema(world, registry, "late@shopper.example")
    world.topics.write(topics.TRADING_GRID_PARTNERS, [stamped(partner("P1", "S1"))])
    role = worker(world, tmp_path)
    with running(role):
        world.topics.write(topics.BRAZE_ENGAGEMENT, [stamped(event("ann", "S1"))])
        producer = clients.producer(world.settings)
        producer.produce(ENGAGEMENT, raw, "late@shopper.example")
        assert producer.flush(30) == 0
        [row] = letters(world, 1)
        assert (row["reason"], row["flow"], row["stage"]) == (
            "unknown schema id",
            "-",
            "VALUE_CONVERTER",
        )
        shown = world.call("show", row["id"])[1]
        assert "not readable here either (unknown schema id)" in shown
        assert "late@shopper" not in shown
        role.stop()
        register_as(registry, schema_id)
        registry.close()
        role.start()
        role.wait_ready()
        for _ in range(2):
            assert world.call("replay", "--unreadable", "--topic", "streams")[0] == 0
        found = read(world, topics.ENRICHED_ENGAGEMENT, 2)
        world.topics.write(topics.BRAZE_ENGAGEMENT, [stamped(event("cyd", "S1"))])
        found = read(world, topics.ENRICHED_ENGAGEMENT, 3)
    assert Counter(e.user_id for e in found) == {"ann": 1, "late@shopper.example": 1, "cyd": 1}
    assert [row["state"] for row in world.rows("--topic", "streams")] == ["replayed"]


# ---- a leg's letter ----------------------------------------------------------------------------------------------
def case(ref: str) -> r.OrderThread:
    return stamped(r.OrderThread(order_ref=ref, thread=stamped(thread("open"))))  # type: ignore[no-any-return]


def test_what_waited_too_long_is_written_back_when_its_row_is_there_and_appears_once(
    world: World, tmp_path: Path
) -> None:
    role = worker(world, tmp_path)
    with running(role):
        world.topics.write(topics.ORDER_THREADS, [case(ORDER)])
        [row] = letters(world, 1)
        assert (row["flow"], row["reason"]) == (
            "feed.customer-cases/address",
            "no row of orders in time",
        )
        assert world.call("replay", row["id"])[0] == 0  # not mended yet: it waits again, in vain
        again = letters(world, 2)[1]
        assert (again["attempt"], again["replay_of"]) == (2, row["id"])
        assert world.topics.read(topics.ORDER_CASES) == []
        world.topics.write(topics.BIGCOMMERCE_ORDERS, [stamped(shop_order(ORDER))])
        until(lambda: held(world, "table.orders") > 0, "the order is in its table", SETTLE_S)
        assert world.call("replay", "--flow", "feed.customer-cases", "--json")[0] == 0
        [found] = read(world, topics.ORDER_CASES, 1)
        role.kill()
        role.start()
        role.wait_ready()
        assert world.call("replay", "--all")[0] == 0
        world.topics.write(topics.ORDER_THREADS, [case(ORDER)])
        assert len(read(world, topics.ORDER_CASES, 2)) == 2
    assert found.order_ref == ORDER
    assert world.written_back(topics.ORDER_THREADS.name) == Counter([row["id"], again["id"]])


def held(world: World, changelog: str) -> int:
    return len(world.topics.messages(changelog))


@pytest.mark.chaos
def test_a_worker_that_is_killed_while_letters_come_back_takes_each_once(
    world: World, tmp_path: Path
) -> None:
    count, kills = 600, 3
    refs = [f"bigcommerce:{n}" for n in range(1, count + 1)]
    role = worker(world, tmp_path, GRIDWIRE_ROUND_RECORDS_MAX="20")
    with running(role):
        world.topics.write(topics.ORDER_THREADS, [case(ref) for ref in refs])
        letters(world, count)
        orders = [stamped(shop_order(ref, customer=ref)) for ref in refs]
        world.topics.write(topics.BIGCOMMERCE_ORDERS, orders)
        until(lambda: held(world, "table.orders") >= count, "the orders are there", SETTLE_S)
        assert world.call("replay", "--flow", "feed.customer-cases")[0] == 0
        for kill in range(1, kills + 1):
            enough = count * kill // (2 * kills)
            until(
                lambda enough=enough: world.topics.count(topics.ORDER_CASES.name) >= enough,  # type: ignore[misc]
                f"{enough} are written",
                SETTLE_S,
            )
            role.kill()
            role.start()
        found = read(world, topics.ORDER_CASES, count)
        role.wait_ready()
    assert Counter(one.order_ref for one in found) == dict.fromkeys(refs, 1)
    rows = world.rows("--topic", "streams", "--limit", str(10 * count))
    assert Counter((row["flow"], row["reason"]) for row in rows) == {
        ("feed.customer-cases/address", "no row of orders in time"): count
    }


# ---- the limit ---------------------------------------------------------------------------------------------------
def test_a_topic_of_poison_stops_the_worker_which_says_what_to_do(
    world: World, tmp_path: Path
) -> None:
    bounds = {"GRIDWIRE_ROUND_RECORDS_MAX": "100", "GRIDWIRE_COMMIT_INTERVAL_MS": "1"}
    role = worker(world, tmp_path, GRIDWIRE_DEAD_LETTERS_IN_A_ROW_MAX="50", **bounds)
    producer = clients.producer(world.settings)
    for _ in range(5_000):
        producer.produce(ENGAGEMENT, b"\x01" + os.urandom(20), "k")
    assert producer.flush(30) == 0
    role.start()
    try:
        until(lambda: role.child is not None and not role.child.alive, "it has ended", SETTLE_S)
    finally:
        role.stop()
    said = role.said()
    assert "dead letters in a row" in said
    assert "gridwire dead-letters list --topic streams --unreadable" in said
    assert 50 <= len(world.topics.messages(DEAD_LETTER_STREAMS.name)) < 5_000
