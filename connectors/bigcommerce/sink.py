"""What gridwire does in BigCommerce: absolute stock, and how products and variants sell."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from connectors.bigcommerce import wire
from connectors.bigcommerce.settings import BigCommerceSettings
from connectors.bigcommerce.source import platform
from connectors.kit.connector import (
    Bulk,
    BulkSteps,
    Done,
    Item,
    ItemResult,
    Operation,
    OperationError,
    Rejected,
    Request,
    Response,
    Sink,
    Steps,
    Written,
)
from gridwire.records import BigCommerceCommand, SetInventory, SetSelling
from gridwire.topics import BIGCOMMERCE_COMMANDS, BIGCOMMERCE_RECEIPTS

ABSOLUTE = "/v3/inventory/adjustments/absolute"
PRODUCTS = "/v3/catalog/products"
VARIANTS = "/v3/catalog/variants"
UNITS_MAX = 2_147_483_647  # BigCommerce does not save more
PRODUCTS_MAX = 10  # per call that changes products; of variants it takes 50
ONE_BY_ONE = "bigcommerce-bulk"  # calls for many items never run beside one another


def sink(settings: BigCommerceSettings) -> Sink:
    """Carries out `command.bigcommerce`."""

    def stock(command: BigCommerceCommand, change: SetInventory) -> Steps:
        return set_inventory(command, change, settings)

    operations = (
        Operation("set_inventory", "natural", stock, _stock_of_many(settings), writes=_stock_set),
        Operation("set_selling", "natural", set_selling, _selling_of_many(), writes=_selling_set),
    )
    return Sink(
        platform=platform(settings),
        commands=BIGCOMMERCE_COMMANDS,
        receipts=BIGCOMMERCE_RECEIPTS,
        operations={operation.name: operation for operation in operations},
    )


# ---- stock ---------------------------------------------------------------------------------------
def set_inventory(
    command: BigCommerceCommand, change: SetInventory, settings: BigCommerceSettings
) -> Steps:
    """The absolute stock of one sku at one location; the object id is the transaction's."""
    body = wire.inventory_body([_stock_item(change, settings)], command.event_id)
    response = yield Request("PUT", ABSOLUTE, json=body)
    return Done(object_id=_text(response, "transaction_id"))


def set_inventory_of_many(items: Sequence[Item], settings: BigCommerceSettings) -> BulkSteps:
    """The absolute stock of several skus, all of them or none."""
    results: dict[int, ItemResult] = {}
    lines = []
    for number, item in enumerate(items):
        try:
            lines.append(_stock_item(item.body, settings))
        except OperationError as error:
            results[number] = error.verdict
    saved = Done()
    if lines:
        body = wire.inventory_body(lines, items[0].command.event_id)
        response = yield Request("PUT", ABSOLUTE, json=body)
        saved = Done(object_id=_text(response, "transaction_id"))
    return [results.get(number, saved) for number in range(len(items))]


def _stock_of_many(settings: BigCommerceSettings) -> Bulk:
    """By location. The order of two writes of one sku at one location is undefined: never in one call."""

    def group(_command: BigCommerceCommand, change: SetInventory) -> Hashable:
        code = change.location_code
        return settings.locations.get(code, code) if code else settings.default_location_id

    return Bulk(
        steps=lambda items: set_inventory_of_many(items, settings),
        items_max=settings.inventory_items_max,
        group=group,
        apart=lambda _command, change: change.sku,
        parallel_max=1,
        line=ONE_BY_ONE,
    )


def _stock_set(change: SetInventory) -> Written:
    return frozenset({("stock", change.sku, change.location_code)})


def _stock_item(change: SetInventory, settings: BigCommerceSettings) -> dict[str, Any]:
    """Raises OperationError where BigCommerce would not save it, or we do not know the place."""
    location_id = _location_id(change.location_code, settings)
    if not 0 <= change.quantity <= UNITS_MAX:
        raise OperationError(Rejected(f"quantity is not between 0 and {UNITS_MAX}"))
    return wire.inventory_item(change, location_id)


def _location_id(code: str, settings: BigCommerceSettings) -> int:
    """No location: the default one. A code without an id would else be stock at the wrong place."""
    if not code:
        return settings.default_location_id
    found = settings.locations.get(code)
    if found is None:
        fix = "add it to BIGCOMMERCE_LOCATIONS, then replay"
        raise OperationError(Rejected(f"location {code} has no BigCommerce location id: {fix}"))
    return found


# ---- selling -------------------------------------------------------------------------------------
def set_selling(_command: BigCommerceCommand, change: SetSelling) -> Steps:
    """How a product sells: first the switch of its variant, if it names one, then the product."""
    path = f"{PRODUCTS}/{change.product_id}"
    of_variant = _of_variant(change)
    if of_variant:
        yield Request("PUT", f"{path}/variants/{change.variant_id}", json=of_variant)
    of_product = wire.product_body(change)
    if _asks_availability(change, of_product):
        response = yield Request("GET", path, {"include_fields": "availability"})
        of_product = wire.no_preorder(_text(response, "availability"), of_product)
    if of_product:
        yield Request("PUT", path, json=of_product)
    return Done(object_id=_selling_id(change))


def set_selling_of_many(items: Sequence[Item]) -> BulkSteps:
    """How several products sell, each product once. Raises OperationError where one of them cannot.

    BigCommerce does not say in a documented way which: alone, each has a verdict of its own.
    """
    if len(items) == 1:
        (only,) = items
        return [(yield from set_selling(only.command, only.body))]
    changes: list[SetSelling] = [item.body for item in items]
    switches = [
        {"id": change.variant_id, **body} for change in changes if (body := _of_variant(change))
    ]
    if switches:
        yield Request("PUT", VARIANTS, json=switches)
    bodies = {change.product_id: wire.product_body(change) for change in changes}
    asked = [one.product_id for one in changes if _asks_availability(one, bodies[one.product_id])]
    if asked:
        found = _availability((yield _availability_request(asked)))
        if not found.keys() >= set(asked):
            raise OperationError(Rejected("the store has no such product"))
        bodies |= {one: wire.no_preorder(found[one], bodies[one]) for one in asked}
    saved = [{"id": product_id, **body} for product_id, body in bodies.items() if body]
    if saved:
        response = yield Request("PUT", PRODUCTS, json=saved, expect=frozenset({207}))
        if response.status == 207:
            raise OperationError(Rejected("a part of the batch was not saved"))
    return [Done(object_id=_selling_id(change)) for change in changes]


def _selling_of_many() -> Bulk:
    return Bulk(
        steps=set_selling_of_many,
        items_max=PRODUCTS_MAX,
        apart=lambda _command, change: change.product_id,
        parallel_max=1,
        line=ONE_BY_ONE,
    )


def _selling_set(change: SetSelling) -> Written:
    """The variant's switch, and the product, as far as the change is about them."""
    written: set[tuple[Hashable, ...]] = set()
    if _of_variant(change):
        written.add(("variant", change.variant_id))
    if wire.product_body(change) or wire.ends_preorder(change):
        written.add(("product", change.product_id))
    return frozenset(written)


def _availability_request(product_ids: Sequence[int]) -> Request:
    query = {
        "id:in": ",".join(map(str, product_ids)),
        "include_fields": "availability",
        "limit": str(PRODUCTS_MAX),
    }
    return Request("GET", PRODUCTS, query)


def _availability(response: Response) -> Mapping[int, str | None]:
    """By product id."""
    body = response.json()
    rows = body.get("data") if isinstance(body, dict) else None
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {int(row["id"]): row.get("availability") for row in found if "id" in row}


def _of_variant(change: SetSelling) -> Mapping[str, Any]:
    return wire.variant_body(change) if change.variant_id is not None else {}


def _asks_availability(change: SetSelling, of_product: Mapping[str, Any]) -> bool:
    """Whether what is saved depends on a preorder that may be on."""
    return "availability" not in of_product and wire.ends_preorder(change)


def _selling_id(change: SetSelling) -> str:
    return str(change.variant_id or change.product_id)


def _text(response: Response, name: str) -> str | None:
    """A field of the answer, with or without the `data` that V3 puts around it."""
    body = response.json()
    inner = body.get("data", body) if isinstance(body, dict) else {}
    value = inner.get(name) if isinstance(inner, dict) else None
    return None if value is None else str(value)
