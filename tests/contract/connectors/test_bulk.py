"""Operations in bulk against the simulated platforms: one call, and each item has the outcome it has alone."""

from __future__ import annotations

from typing import Any

import pytest

from connectors import bigcommerce, braze
from connectors.kit.connector import BulkSteps, Done, Item, Rejected, Sink
from gridwire.ids import derived
from gridwire.records import (
    BigCommerceCommand,
    BrazeCommand,
    SetAttributes,
    SetInventory,
    SetSelling,
)
from tests.contract.connectors import test_bigcommerce as store
from tests.contract.connectors import test_braze as workspace
from tests.contract.connectors.world import World, done, refused


def together(sink: Sink, operation: str, *bodies: Any) -> BulkSteps:
    """The bulk steps of commands with these bodies."""
    record = BrazeCommand if sink.platform.name == "braze" else BigCommerceCommand
    items = [
        Item(
            record(
                event_id=derived("bulk", operation, number),
                flow="test.flow",
                lane=str(number),
                operation=operation,
                **{operation: body},
            ),
            body,
        )
        for number, body in enumerate(bodies)
    ]
    bulk = sink.operations[operation].bulk
    assert bulk is not None
    return bulk.steps(items)


# ---- Braze ---------------------------------------------------------------------------------------
@pytest.fixture
def users(world: World) -> Sink:
    world.control("braze", "seed", workspace.SEED)
    return braze.sink(workspace.settings(world))


def attributes_of(world: World, ref: str) -> Any:
    found = world.state("braze", "users")
    rows = found["users"] if isinstance(found, dict) else found
    return next(row for row in rows if row.get("external_id") == ref)


async def test_attributes_of_several_users_are_set_in_one_call(world: World, users: Sink) -> None:
    bodies = [
        SetAttributes(customer_ref=ref, attributes={"value_tier": tier})
        for ref, tier in (("ann", "platinum"), ("bob", "silver"), ("nobody", "gold"))
    ]
    results = await done(users.platform, together(users, "set_attributes", *bodies))
    assert list(results) == [Done(), Done(), Done()]
    assert len(world.calls("braze", "POST", "/users/track")) == 1
    assert "platinum" in str(attributes_of(world, "ann"))
    assert "silver" in str(attributes_of(world, "bob"))


async def test_an_item_that_braze_refuses_is_refused_and_its_neighbours_are_set(
    world: World, users: Sink
) -> None:
    bodies = [
        SetAttributes(customer_ref="ann", attributes={"value_tier": "platinum"}),
        SetAttributes(customer_ref="bob", attributes={"email_subscribe": "perhaps"}),
    ]
    taken, not_taken = await done(users.platform, together(users, "set_attributes", *bodies))
    assert taken == Done()
    assert isinstance(not_taken, Rejected)
    assert not_taken.reason.startswith("braze refused the item")
    assert "platinum" in str(attributes_of(world, "ann"))


async def test_a_call_of_refused_items_alone_is_refused_as_a_whole(users: Sink) -> None:
    bodies = [SetAttributes(customer_ref="bob", attributes={"email_subscribe": "perhaps"})] * 2
    verdict = await refused(users.platform, together(users, "set_attributes", *bodies))
    assert isinstance(verdict, Rejected)


# ---- BigCommerce ---------------------------------------------------------------------------------
@pytest.fixture
def shop(world: World) -> Sink:
    world.control("bigcommerce", "seed", store.SEED)
    return bigcommerce.sink(store.settings(world))


def onhand(world: World, sku: str, location_id: int) -> int:
    rows = world.state("bigcommerce", "inventory")
    (row,) = (one for one in rows if one["identity"]["sku"] == sku)
    found = (one for one in row["locations"] if one["location_id"] == location_id)
    return int(next(found)["total_inventory_onhand"])


def stock(sku: str, quantity: int, location_code: str = "") -> SetInventory:
    return SetInventory(sku=sku, location_code=location_code, quantity=quantity, sequence=1)


async def test_stock_of_several_skus_is_set_in_one_call(world: World, shop: Sink) -> None:
    bodies = [stock("LAMP", 40), stock("SHOE-41", 41), stock("SHOE-42", 0)]
    results = await done(shop.platform, together(shop, "set_inventory", *bodies))
    assert len({one.object_id for one in results if isinstance(one, Done)}) == 1
    assert [onhand(world, one.sku, 1) for one in bodies] == [40, 41, 0]


async def test_an_unknown_sku_refuses_the_whole_call_and_saves_nothing(
    world: World, shop: Sink
) -> None:
    bodies = [stock("LAMP", 40), stock("NO-SUCH", 1)]
    verdict = await refused(shop.platform, together(shop, "set_inventory", *bodies))
    assert isinstance(verdict, Rejected)
    assert onhand(world, "LAMP", 1) == 5


async def test_products_and_variants_are_switched_in_a_call_each(world: World, shop: Sink) -> None:
    bodies = [
        SetSelling(sku="LAMP", product_id=1, purchasable=False, message="Gone"),
        SetSelling(sku="SHOE-41", product_id=2, variant_id=21, purchasable=False),
    ]
    results = await done(shop.platform, together(shop, "set_selling", *bodies))
    assert list(results) == [Done("1"), Done("21")]
    products = {row["id"]: row for row in world.state("bigcommerce", "products")}
    assert products[1]["availability"] == "disabled"
    assert len(world.calls("bigcommerce", "PUT", "/stores/sandbox/v3/catalog")) == 2


async def test_preorders_end_in_bulk_as_they_do_alone(world: World, shop: Sink) -> None:
    begin = SetSelling(sku="LAMP", product_id=1, preorder_release_at=1_767_225_600_000)
    end = SetSelling(sku="LAMP", product_id=1, preorder_release_at=0)
    never = SetSelling(sku="SHOE", product_id=2, preorder_release_at=0)
    await done(shop.platform, together(shop, "set_selling", begin))
    await done(shop.platform, together(shop, "set_selling", end, never))
    products = {row["id"]: row for row in world.state("bigcommerce", "products")}
    assert {row["availability"] for row in products.values()} == {"available"}


async def test_a_part_that_is_not_saved_refuses_the_batch_as_a_whole(
    world: World, shop: Sink
) -> None:
    world.control("bigcommerce", "configure", {"partial_failure_product_ids": [1]})
    bodies = [
        SetSelling(sku="LAMP", product_id=1, quantity_minimum=2),
        SetSelling(sku="SHOE", product_id=2, quantity_minimum=3),
    ]
    verdict = await refused(shop.platform, together(shop, "set_selling", *bodies))
    assert isinstance(verdict, Rejected)
