"""Customers say what went wrong: the partner behind it hears what, not who, and customers hear when it is settled."""

from __future__ import annotations

import json

from sandbox.demo.seed_rows import braze_users, email, shop_customers, supplier
from sandbox.demo.stage import Stage
from sandbox.demo.story import Cast, Seeds, Story, Unmet
from sandbox.demo.world import Row, World

FLOW = "braze.feedback-loop"
OLA, PIA, REX, SUE = range(4)  # the customers; each has the order of the same number
NAMES = ("ola", "pia", "rex", "sue")
UNSUBSCRIBED = SUE
FOLLOW_UP, ATTRIBUTE = "feedback-follow-up", "partner_feedback_status"
RESOLUTION = {"code": "reshipped", "action": "ship", "summary": "A new one is on its way."}
ACCEPTED = range(200, 300)


def seed(cast: Cast) -> Seeds:
    """Four customers with an order each; one wants no messages."""
    return {
        "trading-grid": {"partners": [supplier(cast, "weavers", cast.sku("RUG"))]},
        "bigcommerce": {
            "products": [
                {"id": cast.number(0), "sku": cast.sku("RUG"), "price": 120, "inventory_level": 90}
            ],
            "customers": shop_customers(cast, NAMES),
        },
        "braze": {
            "users": braze_users(cast, NAMES, unsubscribed=UNSUBSCRIBED),
            "campaigns": [
                {"id": FOLLOW_UP, "name": "What became of your feedback"},
                *(
                    {"id": f"{kind}-{status}", "name": f"{kind} {status}"}
                    for kind, status in _told()
                ),
            ],
        },
    }


def _told() -> list[tuple[str, str]]:
    """What the notification tells of the threads of this story."""
    statuses = ("open", "in-progress", "resolved", "reopened", "cancelled")
    return [(kind, one) for kind in ("claim", "service-case") for one in statuses]


async def play(stage: Stage) -> None:
    for n in range(len(NAMES)):
        await stage.order(n, "RUG")
    pias = await stage.trading_grid(
        "thread-opened",
        kind="service_case",
        subject=f"late rug {stage.cast.run}",
        partner_id=stage.cast.partner("weavers"),
        related=[{"type": "order", "id": stage.cast.order_ref(PIA)}],
    )
    await stage.until(
        lambda world: world.messages(stage.cast.customer(PIA), "service-case-open"),
        "Pia hears of her case",
    )
    await _says(stage, PIA, "delivery", "Where is it?")
    for _ in range(2):  # Braze delivers webhooks at least once
        await _says(
            stage, OLA, "damage", f"Torn! {email(stage.cast, NAMES[OLA])}, +1 (555) 010-0199"
        )
    await _says(stage, REX, "product", "I do not like the colour.")
    await _says(stage, UNSUBSCRIBED, "damage", "Torn, too.")
    await stage.until(
        lambda world: "Where is it?" in world.comments(_late(world)), "Pia's words are on her case"
    )
    await _settled(stage, str(pias["id"]), PIA)
    for n in (OLA, UNSUBSCRIBED):
        await _settled(stage, await _opened_for(stage, n), n)
    await stage.trading_grid("thread-status", id=str(pias["id"]), to="reopened")
    await stage.until(
        lambda world: world.messages(stage.cast.customer(PIA), "service-case-reopened"),
        "Pia hears that her case is open again",
    )
    await stage.trading_grid("thread-resolved", id=str(pias["id"]), resolution=RESOLUTION)


async def _says(stage: Stage, n: int, concerns: str, words: str) -> None:
    """A customer answers a survey; Braze posts it by the template of docs/braze-templates.md."""
    body = {
        "event_type": "low_rating",
        "dispatch_id": f"dispatch-{stage.cast.number(n)}-{concerns}",
        "campaign_id": "campaign-survey",
        "canvas_id": "",
        "external_user_id": stage.cast.customer(n),
        "occurred_at": "2026-01-05T09:00:00Z",
        "order_ref": stage.cast.order_ref(n),
        "concerns": concerns,
        "question": "How was your delivery?",
        "score": "1",
        "scale_max": 5,
        "text": words,
    }
    headers = {"authorization": f"Bearer {stage.secrets['braze_webhook']}"}
    status = await stage.send("/braze/webhooks", json.dumps(body).encode(), headers)
    if status not in ACCEPTED:
        raise ValueError(f"the gateway answered {status} to Braze's webhook")


async def _settled(stage: Stage, thread: str, n: int) -> None:
    """The partner works on it for a while, and resolves it."""
    await stage.trading_grid("thread-status", id=thread, to="in_progress")
    if n != UNSUBSCRIBED:
        await stage.until(
            lambda world: world.attribute(stage.cast.customer(n), ATTRIBUTE) == "in_progress",
            f"the profile of {NAMES[n]} says that somebody works on it",
        )
    await stage.trading_grid("thread-resolved", id=thread, resolution=RESOLUTION)


async def _opened_for(stage: Stage, n: int) -> str:
    """Id of the thread that was opened for a customer's feedback, once it is there."""
    found: list[Row] = []

    def there(world: World) -> bool:
        thread = _opened(world, n)
        found[:] = [thread] if thread else []
        return bool(found)

    await stage.until(there, f"a thread is opened for the feedback of {NAMES[n]}")
    return str(found[0]["id"])


def _opened(world: World, n: int) -> Row | None:
    """The thread that was opened for a customer's feedback."""
    order = f"bigcommerce:{world.cast.number(n)}"
    return world.thread(f"{order}/{world.cast.partner('weavers')}/1")


def _late(world: World) -> Row | None:
    return world.row("trading-grid", "threads", subject=f"late rug {world.cast.run}")


def expect(world: World) -> list[str]:
    unmet, cast = Unmet(), world.cast
    olas = _opened(world, OLA) or {}
    unmet.unless(
        olas.get("kind") == "claim" and "Torn!" in olas.get("body", ""),
        "the weavers have a claim with Ola's words",
    )
    said = json.dumps(olas) + world.comments(_late(world))
    unmet.unless(
        olas and not any(who in said for who in ("shopper.example", "0199", NAMES[OLA])),
        "nothing on the threads says who the customers are or how to reach them",
    )
    unmet.unless(_opened(world, PIA) is None, "Pia's words join her case: no thread is opened")
    words = world.comments(_late(world))
    unmet.unless(words.count("Where is it?") == 1, "Pia's words stand once on her case")
    for n in (OLA, PIA):
        told = world.messages(cast.customer(n), FOLLOW_UP)
        unmet.unless(len(told) == 1, f"{NAMES[n]} hears once what became of it, not {len(told)}x")
    again = world.messages(cast.customer(PIA), "service-case-resolved")
    unmet.unless(len(again) == 1, "Pia hears of the second end as of any other")
    first = world.messages(cast.customer(OLA), "claim-resolved")
    unmet.unless(olas and not first, "nobody else tells Ola of the end")
    unmet.unless(
        _opened(world, REX) is None and world.figures.filtered(FLOW, "concerns no partner process"),
        "what no partner can settle stays out of Trading Grid, and is counted",
    )
    unmet.unless(
        _opened(world, UNSUBSCRIBED) and not world.messages(cast.customer(UNSUBSCRIBED)),
        "Sue's words reach the weavers, and she, who wants no messages, gets none",
    )
    return unmet


STORY = Story(FLOW, seed, play, expect)
