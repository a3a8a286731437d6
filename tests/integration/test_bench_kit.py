"""The benchmark of the connector kit, small: its subjects do their work on a real Kafka, and everything is counted."""

from collections.abc import Iterator

import pytest

from bench import observing
from bench import world as worlds
from bench.kit import delivery, gateway, limited, polling, storm
from bench.kit.platforms import Limited
from bench.world import World
from sandbox.kafka import NoKafkaError

DELIVERIES = 1_000
COMMANDS = 3_000
RECORDS = 3_000

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(
        not observing.MEASURABLE, reason="CPU times are read from /proc: run on Linux"
    ),
]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    try:
        with worlds.world(0) as made:
            yield made
    except NoKafkaError as error:
        pytest.skip(f"{error}; start Docker, or install Java 17+ and Maven")


def test_every_delivery_is_answered_and_in_kafka_once_in_ours_and_in_the_peer(world: World) -> None:
    runs = list(gateway.measure(world, DELIVERIES, 1))
    assert [one.name for one in runs] == list(gateway.SUBJECTS)
    assert all(one.peak.statuses == {200: DELIVERIES} for one in runs)
    assert all(one.per_core > 0 for one in runs)


@pytest.mark.parametrize("subject", delivery.SUBJECTS, ids=lambda one: one.name)
def test_every_command_has_its_call_and_its_receipt_once(
    subject: delivery.Subject, world: World
) -> None:
    count = COMMANDS // subject.share
    done = delivery.run(world, subject, count)
    assert done.rate > 0
    assert done.per_core > 0


def test_commands_that_were_carried_out_in_an_earlier_run_are_none_of_the_next(
    world: World,
) -> None:
    for _ in range(2):
        assert delivery.run(world, delivery.SUBJECTS[0], COMMANDS).rate > 0


def test_limits_are_used_and_counted(world: World) -> None:
    case = limited.Case(Limited("small", 60, 3.0, "braze", delay_s=0.01))
    (found,) = limited.measure(world, 6.0, [case])
    assert found.name == "small"
    assert 0 < found.used <= 1


def test_every_record_of_a_poll_is_in_kafka_once(world: World) -> None:
    (found,) = polling.measure(world, RECORDS, 1)
    assert found.rate > 0


def test_memory_in_a_storm_is_looked_at_while_calls_fail(world: World) -> None:
    found = storm.measure(world, 8.0)
    assert found.first_mb > 0
    assert {200, 429, 500, 503} <= set(found.calls)
