"""BigCommerce's connector against the simulated store."""

from __future__ import annotations

from typing import Any

import pytest

from connectors import bigcommerce
from connectors.bigcommerce.settings import BigCommerceSettings
from connectors.kit.connector import Rejected, Sink, Source, Transient
from gridwire.ids import derived
from gridwire.records import (
    BigCommerceCommand,
    BigCommerceOrder,
    BigCommerceOrderMessage,
    BigCommerceProduct,
    BigCommerceTransaction,
    Notice,
    SetInventory,
    SetSelling,
)
from gridwire.settings import Secret
from tests.contract.connectors.world import World, done, refused, taken
from tests.waiting import until

ADDRESS = {
    "first_name": "Ann",
    "country": "United States",
    "country_iso2": "US",
    "state": "California",
}
SEED: dict[str, Any] = {
    "locations": [{"id": 2, "code": "DC-EAST", "label": "East"}],
    "customers": [{"id": 7, "email": "ann@example.com"}],
    "products": [
        {
            "id": 1,
            "sku": "LAMP",
            "name": "Lamp",
            "price": 10,
            "brand_name": "Acme",
            "stock": {"1": 5, "2": 3},
            "custom_fields": [
                {"id": 1, "name": "product_line", "value": "light"},
                {"id": 2, "name": "handling_days", "value": "2"},
            ],
        },
        {
            "id": 2,
            "name": "Shoe",
            "sku": "SHOE",
            "price": 50,
            "inventory_tracking": "variant",
            "variants": [
                {"id": 21, "sku": "SHOE-41", "inventory_level": 4},
                {"id": 22, "sku": "SHOE-42", "inventory_level": 6},
            ],
        },
    ],
    "orders": [
        {
            "id": 100,
            "customer_id": 7,
            "status_id": 11,
            "lines": [{"sku": "LAMP", "quantity": 2}, {"sku": "SHOE-41", "quantity": 1}],
            "shipping_address": ADDRESS,
        },
        {"id": 101, "customer_id": 0, "lines": [{"sku": "LAMP", "quantity": 1}]},
    ],
}
WINDOW_S = 3_600.0  # long, so that no test meets the end of a window
FAR_MS = 4_000_000_000_000  # a `now` behind everything that the sandbox stamps


def settings(world: World, **changed: Any) -> BigCommerceSettings:
    given: dict[str, Any] = {
        "store_hash": "sandbox",
        "api_url": f"{world.url}/bigcommerce",
        "access_token": Secret("sandbox-token"),
        "hook_secret": Secret("hook-secret"),
        "client_secret": Secret("sandbox-client-secret"),
        "require_signature": True,
        "locations": {"DC-EAST": 2},
        "backfill_days": 36_500,
    }
    return BigCommerceSettings(**(given | changed))


@pytest.fixture
def source(world: World) -> Source:
    hook = {
        "destination": f"{world.receiver.url}/bigcommerce/hooks",
        "headers": {"X-Gridwire-Secret": "hook-secret"},
    }
    scopes = ("order", "product", "sku", "shipment")
    seed = SEED | {"hooks": [hook | {"scope": f"store/{scope}/*"} for scope in scopes]}
    world.control("bigcommerce", "seed", seed)
    return bigcommerce.source(settings(world))


@pytest.fixture
def sink(world: World) -> Sink:
    world.control("bigcommerce", "seed", SEED)
    return bigcommerce.sink(settings(world))


def notices(world: World, source: Source, count: int, *event_types: str) -> list[Notice]:
    """The notices of these types, once so many webhooks are there and one of each type among them."""
    (route,) = source.routes

    def told() -> list[Notice]:
        intakes = [taken(route, one) for one in world.receiver.wait_for(count)]
        assert all(not one.unknown and not one.broken for one in intakes)
        found = [one for intake in intakes for _, one in intake.records if isinstance(one, Notice)]
        return [one for one in found if one.event_type in event_types]

    until(lambda: {one.event_type for one in told()} >= set(event_types), f"{event_types} came")
    return told()


async def fetched(source: Source, notice: Notice) -> list[Any]:
    steps = source.fetches[notice.resource](notice)
    return [record for _, record in await done(source.platform, steps)]


async def polled(source: Source, resource: str) -> list[Any]:
    """Everything that a poll finds."""
    (poll,) = [one for one in source.polls if one.resource == resource]
    found: list[Any] = []
    cursor, more = None, True
    while more:
        page = await done(source.platform, poll.step(cursor, FAR_MS))
        assert page.broken == ()
        found += [record for _, record in page.records]
        cursor, more = page.cursor, page.more
    return found


# ---- orders --------------------------------------------------------------------------------------
async def test_a_status_change_is_heard_and_its_order_fetched(world: World, source: Source) -> None:
    world.trigger("bigcommerce", "change_status", order_id=100, status_id=12)
    (notice,) = notices(world, source, 2, "store/order/statusUpdated")
    assert notice.detail == {"previous_status": "11", "status": "12"}
    (order,) = await fetched(source, notice)
    assert isinstance(order, BigCommerceOrder)
    assert (order.order_ref, order.status_id, order.customer_ref) == ("bigcommerce:100", 12, "7")
    assert (order.ship_country, order.ship_subdivision) == ("US", "California")
    assert [(line.sku, line.quantity) for line in order.lines] == [("LAMP", 2), ("SHOE-41", 1)]


async def test_a_webhook_and_a_poll_of_one_version_share_one_event_id(
    world: World, source: Source
) -> None:
    world.trigger("bigcommerce", "change_status", order_id=100, status_id=12)
    both = notices(world, source, 2, "store/order/statusUpdated", "store/order/updated")
    ids = {(await fetched(source, notice))[0].event_id for notice in both}
    orders = await polled(source, "bigcommerce.orders")
    assert {one.order_id for one in orders} == {100, 101}
    assert ids == {one.event_id for one in orders if one.order_id == 100}


async def test_a_guests_order_has_no_customer(source: Source) -> None:
    orders = {one.order_id: one for one in await polled(source, "bigcommerce.orders")}
    assert orders[101].customer_ref is None


async def test_many_orders_are_polled_page_by_page_without_a_miss(
    world: World, source: Source
) -> None:
    made = [
        {"id": 500 + number, "lines": [{"sku": "LAMP", "quantity": 1}]}
        | {"date_modified": f"2025-01-01T00:{number // 2:02d}:00Z"}
        for number in range(45)
    ]
    world.control("bigcommerce", "seed", {"orders": made})
    found = await polled(source, "bigcommerce.orders")
    assert {one.order_id for one in found} == {100, 101, *(order["id"] for order in made)}


async def test_a_flag_that_no_webhook_tells_of_is_found_when_the_order_changes(
    world: World, source: Source
) -> None:
    message = world.trigger(
        "bigcommerce", "add_message", order_id=100, subject="Where?", message="Late"
    )
    (told,) = notices(world, source, 1, "store/order/message/created")
    (plain,) = await fetched(source, told)
    assert isinstance(plain, BigCommerceOrderMessage)
    assert (plain.is_flagged, plain.from_customer) == (False, True)
    flag = {"order_id": 100, "message_id": message["id"], "is_flagged": True}
    world.trigger("bigcommerce", "flag_message", **flag)
    (changed,) = notices(world, source, 2, "store/order/updated")
    _, flagged = await fetched(source, changed)
    assert isinstance(flagged, BigCommerceOrderMessage)
    assert (flagged.message_id, flagged.is_flagged) == (plain.message_id, True)
    assert flagged.event_id != plain.event_id


async def test_a_declined_payment_is_heard(world: World, source: Source) -> None:
    world.trigger("bigcommerce", "decline_transaction", order_id=100)
    (notice, *_) = notices(world, source, 1, "store/order/transaction/created")
    (payment,) = await fetched(source, notice)
    assert isinstance(payment, BigCommerceTransaction)
    assert (payment.order_ref, payment.declined) == ("bigcommerce:100", True)


async def test_a_shipment_is_a_change_of_its_order(world: World, source: Source) -> None:
    world.trigger("bigcommerce", "ship", order_id=100, tracking_number="T1")
    (notice, *_) = notices(world, source, 1, "store/shipment/created")
    (order,) = await fetched(source, notice)
    assert all(line.quantity_shipped == line.quantity for line in order.lines)


# ---- products ------------------------------------------------------------------------------------
async def test_products_are_polled_with_stock_over_all_locations(source: Source) -> None:
    found = {one.sku: one for one in await polled(source, "bigcommerce.products")}
    assert set(found) == {"LAMP", "SHOE-41", "SHOE-42"}
    lamp = found["LAMP"]
    assert isinstance(lamp, BigCommerceProduct)
    assert (lamp.brand, lamp.product_line, lamp.handling_days) == ("Acme", "light", 2)
    assert (lamp.available_to_sell, lamp.variants, lamp.inventory_tracked) == (8, 1, True)
    shoe = found["SHOE-42"]
    assert (shoe.variant_id, shoe.variants, shoe.available_to_sell) == (22, 2, 6)


async def test_a_change_of_stock_is_heard_and_read(world: World, source: Source) -> None:
    world.trigger("bigcommerce", "change_stock", sku="SHOE-41", quantity=9)
    (notice,) = notices(world, source, 1, "store/sku/inventory/updated")
    found = {one.sku: one for one in await fetched(source, notice)}
    assert found["SHOE-41"].available_to_sell == 9


async def test_a_product_that_is_deleted_is_reported_as_gone(world: World, source: Source) -> None:
    world.trigger("bigcommerce", "delete_product", product_id=1)
    (notice,) = notices(world, source, 1, "store/product/deleted")
    (gone,) = await fetched(source, notice)
    assert (gone.deleted, gone.product_id, gone.sku) == (True, 1, "")


# ---- writes --------------------------------------------------------------------------------------
def command(operation: str, body: Any) -> BigCommerceCommand:
    return BigCommerceCommand(
        event_id=derived("command", operation),
        flow="bigcommerce.availability",
        lane="l",
        operation=operation,
        **{operation: body},
    )


def steps(sink: Sink, operation: str, body: Any) -> Any:
    return sink.operations[operation].steps(command(operation, body), body)


def stock(sku: str, location_code: str, quantity: int) -> SetInventory:
    return SetInventory(sku=sku, location_code=location_code, quantity=quantity, sequence=1)


async def test_stock_is_set_absolutely_and_twice_is_once(world: World, sink: Sink) -> None:
    for _ in range(2):
        await done(sink.platform, steps(sink, "set_inventory", stock("SHOE-41", "DC-EAST", 11)))
    await done(sink.platform, steps(sink, "set_inventory", stock("LAMP", "", 1)))
    found = {
        (row["identity"]["sku"], place["location_id"]): place["total_inventory_onhand"]
        for row in world.state("bigcommerce", "inventory")
        for place in row["locations"]
    }
    assert found["SHOE-41", 2] == 11
    assert (found["LAMP", 1], found["LAMP", 2]) == (1, 3)


@pytest.mark.parametrize("change", [stock("NOWHERE", "", 1), stock("LAMP", "MOON", 1)])
async def test_stock_of_what_the_store_does_not_know_is_rejected(
    sink: Sink, change: SetInventory
) -> None:
    found = await refused(sink.platform, steps(sink, "set_inventory", change))
    assert isinstance(found, Rejected)


def product(world: World, product_id: int) -> Any:
    (found,) = [one for one in world.state("bigcommerce", "products") if one["id"] == product_id]
    return found


async def test_a_variant_is_switched_off_and_its_product_says_the_lead_time(
    world: World, sink: Sink
) -> None:
    change = SetSelling(
        sku="SHOE-41",
        product_id=2,
        variant_id=21,
        purchasable=False,
        message="Discontinued",
        availability_description="Ships in 5 days",
        quantity_maximum=4,
    )
    await done(sink.platform, steps(sink, "set_selling", change))
    found = product(world, 2)
    variants = {one["id"]: one for one in found["variants"]}
    assert variants[21]["purchasing_disabled"]
    assert variants[21]["purchasing_disabled_message"] == "Discontinued"
    assert not variants[22]["purchasing_disabled"]
    assert found["availability"] == "available"
    assert found["availability_description"] == "Ships in 5 days"
    assert found["order_quantity_maximum"] == 4


async def test_a_preorder_begins_and_ends(world: World, sink: Sink) -> None:
    begin = SetSelling(
        sku="LAMP", product_id=1, purchasable=True, preorder_release_at=1_893_456_000_000
    )
    await done(sink.platform, steps(sink, "set_selling", begin))
    assert product(world, 1)["availability"] == "preorder"
    end = SetSelling(sku="LAMP", product_id=1, preorder_release_at=0)
    await done(sink.platform, steps(sink, "set_selling", end))
    assert product(world, 1)["availability"] == "available"
    assert product(world, 1)["preorder_release_date"] is None


async def test_a_partial_failure_is_not_taken_for_a_success(world: World, sink: Sink) -> None:
    world.control("bigcommerce", "configure", {"partial_failure_product_ids": [1]})
    change = SetSelling(sku="LAMP", product_id=1, availability_description="soon")
    outcome = await refused(sink.platform, steps(sink, "set_selling", change))
    assert isinstance(outcome, Transient)


async def test_an_unknown_product_is_rejected(sink: Sink) -> None:
    change = SetSelling(sku="X", product_id=999, purchasable=False)
    assert isinstance(await refused(sink.platform, steps(sink, "set_selling", change)), Rejected)


@pytest.mark.parametrize("headers", [True, False])
async def test_a_quota_that_is_used_up_slows_down(world: World, sink: Sink, headers: bool) -> None:
    quota = {"quota_requests": 1, "quota_window_s": WINDOW_S, "quota_headers_on_429": headers}
    world.control("bigcommerce", "configure", quota)
    await done(sink.platform, steps(sink, "set_inventory", stock("LAMP", "", 1)))
    found = await refused(sink.platform, steps(sink, "set_inventory", stock("LAMP", "", 1)))
    assert isinstance(found, Transient)
    assert found.throttled
    assert (found.after_s is not None) == headers
