"""Batches whose records are of several partitions, while partitions leave, the process stops, or Kafka is away."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from connectors.kit.connector import Bulk, BulkSteps, Done, Item, ItemResult, Request
from connectors.kit.lanes import lane
from connectors.kit.lanes.work import Entry, Outcome
from tests.unit.connectors.kit.bulks import World, bulk_steps, ids
from tests.unit.connectors.kit.clocks import HeldTime
from tests.unit.connectors.kit.records import assigned, turns
from tests.waiting import until


async def until_soon(holds: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(until, holds, what, 10.0)


def held(world: World) -> asyncio.Event:
    world.shop.held = asyncio.Event()
    return world.shop.held


def two_steps(method: str) -> Callable[[Sequence[Item]], BulkSteps]:
    """A write, then another request about the same items."""

    def steps(items: Sequence[Item]) -> BulkSteps:
        results = yield from bulk_steps(items)
        body = [[item.command.event_id, ""] for item in items]
        yield Request("GET" if method == "GET" else "POST", "/more", json=body)
        return results

    return steps


# ---- before it is sent -------------------------------------------------------------------------------------------
async def test_records_of_a_partition_that_leaves_before_the_turn_are_left_out() -> None:
    time = HeldTime(chance=0.0)
    world = World(time=time, requests_per_s=0.1)
    leaving, staying = assigned(0), assigned(1)
    async with world.running():
        world.lanes.arrived([world.entry(0, of=staying)])
        await time.advance(0.0)  # takes the one call that there is for now
        world.lanes.arrived([world.entry(n, of=leaving if n % 2 else staying) for n in range(1, 9)])
        await time.advance(1.0)
        await world.lanes.drain([leaving])  # nothing of it is in flight: at once
        await world.lanes.drop([leaving])
        leaving.lost = True
        await time.advance(10.0)
    assert world.shop.calls == [ids(0), ids(2, 4, 6, 8)]
    assert set(world.ends()) == set(ids(0, 2, 4, 6, 8))


async def test_a_batch_all_of_whose_records_leave_before_the_turn_is_not_sent() -> None:
    time = HeldTime(chance=0.0)
    world, home = World(time=time, requests_per_s=0.1), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(0, of=home)])
        await time.advance(0.0)
        world.lanes.arrived([world.entry(n, of=home) for n in range(1, 5)])
        await time.advance(1.0)
        await world.lanes.drop([home])
        await time.advance(20.0)
        assert world.shop.calls == [ids(0)]
        again = assigned()
        world.lanes.arrived([world.entry(n, of=again) for n in range(1, 5)])
        await time.advance(20.0)
    assert world.shop.calls == [ids(0), ids(1, 2, 3, 4)]


async def test_nothing_is_sent_while_the_assignment_is_not_confirmed() -> None:
    time = HeldTime(chance=0.0)
    world, home = World(time=time), assigned()
    async with world.running():
        world.feed.is_confirmed = False
        world.lanes.arrived([world.entry(n, of=home) for n in range(5)])
        await time.advance(30.0)
        assert world.shop.calls == []
        world.feed.is_confirmed = True
        await time.advance(0.1)
    assert world.shop.calls == [ids(*range(5))]


# ---- in flight ---------------------------------------------------------------------------------------------------
async def test_draining_waits_for_a_batch_in_flight_and_starts_nothing_new_of_its_partition() -> (
    None
):
    world, leaving, staying = World(), assigned(0), assigned(1)
    answered = held(world)
    async with world.running():
        world.lanes.arrived([world.entry(0, lane="a", of=leaving), world.entry(1, of=staying)])
        world.lanes.arrived([world.entry(2, lane="a", of=leaving)])
        await until_soon(lambda: len(world.shop.calls) == 1, "it is in flight")
        draining = asyncio.create_task(world.lanes.drain([leaving]))
        await turns()
        assert not draining.done()
        answered.set()
        await asyncio.wait_for(draining, 10.0)
        await turns()
    assert world.feed.offsets() == [0, 1]
    assert world.shop.calls == [ids(0, 1)]


async def test_a_partition_that_is_dropped_in_flight_costs_the_others_of_its_batch_nothing() -> (
    None
):
    world, leaving, staying = World(), assigned(0), assigned(1)
    answered = held(world)
    async with world.running():
        entries = [world.entry(n, of=leaving if n < 3 else staying) for n in range(6)]
        world.lanes.arrived(entries)
        await until_soon(lambda: len(world.shop.calls) == 1, "it is in flight")
        await asyncio.wait_for(world.lanes.drop([leaving]), 10.0)  # does not wait for the answer
        answered.set()
        await until_soon(lambda: len(world.ends()) == 3, "the others have their outcome")
        await turns()
    assert world.feed.offsets() == [3, 4, 5]
    assert world.shop.calls == [ids(*range(6))]


async def test_a_batch_all_of_whose_partitions_are_dropped_is_cancelled() -> None:
    world, one, other = World(), assigned(0), assigned(1)
    held(world)
    async with world.running():
        world.lanes.arrived([world.entry(0, of=one), world.entry(1, of=other)])
        await until_soon(lambda: len(world.shop.calls) == 1, "it is in flight")
        await world.lanes.drop([one, other])
        assert world.shop.under_way == 0
        world.shop.held = None
        world.lanes.arrived([world.entry(2, of=assigned(2))])
        await until_soon(lambda: world.ends() == {"c-2": "delivered"}, "the sink goes on")
    assert world.caller.breaker.closed


async def test_before_another_write_what_is_still_ours_begins_again_without_the_others() -> None:
    world = World(Bulk(two_steps("POST"), items_max=50))
    leaving, staying = assigned(0), assigned(1)
    answered = held(world)
    async with world.running():
        world.lanes.arrived([world.entry(0, of=leaving), world.entry(1, of=staying)])
        await until_soon(lambda: len(world.shop.calls) == 1, "the first write is in flight")
        await world.lanes.drop([leaving])
        answered.set()
        await until_soon(lambda: world.ends() == {"c-1": "delivered"}, "the other is through")
    assert world.shop.calls == [ids(0, 1), ids(1), ids(1)]
    assert {one.failures for one in world.feed.settled[0].entries} == {0}


async def test_a_request_that_only_reads_goes_on_for_those_that_are_still_ours() -> None:
    world = World(Bulk(two_steps("GET"), items_max=50))
    leaving, staying = assigned(0), assigned(1)
    answered = held(world)
    async with world.running():
        world.lanes.arrived([world.entry(0, of=leaving), world.entry(1, of=staying)])
        await until_soon(lambda: len(world.shop.calls) == 1, "the write is in flight")
        await world.lanes.drop([leaving])
        answered.set()
        await until_soon(lambda: world.ends() == {"c-1": "delivered"}, "the other is through")
    assert world.shop.paths == ["/items", "/more"]


async def test_a_partition_that_is_lost_is_not_written_for_though_nobody_dropped_it_yet() -> None:
    world = World(Bulk(two_steps("POST"), items_max=50))
    lost, staying = assigned(0), assigned(1)
    answered = held(world)
    async with world.running():
        world.lanes.arrived([world.entry(0, of=lost), world.entry(1, of=staying)])
        await until_soon(lambda: len(world.shop.calls) == 1, "the first write is in flight")
        lost.lost = True
        answered.set()
        await until_soon(lambda: "c-1" in world.ends(), "the other is through")
    assert world.shop.calls[1:] == [ids(1), ids(1)]
    assert "c-0" not in world.ends()


async def test_a_fault_of_the_kit_in_a_batch_keeps_its_records_and_the_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane, "FAULT_DELAY_S", 0.0)
    world, home = World(), assigned()
    faults = [True]
    good = world.deliveries._bulk._conclude

    async def concluded(entry: Entry, result: ItemResult) -> Outcome:
        if faults:
            faults.pop()
            raise RuntimeError("a fault")
        return await good(entry, result)

    async with world.running():
        world.deliveries._bulk._conclude = concluded
        world.lanes.arrived([world.entry(n, of=home) for n in range(3)])
        await until_soon(lambda: len(world.ends()) == 3, "they are through")
    assert len(world.shop.calls) == 2


async def test_results_are_settled_in_the_order_of_each_lane() -> None:
    def backwards(items: Sequence[Item]) -> BulkSteps:
        yield Request("POST", "/items", json=[[item.command.event_id, ""] for item in items])
        return [Done(object_id=item.command.event_id) for item in items]

    world, home = World(Bulk(backwards, items_max=4, in_order=True)), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(n, lane=f"l{n % 2}", of=home) for n in range(30)])
        await until_soon(lambda: len(world.ends()) == 30, "all are through")
    for parity in (0, 1):
        through = [offset for offset in world.feed.offsets() if offset % 2 == parity]
        assert through == sorted(through)
    assert {one.object_id == one.command_id for one in world.receipts()} == {True}


async def test_while_a_partition_drains_nothing_of_it_that_waits_is_started() -> None:
    world = World(Bulk(bulk_steps, items_max=2, parallel_max=1))
    leaving, staying = assigned(0), assigned(1)
    answered = held(world)
    async with world.running():
        homes = [leaving, staying, leaving, staying, leaving]
        world.lanes.arrived([world.entry(n, of=home) for n, home in enumerate(homes)])
        await until_soon(lambda: len(world.shop.calls) == 1, "the first batch is in flight")
        draining = asyncio.create_task(world.lanes.drain([leaving]))
        await turns()
        answered.set()
        await asyncio.wait_for(draining, 10.0)
        await until_soon(lambda: "c-3" in world.ends(), "the other partition goes on")
        await turns()
        assert world.shop.calls == [ids(0, 1), ids(3)]
        await world.lanes.drop([leaving])
        assert world.lanes._batches._queues == {}
