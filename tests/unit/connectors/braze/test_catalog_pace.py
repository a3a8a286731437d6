"""Catalogue updates through lanes, batches and pace: how many requests Braze gets, and what it sees of each item."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest

from connectors import braze
from connectors.kit.auth import TokenCall
from connectors.kit.breaker import BreakerPolicy
from connectors.kit.calls import Caller
from connectors.kit.connector import Request, Response
from connectors.kit.delivery import Deliveries, Terms
from connectors.kit.lanes import Lanes
from connectors.kit.messages import Messages
from connectors.kit.retry import RetryPolicy
from gridwire.records import BrazeCommand, UpsertCatalogItem
from gridwire.topics import BRAZE_COMMANDS, BRAZE_RECEIPTS
from tests.unit.connectors.braze.events import settings
from tests.unit.connectors.kit.clocks import EPOCH_S, HeldTime
from tests.unit.connectors.kit.platforms import answer
from tests.unit.connectors.kit.records import FakeFeed, assigned, entry
from tests.unit.connectors.kit.registry import Avro

MINUTE_S = 60.0
REQUESTS_A_MINUTE = 10
MINUTES_MAX = 30


class Workspace:
    """Keeps what it is told of each item's stock, and when it took it; unwell at times, if so wished."""

    def __init__(self, time: HeldTime, unwell: Sequence[int] = ()) -> None:
        self._time = time
        self._unwell = list(
            unwell
        )  # statuses that are answered in place of a success, one after another
        self.asked = 0
        self.taken_at: list[float] = []
        self.items: list[int] = []
        self.stock: dict[str, list[int]] = defaultdict(list)

    async def exchange(self, request: Request, _headers: Mapping[str, str]) -> Response:
        await asyncio.sleep(0)
        rows = request.json["items"]
        self.asked += 1
        self.items.append(len(rows))
        if self._unwell and self.asked % 3 == 2:
            return answer(self._unwell.pop(0))
        self.taken_at.append(self._time.passed_s)
        for row in rows:
            self.stock[row["id"]].append(row["stock"])
        return answer(202, {"message": "success"})

    async def fetch_token(self, _call: TokenCall) -> Response:
        raise AssertionError("a key is no token")


class World:
    """Braze's sink without Kafka and without a network."""

    def __init__(self, unwell: Sequence[int] = ()) -> None:
        self.time = HeldTime(chance=0.0)
        self.workspace = Workspace(self.time, unwell)
        self.feed = FakeFeed()
        self.avro = Avro()
        sink = braze.sink(settings())
        breaker = BreakerPolicy(failures_max=50, open_s_first=1.0)
        caller = Caller(sink.platform, self.workspace, self.time.clock, breaker)
        self.messages = Messages(self.avro.codec, self.time.clock)
        terms = Terms(RetryPolicy(attempts_max=5))
        deliveries = Deliveries(sink, caller, self.messages, terms, self.time.clock)
        self.lanes = Lanes(deliveries, 8, self.time.clock)
        deliveries.feed = self.lanes.feed = self.feed
        self.home = assigned()
        self.count = 0

    def update(self, sku: str, stock: int) -> None:
        """One command arrives, in the lane of its item."""
        self.count += 1
        command = BrazeCommand(
            event_id=f"c-{self.count}",
            produced_at=int(EPOCH_S * 1_000),
            source="test",
            trace_id="a" * 32,
            flow="braze.availability",
            lane=f"products/{sku}",
            operation="upsert_catalog_item",
            upsert_catalog_item=UpsertCatalogItem(
                catalog="products", sku=sku, stock=stock, sequence=self.count
            ),
        )
        value = self.avro.encoded(BRAZE_COMMANDS, command)
        self.lanes.arrived([entry(self.count, command.lane, of=self.home, value=value)])

    async def settled(self) -> None:
        """Until every command has an outcome."""
        for _ in range(MINUTES_MAX * 60):
            if len(self.feed.offsets()) == self.count:
                return
            await self.time.advance(1.0)
        raise AssertionError(f"{len(self.feed.offsets())} of {self.count} commands are through")

    def letters(self) -> int:
        outputs = [output for settled in self.feed.settled for output in settled.outputs]
        return sum(output.topic != BRAZE_RECEIPTS.name for output in outputs)


async def played(world: World, updates: Sequence[tuple[str, int, float]]) -> None:
    """Updates, and the seconds after each."""
    await world.messages.prepare(BRAZE_RECEIPTS)
    world.lanes.start()
    try:
        for sku, stock, wait_s in updates:
            world.update(sku, stock)
            if wait_s:
                await world.time.advance(wait_s)
        await world.settled()
    finally:
        await world.lanes.stop()


def busiest_minute(taken_at: Sequence[float]) -> int:
    return max(sum(0 <= other - at < MINUTE_S for other in taken_at) for at in taken_at)


def returns(seen: Sequence[int]) -> int:
    return sum(before == 0 < after for before, after in pairwise(seen))


async def test_a_flood_of_updates_is_few_requests_of_at_most_50_items() -> None:
    world = World()
    await played(world, [(f"SKU-{n % 100}", n + 1, 0.0) for n in range(1_000)])
    assert busiest_minute(world.workspace.taken_at) <= REQUESTS_A_MINUTE
    assert max(world.workspace.items) <= 50
    assert len(world.workspace.taken_at) <= 25, "of each item only the last values go out"
    assert {sku: seen[-1] for sku, seen in world.workspace.stock.items()} == {
        f"SKU-{n}": 901 + n for n in range(100)
    }
    assert world.letters() == 0


@pytest.mark.parametrize("seed", range(3))
async def test_no_return_to_stock_is_lost_whatever_the_pace_and_however_unwell_braze_is(
    seed: int,
) -> None:
    dice = random.Random(seed)
    world = World(unwell=[500, 503, 429, 500])
    updates: list[tuple[str, int, float]] = [
        (f"SKU-{dice.randrange(6)}", dice.choice((0, 0, 1, 7)), dice.choice((0.0, 0.0, 0.4, 9.0)))
        for _ in range(120)
    ]
    await played(world, updates)
    told: dict[str, list[Any]] = defaultdict(list)
    for sku, stock, _ in updates:
        told[sku].append(stock)
    for sku, stocks in told.items():
        seen = world.workspace.stock[sku]
        assert seen[-1] == stocks[-1]
        assert returns(seen) >= returns(stocks), (stocks, seen)
    assert busiest_minute(world.workspace.taken_at) <= REQUESTS_A_MINUTE
    assert world.letters() == 0
