"""Partners work on cases in Trading Grid: each customer hears of each status once, and only who may be spoken to."""

from __future__ import annotations

from typing import Any

from sandbox.demo.seed_rows import braze_user, shop_customers, supplier
from sandbox.demo.stage import Stage
from sandbox.demo.story import Cast, Seeds, Story, Unmet
from sandbox.demo.world import World

FLOW = "braze.case-notification"
FEED = "feed.customer-cases"
ANN, BEN, CYN, DORA, EVE, FAY = range(6)  # the customers; each has the order of the same number
NAMES = ("ann", "ben", "cyn", "dora", "eve", "fay")
UNKNOWN_TO_BRAZE, UNSUBSCRIBED = CYN, BEN
KIND = "order_exception"
STATUSES = ("open", "in-progress", "resolved", "reopened", "cancelled")
REVISED_AT, REVISED_DAY = "2031-05-17T09:00:00Z", "2031-05-17"
ATTRIBUTE = "partner_case_status"
RESOLUTION = {"code": "reshipped", "action": "ship", "summary": "A new one is on its way."}


def seed(cast: Cast) -> Seeds:
    """Six customers with an account in the shop; Braze knows five, of whom one wants no messages."""
    return {
        "trading-grid": {
            "partners": [
                supplier(
                    cast, "potters", cast.sku("VASE"), cast.sku("BOWL"), title="Potters United"
                )
            ]
        },
        "bigcommerce": {
            "products": [
                {
                    "id": cast.number(0),
                    "sku": cast.sku("VASE"),
                    "price": 30,
                    "inventory_level": 500,
                },
                {"id": cast.number(1), "sku": cast.sku("BOWL"), "price": 9, "inventory_level": 1},
            ],
            "customers": shop_customers(cast, NAMES),
        },
        "braze": {
            "users": [
                braze_user(cast, NAMES, n, subscribed=n != UNSUBSCRIBED)
                for n in range(len(NAMES))
                if n != UNKNOWN_TO_BRAZE
            ],
            "campaigns": [
                {"id": f"order-exception-{status}", "name": f"Your order: {status}"}
                for status in STATUSES
            ],
        },
    }


def _potters(cast: Cast) -> dict[str, Any]:
    skus = cast.sku("VASE"), cast.sku("BOWL")
    return supplier(cast, "potters", *skus, title="Potters United")


async def play(stage: Stage) -> None:
    for n in range(len(NAMES)):
        await _order(stage, n)
    for n in (UNSUBSCRIBED, UNKNOWN_TO_BRAZE):
        await _case(stage, "parcel lost", n)
    for_two = await _case(stage, "glaze recalled", ANN, EVE)
    await _in_a_hurry(stage)
    await _step_by_step(stage)
    await stage.until(
        lambda world: world.messages(stage.cast.customer(EVE)),
        "the second customer of a case with two orders has heard of it",
    )
    await stage.trading_grid("thread-status", id=for_two, to="cancelled")


async def _order(stage: Stage, n: int) -> None:
    """Fay orders more bowls than there are: gridwire itself will open the case."""
    short = n == FAY
    await stage.bigcommerce(
        "place_order",
        id=stage.cast.number(n),
        customer=stage.cast.number(n),
        lines=[{"sku": stage.cast.sku("BOWL" if short else "VASE"), "quantity": 4 if short else 1}],
        oversell=short,
    )


async def _case(stage: Stage, subject: str, *orders: int) -> str:
    """The partner opens a case on orders; its id."""
    thread = await stage.trading_grid(
        "thread-opened",
        kind=KIND,
        subject=f"{subject} {stage.cast.run}",
        partner_id=stage.cast.partner("potters"),
        related=[{"type": "order", "id": stage.cast.order_ref(n)} for n in orders],
    )
    return str(thread["id"])


async def _in_a_hurry(stage: Stage) -> None:
    """Opened, acknowledged, worked on and resolved in one go: the customer hears the end of it."""
    thread = await _case(stage, "wrong colour", DORA)
    await stage.trading_grid("thread-resolved", id=thread, resolution=RESOLUTION)


async def _step_by_step(stage: Stage) -> None:
    """A case with a revised delivery date, an internal status, an end, and a new beginning."""
    thread, ann = await _case(stage, "parcel damaged", ANN), stage.cast.customer(ANN)

    async def heard(status: str) -> None:
        await stage.until(
            lambda world: _about(world, ANN, thread, status), f"Ann has heard of {status}"
        )

    await heard("open")
    patch = {"custom": {"revised_delivery_at": REVISED_AT}}
    await stage.trading_grid("patched", kind="thread", id=thread, patch=patch)
    await stage.trading_grid("thread-status", id=thread, to="in_progress")
    await heard("in_progress")
    await stage.trading_grid("thread-status", id=thread, to="awaiting_internal")
    await stage.until(
        lambda world: world.figures.filtered(FEED, "internal status"),
        "the internal status has come by",
    )
    await stage.trading_grid("thread-resolved", id=thread, resolution=RESOLUTION)
    await heard("resolved")
    await stage.trading_grid("thread-status", id=thread, to="reopened")
    await heard("reopened")
    await stage.until(
        lambda world: world.attribute(ann, ATTRIBUTE) == "reopened",
        "Ann's profile says that her case is reopened",
    )


def _about(world: World, n: int, thread: str, status: str) -> list[Any]:
    """The messages that a customer received about one status of one thread."""
    told = [one["trigger_properties"] for one in world.messages(world.cast.customer(n))]
    return [one for one in told if (one["case_id"], one["status"]) == (thread, status)]


def _thread(world: World, subject: str) -> str:
    """Id of the thread with that subject; "" where there is none."""
    row = world.row("trading-grid", "threads", subject=f"{subject} {world.cast.run}")
    return str(row["id"]) if row else ""


def expect(world: World) -> list[str]:
    unmet, cast = Unmet(), world.cast
    damaged, recalled = _thread(world, "parcel damaged"), _thread(world, "glaze recalled")
    for status in ("open", "in_progress", "resolved", "reopened"):
        times = len(_about(world, ANN, damaged, status))
        unmet.unless(times == 1, f"Ann hears once that her parcel's case is {status}, not {times}x")
    for n in (ANN, EVE):
        times = len(_about(world, n, recalled, "cancelled"))
        unmet.unless(times == 1, f"{NAMES[n]} hears once that the recall is off, not {times}x")
    hurried = [one["trigger_properties"]["status"] for one in world.messages(cast.customer(DORA))]
    unmet.unless(hurried == ["resolved"], f"Dora hears only of the end, not of {hurried}")
    _in_words(unmet, world, damaged)
    _nobody_else(unmet, world)
    _own_threads_too(unmet, world)
    return unmet


def _in_words(unmet: Unmet, world: World, thread: str) -> None:
    """What the message says, and the profile when it went out."""
    told = _about(world, ANN, thread, "in_progress")
    facts = told[0] if told else {}
    unmet.unless(facts.get("revised_date") == REVISED_DAY, "Ann reads the revised delivery date")
    unmet.unless(
        facts.get("order") == world.cast.order_ref(ANN)
        and facts.get("partner_name") == "Potters United",
        "Ann reads which order it is and who works on it",
    )
    sent = [
        one["attributes"].get(ATTRIBUTE)
        for one in world.messages(world.cast.customer(ANN), "order-exception-in-progress")
    ]
    unmet.unless(sent == ["in_progress"], "the attribute is set before the message goes out")


def _nobody_else(unmet: Unmet, world: World) -> None:
    """Who is unsubscribed or unknown gets nothing: it is not even tried, and counted."""
    cast = world.cast
    for n, reason in (
        (UNSUBSCRIBED, "unsubscribed from every channel"),
        (UNKNOWN_TO_BRAZE, "customer unknown to Braze"),
    ):
        customer = cast.customer(n)
        tried = world.row("braze", "withheld", external_id=customer)
        unmet.unless(not world.messages(customer) and not tried, f"{NAMES[n]} is left in peace")
        unmet.unless(world.figures.filtered(FLOW, reason), f"somebody is filtered: {reason}")
    unmet.unless(
        world.row("braze", "users", external_id=cast.customer(UNKNOWN_TO_BRAZE)) is None,
        "nobody is made known to Braze",
    )


def _own_threads_too(unmet: Unmet, world: World) -> None:
    """A case that gridwire opened for the shop reaches the customer like any other."""
    reference = f"{world.cast.order_ref(FAY)}/{world.cast.partner('potters')}/1"
    thread = world.thread(reference)
    unmet.unless(thread, f"thread {reference} was opened for Fay's short order")
    times = len(_about(world, FAY, thread["id"], "open")) if thread else 0
    unmet.unless(times == 1, f"Fay hears once that her order is short, not {times}x")


STORY = Story(
    FLOW,
    seed,
    play,
    expect,
    feeds={FEED: {"collapse_s": 3}},  # for all stories of cases
)
