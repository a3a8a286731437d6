"""A product runs out, is late, comes back and is discontinued: the catalogue says so, and so does word to who waits."""

from __future__ import annotations

from typing import Any

from gridwire.topics import ENRICHED_ENGAGEMENT
from sandbox.demo.seed_rows import braze_users, shop_customers, supplier
from sandbox.demo.stage import Stage
from sandbox.demo.story import Cast, Seeds, Story, Unmet
from sandbox.demo.world import Row, World

FLOW = "braze.availability"
BEA, CAL, DAN = range(3)  # Bea asks to hear when it is back; Cal and Dan have ordered it
NAMES = ("bea", "cal", "dan")
UNSUBSCRIBED = DAN
CATALOG, WISH, BACK = "products", "back_in_stock_subscribed", "back-in-stock"
LATE, OFFER = "release-delayed", "product-alternative"
RELEASE, RELEASE_DAY = "2031-03-01T00:00:00Z", "2031-03-01"


def seed(cast: Cast) -> Seeds:
    """A tea pot, another like it, and three customers, of whom one wants no messages."""
    skus = [cast.sku("TEAPOT"), cast.sku("TEAPOT-TWO")]
    return {
        "trading-grid": {"partners": [supplier(cast, "tinkers", *skus)]},
        "bigcommerce": {
            "products": [
                {"id": cast.number(n), "sku": sku, "name": name, "price": 30, "inventory_level": 20}
                for n, (sku, name) in enumerate(zip(skus, ("Tea Pot", "Tea Pot Two"), strict=True))
            ],
            "customers": shop_customers(cast, NAMES),
        },
        "braze": {
            "users": braze_users(cast, NAMES, unsubscribed=UNSUBSCRIBED),
            "campaigns": [{"id": LATE, "name": "It is late"}, {"id": OFFER, "name": "Instead"}],
            "canvases": [{"id": BACK, "name": "It is back"}],
            "catalogs": [catalog()],
        },
    }


def catalog() -> dict[str, Any]:
    """The catalogue that gridwire writes to, as docs/braze-templates.md has it set up."""
    texts = ("name", "status", "available_from", "lead_time_days", "substitute_sku")
    return {
        "name": CATALOG,
        "fields": [
            *({"name": name, "type": "string"} for name in texts),
            {"name": "stock", "type": "number"},
        ],
        "stock_field": "stock",
        "back_in_stock_event": WISH,
        "back_in_stock_canvas": BACK,
    }


async def play(stage: Stage) -> None:
    for n in (CAL, DAN):
        await stage.order(n, "TEAPOT")
    await _says(stage, type="stock", quantity=0)
    await stage.until(lambda world: _item(world).get("stock") == 0, "the catalogue has no tea pots")
    await _wishes(stage)
    await _says(stage, type="backorder", available_from=RELEASE)
    for n in (BEA, CAL):
        await stage.until(lambda world, n=n: _told(world, n, LATE), f"{NAMES[n]} hears it is late")  # type: ignore[misc]
    await _says(stage, type="stock", quantity=6)
    await stage.until(lambda world: _item(world).get("stock") == 6, "there are six tea pots again")
    await _says(stage, type="discontinuation", substitute_sku=stage.cast.sku("TEAPOT-TWO"))


async def _says(stage: Stage, **facts: Any) -> None:
    """The partner says something of the tea pot, and it is accepted."""
    place = {
        "partner_id": stage.cast.partner("tinkers"),
        "sku": stage.cast.sku("TEAPOT"),
        "location_code": "MAIN",
    }
    await stage.trading_grid("availability-published", **place, **facts, decision="accepted")


async def _wishes(stage: Stage) -> None:
    """Bea asks in the app to hear when it is back."""
    bea = stage.cast.customer(BEA)
    properties = {
        "id": stage.cast.sku("TEAPOT"),
        "catalog_name": CATALOG,
        "type": ["back_in_stock"],
    }
    event = {"external_id": bea, "name": WISH, "properties": properties}
    await stage.platforms.trigger("braze", "event", event)
    await stage.until(
        lambda world: any(one.user_id == bea for one in world.of(ENRICHED_ENGAGEMENT)),
        "Bea's wish has come by",
    )


def _item(world: World) -> Row:
    """The tea pot as the catalogue has it."""
    catalog = world.row("braze", "catalogs", name=CATALOG) or {"items": ()}
    wanted = world.cast.sku("TEAPOT")
    return next((one for one in catalog["items"] if one["id"] == wanted), {})


def _told(world: World, n: int, campaign: str) -> list[Row]:
    return list(world.messages(world.cast.customer(n), campaign))


def expect(world: World) -> list[str]:
    unmet, item = Unmet(), _item(world)
    unmet.unless(
        (item.get("stock"), item.get("status")) == (0, "discontinued"),
        f"the catalogue says that the tea pot is discontinued, not {item}",
    )
    unmet.unless(
        item.get("substitute_sku") == world.cast.sku("TEAPOT-TWO"),
        "the catalogue names what there is instead",
    )
    for n in (BEA, CAL):
        told = _told(world, n, LATE)
        days = [one["trigger_properties"]["available_from"] for one in told]
        unmet.unless(days == [RELEASE_DAY], f"{NAMES[n]} hears once when it will be there: {days}")
    back = [one for one in world.messages(world.cast.customer(BEA)) if one.get("canvas_id") == BACK]
    unmet.unless(len(back) == 1, f"Braze tells Bea once that it is back, not {len(back)}x")
    offers = [one["trigger_properties"]["substitute_name"] for one in _told(world, CAL, OFFER)]
    unmet.unless(offers == ["Tea Pot Two"], f"Cal is offered another one once, not {offers}")
    unmet.unless(item and not _told(world, BEA, OFFER), "Bea, who heard it was back, waits no more")
    dan = world.cast.customer(UNSUBSCRIBED)
    heard = _told(world, DAN, LATE) + _told(world, DAN, OFFER)
    unmet.unless(
        dan and not heard and world.figures.filtered(FLOW, "unsubscribed from every channel"),
        "Dan, who wants no messages, gets none, and that is counted",
    )
    return unmet


STORY = Story(FLOW, seed, play, expect, settings={"settle_s": 0, "profile_read_s": 3})
