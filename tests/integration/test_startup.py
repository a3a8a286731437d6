"""A worker that would do harm does not start, and says what to mend."""

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from gridwire import kafka as clients
from sandbox.kafka import RunningBroker
from tests.integration.workers import PARTITIONS, World, failure, world_of
from tests.waiting import until


@pytest.fixture
def world(kafka: RunningBroker, registry: str) -> World:
    return world_of(kafka.broker.bootstrap, registry)


def test_a_worker_does_not_start_where_joins_would_miss_and_batches_be_refused(
    world: World,
) -> None:
    world.create(partitions=2)
    admin = AdminClient({"bootstrap.servers": world.settings.bootstrap})
    seen = f"{world.name}.state.seen"
    config = {"cleanup.policy": "compact", "max.message.bytes": "50000"}
    admin.create_topics([NewTopic(seen, PARTITIONS, 1, config=config)])[seen].result(30)
    said = failure(world)
    assert f"{world.source.name} has 2" in said
    assert f"topic {seen} takes no batch of" in said


def test_a_worker_does_not_start_on_topics_of_another_partitioner(world: World) -> None:
    world.create()
    producer = clients.producer(world.settings, partitioner="consistent")
    for n in range(100):
        producer.produce(world.source.name, b"x", f"key-{n}")
    assert producer.flush(30) == 0
    assert f"topic {world.source.name} is not partitioned by murmur2" in failure(world)


def test_a_worker_does_not_join_members_of_another_assignor(world: World) -> None:
    world.create()
    group = f"{world.settings.group_prefix}.{world.name}"
    other = Consumer(
        {
            "bootstrap.servers": world.settings.bootstrap,
            "group.id": group,
            "partition.assignment.strategy": "roundrobin",
        }
    )
    try:
        other.subscribe([world.source.name])

        def joined() -> bool:
            other.poll(0.1)
            return bool(other.assignment())

        until(joined, "the other member has joined")
        assert "every member must use the range assignor" in failure(world)
    finally:
        other.close()


def test_credentials_that_kafka_refuses_end_the_start_with_the_setting(
    kafka: RunningBroker, registry: str
) -> None:
    security = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "alice",
        "sasl.password": "wrong",
    }
    world = world_of(kafka.broker.bootstrap, registry, security=security)
    said = failure(world)
    assert "GRIDWIRE_KAFKA_SECURITY" in said
    assert "wrong" not in said


def test_topics_that_nobody_has_created_are_named_with_the_command(
    kafka: RunningBroker, registry: str
) -> None:
    world = world_of(kafka.broker.bootstrap, registry, topic_creation="none")
    said = failure(world)
    assert world.source.name in said
    assert "does not exist" in said
    assert "gridwire topics --apply" in said
