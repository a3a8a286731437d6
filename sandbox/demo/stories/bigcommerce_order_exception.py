"""Orders of the shop get into trouble: their partners work on a thread each, until the order is normal again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridwire.topics import PRODUCTS
from sandbox.demo.seed_rows import supplier
from sandbox.demo.stage import Stage
from sandbox.demo.story import Cast, Seeds, Story, Unmet
from sandbox.demo.world import World

FLOW = "bigcommerce.order-exception"
SHORT, UNPAID, PAID_LATE, LATE, NORMAL = range(5)  # the orders
DAYS_LATE = 6
DAY_S = 86_400
AWAITING_SHIPMENT, CANCELLED = 9, 5
GUEST = "guest@shopper.example"


def seed(cast: Cast) -> Seeds:
    """Two suppliers; what they supply is in stock, but for lamps and chairs, of which there is one each."""
    return {
        "trading-grid": {
            "partners": [
                _partner(cast, "lights", cast.sku("LAMP")),
                _partner(cast, "seats", cast.sku("CHAIR")),
            ]
        },
        "bigcommerce": {
            "products": [
                {"id": cast.number(0), "sku": cast.sku("LAMP"), "price": 40, "inventory_level": 1},
                {"id": cast.number(1), "sku": cast.sku("CHAIR"), "price": 90, "inventory_level": 1},
                {"id": cast.number(2), "sku": cast.sku("RUG"), "price": 70, "inventory_level": 50},
            ]
        },
    }


def _partner(cast: Cast, name: str, sku: str) -> dict[str, Any]:
    return supplier(cast, name, sku, title=f"{name.title()} & Co.")


def reference(cast: Cast, order: int, audience: str) -> str:
    """The external reference of the first thread of an order and an audience."""
    return f"{cast.order_ref(order)}/{audience}/1"


async def play(stage: Stage) -> None:
    cast = stage.cast
    await _place(stage, SHORT, {"LAMP": 2, "CHAIR": 3}, oversell=True)
    await _place(stage, UNPAID, {"RUG": 1}, payment="declined")
    await _place(stage, PAID_LATE, {"RUG": 1})
    await stage.bigcommerce("decline_transaction", order_id=cast.number(PAID_LATE))
    await _place(stage, LATE, {"LAMP": 1}, oversell=True, date_created=_days_ago(cast, DAYS_LATE))
    await _place(stage, NORMAL, {"RUG": 2})
    unpaid, paid_late = (reference(cast, order, "internal") for order in (UNPAID, PAID_LATE))
    await stage.until(
        lambda world: world.thread(unpaid) and world.thread(paid_late),
        "the orders that were not paid have a thread",
    )
    await _two_reasons_on_one_thread(stage)
    await stage.bigcommerce("pay_order", order_id=cast.number(PAID_LATE))
    await stage.until(
        lambda world: world.thread(reference(cast, LATE, cast.partner("lights"))),
        "the late order has a thread with the partner that must ship it",
    )
    await stage.bigcommerce("ship", order_id=cast.number(LATE))
    await _restock(stage)


async def _place(stage: Stage, order: int, lines: Mapping[str, int], **more: Any) -> None:
    """A guest orders."""
    wanted = [{"sku": stage.cast.sku(sku), "quantity": n} for sku, n in lines.items()]
    address = {"email": GUEST, "first_name": "Gwen", "last_name": "Guest", "state": "Texas"}
    await stage.bigcommerce(
        "place_order",
        id=stage.cast.number(order),
        lines=wanted,
        billing_address=address,
        **more,
    )


def _days_ago(cast: Cast, days: int) -> float:
    return cast.began_s - days * DAY_S


async def _two_reasons_on_one_thread(stage: Stage) -> None:
    """The customer of an unpaid order writes, and staff flag it; then the order is cancelled."""
    cast = stage.cast
    written = await stage.bigcommerce(
        "add_message",
        order_id=cast.number(UNPAID),
        subject="My card",
        message=f"Please call me, {GUEST}",
    )
    await stage.bigcommerce("flag_message", order_id=cast.number(UNPAID), message_id=written["id"])
    await stage.until(
        lambda world: "customer message" in _said(world, UNPAID, "internal"),
        "the flagged message is a second reason on the same thread",
    )
    await stage.bigcommerce("change_status", order_id=cast.number(UNPAID), status_id=CANCELLED)


async def _restock(stage: Stage) -> None:
    """Lamps come in, chairs do not; then staff move the order on."""
    cast = stage.cast
    threads = [reference(cast, SHORT, cast.partner(name)) for name in ("lights", "seats")]
    await stage.until(
        lambda world: all(world.thread(one) for one in threads),
        "both partners of the short order have a thread",
    )
    await stage.bigcommerce("change_stock", sku=cast.sku("LAMP"), quantity=30)
    await stage.until(
        lambda world: any(
            one.sku == cast.sku("LAMP") and one.available_to_sell == 30
            for one in world.of(PRODUCTS)
        ),
        "the products table knows of the new lamps",
    )
    await stage.bigcommerce(
        "change_status", order_id=cast.number(SHORT), status_id=AWAITING_SHIPMENT
    )


def _said(world: World, order: int, audience: str) -> str:
    return world.comments(world.thread(reference(world.cast, order, audience)))


def expect(world: World) -> list[str]:
    cast, unmet = world.cast, Unmet()
    lights, seats = cast.partner("lights"), cast.partner("seats")
    for order, audience, ending in (
        (SHORT, lights, ("resolved", "back_to_normal")),
        (LATE, lights, ("resolved", "shipped")),
        (PAID_LATE, "internal", ("resolved", "back_to_normal")),
        (UNPAID, "internal", ("cancelled", "")),
    ):
        _ended(unmet, world, reference(cast, order, audience), audience, ending)
    _short_of_chairs(unmet, world, seats)
    unmet.unless(
        "Also: customer message." in _said(world, UNPAID, "internal"),
        "the unpaid order's thread names the customer's message as a second reason",
    )
    sources = [
        one["source_ref"] for one in world.rows("trading-grid", "comments") if one.get("source_ref")
    ]
    unmet.unless(len(sources) == len(set(sources)), "no comment is written twice")
    mine = [one for one in world.rows("trading-grid", "threads") if _is_mine(cast, one)]
    unmet.unless(len(mine) == 5, f"the five matters have one thread each, not {len(mine)} in all")
    unmet.unless(GUEST not in repr(mine), "no thread says who the customer is")
    unmet.unless(
        not any(cast.order_ref(NORMAL) == ref["id"] for one in mine for ref in one["related"]),
        "the order without trouble has no thread",
    )
    return unmet


def _ended(unmet: Unmet, world: World, name: str, audience: str, ending: tuple[str, str]) -> None:
    """The thread went to whom it concerns and was ended by the system: status, resolution code."""
    status, code = ending
    thread = world.thread(name) or {}
    unmet.unless(thread, f"thread {name} was opened")
    partner = None if audience == "internal" else audience
    unmet.unless(thread.get("partner_id") == partner, f"thread {name} is with {audience}")
    unmet.unless(thread.get("status") == status, f"thread {name} is {status}")
    ended = (thread.get("resolution") or {}).get("code", "")
    unmet.unless(ended == code, f"thread {name} ended with {code or 'no resolution'}")


def _short_of_chairs(unmet: Unmet, world: World, seats: str) -> None:
    """The other partner's thread knows nothing of lamps and stays open."""
    thread = world.thread(reference(world.cast, SHORT, seats)) or {}
    reasons = [(line["sku"], line["reason_code"]) for line in thread.get("lines", ())]
    unmet.unless(
        reasons == [(world.cast.sku("CHAIR"), "inventory_shortage")],
        "the chairs' partner has a thread about the missing chairs, and about them alone",
    )
    unmet.unless(thread.get("status") == "open", "the chairs' thread stays open")
    unmet.unless(
        "awaiting shipment" in _said(world, SHORT, seats),
        "the chairs' partner reads that the order moved on",
    )


def _is_mine(cast: Cast, thread: Mapping[str, Any]) -> bool:
    orders = {cast.order_ref(order) for order in range(5)}
    return any(ref["id"] in orders for ref in thread["related"])


STORY = Story(FLOW, seed, play, expect)
