"""What a platform answered once is not asked again, whatever keeps the outcome from being written."""

import asyncio
from typing import Any

import pytest

from connectors.kit.connector import (
    Bulk,
    Done,
    MalformedError,
    Request,
    Steps,
    Transient,
)
from connectors.kit.http.client import NoAnswerError
from connectors.kit.lanes import lane
from connectors.kit.lanes.ends import LOOKED_S
from connectors.kit.lanes.lane import FAULTS_MAX
from connectors.kit.lanes.work import Entry, Later, Settled
from connectors.kit.output.output import Output
from connectors.kit.sinks.outcomes import REGISTRY_DELAY_S
from gridwire.codec import CodecError, RegistryUnavailableError
from gridwire.dead_letters import OUR_FAULT, REASON, RECEIPT_UNFIT
from gridwire.limits import Limits
from gridwire.records import BrazeProfile
from gridwire.topics import BRAZE_PROFILES, BRAZE_RECEIPTS
from tests.unit.connectors.kit import bulks
from tests.unit.connectors.kit.bulks import bulk_steps, ids
from tests.unit.connectors.kit.platforms import answer
from tests.unit.connectors.kit.records import FreePermit, assigned, turns
from tests.unit.connectors.kit.test_delivery import World, letters
from tests.waiting import until

PROFILE = BrazeProfile(customer_ref="customer-7", known=True, occurred_at=5)
TIMEOUT = NoAnswerError(Transient("timeout"), sent=True)


def learning(_command: Any, _body: Any) -> Steps:
    yield Request("POST", "/users/track", json={}, idempotent=False)
    return Done(object_id="obj-1", records=((BRAZE_PROFILES, PROFILE),))


def faults(monkeypatch: pytest.MonkeyPatch, world: Any, error: Exception, times: int) -> None:
    """The next writes raise."""
    messages = world.deliveries._messages
    good, left = messages.write, [error] * times

    async def write(topic: Any, record: Any) -> Output:
        if left:
            raise left.pop()
        output: Output = await good(topic, record)
        return output

    monkeypatch.setattr(messages, "write", write)


async def ready(world: World) -> None:
    """The receipts' schema is known, as it is after the first command."""
    await world.deliveries._messages.prepare(BRAZE_RECEIPTS)


# ---- one command -------------------------------------------------------------------------------------------------
async def test_an_unsafe_command_is_sent_once_however_long_its_outcome_cannot_be_written() -> None:
    world = World(answer(201, {}), steps=learning, safety="unsafe")
    one = world.entry()
    await ready(world)
    await world.deliveries._read(one)
    world.avro.registry.away = True
    for _ in range(400):
        assert await world.later(one) == Later(REGISTRY_DELAY_S)
    assert "outcomes cannot be written" in str(world.deliveries.problem)
    world.avro.registry.away = False
    settled = await world.settled(one)
    assert (world.receipt(settled).outcome, world.receipt(settled).attempts) == ("delivered", 1)
    assert settled.effects
    assert len(world.http.requests) == 1
    assert world.feed.retracted == []  # the intent stands until the outcome is committed
    assert world.deliveries.problem is None


async def test_an_outcome_that_is_unknown_stays_so_while_it_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(TIMEOUT, answer(201, {"id": "x"}), safety="unsafe")
    one = world.entry()
    faults(monkeypatch, world, RegistryUnavailableError("away"), 3)
    for _ in range(3):
        await world.later(one)
    assert world.receipt(await world.settled(one)).outcome == "unknown"
    assert len(world.http.requests) == 1
    assert world.feed.retracted == []


async def test_a_refusal_counts_once_though_it_is_written_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(answer(400))
    world.deliveries._limit.limits = Limits(3, 1.0, 10)
    one = world.entry()
    faults(monkeypatch, world, RegistryUnavailableError("away"), 5)
    for _ in range(5):
        await world.later(one)
    assert world.receipt(await world.settled(one)).outcome == "rejected"
    assert world.deliveries.problem is None


async def test_while_outcomes_wait_to_be_written_nothing_else_is_sent() -> None:
    world = World(answer(201, {}), steps=learning)
    one, other = world.entry(), world.entry()
    await ready(world)
    await world.deliveries._read(one)
    await world.deliveries._read(other)
    world.avro.registry.away = True
    await world.later(one)
    assert await world.later(other) == Later(REGISTRY_DELAY_S)
    assert len(world.http.requests) == 1
    world.time.passed_s += LOOKED_S + 1  # its partition has left: nobody looks at it any more
    assert world.deliveries.problem is None


async def test_nothing_is_sent_whose_receipt_could_not_be_written() -> None:
    world = World(answer(201, {"id": "x"}))
    one = world.entry()
    await world.deliveries._read(one)
    world.avro.registry.away = True
    await world.later(one)
    assert world.http.requests == []


async def test_a_receipt_that_fits_no_topic_goes_without_what_the_connector_put_into_it() -> None:
    def numbered(_command: Any, _body: Any) -> Steps:
        yield Request("POST", "/x", json={}, idempotent=False)
        return Done(object_id=17)  # type: ignore[arg-type]

    world = World(answer(201, {}), steps=numbered, safety="unsafe")
    settled = await world.settled()
    receipt = world.receipt(settled)
    assert (receipt.outcome, receipt.object_id) == ("delivered", None)
    assert (receipt.reason or "").startswith(RECEIPT_UNFIT)
    assert [one[REASON] for one in letters(settled)] == [RECEIPT_UNFIT.encode()]
    assert len(world.http.requests) == 1


async def test_an_operation_that_returns_nonsense_after_its_effect_is_not_sent_again() -> None:
    def careless(_command: Any, _body: Any) -> Any:
        yield Request("POST", "/x", json={}, idempotent=False)

    world = World(answer(201, {}), steps=careless, safety="unsafe")
    one = world.entry()
    with pytest.raises(AttributeError):
        await world.handle(one)
    assert world.receipt(await world.settled(one)).outcome == "delivered"
    assert len(world.http.requests) == 1


@pytest.mark.parametrize("fault", [MalformedError("no id in the answer"), KeyError("id")])
async def test_a_fault_in_an_unsafe_operation_after_it_was_sent_leaves_its_outcome_unknown(
    fault: Exception,
) -> None:
    def broken(_command: Any, _body: Any) -> Steps:
        yield Request("POST", "/x", json={}, idempotent=False)
        raise fault

    world = World(answer(201, {}), steps=broken, safety="unsafe")
    receipt = world.receipt(await world.settled())
    assert (receipt.outcome, receipt.attempts) == ("unknown", 1)
    assert len(world.http.requests) == 1


async def test_a_fault_in_an_unsafe_operation_before_it_was_sent_is_tried_again() -> None:
    def broken(_command: Any, _body: Any) -> Steps:
        yield Request("GET", "/x")
        raise KeyError("id")

    world = World(answer(200, {}), steps=broken, safety="unsafe")
    assert await world.later(world.entry()) == Later(1.0)
    assert world.feed.retracted == [1]


# ---- given up ----------------------------------------------------------------------------------------------------
def given_up(world: World, one: Entry) -> Settled:
    outcome = world.deliveries.give_up(one)
    assert isinstance(outcome, Settled)
    return outcome


async def test_a_command_given_up_after_its_effect_is_a_dead_letter_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(answer(201, {"id": "x"}), safety="unsafe")
    one = world.entry()
    faults(monkeypatch, world, CodecError("unfit"), 2)
    with pytest.raises(CodecError):
        await world.handle(one)
    settled = given_up(world, one)
    assert [headers[REASON] for headers in letters(settled)] == [RECEIPT_UNFIT.encode()]
    assert settled.effects  # the ledger knows it


async def test_a_command_given_up_before_anything_was_sent_may_come_again() -> None:
    world = World(answer(201, {"id": "x"}))
    settled = given_up(world, world.entry())
    assert [headers[REASON] for headers in letters(settled)] == [OUR_FAULT.encode()]
    assert settled.effects == ()


async def test_faults_of_our_own_drain_no_topic_into_dead_letters() -> None:
    world = World(answer(201, {"id": "x"}))
    world.deliveries._limit.limits = Limits(3, 1.0, 10)
    entries = [world.entry() for _ in range(4)]
    for one in entries:
        one.faults = FAULTS_MAX
    outcomes = [world.deliveries.give_up(one) for one in entries]
    assert [type(one) for one in outcomes] == [Settled, Settled, Later, Later]
    assert [one.faults for one in entries] == [FAULTS_MAX, FAULTS_MAX, 0, 0]


# ---- since its first attempt -------------------------------------------------------------------------------------
async def test_a_commands_age_begins_with_its_first_attempt_not_with_its_reading() -> None:
    world = World(answer(500))
    one = world.entry()
    await world.deliveries._read(one)
    world.time.passed_s += 5_000  # held meanwhile; the policy's age is 1,000 s
    assert await world.later(one) == Later(1.0)
    world.time.passed_s += 1_001
    assert world.receipt(await world.settled(one)).outcome == "expired"


async def test_a_commands_age_in_a_batch_begins_with_the_batchs_turn() -> None:
    world, home = bulks.World(Bulk(bulk_steps, items_max=5, in_order=True)), assigned()
    entries = [world.entry(n, lane="l", of=home) for n in range(2)]
    async with world.running():
        await world.deliveries.handle(entries[0], entries, FreePermit())  # reads both, sends none
        assert [one.first_at for one in entries] == [None, None]
        world.time.passed_s += 100
        now = world.time.monotonic_s()
        world.lanes.arrived(entries)
        await asyncio.to_thread(until, lambda: len(world.ends()) == 2, "both are through", 10.0)
    assert all((one.first_at or 0.0) >= now for one in entries)


# ---- together ----------------------------------------------------------------------------------------------------
async def through(world: bulks.World, count: int) -> None:
    def settled() -> bool:
        return len(world.feed.offsets()) == count

    await asyncio.to_thread(until, settled, f"{count} commands are settled", 10.0)
    await turns()


async def test_a_fault_while_one_of_a_batch_is_written_costs_nobody_another_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane, "FAULT_DELAY_S", 0.0)
    world, home = bulks.World(), assigned()
    faults(monkeypatch, world, RuntimeError("a fault"), 1)
    entries = [world.entry(n, of=home) for n in range(3)]
    async with world.running():
        world.lanes.arrived(entries)
        await through(world, 3)
    assert set(world.ends().values()) == {"delivered"}
    assert world.shop.calls == [ids(0, 1, 2)]
    assert sum(one.faults for one in entries) == 1


async def test_a_batch_whose_outcomes_never_can_be_written_is_sent_once_and_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane, "FAULT_DELAY_S", 0.0)
    world, home = bulks.World(), assigned()
    faults(monkeypatch, world, RuntimeError("a fault"), 1_000)
    async with world.running():
        world.lanes.arrived([world.entry(n, of=home) for n in range(3)])
        await through(world, 3)
    assert world.shop.calls == [ids(0, 1, 2)]
    assert (world.letters(), world.receipts()) == (3, [])


async def test_a_fault_of_the_kit_in_every_batch_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane, "FAULT_DELAY_S", 0.0)

    def halved(_entries: Any) -> Any:
        raise RuntimeError("a fault")

    world, home = bulks.World(), assigned()
    monkeypatch.setattr(world.deliveries._bulk, "_halved", halved)
    async with world.running():
        world.lanes.arrived([world.entry(n, "poison", of=home) for n in range(2)])
        await through(world, 2)
    assert len(world.shop.calls) <= 2 * FAULTS_MAX
    assert world.letters() == 2


async def test_behind_a_command_that_is_sent_again_all_of_its_lane_are_whatever_they_came_to() -> (
    None
):
    world, home = bulks.World(Bulk(bulk_steps, items_max=5, in_order=True)), assigned()
    world.shop.scripted = [answer(200, ["busy", "obj-c-1"])]
    async with world.running():
        world.lanes.arrived([world.entry(n, lane="l", of=home) for n in range(2)])
        await through(world, 2)
    assert world.feed.offsets() == [0, 1]
    assert world.shop.effects == ids(0, 1)
