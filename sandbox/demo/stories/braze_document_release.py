"""Documents of claims are approved: customers hear that it goes on when nothing is missing any more, and not before."""

from __future__ import annotations

from typing import Any

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
        "trading-grid": {"partners": [_partner(cast)]},
        "bigcommerce": {
            "products": [
                {
                    "id": cast.number(0),
                    "sku": cast.sku("EASEL"),
                    "price": 300,
                    "inventory_level": 90,
                }
            ],
            "customers": [
                {"id": cast.number(n), "email": _email(cast, n), "first_name": name.title()}
                for n, name in enumerate(NAMES)
            ],
        },
        "braze": {
            "users": [_user(cast, n) for n in range(len(NAMES))],
            "campaigns": [{"id": CAMPAIGN, "name": "Your claim goes on"}],
        },
    }


def _partner(cast: Cast) -> dict[str, Any]:
    return {
        "id": cast.partner("joiners"),
        "name": "Joiners",
        "status": "active",
        "roles": ["supplier"],
        "skus": [cast.sku("EASEL")],
    }


def _email(cast: Cast, n: int) -> str:
    return f"{NAMES[n]}.{cast.run}@shopper.example"


def _user(cast: Cast, n: int) -> dict[str, Any]:
    consent = {"email": "unsubscribed", "push": "unsubscribed"} if n == UNSUBSCRIBED else {}
    return {
        "external_id": cast.customer(n),
        "attributes": {"email": _email(cast, n)},
        "consent": consent,
    }


async def play(stage: Stage) -> None:
    for n in range(len(NAMES)):
        await stage.bigcommerce(
            "place_order",
            id=stage.cast.number(n),
            customer=stage.cast.number(n),
            lines=[{"sku": stage.cast.sku("EASEL"), "quantity": 1}],
        )
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
