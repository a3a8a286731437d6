"""Partners say what they have: the shop sells just that, and shows what its shoppers must know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.demo.seed_rows import supplier
from sandbox.demo.stage import Stage
from sandbox.demo.story import Cast, Seeds, Story, Unmet
from sandbox.demo.world import World

FLOW = "bigcommerce.availability"
MAIN, EAST = 1, 2  # location ids
# Product → units in stock before anybody says anything.
STOCK = {
    "DESK": 5,
    "SHELF": 5,
    "SOFA": 8,
    "SOFA-NOVA": 8,
    "STOOL": 6,
    "BENCH": 7,
    "CRATE": 3,
    "POUF": 2,
    "TRUNK": 1,
    "WAGON": 4,
}
LATER = "SWING"  # a product that comes into the shop after its partner has spoken of it
RELEASE = "2031-03-01T00:00:00Z"
OLD_SEQUENCE = 3


def seed(cast: Cast) -> Seeds:
    """One mill supplies all products; there is a second warehouse."""
    return {
        "trading-grid": {
            "partners": [
                supplier(
                    cast, "mill", *(cast.sku(name) for name in (*STOCK, LATER)), title="Old Mill"
                )
            ],
        },
        "bigcommerce": {
            "locations": [{"id": EAST, "code": "EAST", "label": "Warehouse east"}],
            "products": [
                _product(cast, n, name, units) for n, (name, units) in enumerate(STOCK.items())
            ],
        },
    }


def _product(cast: Cast, n: int, name: str, units: int) -> dict[str, Any]:
    return {
        "id": cast.number(n),
        "sku": cast.sku(name),
        "name": name.replace("-", " ").title(),
        "price": 100,
        "inventory_level": units,
    }


def _update(cast: Cast, name: str, **facts: Any) -> dict[str, Any]:
    place = {"partner_id": cast.partner("mill"), "sku": cast.sku(name), "location_code": "MAIN"}
    return {**place, **facts}


async def play(stage: Stage) -> None:
    cast = stage.cast

    async def says(name: str, **facts: Any) -> None:
        await stage.trading_grid("availability-published", **_update(cast, name, **facts))

    await says("SHELF", type="stock", quantity=40, decision="accepted")
    await says("SHELF", type="stock", quantity=25, decision="accepted")
    await says("BENCH", type="stock", quantity=70)
    await says("STOOL", type="lead_time", lead_time_days=5, decision="accepted")
    sofa = {"type": "discontinuation", "substitute_sku": cast.sku("SOFA-NOVA")}
    await says("SOFA", **sofa, decision="accepted")
    await says("POUF", type="stock", quantity=50, decision="accepted")
    await says("POUF", type="allocation", allocation_limit=20, decision="accepted")
    await says("TRUNK", type="stock", quantity=4, decision="accepted")
    await says("TRUNK", type="stock", quantity=9, location_code="EAST", decision="accepted")
    await says("WAGON", type="backorder", available_from=RELEASE, decision="accepted")
    await says(LATER, type="stock", quantity=11, decision="accepted")
    await _late_decision(stage)
    await _orders_count(stage)
    await stage.until(
        lambda world: world.figures.of(FLOW)["waited"],
        "what was said of the product that is not in the shop yet waits for it",
    )
    await stage.bigcommerce("create_product", **_product(cast, 50, LATER, 1))


async def _late_decision(stage: Stage) -> None:
    """An older update is imported into the community and accepted when a newer one holds already."""
    cast = stage.cast
    crate = _update(cast, "CRATE", type="stock", quantity=12, sequence=OLD_SEQUENCE + 2)
    await stage.trading_grid("availability-published", **crate, decision="accepted")
    await stage.until(
        lambda world: world.stock(cast.sku("CRATE"), MAIN) == 12, "twelve crates are on sale"
    )
    old = _update(cast, "CRATE", type="stock", quantity=90, sequence=OLD_SEQUENCE)
    old["id"] = f"av-old-{cast.run}"
    await stage.platforms.seed("trading-grid", {"availability_updates": [old]})
    await stage.trading_grid("availability-decided", id=old["id"], decision="accepted")


async def _orders_count(stage: Stage) -> None:
    """Forty desks, stated as of the beginning; three are ordered since."""
    cast = stage.cast
    as_of = {"effective_at": _iso(cast.began_s), "decision": "accepted"}
    desks = _update(cast, "DESK", type="stock", quantity=40, **as_of)
    await stage.trading_grid("availability-published", **desks)
    await stage.until(
        lambda world: world.stock(cast.sku("DESK"), MAIN) == 40, "forty desks are on sale"
    )
    lines = [{"sku": cast.sku("DESK"), "quantity": 3}]
    await stage.bigcommerce("place_order", id=cast.number(0), lines=lines)


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")


def expect(world: World) -> list[str]:
    unmet = Unmet()
    wanted = {
        ("DESK", MAIN): (37, "forty less the three that were ordered"),
        ("SHELF", MAIN): (25, "the newest sequence wins"),
        ("BENCH", MAIN): (7, "a proposal that nobody accepted changes nothing"),
        ("CRATE", MAIN): (12, "an older sequence that is accepted late changes nothing"),
        ("POUF", MAIN): (20, "the allocation limit bounds the stock"),
        ("TRUNK", MAIN): (4, "each location has its own stock"),
        ("TRUNK", EAST): (9, "each location has its own stock"),
        (LATER, MAIN): (11, "what was said before the product came holds once it is there"),
    }
    for (name, place), (units, why) in wanted.items():
        found = world.stock(world.cast.sku(name), place)
        unmet.unless(
            found == units, f"{units} units of {name} at location {place}, not {found}: {why}"
        )
    _shown(unmet, world)
    unmet.unless(world.figures.filtered(FLOW, "older sequence"), "an older sequence is filtered")
    unmet.unless(world.figures.filtered(FLOW, "not accepted"), "a mere proposal is filtered")
    return unmet


def _shown(unmet: Unmet, world: World) -> None:
    """What shoppers read, and what they may buy."""
    shown = {name: world.product(world.cast.sku(name)) for name in STOCK}
    sofa = shown["SOFA"]
    unmet.unless(sofa.get("availability") == "disabled", "the discontinued sofa is not for sale")
    unmet.unless(
        "Sofa Nova" in sofa.get("availability_description", ""), "shoppers read of the substitute"
    )
    unmet.unless(
        shown["STOOL"].get("availability_description") == "Ships within 5 days.",
        "shoppers read how long stools take",
    )
    unmet.unless(
        shown["POUF"].get("order_quantity_maximum") == 20, "nobody buys more poufs than allotted"
    )
    unmet.unless(shown["WAGON"].get("availability") == "preorder", "wagons can be preordered")
    unmet.unless(
        str(shown["WAGON"].get("preorder_release_date", "")).startswith("2031-03-01"),
        "shoppers read when wagons come",
    )
    unmet.unless(shown["SHELF"].get("availability") == "available", "shelves stay for sale")


STORY = Story(FLOW, seed, play, expect)
