"""Incidents that a partner caused are resolved: customers who knew of them are won back, once."""

from __future__ import annotations

from typing import Any

from sandbox.demo.seed_rows import braze_user, shop_customers, supplier
from sandbox.demo.stage import Stage
from sandbox.demo.story import Cast, Seeds, Story, Unmet
from sandbox.demo.world import Row, World

FLOW = "braze.service-recovery"
KIM, LEO, MIA, NED, ORA = range(5)  # the customers; each has the order of the same number
NAMES = ("kim", "leo", "mia", "ned", "ora")
UNSUBSCRIBED = MIA
SURVEY = "recovery-survey"
CAMPAIGNS = tuple(
    f"recovery-{message}-{incident}"
    for message in ("apology", "compensation", "retention")
    for incident in ("billing", "damaged", "missing", "product")
)
RESOLUTION = {
    "code": "credited",
    "action": "credit",
    "summary": "The damage was credited.",
    "amount": {"amount": "30.00", "currency": "USD"},
}


def seed(cast: Cast) -> Seeds:
    """Five customers with an order each: one of the gold tier, one who wants no messages."""
    return {
        "trading-grid": {"partners": [supplier(cast, "glaziers", cast.sku("CUP"))]},
        "bigcommerce": {
            "products": [
                {"id": cast.number(0), "sku": cast.sku("CUP"), "price": 8, "inventory_level": 90}
            ],
            "customers": shop_customers(cast, NAMES),
        },
        "braze": {
            "users": [_user(cast, n) for n in range(len(NAMES))],
            "campaigns": [{"id": name, "name": name} for name in (*CAMPAIGNS, SURVEY)],
        },
    }


def _user(cast: Cast, n: int) -> dict[str, Any]:
    tier = {"value_tier": "gold"} if n == KIM else {}
    return braze_user(cast, NAMES, n, subscribed=n != UNSUBSCRIBED, **tier)


async def play(stage: Stage) -> None:
    for n in range(len(NAMES)):
        await stage.order(n, "CUP")
    never_seen = await _incident(stage, "broken and replaced", LEO)
    await stage.trading_grid("thread-resolved", id=never_seen, resolution=RESOLUTION)
    unsubscribed = await _incident(stage, "broken unnoticed", UNSUBSCRIBED)
    await stage.trading_grid("thread-resolved", id=unsubscribed, resolution=RESOLUTION)
    kims = await _seen_and_resolved(stage, KIM)
    await _seen_and_resolved(stage, NED)
    await _seen_and_resolved(stage, ORA)
    await stage.until(lambda world: _surveys(world, NED), "a survey is scheduled for Ned")
    await _incident(stage, "and then lost", NED, "lost_parcel")
    await stage.trading_grid("thread-status", id=kims, to="reopened")
    await stage.until(
        lambda world: _heard(world, KIM, "order-exception-reopened"),
        "Kim hears that her case is open again",
    )
    await stage.trading_grid("thread-resolved", id=kims, resolution=RESOLUTION)


async def _incident(stage: Stage, subject: str, n: int, reason: str = "damaged") -> str:
    """The partner opens a case on an order; its id."""
    line = {"line_ref": "1", "sku": stage.cast.sku("CUP"), "quantity": 1, "reason_code": reason}
    thread = await stage.trading_grid(
        "thread-opened",
        kind="order_exception",
        subject=f"{subject} {stage.cast.run}",
        partner_id=stage.cast.partner("glaziers"),
        related=[{"type": "order", "id": stage.cast.order_ref(n)}],
        lines=[line],
    )
    return str(thread["id"])


async def _seen_and_resolved(stage: Stage, n: int) -> str:
    """A case that the customer hears of before it is resolved; its id."""
    thread = await _incident(stage, f"broken cup of {NAMES[n]}", n)
    await stage.until(
        lambda world: _heard(world, n, "order-exception-open"), f"{NAMES[n]} hears of the damage"
    )
    await stage.trading_grid("thread-resolved", id=thread, resolution=RESOLUTION)
    return thread


def _heard(world: World, n: int, campaign: str) -> list[Row]:
    return list(world.messages(world.cast.customer(n), campaign))


def _recoveries(world: World, n: int) -> list[Row]:
    """The messages that win a customer back."""
    found = world.messages(world.cast.customer(n))
    return [one for one in found if one.get("campaign_id") in CAMPAIGNS]


def _surveys(world: World, n: int) -> list[str]:
    """States of the surveys that are scheduled for a customer."""
    who = world.cast.customer(n)
    return [
        one["state"]
        for one in world.rows("braze", "schedules")
        if one.get("campaign_id") == SURVEY
        and any(to.get("external_user_id") == who for to in one["body"].get("recipients", ()))
    ]


def expect(world: World) -> list[str]:
    unmet = Unmet()
    kims = _recoveries(world, KIM)
    facts = kims[0]["trigger_properties"] if kims else {}
    unmet.unless(
        [one["campaign_id"] for one in kims] == ["recovery-compensation-damaged"],
        f"Kim is won back once, however often the case is resolved, not {len(kims)}x",
    )
    unmet.unless(
        facts.get("compensation") == "15.00 USD", "Kim is offered half of what the partner credited"
    )
    unmet.unless(
        len(_heard(world, KIM, "order-exception-resolved")) == 1,
        "Kim hears of the second end as of any other",
    )
    neds = [one["campaign_id"] for one in _recoveries(world, NED)]
    unmet.unless(neds == ["recovery-apology-damaged"], f"Ned gets an apology once, not {neds}")
    unmet.unless(
        _surveys(world, NED) == ["deleted"], "the survey about Ned's order is taken back again"
    )
    unmet.unless(
        _surveys(world, KIM) == ["deleted"],
        "nobody will ask Kim how content she is with what was opened again",
    )
    unmet.unless(_surveys(world, ORA) == ["pending"], "Ora is asked in some days")
    leos = [one["trigger_properties"]["status"] for one in world.messages(world.cast.customer(LEO))]
    unmet.unless(leos == ["resolved"], f"Leo, who knew of nothing, hears of the end alone: {leos}")
    unmet.unless(not _recoveries(world, LEO), "Leo is not won back")
    unmet.unless(
        not world.messages(world.cast.customer(UNSUBSCRIBED))
        and world.figures.filtered(FLOW, "unsubscribed from every channel"),
        "Mia, who wants no messages, gets none, and that is counted",
    )
    return unmet


STORY = Story(FLOW, seed, play, expect)
