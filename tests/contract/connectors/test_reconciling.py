"""What polls find beside webhooks, against the simulated platforms: the same changes under the same ids, and more."""

from __future__ import annotations

import time
from typing import Any

import pytest

from connectors import bigcommerce, trading_grid
from connectors.kit.connector import Page, Source
from gridwire.records import Notice, Record
from gridwire.topics import BIGCOMMERCE_PRODUCTS
from tests.contract.connectors import community
from tests.contract.connectors import test_bigcommerce as store
from tests.contract.connectors import test_trading_grid as matters
from tests.contract.connectors.world import World, done, taken

FAR_MS = community.NOW_MS
UPDATE = matters.UPDATE
THREAD = matters.THREAD


@pytest.fixture
def grid(world: World) -> Source:
    return community.source_of(world)


@pytest.fixture
def shop(world: World) -> Source:
    hook = {
        "destination": f"{world.receiver.url}/bigcommerce/hooks",
        "headers": {"X-Gridwire-Secret": "hook-secret"},
    }
    scopes = ("order", "product", "sku")
    hooks = [hook | {"scope": f"store/{scope}/*"} for scope in scopes]
    world.control("bigcommerce", "seed", store.SEED | {"hooks": hooks})
    return bigcommerce.source(store.settings(world))


def notices(world: World, source: Source, count: int) -> list[Notice]:
    """The notices of the first `count` webhooks, as the gateway makes them."""
    (route,) = source.routes
    intakes = [taken(route, one) for one in world.receiver.wait_for(count)]
    return [record for one in intakes for _, record in one.records if isinstance(record, Notice)]


async def fetched(source: Source, told: list[Notice]) -> list[Record]:
    """The records of all notices."""
    found: list[Record] = []
    for notice in told:
        steps = source.fetches[notice.resource](notice)
        found += [record for _, record in await done(source.platform, steps)]
    return found


async def pages(
    source: Source, resource: str, cursor: str | None = None, now_ms: int = FAR_MS
) -> list[Page]:
    """All pages of a poll."""
    (poll,) = [one for one in source.polls if one.resource == resource]
    found = [await done(source.platform, poll.step(cursor, now_ms))]
    while found[-1].more:
        found.append(await done(source.platform, poll.step(found[-1].cursor, now_ms)))
    return found


async def polled(source: Source, resource: str) -> list[Record]:
    return [record for page in await pages(source, resource) for _, record in page.records]


def ids(records: list[Any]) -> set[str]:
    return {one.event_id for one in records}


def said(record: Record) -> dict[str, Any]:
    """What a record says of its object, without what tells how it was heard of."""
    how = {"event_type", "previous_status", "actor_type", "actor_id", "source", "trace_id"}
    how |= {"causation_id", "produced_at", "occurred_at", "version"}
    fields = record.__struct_fields__
    return {name: getattr(record, name) for name in fields if name not in how}


# ---- both ways -----------------------------------------------------------------------------------
async def test_threads_partners_and_availability_have_one_id_a_version_both_ways(
    world: World, grid: Source
) -> None:
    thread = world.trigger("trading-grid", "thread-opened", **THREAD)
    world.trigger("trading-grid", "thread-status", id=thread["id"], to="acknowledged")
    world.trigger("trading-grid", "partner-changed", id="pt_acme", patch={"regions": ["DE"]})
    update = world.trigger("trading-grid", "availability-published", **UPDATE)
    world.trigger("trading-grid", "availability-decided", id=update["id"], decision="accepted")
    by_webhook = await fetched(grid, notices(world, grid, 5))
    by_poll = [
        *await polled(grid, "trading-grid.threads"),
        *[p for p in await polled(grid, "trading-grid.partners") if p.partner_id == "pt_acme"],  # type: ignore[attr-defined]
        *await polled(grid, "trading-grid.availability"),
    ]
    assert len(by_poll) == 3
    heard = {one.event_id: one for one in by_webhook}
    for one in by_poll:
        assert said(one) == said(heard[one.event_id])
    # Two versions of the thread, one of the partner; the update was read when it had been decided already.
    assert len(heard) == 4


async def test_orders_and_products_have_one_id_a_version_both_ways(
    world: World, shop: Source
) -> None:
    world.trigger("bigcommerce", "change_status", order_id=100, status_id=12)
    world.trigger("bigcommerce", "update_product", product_id=1, fields={"name": "Lamp II"})
    by_webhook = await fetched(shop, notices(world, shop, 3))
    orders = [o for o in await polled(shop, "bigcommerce.orders") if o.order_id == 100]  # type: ignore[attr-defined]
    lamps = [p for p in await polled(shop, "bigcommerce.products") if p.sku == "LAMP"]  # type: ignore[attr-defined]
    assert ids(orders) | ids(lamps) == ids(by_webhook)
    heard = {one.event_id: one for one in by_webhook}
    for one in [*orders, *lamps]:
        assert said(one) == said(heard[one.event_id])
    world.trigger("bigcommerce", "update_product", product_id=1, fields={"name": "Lamp III"})
    again = [p for p in await polled(shop, "bigcommerce.products") if p.sku == "LAMP"]  # type: ignore[attr-defined]
    assert not ids(again) & ids(lamps)


# ---- what webhooks missed ------------------------------------------------------------------------
async def test_the_feed_has_every_event_under_the_id_of_its_webhook_and_those_without_one(
    world: World, grid: Source
) -> None:
    resource, began_ms = "trading-grid.events", round(time.time() * 1000) - 60_000
    at = (await pages(grid, resource, now_ms=began_ms))[-1].cursor
    thread = world.trigger("trading-grid", "thread-opened", **THREAD)
    world.trigger("trading-grid", "thread-commented", id=thread["id"], body="Soon")
    told = notices(world, grid, 2)
    world.control("trading-grid", "configure", {"webhook": None})  # from here on nobody is told
    world.trigger("trading-grid", "thread-commented", id=thread["id"], body="Sooner")
    world.trigger("trading-grid", "partner-changed", id="pt_acme", patch={"regions": ["DE"]})
    found = await pages(grid, resource, at)
    pulled = [record for page in found for _, record in page.records]
    assert ids(told) < ids(pulled)
    missed = [one for one in pulled if one.event_id not in ids(told)]
    assert [one.event_type for one in missed] == ["thread.comment_added", "partner.updated"]  # type: ignore[attr-defined]
    records = await fetched(grid, [one for one in missed if isinstance(one, Notice)])
    assert len(ids(records)) == 2
    again = await pages(grid, resource, found[-1].cursor)
    assert [page.records for page in again] == [()]


async def test_young_events_wait_for_their_webhooks(world: World, grid: Source) -> None:
    resource, began_ms = "trading-grid.events", round(time.time() * 1000) - 60_000
    at = (await pages(grid, resource, now_ms=began_ms))[-1].cursor
    world.trigger("trading-grid", "thread-opened", **THREAD)
    (page,) = await pages(grid, resource, at, now_ms=round(time.time() * 1000))
    assert (page.records, page.more) == ((), False)
    (page,) = await pages(grid, resource, page.cursor)
    assert len(page.records) == 1


async def test_a_client_without_the_right_to_the_feed_is_told_and_nothing_stops(
    world: World, grid: Source
) -> None:
    scopes = ["partners.read", "threads.read"]
    client = {"client_id": "gridwire", "client_secret": "gridwire-secret", "scopes": scopes}
    world.control("trading-grid", "configure", {"clients": [client]})
    few = trading_grid.source(community.settings(world, scope=" ".join(scopes)))
    (page,) = await pages(few, "trading-grid.events")
    assert page.findings == {"no feed of events": 1}
    assert len(await polled(few, "trading-grid.partners")) == 2
    assert grid.polls


async def test_a_webhook_that_was_switched_off_is_switched_on_again(
    world: World, shop: Source
) -> None:
    hooks = world.state("bigcommerce", "hooks")
    off = world.http.put(
        f"/bigcommerce/stores/sandbox/v3/hooks/{hooks[0]['id']}",
        json={"is_active": False},
        headers={"x-auth-token": "sandbox-token"},
    )
    assert off.status_code == 200
    (page,) = await pages(shop, "bigcommerce.hooks")
    assert page.findings == {"webhook reactivated": 1}
    assert all(one["is_active"] for one in world.state("bigcommerce", "hooks"))
    (page,) = await pages(shop, "bigcommerce.hooks", page.cursor)
    assert page.findings == {}


async def test_all_tracked_stock_is_read_now_and_then(world: World, shop: Source) -> None:
    made = [
        {"id": 100 + number, "sku": f"S-{number}", "name": "Many", "price": 1, "stock": {"1": 5}}
        for number in range(60)
    ]
    world.control("bigcommerce", "seed", {"products": made})
    found = await pages(shop, "bigcommerce.inventory")
    assert len(found) == 2
    topics = {topic for page in found for topic, _ in page.records}
    assert topics == {BIGCOMMERCE_PRODUCTS}
    stock = {r.sku: r.available_to_sell for page in found for _, r in page.records}  # type: ignore[attr-defined]
    assert stock == {"LAMP": 8, "SHOE-41": 4, "SHOE-42": 6} | {f"S-{n}": 5 for n in range(60)}
    again = await pages(shop, "bigcommerce.inventory", found[-1].cursor)
    assert len(again) == 2


# ---- by the second, while things change ----------------------------------------------------------
async def test_products_of_one_second_that_change_while_they_are_polled_are_all_seen(
    world: World, shop: Source
) -> None:
    made = [
        {"id": 200 + number, "sku": f"T-{number:03d}", "name": "Tied", "price": 1}
        for number in range(120)
    ]
    world.control("bigcommerce", "seed", {"products": made})
    (poll,) = [one for one in shop.polls if one.resource == "bigcommerce.products"]
    skus: set[str] = set()
    cursor, more, steps = None, True, 0
    while more and steps < 20:
        page = await done(shop.platform, poll.step(cursor, FAR_MS))
        skus |= {record.sku for _, record in page.records}  # type: ignore[attr-defined]
        cursor, more = page.cursor, page.more
        if steps < 2:  # what is changed leaves its page, and what stands behind it moves up
            world.trigger(
                "bigcommerce", "update_product", product_id=200, fields={"name": f"{steps}"}
            )
            world.trigger("bigcommerce", "delete_product", product_id=201 + steps)
        steps += 1
    assert {f"T-{number:03d}" for number in range(3, 120)} <= skus
    assert not more
