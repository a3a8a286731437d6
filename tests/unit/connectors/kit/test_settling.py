"""Commits: what goes into them, when, and what becomes of it when one fails. The broker is a fake."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.kit.base.fatal import FatalKafkaError
from connectors.kit.lanes.effects import packed
from connectors.kit.lanes.settling import REOPENS_MAX, Settling
from connectors.kit.lanes.work import Assigned, Settled
from connectors.kit.output.commits import CommitFailedError, ProducerBrokenError
from connectors.kit.output.output import Output
from tests.unit.connectors.kit.records import assigned, entry

Commit = tuple[list[str], list[tuple[int, int]]]


class FakeCommitter:
    """Takes commits, or fails as told; the last of `failures` is used first."""

    def __init__(self) -> None:
        self.opened = 0
        self.commits: list[Commit] = []
        self.ledger: list[tuple[int | None, bytes | None]] = []
        self.offsets: list[TopicPartition] = []
        self.failures: list[Exception] = []
        self.open_failures: list[Exception] = []
        self.takes_place = False  # although it fails

    def open(self) -> None:
        self.opened += 1
        if self.open_failures:
            raise self.open_failures.pop()

    def commit(
        self, outputs: Sequence[Output], offsets: list[TopicPartition], metadata: Any
    ) -> None:
        if self.failures:
            if self.takes_place:
                self.offsets = offsets
            raise self.failures.pop()
        self.offsets = offsets
        kept = [output for output in outputs if output.topic == "ledger.acme"]
        self.ledger += [(output.partition, output.value) for output in kept]
        keys = [str(output.key) for output in outputs if output not in kept]
        self.commits.append((keys, [(p.partition, p.offset) for p in offsets]))

    def close(self) -> None:
        self.offsets = []


class FakeConsumer(Consumer):
    """Only tells what the committer has committed."""

    def __init__(self, committer: FakeCommitter) -> None:
        super().__init__({"group.id": "none"})
        self._committer = committer
        self.failures: list[KafkaException] = []

    def committed(
        self, partitions: list[TopicPartition], timeout: float = -1
    ) -> list[TopicPartition]:
        if self.failures:
            raise self.failures.pop()
        return self._committer.offsets


class World:
    """Settling over fakes, with one partition that has taken the records 0 to 9."""

    def __init__(self, session_s: float = 1_000.0) -> None:
        self.committer = FakeCommitter()
        self.consumer = FakeConsumer(self.committer)
        self.settling = Settling(
            "command.acme",
            "sink.acme",
            self.consumer,
            self.committer,
            loop=asyncio.get_running_loop(),
            session_s=session_s,
            ledger="ledger.acme",
        )
        self.settling.joined("metadata")
        self.home = assigned()
        self.taken(self.home, 10)
        self.noted: list[int] = []

    @staticmethod
    def taken(home: Assigned, count: int) -> None:
        for offset in range(count):
            home.progress.take(offset)
            home.taken += 1

    def finish(
        self, *offsets: int, of: Assigned | None = None, effects: tuple[bytes, ...] = ()
    ) -> None:
        for offset in offsets:
            outputs = (Output("receipt.acme", f"r{offset}", b"v"),)
            one = entry(offset, of=of or self.home)
            note = lambda offset=offset: self.noted.append(offset)  # noqa: E731
            self.settling.outcomes.append(Settled((one,), outputs, note, effects))

    def intend(self, offset: int, *, intended: bool = False) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.settling.intents.append((entry(offset, of=self.home, intended=intended), future))
        return future

    def metadata(self) -> str | None:
        """Of the last commit, as a successor reads it."""
        return self.committer.offsets[0].metadata

    def commit(self) -> None:
        """As the Kafka thread does between polls, once it is time."""
        self.settling._commit_at = 0.0
        self.settling.commit_due([self.home])


async def test_receipts_and_the_watermark_are_committed_together() -> None:
    world = World()
    world.finish(0, 1)
    world.commit()
    assert world.committer.commits == [(["r0", "r1"], [(0, 2)])]
    assert world.noted == [0, 1]


async def test_an_outcome_beyond_the_watermark_is_committed_at_once_and_only_once() -> None:
    world = World()
    world.finish(5)
    world.commit()
    world.finish(0)
    world.commit()
    assert world.committer.commits == [(["r5"], [(0, 0)]), (["r0"], [(0, 1)])]


async def test_nothing_new_means_no_commit() -> None:
    world = World()
    world.commit()
    assert world.committer.commits == []


async def test_commits_are_an_interval_apart_while_lanes_are_busy() -> None:
    world = World()
    world.finish(0)
    world.settling.commit_due([world.home])
    world.finish(1)
    world.settling.commit_due([world.home])
    assert len(world.committer.commits) == 1


async def test_idle_lanes_wait_for_no_interval() -> None:
    world = World()
    world.finish(*range(9))
    world.settling.commit_due([world.home])
    world.finish(9)
    world.settling.commit_due([world.home])
    assert [offsets for _, offsets in world.committer.commits] == [[(0, 9)], [(0, 10)]]


async def test_a_failed_commit_is_tried_again_with_the_same_outcomes() -> None:
    world = World()
    world.committer.failures = [CommitFailedError("timed out")]
    world.finish(0)
    world.commit()
    assert (world.committer.commits, world.noted) == ([], [])
    world.finish(1)
    world.commit()
    assert world.committer.commits == [(["r0", "r1"], [(0, 2)])]
    assert world.noted == [0, 1]


async def test_outcomes_of_a_lost_partition_are_dropped() -> None:
    world = World()
    world.committer.failures = [CommitFailedError("illegal generation", group_lost=True)]
    world.finish(0)
    world.commit()
    world.finish(1)
    world.home.lost = True
    world.settling.forget_lost()
    world.settling._commit_at = 0.0
    world.settling.commit_due([])
    assert (world.committer.commits, world.noted) == ([], [])


async def test_a_group_that_does_not_know_us_withdraws_the_confirmation() -> None:
    world = World()
    assert world.settling.confirmed()
    world.committer.failures = [CommitFailedError("unknown member", group_lost=True)]
    world.finish(0)
    world.commit()
    assert not world.settling.confirmed()
    world.commit()
    assert world.settling.confirmed()


async def test_waiting_records_have_the_membership_confirmed_by_a_commit_of_the_same_offsets() -> (
    None
):
    world = World(session_s=0.0)
    assert not world.settling.confirmed()
    world.commit()
    world.commit()
    assert world.committer.commits == [([], [(0, 0)])] * 2


# ---- where earlier owners got to ---------------------------------------------------------------------------------
async def test_a_commit_that_an_earlier_owner_left_open_is_waited_for() -> None:
    world = World()
    world.committer.offsets = [TopicPartition("command.acme", 0, 7)]
    world.consumer.failures = [
        KafkaException(KafkaError(KafkaError._TIMED_OUT)),
        KafkaException(KafkaError(KafkaError.UNSTABLE_OFFSET_COMMIT)),
    ]
    found = world.settling.reached([TopicPartition("command.acme", 0)], threading.Event())
    assert [place.offset for place in found] == [7]


@pytest.mark.parametrize(
    ("code", "stopping"),
    [(KafkaError._TIMED_OUT, True), (KafkaError.GROUP_AUTHORIZATION_FAILED, False)],
)
async def test_whoever_stops_or_may_not_read_offsets_does_not_wait(
    code: int, stopping: bool
) -> None:
    world, stop = World(), threading.Event()
    if stopping:
        stop.set()
    world.consumer.failures = [KafkaException(KafkaError(code))]
    with pytest.raises(KafkaException):
        world.settling.reached([TopicPartition("command.acme", 0)], stop)


# ---- the ledger --------------------------------------------------------------------------------------------------
async def test_what_had_its_effect_is_in_the_same_commit_a_message_per_partition() -> None:
    world, other = World(), assigned(3)
    world.taken(other, 10)
    world.finish(0, effects=(b"a" * 16,))
    world.finish(1, effects=(b"b" * 16,))
    world.finish(2)
    world.finish(0, of=other, effects=(b"c" * 16, b"d" * 16))
    world.commit()
    assert world.committer.ledger == [
        (0, packed([b"a" * 16, b"b" * 16])),
        (3, packed([b"c" * 16, b"d" * 16])),
    ]
    assert len(world.committer.commits) == 1


async def test_a_commit_in_which_nothing_had_an_effect_writes_no_ledger() -> None:
    world = World()
    world.finish(0, 1)
    world.commit()
    assert (world.committer.ledger, len(world.committer.commits)) == ([], 1)


async def test_after_a_failed_commit_the_ledger_is_written_once_with_the_next() -> None:
    world = World()
    world.committer.failures = [CommitFailedError("timed out")]
    world.finish(0, effects=(b"a" * 16,))
    world.commit()
    world.finish(1, effects=(b"b" * 16,))
    world.commit()
    assert world.committer.ledger == [(0, packed([b"a" * 16, b"b" * 16]))]


# ---- producers that break ----------------------------------------------------------------------------------------
async def test_a_broken_producer_is_replaced_and_an_unfinished_commit_repeated() -> None:
    world = World()
    world.committer.failures = [ProducerBrokenError("fenced")]
    world.finish(0)
    world.commit()
    assert world.committer.opened == 1
    world.commit()
    assert world.committer.commits == [(["r0"], [(0, 1)])]


async def test_a_commit_that_did_take_place_though_its_producer_broke_is_not_repeated() -> None:
    world = World()
    world.committer.failures = [ProducerBrokenError("timed out")]
    world.committer.takes_place = True
    world.finish(0)
    world.commit()
    world.commit()
    assert world.committer.commits == []
    assert world.noted == [0]


async def test_a_producer_that_breaks_again_and_again_ends_the_process_naming_the_fix() -> None:
    world = World()
    world.committer.failures = [ProducerBrokenError("fenced")] * (REOPENS_MAX + 1)
    world.finish(0)
    for _ in range(REOPENS_MAX):
        world.commit()
    with pytest.raises(FatalKafkaError, match="GRIDWIRE_SLOT"):
        world.commit()


async def test_a_kafka_that_is_away_while_a_producer_is_replaced_is_waited_for() -> None:
    world = World()
    world.committer.failures = [ProducerBrokenError("timed out")]
    world.committer.open_failures = [KafkaException(KafkaError(KafkaError._TIMED_OUT))]
    world.finish(0)
    world.commit()
    world.commit()
    assert world.committer.opened == 2
    assert world.committer.commits == [(["r0"], [(0, 1)])]


async def test_before_partitions_leave_the_last_outcomes_are_committed_in_a_few_tries() -> None:
    world = World()
    world.committer.failures = [CommitFailedError("busy"), CommitFailedError("busy")]
    world.finish(0)
    world.settling.commit_last()
    assert world.committer.commits == [(["r0"], [(0, 1)])]
