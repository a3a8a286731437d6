"""Commits that do not succeed for long are said, with the reason; a ledger that is gone is named."""

import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from connectors.kit.lanes import settling
from connectors.kit.lanes.settling import COMMITTING_S_MAX
from connectors.kit.output.commits import CommitFailedError
from tests.unit.connectors.kit.test_settling import World


@dataclass
class Clock:
    """Time as the settling sees it."""

    now_s: float = field(default_factory=time.monotonic)

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr(settling, "time", one)
    return one


def failing(world: World, clock: Clock, times: int = 2) -> None:
    """Commits fail, `COMMITTING_S_MAX` apart."""
    world.finish(0)
    for n in range(times):
        clock.now_s += COMMITTING_S_MAX if n else 0.0
        world.committer.failures = [CommitFailedError("_TIMED_OUT: 1 message(s)")]
        world.commit()


def told(world: World, monkeypatch: pytest.MonkeyPatch, *topics: str) -> None:
    """Kafka has these topics."""
    found = {name: SimpleNamespace(error=None) for name in topics}

    def list_topics(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(topics=found)

    monkeypatch.setattr(world.consumer, "list_topics", list_topics, raising=False)


async def test_commits_that_fail_for_long_are_a_problem_until_one_succeeds(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    told(world, monkeypatch, "ledger.acme")
    failing(world, clock, times=1)
    problems = [world.settling.problem]
    clock.now_s += COMMITTING_S_MAX
    problems.append(world.settling.problem)
    failing(world, clock, times=1)
    problems.append(world.settling.problem)
    world.commit()
    problems.append(world.settling.problem)
    silent = f"no commit has succeeded for {COMMITTING_S_MAX:.0f} s: _TIMED_OUT: 1 message(s)"
    assert problems == [None, silent, silent, None]


async def test_a_ledger_that_is_gone_is_named_with_what_to_do(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    told(world, monkeypatch)
    failing(world, clock)
    problem = world.settling.problem
    assert problem is not None
    assert "ledger.acme is gone: create it with as many partitions as command.acme" in problem


async def test_a_kafka_that_does_not_answer_leaves_the_commits_own_reason(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()

    def list_topics(*_: Any, **__: Any) -> Any:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    monkeypatch.setattr(world.consumer, "list_topics", list_topics, raising=False)
    failing(world, clock)
    assert world.settling.problem is not None
    assert "_TIMED_OUT" in world.settling.problem


async def test_partitions_that_are_lost_take_their_failed_commits_along(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    told(world, monkeypatch, "ledger.acme")
    failing(world, clock)
    world.home.lost = True
    world.settling.forget_lost()
    clock.now_s += COMMITTING_S_MAX
    assert world.settling.problem is None


async def test_lanes_that_are_idle_for_long_are_no_problem(clock: Clock) -> None:
    world = World()
    world.finish(*range(10))
    world.commit()
    clock.now_s += 10 * COMMITTING_S_MAX
    assert world.settling.problem is None
