"""What goes to Braze together stays below the size of a body that it takes, however large each of it is."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from connectors.kit.connector import Request, Response
from gridwire.records import SetAttributes, TrackEvent, UpsertCatalogItem
from tests.unit.connectors.braze.engine import World
from tests.unit.connectors.kit.clocks import HeldTime
from tests.unit.connectors.kit.platforms import answer

BODY_BYTES_MAX = 4_000_000  # of Braze: 413 above
COUNT = 60
LARGE = {f"field_{number}": "ü" * 4_900 for number in range(20)}  # 196 kB in UTF-8


def _event(who: str) -> TrackEvent:
    return TrackEvent(customer_ref=who, name="exit", time=1, properties=LARGE, repeatable=True)


def _attributes(who: str) -> SetAttributes:
    return SetAttributes(customer_ref=who, attributes=LARGE)


def _item(sku: str) -> UpsertCatalogItem:
    return UpsertCatalogItem(catalog="products", sku=sku, stock=1, sequence=1, fields=LARGE)


@pytest.mark.parametrize(
    ("operation", "make"),
    [("track_event", _event), ("set_attributes", _attributes), ("upsert_catalog_item", _item)],
)
async def test_a_body_never_exceeds_what_braze_takes(
    operation: str, make: Callable[[str], Any]
) -> None:
    sizes: list[int] = []
    items: list[int] = []

    def take(request: Request) -> Response:
        sizes.append(len(msgspec.json.encode(request.json)))
        items.append(sum(len(found) for found in request.json.values()))
        return answer(202, {"message": "success"})

    world = World(take, HeldTime(chance=0.0))

    async def play() -> None:
        for number in range(COUNT):
            world.arrive(f"lane-{number}", operation, make(f"one-{number}"))

    await world.played(play)
    assert world.letters() == 0
    assert sum(items) == COUNT
    assert max(items) > 1, "they do share bodies"
    assert max(sizes) <= BODY_BYTES_MAX
