"""Catalogue updates through lanes, batches and pace: how many requests Braze gets, and what it sees of each item."""

import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from connectors.kit.connector import Request, Response
from gridwire.records import UpsertCatalogItem
from tests.unit.connectors.braze.engine import World
from tests.unit.connectors.kit.clocks import HeldTime
from tests.unit.connectors.kit.platforms import answer

MINUTE_S = 60.0
REQUESTS_A_MINUTE = 10


class Catalog:
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

    def put(self, request: Request) -> Response:
        rows = request.json["items"]
        self.asked += 1
        self.items.append(len(rows))
        if self._unwell and self.asked % 3 == 2:
            return answer(self._unwell.pop(0))
        self.taken_at.append(self._time.passed_s)
        for row in rows:
            self.stock[row["id"]].append(row["stock"])
        return answer(202, {"message": "success"})


async def played(updates: Sequence[tuple[str, int, float]], unwell: Sequence[int] = ()) -> Catalog:
    """What the catalogue made of updates (sku, stock, and the seconds after it), each in the lane of its item."""
    time = HeldTime(chance=0.0)
    catalog = Catalog(time, unwell)
    world = World(catalog.put, time)

    async def play() -> None:
        for number, (sku, stock, wait_s) in enumerate(updates, start=1):
            body = UpsertCatalogItem(catalog="products", sku=sku, stock=stock, sequence=number)
            world.arrive(sku, "upsert_catalog_item", body)
            if wait_s:
                await time.advance(wait_s)

    await world.played(play)
    assert world.letters() == 0
    return catalog


def busiest_minute(taken_at: Sequence[float]) -> int:
    return max(sum(0 <= other - at < MINUTE_S for other in taken_at) for at in taken_at)


def returns(seen: Sequence[int]) -> int:
    return sum(before == 0 < after for before, after in pairwise(seen))


async def test_a_flood_of_updates_is_few_requests_of_at_most_50_items() -> None:
    catalog = await played([(f"SKU-{n % 100}", n + 1, 0.0) for n in range(1_000)])
    assert busiest_minute(catalog.taken_at) <= REQUESTS_A_MINUTE
    assert max(catalog.items) <= 50
    assert len(catalog.taken_at) <= 25, "of each item only the last values go out"
    assert {sku: seen[-1] for sku, seen in catalog.stock.items()} == {
        f"SKU-{n}": 901 + n for n in range(100)
    }


@pytest.mark.parametrize("seed", range(3))
async def test_no_return_to_stock_is_lost_whatever_the_pace_and_however_unwell_braze_is(
    seed: int,
) -> None:
    dice = random.Random(seed)
    updates: list[tuple[str, int, float]] = [
        (f"SKU-{dice.randrange(6)}", dice.choice((0, 0, 1, 7)), dice.choice((0.0, 0.0, 0.4, 9.0)))
        for _ in range(120)
    ]
    catalog = await played(updates, unwell=[500, 503, 429, 500])
    told: dict[str, list[Any]] = defaultdict(list)
    for sku, stock, _ in updates:
        told[sku].append(stock)
    for sku, stocks in told.items():
        seen = catalog.stock[sku]
        assert seen[-1] == stocks[-1]
        assert returns(seen) >= returns(stocks), (stocks, seen)
    assert busiest_minute(catalog.taken_at) <= REQUESTS_A_MINUTE
