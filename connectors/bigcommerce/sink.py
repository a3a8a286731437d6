"""What gridwire does in BigCommerce: absolute stock, and how products and variants sell."""

from connectors.bigcommerce import wire
from connectors.bigcommerce.settings import BigCommerceSettings
from connectors.bigcommerce.source import platform
from connectors.kit.connector import (
    Done,
    Operation,
    OperationError,
    Rejected,
    Request,
    Response,
    Sink,
    Steps,
)
from gridwire.records import BigCommerceCommand, SetInventory, SetSelling
from gridwire.topics import BIGCOMMERCE_COMMANDS, BIGCOMMERCE_RECEIPTS

ABSOLUTE = "/v3/inventory/adjustments/absolute"
PRODUCTS = "/v3/catalog/products"
UNITS_MAX = 2_147_483_647  # BigCommerce does not save more


def sink(settings: BigCommerceSettings) -> Sink:
    """Carries out `command.bigcommerce`."""

    def stock(command: BigCommerceCommand, change: SetInventory) -> Steps:
        return set_inventory(command, change, settings)

    operations = (
        Operation("set_inventory", "natural", stock),
        Operation("set_selling", "natural", set_selling),
    )
    return Sink(
        platform=platform(settings),
        commands=BIGCOMMERCE_COMMANDS,
        receipts=BIGCOMMERCE_RECEIPTS,
        operations={operation.name: operation for operation in operations},
    )


def set_inventory(
    command: BigCommerceCommand, change: SetInventory, settings: BigCommerceSettings
) -> Steps:
    """The absolute stock of one sku at one location; the object id is the transaction's."""
    location_id = _location_id(change.location_code, settings)
    if not 0 <= change.quantity <= UNITS_MAX:
        raise OperationError(Rejected(f"quantity is not between 0 and {UNITS_MAX}"))
    body = wire.inventory_body(change, location_id, command.event_id)
    response = yield Request("PUT", ABSOLUTE, json=body)
    return Done(object_id=_text(response, "transaction_id"))


def _location_id(code: str, settings: BigCommerceSettings) -> int:
    """No location: the default one. A code without an id would else be stock at the wrong place."""
    if not code:
        return settings.default_location_id
    found = settings.locations.get(code)
    if found is None:
        fix = "add it to BIGCOMMERCE_LOCATIONS, then replay"
        raise OperationError(Rejected(f"location {code} has no BigCommerce location id: {fix}"))
    return found


def set_selling(_command: BigCommerceCommand, change: SetSelling) -> Steps:
    """How a product sells: first the switch of its variant, if it names one, then the product."""
    path = f"{PRODUCTS}/{change.product_id}"
    of_variant = wire.variant_body(change) if change.variant_id is not None else {}
    if of_variant:
        yield Request("PUT", f"{path}/variants/{change.variant_id}", json=of_variant)
    of_product = wire.product_body(change)
    if "availability" not in of_product and wire.ends_preorder(change):
        response = yield Request("GET", path, {"include_fields": "availability"})
        of_product = wire.no_preorder(_text(response, "availability"), of_product)
    if of_product:
        yield Request("PUT", path, json=of_product)
    return Done(object_id=str(change.variant_id or change.product_id))


def _text(response: Response, name: str) -> str | None:
    """A field of the answer, with or without the `data` that V3 puts around it."""
    body = response.json()
    inner = body.get("data", body) if isinstance(body, dict) else {}
    value = inner.get(name) if isinstance(inner, dict) else None
    return None if value is None else str(value)
