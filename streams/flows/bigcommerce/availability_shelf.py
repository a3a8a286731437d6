"""What the shop should show of one product, and the commands that make it so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from gridwire.records import BigCommerceCommand, Product, SetInventory, SetSelling
from streams.rules import availability_updates, supply
from streams.rules.availability_updates import Verdict
from streams.rules.selling import MESSAGE_LENGTH_MAX, selling_state
from streams.rules.supply import Line, Position, Update

FLOW_ID = "bigcommerce.availability"


class Stock(msgspec.Struct, frozen=True, array_like=True):
    """What was last pushed for one location."""

    quantity: int
    sequence: int


class Selling(msgspec.Struct, frozen=True, array_like=True):
    """How a product sells. The defaults are what a partner without a word to say leaves as it is."""

    purchasable: bool = True
    message: str = ""
    description: str = ""
    preorder_at: int = 0
    maximum: int = 0


class Supply(msgspec.Struct, frozen=True, array_like=True):
    """The state of one sku: what partners say, what is ordered, what was pushed.

    verdicts: slot → what was last heard of an update there that does not hold. inactive: partners whose stock does
    not count. names: sku → name of substitutes. stock: by location. clock_ms: the latest time seen.
    """

    updates: tuple[Update, ...] = ()
    verdicts: Mapping[str, Verdict] = msgspec.field(default_factory=dict)
    lines: Mapping[str, Line] = msgspec.field(default_factory=dict)
    inactive: tuple[str, ...] = ()
    names: Mapping[str, str] = msgspec.field(default_factory=dict)
    stock: Mapping[str, Stock] = msgspec.field(default_factory=dict)
    selling: Selling = Selling()
    clock_ms: int = 0


@dataclass(frozen=True, slots=True)
class Texts:
    """What shoppers read. `{days}`, `{name}`: filled in."""

    lead_time: str
    substitute: str
    discontinued: str
    unavailable: str


def shelve(
    held: Supply, sku: str, product: Product, texts: Texts, *, happened_at: int = 0
) -> tuple[Supply, list[BigCommerceCommand]]:
    """The state with what is pushed now, and the commands for what changed. Selling stops before stock changes.

    happened_at: when the timer was due that led to it; 0: the record knows.
    """
    scene = _scene(held)
    stock = _stock(held, scene)
    selling = _selling(held, scene, product, texts)
    inventories = [
        _inventory(sku, location, one, happened_at)
        for location, one in stock.items()
        if location not in held.stock or held.stock[location].quantity != one.quantity
    ]
    switches = _switches(sku, product, held.selling, selling, happened_at)
    commands = [*inventories, *switches] if selling.purchasable else [*switches, *inventories]
    return msgspec.structs.replace(held, stock=stock, selling=selling), commands


@dataclass(frozen=True, slots=True)
class Scene:
    """What holds now: all positions, those that count, and what each location may sell."""

    places: Sequence[Position]
    counting: Sequence[Position]
    sellable: Mapping[str, int]


def _scene(held: Supply) -> Scene:
    places = supply.positions(held.updates, held.clock_ms)
    counting = availability_updates.counting(held, places)
    return Scene(places, counting, supply.sellable(counting, held.lines.values()))


def _stock(held: Supply, scene: Scene) -> dict[str, Stock]:
    """Stock per location. Where nobody states any more what was pushed, there is none to sell."""
    sequences: dict[str, int] = {name: one.sequence for name, one in held.stock.items()}
    for one in scene.places:
        sequences[one.location_code] = max(sequences.get(one.location_code, 0), one.sequence)
    return {
        location: Stock(scene.sellable.get(location, 0), sequences[location])
        for location in sorted({*scene.sellable, *held.stock})
    }


def _selling(held: Supply, scene: Scene, product: Product, texts: Texts) -> Selling:
    preorder_at = _preorder_at(scene.counting, held.clock_ms)
    maximum = _maximum(scene.counting)
    votes: dict[str, str] = {}
    if supply.is_discontinued(scene.places, scene.counting):
        substitute = _substitute(scene.places, held, product)
        more = f" {texts.substitute.format(name=substitute)}" if substitute else ""
        votes["discontinued"] = f"{texts.discontinued}{more}"
    none_left = bool(scene.sellable) and not any(scene.sellable.values())
    untracked = product.available_to_sell is None  # the shop does not stop by itself
    if maximum == 0 or (none_left and untracked and not preorder_at):
        votes["availability"] = texts.unavailable
    state = selling_state(votes)
    description = _description(scene.counting, held, product, texts)
    if not state.purchasable and product.variants <= 1:
        description = state.message  # a product of one variant has no other place for it
    return Selling(state.purchasable, state.message, description, preorder_at, maximum or 0)


def _preorder_at(counting: Sequence[Position], now_ms: int) -> int:
    """The earliest release, where all who supply the product have it on backorder; else 0."""
    supplying = [one for one in counting if one.supplies]
    dates = [one.available_from or 0 for one in supplying]
    return min(dates) if dates and min(dates) > now_ms else 0


def _maximum(counting: Sequence[Position]) -> int | None:
    """Most units per order: the allocations together, where every supplying position has one; else None."""
    limits = [one.limit for one in counting if one.supplies]
    known = [limit for limit in limits if limit is not None]
    return max(0, sum(known)) if known and len(known) == len(limits) else None


def _description(counting: Sequence[Position], held: Supply, product: Product, texts: Texts) -> str:
    """The shortest lead time, and a substitute where a partner offers one."""
    parts = []
    days = [one.lead_time_days for one in counting if one.lead_time_days is not None]
    if days:
        shortest = max(1, min(days))
        parts.append(texts.lead_time.format(days=f"{shortest} day{'s' if shortest > 1 else ''}"))
    substitute = _substitute(counting, held, product, own=False)
    if substitute:
        parts.append(texts.substitute.format(name=substitute))
    return " ".join(parts)[:MESSAGE_LENGTH_MAX]


def _substitute(
    places: Sequence[Position], held: Supply, product: Product, *, own: bool = True
) -> str:
    """Name of the substitute that a partner gives, else (`own`) the shop's; its sku where it has no name."""
    given = [one.substitute_sku for one in places if one.substitute_sku]
    sku = given[0] if given else (product.substitute_sku if own else None)
    return held.names.get(sku, sku) if sku else ""


def _inventory(sku: str, location: str, stock: Stock, happened_at: int) -> BigCommerceCommand:
    return BigCommerceCommand(
        occurred_at=happened_at,
        flow=FLOW_ID,
        lane=sku,
        operation="set_inventory",
        set_inventory=SetInventory(
            sku=sku,
            location_code=location,
            quantity=stock.quantity,
            sequence=stock.sequence,
        ),
    )


def _switches(
    sku: str, product: Product, before: Selling, after: Selling, happened_at: int
) -> list[BigCommerceCommand]:
    """One command with what changed. A product that sells again keeps its preorder date."""
    if before == after or product.bigcommerce_product_id is None:
        return []
    on_sale = after.purchasable if before.purchasable != after.purchasable else None
    preorder_changed = before.preorder_at != after.preorder_at or (on_sale and after.preorder_at)
    switches = SetSelling(
        sku=sku,
        product_id=product.bigcommerce_product_id,
        variant_id=product.bigcommerce_variant_id if product.variants > 1 else None,
        purchasable=on_sale,
        message=after.message if before.message != after.message else None,
        availability_description=(
            after.description if before.description != after.description else None
        ),
        preorder_release_at=after.preorder_at if preorder_changed else None,
        quantity_maximum=after.maximum if before.maximum != after.maximum else None,
    )
    return [
        BigCommerceCommand(
            occurred_at=happened_at,
            flow=FLOW_ID,
            lane=sku,
            operation="set_selling",
            set_selling=switches,
        )
    ]
