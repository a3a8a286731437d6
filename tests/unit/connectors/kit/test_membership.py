"""The pollers' group and whoever polls: what becomes of a fault on the way. The consumer is a fake."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from connectors.kit.base.callbacks import Rebalanced
from connectors.kit.reads import membership
from connectors.kit.reads.membership import Membership, OwnerError
from gridwire import kafka as clients
from gridwire.settings import KafkaSettings
from gridwire.topics import CHECKPOINTS

PARTITION = TopicPartition(CHECKPOINTS.name, 3)
ENDS_S_MAX = 10.0


class FakeConsumer(Consumer):
    """Assigns one partition with its first poll, and revokes it when it is closed."""

    assigned: Rebalanced
    revoked: Rebalanced

    def __init__(self) -> None:
        super().__init__({"group.id": "none"})
        self.polls = 0
        self.poll_error: Exception | None = None
        self.closed = False

    def subscribe(
        self,
        topics: list[str],
        on_assign: Rebalanced | None = None,
        on_revoke: Rebalanced | None = None,
        on_lost: Rebalanced | None = None,
    ) -> None:
        assert topics == [CHECKPOINTS.name]
        assert on_assign is not None
        assert on_revoke is not None
        assert on_lost is not None
        self.assigned, self.revoked = on_assign, on_revoke

    def poll(self, timeout: float = -1) -> None:
        self.polls += 1
        if self.polls == 1:
            self.assigned(self, [PARTITION])
        elif self.poll_error is not None:
            raise self.poll_error

    def close(self) -> None:
        self.closed = True
        self.revoked(self, [PARTITION])

    def assign(self, _partitions: list[TopicPartition]) -> None: ...

    def unassign(self) -> None: ...

    def pause(self, _partitions: list[TopicPartition]) -> None: ...

    def list_topics(self, *_: Any, **__: Any) -> Any:
        topic = SimpleNamespace(partitions=dict.fromkeys(range(8)))
        return SimpleNamespace(topics={CHECKPOINTS.name: topic})


class FakeOwner:
    """Polls what it is given, or raises, or waits for ever."""

    def __init__(self) -> None:
        self.polled: set[int] = set()
        self.began = asyncio.Event()
        self.gained_error: Exception | None = None
        self.gave_up_error: Exception | None = None
        self.held: set[str] = set()

    async def gained(self, partitions: set[int], count: int) -> None:
        if "gained" in self.held:
            await asyncio.Event().wait()
        if self.gained_error is not None:
            raise self.gained_error
        assert count == 8
        self.polled |= partitions
        self.began.set()

    async def gave_up(self, partitions: set[int]) -> None:
        if "gave_up" in self.held:
            await asyncio.Event().wait()
        if self.gave_up_error is not None:
            raise self.gave_up_error
        self.polled -= partitions


class World:
    """A membership with a fake consumer and a fake owner."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.consumer = FakeConsumer()
        self.owner = FakeOwner()
        monkeypatch.setattr(clients, "consumer", lambda *_, **__: self.consumer)
        settings = KafkaSettings(bootstrap="none:9092", registry_url="http://none")
        self.membership = Membership(settings, self.owner)

    async def ended(self) -> None:
        """Raises what ended it."""
        async with asyncio.timeout(ENDS_S_MAX):
            await asyncio.shield(self.membership.ended)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def test_partitions_are_polled_until_the_consumer_has_left(world: World) -> None:
    world.membership.start()
    await world.owner.began.wait()
    assert world.owner.polled == {3}
    await world.membership.stop()
    await world.ended()
    assert (world.owner.polled, world.consumer.closed) == (set(), True)
    assert world.membership.ready() == "stopped"


async def test_an_owner_that_cannot_begin_ends_the_membership(world: World) -> None:
    world.owner.gained_error = RuntimeError("no room")
    world.membership.start()
    with pytest.raises(RuntimeError, match="no room"):
        await world.ended()
    assert world.membership.ready() == "failed: no room"
    assert world.consumer.closed


async def test_an_owner_that_does_not_begin_in_time_ends_the_membership_and_says_why(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "OWNER_S_MAX", 0.0)
    world.owner.held = {"gained"}
    world.membership.start()
    with pytest.raises(OwnerError, match="polling did not begin"):
        await world.ended()
    assert world.consumer.closed


async def test_an_owner_whose_polling_does_not_end_in_time_is_left_to_the_fence(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.membership.start()
    await world.owner.began.wait()
    monkeypatch.setattr(membership, "OWNER_S_MAX", 0.0)
    world.owner.held = {"gave_up"}
    await world.membership.stop()
    await world.ended()
    assert "polling has not ended yet" in caplog.text


async def test_after_a_fault_the_group_is_left_and_polling_ends(world: World) -> None:
    world.consumer.poll_error = ValueError("broken")
    world.membership.start()
    with pytest.raises(ValueError, match="broken"):
        await world.ended()
    assert (world.consumer.closed, world.owner.polled) == (True, set())


async def test_what_a_callback_raises_while_the_consumer_is_closed_is_told(world: World) -> None:
    world.owner.gave_up_error = RuntimeError("still polling")
    world.membership.start()
    await world.owner.began.wait()
    await world.membership.stop()
    with pytest.raises(RuntimeError, match="still polling"):
        await world.ended()


async def test_whoever_gave_up_waiting_for_the_end_costs_nothing(world: World) -> None:
    world.membership.start()
    await world.owner.began.wait()
    world.membership.ended.cancel()
    world.membership._end(None)
    world.membership._end(ValueError("too late"))
    world.membership._stopping.set()
    await asyncio.to_thread(world.membership._thread.join, ENDS_S_MAX)
    assert world.consumer.closed
