"""Bulk operations: many commands, one request, an outcome for each."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from connectors.kit.connector import (
    BULK_ITEMS_MAX,
    Bulk,
    BulkSteps,
    Item,
    Operation,
    OperationError,
    Rejected,
    Transient,
)
from connectors.kit.http.client import NoAnswerError
from gridwire import metrics
from tests.unit.connectors.kit.bulks import NAME, World, bulk_steps, ids, steps
from tests.unit.connectors.kit.clocks import HeldTime
from tests.unit.connectors.kit.platforms import answer
from tests.unit.connectors.kit.records import assigned, turns
from tests.waiting import until


async def until_soon(holds: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(until, holds, what, 10.0)


async def all_through(world: World, count: int) -> None:
    await until_soon(lambda: len(world.receipts()) == count, f"{count} commands have an outcome")


def bulk(items_max: int = 50, **changed: Any) -> Bulk:
    return Bulk(bulk_steps, items_max, **changed)


# ---- together ----------------------------------------------------------------------------------------------------
async def test_commands_of_different_lanes_are_one_request_and_each_has_a_receipt() -> None:
    world, home = World(), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(n, of=home) for n in range(20)])
        await all_through(world, 20)
    assert world.shop.calls == [ids(*range(20))]
    assert set(world.ends().values()) == {"delivered"}
    assert {one.object_id for one in world.receipts()} == {f"obj-c-{n}" for n in range(20)}
    assert {one.attempts for one in world.receipts()} == {1}


async def test_a_batch_holds_no_more_than_its_maximum() -> None:
    world, home = World(bulk(8)), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(n, of=home) for n in range(20)])
        await all_through(world, 20)
    assert sorted(len(call) for call in world.shop.calls) == [4, 8, 8]


async def test_only_the_first_of_a_lane_goes_along() -> None:
    world, home = World(), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(n, lane=f"l{n % 3}", of=home) for n in range(9)])
        await all_through(world, 9)
    assert world.shop.calls == [ids(0, 1, 2), ids(3, 4, 5), ids(6, 7, 8)]


async def test_where_items_are_applied_in_order_the_next_of_a_lane_go_along() -> None:
    world, home = World(bulk(in_order=True)), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(n, lane="l", of=home) for n in range(5)])
        await all_through(world, 5)
    assert world.shop.calls == [ids(*range(5))]
    assert world.feed.offsets() == list(range(5))


async def test_what_follows_one_that_must_wait_in_its_lane_is_done_again_after_it() -> None:
    world, home = World(bulk(in_order=True), attempts_max=2), assigned()
    async with world.running():
        whats = ["", "busy", "", ""]
        entries = [world.entry(n, what, lane="l", of=home) for n, what in enumerate(whats)]
        world.lanes.arrived(entries)
        await all_through(world, 4)
    assert world.feed.offsets() == [0, 1, 2, 3]
    assert list(world.ends().values()) == ["delivered", "expired", "delivered", "delivered"]
    assert world.shop.effects == ids(0, 2, 3, 2, 3)


async def test_groups_are_sent_apart() -> None:
    world, home = World(bulk(group=lambda command, _body: command.lane[-1])), assigned()
    async with world.running():
        lanes = ["x1", "y2", "z1", "w2"]
        world.lanes.arrived([world.entry(n, lane=lane, of=home) for n, lane in enumerate(lanes)])
        await all_through(world, 4)
    assert sorted(world.shop.calls) == [ids(0, 2), ids(1, 3)]


async def test_two_that_write_the_same_never_share_a_batch() -> None:
    world = World(bulk(apart=lambda _command, body: body.attributes["is"], parallel_max=1))
    home = assigned()
    async with world.running():
        world.lanes.arrived([world.entry(n, what, of=home) for n, what in enumerate("aabab")])
        await all_through(world, 5)
    assert world.shop.calls == [ids(0, 2), ids(1, 4), ids(3)]


async def test_a_batch_is_bounded_by_its_bytes_and_a_giant_goes_alone() -> None:
    world, home = World(bulk(bytes_max=400, parallel_max=1)), assigned()
    async with world.running():
        sizes = [100, 100, 5_000, 100, 100]
        entries = [world.entry(n, "x" * size, of=home) for n, size in enumerate(sizes)]
        world.lanes.arrived(entries)
        await all_through(world, 5)
    assert world.shop.calls == [ids(0, 1), ids(2), ids(3, 4)]


async def test_while_a_slow_limit_holds_a_batch_back_it_fills() -> None:
    time = HeldTime(chance=0.0)
    world, home = World(time=time, requests_per_s=0.1), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(0, of=home)])
        await time.advance(0.0)
        for n in range(1, 41):
            world.lanes.arrived([world.entry(n, of=home)])
            await time.advance(0.2)
        assert world.shop.calls == [ids(0)]
        await time.advance(2.0)
        assert world.shop.calls == [ids(0), ids(*range(1, 41))]
        await turns()


async def test_a_batch_may_linger_for_more_but_not_once_it_is_full() -> None:
    time = HeldTime(chance=0.0)
    world, home = World(bulk(3, linger_s=5.0), time=time), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(0, of=home)])
        await time.advance(4.9)
        assert world.shop.calls == []
        await time.advance(0.2)
        assert world.shop.calls == [ids(0)]
        world.lanes.arrived([world.entry(n, of=home) for n in (1, 2, 3)])
        await time.advance(0.1)
        assert world.shop.calls == [ids(0), ids(1, 2, 3)]


async def test_no_more_batches_are_under_way_than_the_operation_allows() -> None:
    world, home = World(bulk(2, parallel_max=1)), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(n, of=home) for n in range(10)])
        await all_through(world, 10)
    assert (len(world.shop.calls), world.shop.under_way_max) == (5, 1)


async def test_groups_of_one_line_wait_for_one_another() -> None:
    one_by_one = bulk(group=lambda command, _body: command.lane, line="stock", parallel_max=1)
    world, home = World(one_by_one), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(n, of=home) for n in range(6)])
        await all_through(world, 6)
    assert world.shop.under_way_max == 1


async def test_no_more_calls_are_under_way_than_the_platform_allows() -> None:
    world, home = World(bulk(1, parallel_max=8), concurrency=3), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(n, of=home) for n in range(12)])
        await all_through(world, 12)
    assert world.shop.under_way_max == 3


async def test_the_size_of_each_batch_is_a_metric() -> None:
    def total() -> float:
        (found,) = metrics.BULK_ITEMS.labels("acme", NAME).collect()
        return next(one.value for one in found.samples if one.name.endswith("_sum"))

    world, home = World(), assigned()
    before = total()
    async with world.running():
        world.lanes.arrived([world.entry(n, of=home) for n in range(7)])
        await all_through(world, 7)
    assert total() - before == 7


# ---- what may be sent in bulk ------------------------------------------------------------------------------------
def test_an_unsafe_operation_cannot_be_bulk() -> None:
    with pytest.raises(ValueError, match="unsafe"):
        Operation("send", "unsafe", steps, bulk())


@pytest.mark.parametrize(
    "wrong",
    [
        {"items_max": 0},
        {"items_max": BULK_ITEMS_MAX + 1},
        {"parallel_max": 0},
        {"bytes_max": 0},
        {"linger_s": -1.0},
    ],
)
def test_bounds_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        bulk(**wrong)


async def test_a_body_that_is_not_safe_to_repeat_goes_alone_with_its_intent() -> None:
    world = World(safety=lambda body: "unsafe" if body.attributes["is"] == "unsafe" else "natural")
    home = assigned()
    async with world.running():
        whats = ["", "unsafe", ""]
        world.lanes.arrived([world.entry(n, what, of=home) for n, what in enumerate(whats)])
        await all_through(world, 3)
    assert sorted(world.shop.calls) == [ids(0, 2), ids(1)]
    assert world.feed.intents == [1]


# ---- verdicts ----------------------------------------------------------------------------------------------------
async def test_each_item_has_a_verdict_of_its_own() -> None:
    world, home = World(attempts_max=2), assigned()
    async with world.running():
        whats = ["", "refused", "", "busy"]
        world.lanes.arrived([world.entry(n, what, of=home) for n, what in enumerate(whats)])
        await all_through(world, 4)
    ends = world.ends()
    assert [ends[one] for one in ids(0, 1, 2, 3)] == [
        "delivered",
        "rejected",
        "delivered",
        "expired",
    ]
    assert world.letters() == 2
    assert world.shop.effects == ids(0, 2)


@pytest.mark.parametrize("poisons", [{17}, {0, 49}, {3, 4, 5}])
async def test_a_batch_that_is_refused_as_a_whole_is_halved_until_the_poison_is_alone(
    poisons: set[int],
) -> None:
    world, home = World(), assigned()
    async with world.running():
        entries = [world.entry(n, "poison" if n in poisons else "", of=home) for n in range(50)]
        world.lanes.arrived(entries)
        await all_through(world, 50)
    ends = world.ends()
    assert {id_ for id_, end in ends.items() if end == "rejected"} == set(ids(*poisons))
    assert sorted(world.shop.effects) == sorted(set(ids(*range(50))) - set(ids(*poisons)))
    levels = 7  # 50, 25, 13, 7, 4, 2, 1
    assert len(world.shop.calls) <= 1 + levels * 2 * len(poisons)


async def test_steps_that_refuse_the_whole_themselves_are_halved_too() -> None:
    def unclear(items: Sequence[Item]) -> BulkSteps:
        results = yield from bulk_steps(items)
        if any(isinstance(one, Rejected) for one in results):
            raise OperationError(Rejected("one of them, it does not say which"))
        return results

    world, home = World(Bulk(unclear, items_max=50)), assigned()
    async with world.running():
        whats = ["", "poison", "", ""]
        world.lanes.arrived([world.entry(n, what, of=home) for n, what in enumerate(whats)])
        await all_through(world, 4)
    assert [end for end in world.ends().values() if end != "delivered"] == ["rejected"]


async def test_one_that_the_bulk_steps_refuse_is_decided_by_its_operations_own() -> None:
    def refusing(items: Sequence[Item]) -> BulkSteps:
        yield from bulk_steps(items)
        raise OperationError(Rejected("a part of the batch"))

    world, home = World(Bulk(refusing, items_max=50)), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(0, of=home)])
        await all_through(world, 1)
    assert list(world.ends().values()) == ["delivered"]


async def test_after_a_transient_failure_all_come_again_each_with_a_failure_of_its_own() -> None:
    world, home = World(attempts_max=9), assigned()
    world.shop.scripted = [answer(503), answer(500)]
    entries = [world.entry(n, of=home) for n in range(10)]
    async with world.running():
        world.lanes.arrived(entries)
        await all_through(world, 10)
    assert {one.attempts for one in world.receipts()} <= {2, 3}
    assert all(one.failures in (1, 2) for one in entries)
    assert sorted(world.shop.effects) == sorted(ids(*range(10)))


async def test_a_timeout_after_the_platform_took_a_batch_is_answered_by_sending_it_again() -> None:
    world, home = World(), assigned()
    world.shop.scripted = [NoAnswerError(Transient("timeout"), sent=True)]
    async with world.running():
        world.lanes.arrived([world.entry(n, of=home) for n in range(10)])
        await all_through(world, 10)
    assert set(world.ends().values()) == {"delivered"}
    assert set(world.shop.effects) == set(ids(*range(10)))


async def test_one_that_breaks_its_whole_batch_is_given_up_alone() -> None:
    world, home = World(attempts_max=4), assigned()
    async with world.running():
        entries = [world.entry(n, "breaks" if n == 7 else "", of=home) for n in range(50)]
        world.lanes.arrived(entries)
        await all_through(world, 50)
    assert {id_ for id_, end in world.ends().items() if end != "delivered"} == {"c-7"}
    assert world.ends()["c-7"] == "expired"


async def test_one_that_cannot_even_be_put_into_a_request_is_given_up_alone() -> None:
    def picky(items: Sequence[Item]) -> BulkSteps:
        if any(item.body.attributes["is"] == "odd" for item in items):
            raise KeyError("odd")
        return bulk_steps(items)

    def picky_alone(command: Any, body: Any) -> Any:
        if body.attributes["is"] == "odd":
            raise KeyError("odd")
        return steps(command, body)

    world, home = World(Bulk(picky, items_max=50), alone=picky_alone), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(n, "odd" if n == 3 else "", of=home) for n in range(9)])
        await all_through(world, 9)
    assert {id_ for id_, end in world.ends().items() if end != "delivered"} == {"c-3"}


async def test_a_command_that_the_steps_have_no_result_for_is_tried_again() -> None:
    def forgetful(items: Sequence[Item]) -> BulkSteps:
        results = yield from bulk_steps(items)
        return results[:1]

    world, home = World(Bulk(forgetful, items_max=50), attempts_max=9), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(n, of=home) for n in range(3)])
        await all_through(world, 3)
    assert set(world.ends().values()) == {"delivered"}


async def test_steps_that_need_no_request_at_all_have_results_nevertheless() -> None:
    def nothing_to_do(items: Sequence[Item]) -> BulkSteps:
        yield from ()
        return [Rejected("not a user of ours") for _ in items]

    world, home = World(Bulk(nothing_to_do, items_max=50)), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(n, of=home) for n in range(3)])
        await all_through(world, 3)
    assert (world.shop.calls, set(world.ends().values())) == ([], {"rejected"})


async def test_wrong_credentials_of_an_item_stop_the_sink_and_lose_nothing() -> None:
    time = HeldTime(chance=0.0)
    world, home = World(time=time), assigned()
    async with world.running():
        world.lanes.arrived([world.entry(0, "forbidden", of=home), world.entry(1, of=home)])
        await time.advance(0.1)
        assert world.caller.breaker.stopped == "no permission"
        assert world.ends() == {"c-1": "delivered"}
        assert world.letters() == 0


async def test_while_the_breaker_is_open_a_batch_waits_and_fills() -> None:
    time = HeldTime(chance=0.5)
    world, home = World(time=time, failures_max=1, attempts_max=9), assigned()
    world.shop.scripted = [answer(500)]
    async with world.running():
        world.lanes.arrived([world.entry(0, of=home)])
        await time.advance(0.1)
        assert not world.caller.breaker.closed
        world.lanes.arrived([world.entry(n, of=home) for n in range(1, 9)])
        await time.advance(0.5)
        assert world.shop.calls == [ids(0)]
        await time.advance(1.0)
        assert ids(*range(1, 9)) in world.shop.calls


def test_with_each_failure_a_command_shares_a_quarter_and_its_last_attempt_is_alone() -> None:
    sender = World(attempts_max=10).deliveries._bulk
    one = World().entry(1, of=assigned())
    shares = []
    for failures in range(4):
        one.failures = failures
        shares.append(sender.share(one, bulk(50)))
    assert shares == [50, 12, 3, 1]
    one.failures = 9
    assert sender.share(one, bulk(BULK_ITEMS_MAX)) == 1
    one.failures, one.together_max = 0, 7
    assert sender.share(one, bulk(50)) == 7
