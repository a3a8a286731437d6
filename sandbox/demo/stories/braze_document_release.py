"""Documents of claims are approved: customers hear that it goes on when nothing is missing any more, and not before."""

from __future__ import annotations

from sandbox.demo.seed_rows import braze_users, shop_customers, supplier
from sandbox.demo.stage import Stage
from sandbox.demo.story import Cast, Seeds, Story, Unmet
from sandbox.demo.world import Row, World

FLOW = "braze.document-release"
TIA, UMA, VIC, WIM = range(4)  # the customers; each has the order of the same number
NAMES = ("tia", "uma", "vic", "wim")
UNSUBSCRIBED = VIC
CAMPAIGN = "documents-approved-claim"


def seed(cast: Cast) -> Seeds:
    """Four customers with an order each; one wants no messages."""
    return {
        "trading-grid": {"partners": [supplier(cast, "joiners", cast.sku("EASEL"))]},
        "bigcommerce": {
            "products": [
                {
                    "id": cast.number(0),
                    "sku": cast.sku("EASEL"),
                    "price": 300,
                    "inventory_level": 90,
                }
            ],
            "customers": shop_customers(cast, NAMES),
        },
        "braze": {
            "users": braze_users(cast, NAMES, unsubscribed=UNSUBSCRIBED),
            "campaigns": [{"id": CAMPAIGN, "name": "Your claim goes on"}],
        },
    }


async def play(stage: Stage) -> None:
    for n in range(len(NAMES)):
        await stage.order(n, "EASEL")
    outdated = await _document(stage, UMA, "rma", "approved")
    await stage.trading_grid("moved", kind="document", id=outdated, to="superseded")
    await _document(stage, UMA, "credit_note", "approved")
    await _document(stage, WIM, "rma", "approved")
    await _document(stage, WIM, "credit_note", "under_review")
    for n in (TIA, UNSUBSCRIBED):
        await _document(stage, n, "rma", "approved")
        await _document(stage, n, "credit_note", "approved")
    await stage.until(lambda world: _told(world, TIA), "Tia hears that her claim goes on")
    await _document(stage, TIA, "rma", "approved")


async def _document(stage: Stage, n: int, kind: str, status: str) -> str:
    """A document of the claim about an order; its id."""
    made = await stage.trading_grid(
        "created",
        kind="document",
        body={
            "type": kind,
            "number": f"{kind}-{NAMES[n]}-{stage.cast.run}",
            "partner_id": stage.cast.partner("joiners"),
            "related": [{"type": "order", "id": stage.cast.order_ref(n)}],
            "custom": {"process": "claim"},
        },
    )
    document = str(made["id"])
    await stage.trading_grid("moved", kind="document", id=document, to=status)
    return document


def _told(world: World, n: int) -> list[Row]:
    return list(world.messages(world.cast.customer(n), CAMPAIGN))


def expect(world: World) -> list[str]:
    unmet = Unmet()
    tias = _told(world, TIA)
    facts = tias[0]["trigger_properties"] if tias else {}
    unmet.unless(len(tias) == 1, f"Tia hears once that her claim goes on, not {len(tias)}x")
    unmet.unless(
        (facts.get("order_ref"), facts.get("documents"))
        == (world.cast.order_ref(TIA), "rma, credit_note"),
        "Tia reads which order and which documents it is about",
    )
    unmet.unless(
        world.figures.filtered(FLOW, "released already"),
        "a document that is approved once more is counted",
    )
    unmet.unless(not _told(world, UMA), "what was superseded releases nothing for Uma")
    unmet.unless(not _told(world, WIM), "what is still under review releases nothing for Wim")
    unmet.unless(
        not world.messages(world.cast.customer(UNSUBSCRIBED))
        and world.figures.filtered(FLOW, "unsubscribed from every channel"),
        "Vic, who wants no messages, gets none, and that is counted",
    )
    return unmet


STORY = Story(FLOW, seed, play, expect, settings={"settle_s": 3, "profile_read_s": 3})
