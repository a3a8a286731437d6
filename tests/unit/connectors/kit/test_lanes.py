"""Lanes: order per key, bounds, waiting records, partitions that leave."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from connectors.kit.base.permit import Permit, WithdrawnError
from connectors.kit.lanes import lane
from connectors.kit.lanes import lanes as lanes_module
from connectors.kit.lanes.lanes import Lanes
from connectors.kit.lanes.work import Batch, Entry, Join, Later, Limits, Outcomes, Settled
from tests.unit.connectors.kit.records import FakeFeed, assigned, entry, turns
from tests.waiting import until

Handle = Callable[[Entry, Sequence[Entry]], Settled | Later]


def done(one: Entry, _waiting: Sequence[Entry]) -> Settled:
    return Settled((one,))


class Recorder:
    """A handler that notes when records begin and end; records in `held` stay in flight until released."""

    def __init__(self, handle: Handle = done) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.cancelled: list[int] = []
        self.given_up: list[int] = []
        self.held: dict[int, asyncio.Event] = {}
        self.in_flight = self.in_flight_max = 0
        self.use_permit = True
        self._handle = handle

    async def handle(
        self, entry: Entry, waiting: Sequence[Entry], permit: Permit
    ) -> Settled | Later:
        if self.use_permit:
            if not permit.given():
                await permit.wait()
            permit.used()
        self.begun.append(entry.offset)
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        try:
            await asyncio.sleep(0)
            if entry.offset in self.held:
                await self.held[entry.offset].wait()
        except asyncio.CancelledError:
            self.cancelled.append(entry.offset)
            raise
        finally:
            self.in_flight -= 1
        self.ended.append(entry.offset)
        return self._handle(entry, waiting)

    def give_up(self, entry: Entry) -> Settled:
        self.given_up.append(entry.offset)
        return Settled((entry,))

    def hold(self, *offsets: int) -> None:
        self.held |= {offset: asyncio.Event() for offset in offsets}


@asynccontextmanager
async def running(handler: Recorder, concurrency: int = 4) -> AsyncIterator[tuple[Lanes, FakeFeed]]:
    lanes, feed = Lanes(handler, concurrency), FakeFeed()
    lanes.feed = feed
    lanes.start()
    yield lanes, feed
    await lanes.stop()


async def until_soon(holds: Callable[[], bool], what: str) -> None:
    for _ in range(2_000):
        if holds():
            return
        await asyncio.sleep(0)
    until(holds, what, deadline_s=0.0)


async def test_records_of_one_key_go_one_after_another_in_order() -> None:
    handler, home = Recorder(), assigned()
    handler.hold(1)
    async with running(handler) as (lanes, feed):
        lanes.arrived([entry(offset, "a", of=home) for offset in (1, 2, 3)])
        await turns()
        assert handler.begun == [1]
        handler.held[1].set()
        await until_soon(lambda: len(feed.settled) == 3, "all are through")
    assert handler.begun == [1, 2, 3]


async def test_other_keys_overtake_a_slow_one_within_the_bound() -> None:
    handler, home = Recorder(), assigned()
    handler.hold(0, 1)
    async with running(handler, concurrency=2) as (lanes, feed):
        lanes.arrived([entry(offset, f"k{offset}", of=home) for offset in range(5)])
        await turns()
        assert (handler.begun, feed.offsets()) == ([0, 1], [])
        handler.held[1].set()
        await until_soon(lambda: len(feed.settled) == 4, "the others are through")
        assert feed.offsets() == [1, 2, 3, 4]
        handler.held[0].set()
        await until_soon(lambda: len(feed.settled) == 5, "the slow one, too")
    assert handler.in_flight_max == 2


async def test_records_without_a_key_do_not_wait_for_one_another() -> None:
    handler, home = Recorder(), assigned()
    handler.hold(1)
    async with running(handler) as (lanes, feed):
        lanes.arrived([entry(1, None, of=home), entry(2, None, of=home)])
        await until_soon(lambda: feed.offsets() == [2], "the second is through")


async def test_any_schedule_of_retries_keeps_the_order_per_key() -> None:
    dice = random.Random(7)
    waits = {offset: dice.choice([0, 0, 0, 1, 2]) for offset in range(300)}

    def handle(one: Entry, _waiting: Sequence[Entry]) -> Settled | Later:
        waits[one.offset] -= 1
        return Settled((one,)) if waits[one.offset] < 0 else Later(0.0)

    home = assigned()
    keys = {offset: f"k{dice.randrange(9)}" for offset in waits}
    handler = Recorder(handle)
    async with running(handler, concurrency=5) as (lanes, feed):
        lanes.arrived([entry(offset, keys[offset], of=home) for offset in waits])
        await asyncio.to_thread(until, lambda: len(feed.settled) == 300, "all are through")
    for key in set(keys.values()):
        through = [offset for offset in feed.offsets() if keys[offset] == key]
        assert through == sorted(through)


async def test_a_record_set_aside_lets_its_lane_go_on_and_comes_back() -> None:
    aside = [True]

    def handle(one: Entry, _waiting: Sequence[Entry]) -> Settled | Later:
        if one.offset == 1 and aside:
            aside.pop()
            return Later(0.01, aside=True)
        return Settled((one,))

    home = assigned()
    home.taken = 2
    async with running(Recorder(handle)) as (lanes, feed):
        lanes.arrived([entry(1, "a", of=home), entry(2, "a", of=home)])
        await until_soon(lambda: home.aside == 1, "it rests")
        buffered = [home.buffered]  # a record that rests does not count: it must not hold up others
        await asyncio.to_thread(until, lambda: len(feed.settled) == 2, "both are through")
        buffered.append(home.buffered)
    assert feed.offsets() == [2, 1]
    assert buffered == [1, 2]


async def test_records_settled_together_with_another_are_not_carried_out_again() -> None:
    def handle(one: Entry, waiting: Sequence[Entry]) -> Settled:
        return Settled(tuple(other for other in waiting if other.offset in (one.offset, 3)))

    home = assigned()
    handler = Recorder(handle)
    handler.hold(1)
    async with running(handler) as (lanes, feed):
        lanes.arrived([entry(offset, "a", of=home) for offset in (1, 2, 3)])
        await turns()
        handler.held[1].set()
        await until_soon(lambda: len(feed.offsets()) == 3, "all are settled")
    assert handler.begun == [1, 2]
    assert feed.offsets() == [1, 3, 2]


async def test_a_fault_in_a_handler_keeps_the_record_and_its_worker() -> None:
    def handle(one: Entry, _waiting: Sequence[Entry]) -> Settled:
        if one.offset == 1:
            raise KeyError("x")
        return Settled((one,))

    home = assigned()
    async with running(Recorder(handle), concurrency=1) as (lanes, feed):
        lanes.arrived([entry(1, "a", of=home), entry(2, "b", of=home)])
        await until_soon(lambda: feed.offsets() == [2], "the worker goes on")


async def test_a_record_whose_handling_faults_again_and_again_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane, "FAULT_DELAY_S", 0.0)

    def handle(_one: Entry, _waiting: Sequence[Entry]) -> Settled:
        raise KeyError("x")

    handler, home = Recorder(handle), assigned()
    async with running(handler) as (lanes, feed):
        lanes.arrived([entry(1, "a", of=home)])
        await asyncio.to_thread(until, lambda: feed.offsets() == [1], "it is settled")
    assert handler.begun == [1] * lane.FAULTS_MAX
    assert handler.given_up == [1]


async def test_a_worker_that_ends_by_a_fault_is_told_of() -> None:
    def handle(one: Entry, _waiting: Sequence[Entry]) -> Settled:
        return Settled((one, entry(99)))  # not of this lane

    async with running(Recorder(handle), concurrency=1) as (lanes, _feed):
        lanes.arrived([entry(1, "a", of=assigned())])
        await until_soon(lanes.broken.done, "whoever waits hears of it")
        assert isinstance(lanes.broken.result(), ValueError)


async def test_a_worker_that_is_cancelled_by_a_stranger_is_told_of() -> None:
    async with running(Recorder()) as (lanes, _feed):
        lanes._workers[0].cancel()
        await until_soon(lanes.broken.done, "whoever waits hears of it")


async def test_an_end_in_order_is_no_fault() -> None:
    async with running(Recorder()) as (lanes, _feed):
        await turns()
    assert not lanes.broken.done()


async def test_a_batch_that_ends_by_a_fault_is_told_of() -> None:
    home = assigned()

    class Joining(Recorder):
        async def handle(  # type: ignore[override]
            self, entry: Entry, waiting: Sequence[Entry], permit: Permit
        ) -> Join:
            return Join("q", "line", (entry,), self.carry_out, Limits(5))

        async def carry_out(self, batch: Batch) -> Outcomes:
            return {one: Settled((entry(99),)) for one in batch.take()}

    async with running(Joining()) as (lanes, _feed):
        lanes.arrived([entry(1, "a", of=home)])
        await until_soon(lanes.broken.done, "whoever waits hears of it")
        assert isinstance(lanes.broken.result(), ValueError)


# ---- partitions that leave ---------------------------------------------------------------------------------------
async def test_draining_finishes_what_is_in_flight_and_starts_nothing_new() -> None:
    handler, home = Recorder(), assigned()
    handler.hold(1)
    async with running(handler) as (lanes, feed):
        lanes.arrived([entry(1, "a", of=home), entry(2, "a", of=home)])
        await turns()
        draining = asyncio.create_task(lanes.drain([home]))
        await turns()
        assert not draining.done()
        lanes.arrived([entry(3, "b", of=home)])
        handler.held[1].set()
        await until_soon(draining.done, "it has drained")
        await turns()
        assert (feed.offsets(), handler.begun) == ([1], [1])


async def test_other_partitions_go_on_while_one_leaves() -> None:
    handler, leaving, staying = Recorder(), assigned(0), assigned(1)
    handler.hold(1)
    async with running(handler) as (lanes, feed):
        lanes.arrived([entry(1, "a", of=leaving), entry(2, "a", of=staying)])
        await turns()
        draining = asyncio.create_task(lanes.drain([leaving]))
        lanes.arrived([entry(3, "a", of=staying)])
        await until_soon(lambda: feed.offsets() == [2, 3], "the other partition goes on")
        handler.held[1].set()
        await draining


async def test_what_does_not_finish_in_time_is_cancelled_and_its_worker_lives_on() -> None:
    handler, home = Recorder(), assigned()
    handler.hold(1)
    async with running(handler, concurrency=1) as (lanes, feed):
        lanes.arrived([entry(1, "a", of=home), entry(2, "a", of=home)])
        await turns()
        await lanes.drop([home])
        assert handler.cancelled == [1]
        lanes.arrived([entry(3, "a", of=assigned(1))])
        await until_soon(lambda: feed.offsets() == [3], "the worker goes on")
        assert handler.begun == [1, 3]


async def test_a_record_that_waits_for_its_retry_is_dropped_with_its_partition() -> None:
    first = [True]

    def handle(one: Entry, _waiting: Sequence[Entry]) -> Settled | Later:
        if one.offset == 1:
            return Later(0.005)
        return Later(0.05) if first and first.pop() else Settled((one,))

    handler, home = Recorder(handle), assigned()
    async with running(handler) as (lanes, feed):
        lanes.arrived([entry(1, "a", of=home)])
        await until_soon(lambda: handler.ended == [1], "it was tried")
        await lanes.drop([home])
        tried = handler.begun.count(1)
        lanes.arrived(
            [entry(2, "b", of=assigned(1))]
        )  # its timer is due after the other's would be
        await asyncio.to_thread(until, lambda: feed.offsets() == [2], "the other one is through")
        assert handler.begun.count(1) == tried


async def test_nothing_is_sent_while_the_assignment_is_not_confirmed() -> None:
    handler, home = Recorder(), assigned()
    async with running(handler) as (lanes, feed):
        feed.is_confirmed = False
        lanes.arrived([entry(1, "a", of=home)])
        await turns()
        assert handler.begun == []
        feed.is_confirmed = True
        await asyncio.to_thread(until, lambda: feed.offsets() == [1], "it is sent once confirmed")


async def test_a_record_that_was_not_sent_when_its_partition_left_takes_its_intent_back() -> None:
    handler, home = Recorder(), assigned()
    async with running(handler) as (lanes, feed):
        feed.is_confirmed = False
        lanes.arrived([entry(1, "a", of=home)])
        await turns()
        home.draining = True
        await asyncio.to_thread(until, lambda: feed.retracted == [1], "the intent is taken back")
        assert (handler.begun, feed.settled) == ([], [])


async def test_a_permit_that_was_used_holds_until_the_partition_is_lost() -> None:
    states: list[str] = []
    home = assigned()

    class Asking(Recorder):
        async def handle(
            self, entry: Entry, waiting: Sequence[Entry], permit: Permit
        ) -> Settled | Later:
            permit.used()
            home.draining = True
            states.append("given" if permit.given() else "not given")
            home.lost = True
            with pytest.raises(WithdrawnError):
                permit.given()
            return Settled((entry,))

    async with running(Asking()) as (lanes, feed):
        lanes.arrived([entry(1, "a", of=home)])
        await until_soon(lambda: len(feed.settled) == 1, "it is through")
    assert states == ["given"]


async def test_a_handler_that_ends_after_its_lane_was_forgotten_harms_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes_module, "CANCEL_S", 0.01)
    free = asyncio.Event()

    class Stubborn(Recorder):
        async def handle(
            self, entry: Entry, waiting: Sequence[Entry], permit: Permit
        ) -> Settled | Later:
            self.begun.append(entry.offset)
            while entry.offset == 1 and not free.is_set():
                try:
                    await free.wait()
                except asyncio.CancelledError:
                    self.cancelled.append(entry.offset)
            return Settled((entry,))

    handler, home = Stubborn(), assigned()
    async with running(handler, concurrency=1) as (lanes, feed):
        lanes.arrived([entry(1, "a", of=home)])
        await until_soon(lambda: handler.begun == [1], "it is in flight")
        await lanes.drop([home])
        lanes.arrived([entry(2, "a", of=assigned(1))])
        free.set()
        await until_soon(lambda: feed.offsets() == [2], "the worker goes on")
        assert not lanes.broken.done()
    assert handler.cancelled == [1]
