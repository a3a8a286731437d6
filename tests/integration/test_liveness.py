"""Whether a worker says of itself what is so: stuck, idle, blocked, or waiting for a Kafka that is away."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Message, TopicPartition

from sandbox.kafka import RunningBroker
from streams.runtime.broker import Broker
from streams.runtime.observing import Ends
from tests.integration.workers import (
    BLOCK,
    PARTITIONS,
    RESTART_S,
    STALL_S,
    START_S,
    USERS,
    Ops,
    Worker,
    World,
    topics_of,
    working,
    world_of,
)
from tests.roles import free_port
from tests.waiting import until

STUCK = 0  # the partition that is not read


@pytest.fixture
def world(kafka: RunningBroker, registry: str) -> World:
    return world_of(kafka.broker.bootstrap, registry)


class Held:
    """Keeps the consumer of this process from one partition: it stays assigned, and nobody reads it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, world: World) -> None:
        self.on = threading.Event()
        place = [TopicPartition(world.source.name, STUCK)]
        consume = Broker.consume

        def held(broker: Broker, at_most: int, timeout_s: float) -> list[Message]:
            if (world.source.name, STUCK) in broker._owned:
                (broker._consumer.pause if self.on.is_set() else broker._consumer.resume)(place)
            return consume(broker, at_most, timeout_s)

        monkeypatch.setattr(Broker, "consume", held)


@pytest.fixture
def asks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often an observer has asked Kafka so far: about once a second."""
    count = [0]
    ask = Ends.ask

    def counted(ends: Ends, partitions: Any, **options: Any) -> dict[tuple[str, int], int]:
        count[0] += 1
        return ask(ends, partitions, **options)

    monkeypatch.setattr(Ends, "ask", counted)
    return lambda: count[0]


def told(caplog: pytest.LogCaptureFixture, event: str) -> list[logging.LogRecord]:
    return [one for one in caplog.records if one.message == event]


def test_an_idle_worker_stays_live_and_one_stuck_partition_turns_it_red_while_others_move(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    asks: Callable[[], int],
) -> None:
    caplog.set_level(logging.INFO)
    held = Held(monkeypatch, world)
    world.create()
    with topics_of(world) as topics, working(world) as ops:
        caplog.clear()
        idle_until = asks() + int(STALL_S) + 3
        until(lambda: asks() >= idle_until, "the worker was idle for longer than the bound")
        assert ops.live()
        world.write(topics, *USERS)
        until(lambda: world.copied(topics, PARTITIONS), "everything is copied")
        until(ops.caught_up, "no transaction marker is taken for lag")
        held.on.set()
        written = 1

        def red() -> bool:
            nonlocal written
            written += 1
            world.write(topics, *USERS)
            return not ops.live()

        until(red, "a partition that nobody reads turns the worker red", poll_s=0.1)
        reason = ops.problems("/livez")["progress"]
        assert reason.startswith(f"{world.source.name}/{STUCK} stands at 2 of ")
        assert ";" not in reason, "the others move"
        until(lambda: (ops.lag("seconds", STUCK) or 0.0) >= STALL_S, "its lag tells how long")
        until(lambda: bool(told(caplog, "partition stalled")), "the log says so, too")
        until(lambda: bool(told(caplog, "not live")), "and that the process is not live")
        held.on.clear()
        until(ops.live, "once it moves the worker is live again")
        until(lambda: world.copied(topics, written * PARTITIONS), "nothing was lost by it")
        until(ops.caught_up, "nothing lags any more")
    (stalled,) = told(caplog, "partition stalled")
    place = (world.source.name, STUCK, 2)
    assert (stalled.topic, stalled.partition, stalled.position) == place  # type: ignore[attr-defined]
    assert len(told(caplog, "not live")) == 1


def test_a_flow_that_blocks_the_loop_is_told_with_the_place_where_it_hangs(world: World) -> None:
    world.create()
    with topics_of(world) as topics, working(world) as ops:
        world.write(topics, USERS[0], sku=BLOCK)
        assert world.entered.wait(START_S)
        world.write(topics, *USERS)
        until(lambda: not ops.live(), "a blocked loop is not live")
        problem = ops.problems("/livez")["event loop"]
        assert "held up for" in problem
        assert "workers.py" in problem  # where the flow waits
        assert ops.problems("/readyz")["event loop"] == "does not answer"
        until(lambda: (ops.lag("records", 1) or 0) >= 1, "lag grows though the loop hangs")
        world.let_go.set()
        until(ops.live, "a loop that turns again is live")
        until(lambda: world.copied(topics, PARTITIONS + 1), "everything is copied")


@pytest.mark.timeout(600)
def test_a_kafka_that_is_away_makes_the_worker_unready_and_leaves_it_live(
    own_kafka: RunningBroker,
    registry: str,
    monkeypatch: pytest.MonkeyPatch,
    asks: Callable[[], int],
) -> None:
    world = world_of(own_kafka.broker.bootstrap, registry)
    held = Held(monkeypatch, world)
    world.create()
    with topics_of(world) as topics, working(world) as ops:
        world.write(topics, *USERS)
        until(lambda: world.copied(topics, PARTITIONS), "everything is copied")
        until(ops.caught_up, "nothing lags")
        held.on.set()
        world.write(topics, *USERS)
        until(lambda: (ops.lag("seconds", STUCK) or 0.0) > 1.0, "lag in seconds grows")
        own_kafka.kill()
        until(lambda: "Kafka does not answer" in str(ops.problems("/readyz")), "it is not ready")
        away_until = asks() + 2 * int(STALL_S)
        until(lambda: asks() >= away_until, "Kafka was away for longer than the bound")
        assert ops.live(), "a restart would not help"
        held.on.clear()
        own_kafka.restart()
        until(ops.ready, "it is ready again", RESTART_S)
        until(lambda: world.copied(topics, 2 * PARTITIONS), "all is copied", RESTART_S)
        until(ops.caught_up, "lag falls to nothing", RESTART_S)
        assert ops.live()


def test_a_worker_waits_live_for_a_kafka_that_is_not_there_yet(registry: str) -> None:
    world = world_of(f"127.0.0.1:{free_port()}", registry)
    worker, ops = Worker(world), Ops(world)
    worker.start()
    try:
        until(lambda: "Kafka does not answer" in str(ops.problems("/readyz")), "it says so")
        assert ops.live()
    finally:
        worker.stop()
    assert worker.error is None
