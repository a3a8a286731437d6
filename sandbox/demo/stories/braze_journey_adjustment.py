"""Exceptions open on orders and end again: customers leave the journey that is not true, and come back to it."""

from __future__ import annotations

from typing import Any

from sandbox.demo.seed_rows import braze_users, shop_customers, supplier
from sandbox.demo.stage import Stage
from sandbox.demo.story import Cast, Seeds, Story, Unmet
from sandbox.demo.world import Row, World

FLOW = "braze.journey-adjustment"
GIA, HAL, IDA, JON = range(4)  # the customers; each has the order of the same number
NAMES = ("gia", "hal", "ida", "jon")
UNSUBSCRIBED = JON
ORIGINAL, APOLOGY, LOST, ESTIMATE, ALTERNATIVE = (
    "shipment-confirmation",
    "delay-apology",
    "lost-parcel-apology",
    "revised-estimate",
    "alternative-product",
)
EXIT_EVENT, END_EVENT = "order_exception_opened", "order_exception_ended"
RESOLUTION = {"code": "found", "action": "ship", "summary": "It goes out today."}


def seed(cast: Cast) -> Seeds:
    """Four customers with an order each; one wants no messages."""
    return {
        "trading-grid": {"partners": [supplier(cast, "clockmakers", cast.sku("CLOCK"))]},
        "bigcommerce": {
            "products": [
                {"id": cast.number(0), "sku": cast.sku("CLOCK"), "price": 70, "inventory_level": 90}
            ],
            "customers": shop_customers(cast, NAMES),
        },
        "braze": {
            "users": braze_users(cast, NAMES, unsubscribed=UNSUBSCRIBED),
            "canvases": [_canvas(name) for name in (APOLOGY, LOST, ESTIMATE, ALTERNATIVE)]
            + [
                {
                    "id": ORIGINAL,
                    "name": "Your order",
                    "steps": [{"name": "confirmed"}, {"name": "on its way", "delay_s": 3_600}],
                    "exit_event": EXIT_EVENT,
                    "exit_match": "order_ref",
                }
            ],
        },
    }


def _canvas(name: str) -> dict[str, Any]:
    title = name.replace("-", " ").capitalize()
    return {"id": name, "name": title, "exit_event": END_EVENT, "exit_match": "case_id"}


async def play(stage: Stage) -> None:
    for n in range(len(NAMES)):
        await stage.order(n, "CLOCK")
        way = {"canvas_id": ORIGINAL, "context": {"order_ref": stage.cast.order_ref(n)}}
        await stage.platforms.trigger(
            "braze", "enter", {"external_id": stage.cast.customer(n), **way}
        )
    late = await _exception(stage, "springs are late", "delayed_fulfilment", GIA)
    await _exception(
        stage,
        "later than said",
        "delayed_fulfilment",
        HAL,
        custom={"revised_delivery_at": "2031-05-17T09:00:00Z"},
    )
    await _exception(stage, "no export papers", "missing_document", UNSUBSCRIBED)
    await _withdrawn_at_once(stage)
    await stage.until(
        lambda world: _messages(world, GIA, APOLOGY), "Gia has the apology for the delay"
    )
    await stage.trading_grid("thread-resolved", id=late, resolution=RESOLUTION)


async def _exception(stage: Stage, subject: str, reason: str, n: int, **fields: Any) -> str:
    """The partner opens an exception on an order; its id."""
    line = {
        "line_ref": "1",
        "sku": stage.cast.sku("CLOCK"),
        "quantity": 1,
        "reason_code": reason,
    }
    thread = await stage.trading_grid(
        "thread-opened",
        kind="order_exception",
        subject=f"{subject} {stage.cast.run}",
        partner_id=stage.cast.partner("clockmakers"),
        related=[{"type": "order", "id": stage.cast.order_ref(n)}],
        lines=[line],
        **fields,
    )
    return str(thread["id"])


async def _withdrawn_at_once(stage: Stage) -> None:
    """A parcel that was not lost after all: the customer is left in their journey."""
    thread = await _exception(stage, "parcel lost", "lost_parcel", IDA)
    await stage.trading_grid("thread-status", id=thread, to="cancelled")


def _messages(world: World, n: int, canvas: str) -> list[Row]:
    """What a customer received of one journey."""
    found = world.messages(world.cast.customer(n))
    return [one for one in found if one.get("canvas_id") == canvas]


def _cases(world: World, n: int) -> list[tuple[str, str]]:
    """(thread, status) of each message about a case that a customer received."""
    found = []
    for one in world.messages(world.cast.customer(n)):
        about = one.get("context") or one.get("trigger_properties") or {}
        if about.get("case_id"):
            found.append((about["case_id"], about["status"]))
    return found


def expect(world: World) -> list[str]:
    unmet = Unmet()
    _gia_comes_back(unmet, world)
    told = _messages(world, HAL, ESTIMATE)
    facts = told[0]["context"] if told else {}
    unmet.unless(
        len(told) == 1 and facts.get("revised_date") == "2031-05-17",
        "Hal reads the revised date once, in place of his journey",
    )
    unmet.unless(not _messages(world, HAL, APOLOGY), "Hal gets no apology besides")
    unmet.unless(
        [status for _, status in _cases(world, IDA)] == ["cancelled"]
        and not _messages(world, IDA, LOST),
        "Ida hears only that nothing was lost, and stays in her journey",
    )
    for n, name in enumerate(NAMES):
        cases = _cases(world, n)
        unmet.unless(len(cases) == len(set(cases)), f"{name} hears of each status once: {cases}")
    silent = not _cases(world, UNSUBSCRIBED)
    unmet.unless(
        silent and world.figures.filtered(FLOW, "unsubscribed from every channel"),
        "Jon, who wants no messages, gets none, and that is counted",
    )
    return unmet


def _gia_comes_back(unmet: Unmet, world: World) -> None:
    """Out of the journey, an apology, and back when it is over, in this order and once each."""
    journeys = [
        one["canvas_id"]
        for one in world.messages(world.cast.customer(GIA))
        if one.get("canvas_id") in (APOLOGY, ORIGINAL)
    ]
    unmet.unless(
        journeys == [ORIGINAL, APOLOGY, ORIGINAL],
        f"Gia gets an apology in her journey and then her journey again, not {journeys}",
    )
    unmet.unless(
        _exits(world, GIA, ORIGINAL) == [EXIT_EVENT, None],
        "Gia left the journey that was not true any more, and is in it again",
    )
    unmet.unless(
        _exits(world, GIA, APOLOGY) == [END_EVENT],
        "Gia's apology journey has ended with the exception",
    )
    unmet.unless(_exits(world, IDA, ORIGINAL) == [None], "Ida was in her journey all the time")


def _exits(world: World, n: int, canvas: str) -> list[str | None]:
    """Why a customer left a journey, each time that they entered it; None: they are in it."""
    return [
        one["exit_reason"]
        for one in world.rows("braze", "canvas_entries")
        if one["external_id"] == world.cast.customer(n) and one["canvas_id"] == canvas
    ]


STORY = Story(FLOW, seed, play, expect)
