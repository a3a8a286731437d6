"""Units on hand per item and location, and the events that their changes cause.

An item is a product (tracked by product) or a variant (tracked by variant); addressing it in
the other way is refused, as is an item whose stock is not tracked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.bigcommerce.answers import Json, Refused
from sandbox.bigcommerce.store import ItemKey, StockLevel, Store

DEFAULT_LOCATION_ID = 1
UNITS_MAX = 2_147_483_647


def key_of(product: Json, variant: Json | None) -> ItemKey | None:
    """What the stock of this product or variant is counted under; None where it is not."""
    tracking = product["inventory_tracking"]
    if tracking == "product":
        return ItemKey("product", product["id"])
    if tracking == "variant" and variant is not None:
        return ItemKey("variant", variant["id"])
    return None


class Items:
    """Finds items by sku, variant_id or product_id; made anew for each call."""

    def __init__(self, store: Store) -> None:
        self._store = store
        variants = store.variants.all()
        self._variants_by_sku = {row["sku"]: row for row in variants if row["sku"]}
        self._products_by_sku = {row["sku"]: row for row in store.products.all() if row["sku"]}

    def find(self, identity: Mapping[str, Any]) -> ItemKey:
        """The item. Raises Refused 422: unknown, not tracked, or tracked in the other way."""
        if "variant_id" in identity:
            return self._variant(self._store.variants.get(identity["variant_id"]), identity)
        if "product_id" in identity:
            return self._product(self._store.products.get(identity["product_id"]), identity)
        product = self._products_by_sku.get(identity["sku"])
        if product is not None and product["inventory_tracking"] == "product":
            return ItemKey("product", product["id"])
        return self._variant(self._variants_by_sku.get(identity["sku"]), identity)

    def _variant(self, variant: Json | None, identity: Mapping[str, Any]) -> ItemKey:
        if variant is None:
            raise _unusable(identity, "is unknown")
        tracking = self._store.products.one(variant["product_id"], "product")["inventory_tracking"]
        if tracking != "variant":
            raise _unusable(identity, f"cannot be stocked by variant: tracking is {tracking}")
        return ItemKey("variant", variant["id"])

    def _product(self, product: Json | None, identity: Mapping[str, Any]) -> ItemKey:
        if product is None:
            raise _unusable(identity, "is unknown")
        tracking = product["inventory_tracking"]
        if tracking == "variant" and len(self._store.variants.of(product["id"])) == 1:
            return ItemKey("variant", self._store.variants.of(product["id"])[0]["id"])
        if tracking != "product":
            raise _unusable(identity, f"cannot be stocked by product: tracking is {tracking}")
        return ItemKey("product", product["id"])


def _unusable(identity: Mapping[str, Any], why: str) -> Refused:
    named = {
        name: identity[name] for name in ("sku", "variant_id", "product_id") if name in identity
    }
    name, value = next(iter(named.items()))
    return Refused(422, f"The item with {name} {value} {why}.", errors={})


def level(store: Store, key: ItemKey, location_id: int) -> StockLevel:
    return store.stock.setdefault((key, location_id), StockLevel())


def onhand(store: Store, key: ItemKey) -> int:
    """Units on hand over all locations: the catalogue's `inventory_level`."""
    return sum(one.onhand for (item, _), one in _levels(store, key) if item == key)


def available(store: Store, key: ItemKey) -> int:
    """Units that may be sold: over the enabled locations, less safety stock."""
    return sum(
        one.available
        for (_, location_id), one in _levels(store, key)
        if store.locations.one(location_id, "location")["enabled"]
    )


def _levels(store: Store, key: ItemKey) -> list[tuple[tuple[ItemKey, int], StockLevel]]:
    found = []
    for location in store.locations.all():
        one = store.stock.get((key, location["id"]))
        if one is not None:
            found.append(((key, location["id"]), one))
    return found


def change(
    store: Store, key: ItemKey, location_id: int, units: int, *, by_order: bool = False
) -> None:
    """Set the units on hand at the location; hooks hear of it.

    By API the event says method absolute and the item's new level; by an order method relative
    and the difference.
    """
    one = level(store, key, location_id)
    difference = units - one.onhand
    one.onhand = units
    if by_order:
        _tell(store, key, "relative", difference, by_order=True)
        return
    _tell(store, key, "absolute", onhand(store, key), by_order=False)
    product_id = _product_id(store, key)
    store.products.one(product_id, "product")["date_modified"] = store.now_s()
    store.emit("store/product/updated", {"type": "product", "id": product_id})


def _product_id(store: Store, key: ItemKey) -> int:
    if key.kind == "product":
        return key.id
    product_id: int = store.variants.one(key.id, "variant")["product_id"]
    return product_id


def _tell(store: Store, key: ItemKey, method: str, value: int, *, by_order: bool) -> None:
    scope_end = "inventory/order/updated" if by_order else "inventory/updated"
    product_id = _product_id(store, key)
    variants = store.variants.of(product_id)
    about: Json = {"product_id": product_id, "method": method, "value": value}
    if key.kind == "product" or len(variants) == 1:
        body = {"type": "product", "id": product_id, "inventory": about}
        store.emit(f"store/product/{scope_end}", body)
        return
    variant = store.variants.one(key.id, "variant")
    about["variant_id"] = key.id
    body = {"type": "sku", "id": variant["sku_id"], "inventory": about}
    store.emit(f"store/sku/{scope_end}", body)


def take(store: Store, order_id: int, key: ItemKey, quantity: int) -> None:
    """Take what an order needs, location by location; never below 0: the rest is oversold."""
    left = quantity
    for (_, location_id), one in _levels(store, key):
        taken = min(left, one.available)
        if taken > 0:
            change(store, key, location_id, one.onhand - taken, by_order=True)
            store.taken.setdefault(order_id, []).append((key, location_id, taken))
            left -= taken


def give_back(store: Store, order_id: int) -> None:
    """Return what the order took: it was cancelled or refunded in full."""
    for key, location_id, units in store.taken.pop(order_id, []):
        now = level(store, key, location_id).onhand
        change(store, key, location_id, now + units, by_order=True)
