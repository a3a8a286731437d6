"""Seeds: catalogue, stock, customers, orders, accounts and hooks as a test describes them.

Seeding merges and fires no webhooks: what is seeded has been there all along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.bigcommerce import hooks, stock
from sandbox.bigcommerce.answers import Json
from sandbox.bigcommerce.fields import v3_problems
from sandbox.bigcommerce.order_building import build_order
from sandbox.bigcommerce.product_fields import (
    PRODUCT_DEFAULTS,
    PRODUCT_WRITABLE,
    VARIANT_DEFAULTS,
    VARIANT_WRITABLE,
)
from sandbox.bigcommerce.settings import parse_account
from sandbox.bigcommerce.store import ItemKey, Store
from sandbox.core.simulator import ControlError

DEFAULT_LOCATION: Mapping[str, Any] = {
    "code": "BC-LOCATION-1",
    "label": "Default location",
    "enabled": True,
    "type_id": "PHYSICAL",
}
DEFAULT_CHANNEL: Mapping[str, Any] = {
    "name": "Sandbox storefront",
    "type": "storefront",
    "platform": "bigcommerce",
    "status": "active",
    "external_id": "",
    "is_visible": True,
}
CUSTOMER: Mapping[str, Any] = {
    "email": "",
    "first_name": "",
    "last_name": "",
    "company": "",
    "phone": "",
    "notes": "",
    "customer_group_id": 0,
    "channel_ids": [1],
    "origin_channel_id": 1,
}


def furnish(store: Store) -> None:
    """What every store has: a default location and a storefront, both with id 1."""
    store.locations.insert(dict(DEFAULT_LOCATION))
    store.channels.insert(dict(DEFAULT_CHANNEL))


def _known(spec: Any, known: Any, what: str) -> Json:
    if not isinstance(spec, dict):
        raise ControlError(f"each {what} must be an object")
    unknown = sorted(set(spec) - set(known))
    if unknown:
        raise ControlError(f"{what}: unknown fields {unknown}; known are {sorted(known)}")
    return spec


def _dated(store: Store, row: Json) -> Json:
    return {**row, "date_created": store.now_s(), "date_modified": store.now_s()}


def _account(store: Store, spec: Any) -> None:
    account = parse_account(
        _known(spec, ("client_id", "client_secret", "access_token", "scopes"), "account")
    )
    store.accounts[account.access_token] = account


def _location(store: Store, spec: Any) -> None:
    given = _known(spec, {*DEFAULT_LOCATION, "id"}, "location")
    store.locations.insert({**DEFAULT_LOCATION, **given})


def _channel(store: Store, spec: Any) -> None:
    given = _known(spec, {*DEFAULT_CHANNEL, "id"}, "channel")
    store.channels.insert({**DEFAULT_CHANNEL, **given})


def _brand(store: Store, spec: Any) -> None:
    store.brands.insert({"name": "", **_known(spec, {"id", "name"}, "brand")})


def _customer(store: Store, spec: Any) -> None:
    given = _known(spec, {*CUSTOMER, "id"}, "customer")
    if "@" not in given.get("email", ""):
        raise ControlError("a customer needs an email")
    store.customers.insert(_dated(store, {**CUSTOMER, **given}))


def _checked(spec: Any, writable: Mapping[str, Any], extra: tuple[str, ...], what: str) -> Json:
    given = _known(spec, {*writable, *extra}, what)
    wrong = v3_problems({name: given[name] for name in given if name in writable}, writable)
    if wrong:
        raise ControlError(f"{what}: {wrong}")
    return given


def add_product(store: Store, spec: Any) -> Json:
    """A product with its variants and stock: {sku, name, …, inventory_level, variants, stock}.

    Without `variants` it is simple and has a base variant. `stock` is {location id: units};
    `inventory_level` means the default location.
    """
    extra = ("id", "variants", "stock", "brand_name", "base_variant_id")
    given = dict(_checked(spec, PRODUCT_WRITABLE, extra, "product"))
    variants, levels = given.pop("variants", None), given.pop("stock", {})
    units = given.pop("inventory_level", None)
    base_id = given.pop("base_variant_id", None)
    brand = given.pop("brand_name", None)
    if brand is not None:
        given["brand_id"] = _brand_id(store, str(brand))
    if not given.get("name"):
        given["name"] = given.get("sku") or "Product"
    product = store.products.insert(_dated(store, {**PRODUCT_DEFAULTS, **given}))
    specs = variants or [{"sku": product["sku"], **({"id": base_id} if base_id else {})}]
    made = [_add_variant(store, product, one, base=not variants) for one in specs]
    product["base_variant_id"] = None if variants else made[0]["id"]
    if units is not None:
        levels = {stock.DEFAULT_LOCATION_ID: units, **levels}
    _put_stock(store, stock.key_of(product, made[0]), levels)
    return product


def _brand_id(store: Store, name: str) -> int:
    for row in store.brands.all():
        if row["name"] == name:
            return int(row["id"])
    return int(store.brands.insert({"name": name})["id"])


def _add_variant(store: Store, product: Json, spec: Any, *, base: bool) -> Json:
    given = (
        dict(_checked(spec, {**VARIANT_WRITABLE}, ("id", "stock", "option_values"), "variant"))
        if not base
        else dict(spec)
    )
    levels, units = given.pop("stock", {}), given.pop("inventory_level", None)
    fixed = {"product_id": product["id"], "sku_id": None}
    variant = store.variants.insert({**VARIANT_DEFAULTS, **fixed, **given})
    variant["sku_id"] = None if base else variant["id"]
    if units is not None:
        levels = {stock.DEFAULT_LOCATION_ID: units, **levels}
    _put_stock(store, stock.key_of(product, variant), levels)
    return variant


def _put_stock(store: Store, key: ItemKey | None, levels: Mapping[Any, int]) -> None:
    for location_id, units in levels.items():
        if key is None:
            raise ControlError("stock is given for a product whose inventory_tracking is none")
        if store.locations.get(int(location_id)) is None:
            raise ControlError(f"stock names location {location_id}, which is not seeded")
        stock.level(store, key, int(location_id)).onhand = int(units)


def _assignment(store: Store, spec: Any) -> None:
    given = _known(spec, ("product_id", "channel_id"), "assignment")
    store.assignments.add((int(given["product_id"]), int(given["channel_id"])))


def _hook(store: Store, spec: Any) -> None:
    given = dict(spec)
    client_id = given.pop("client_id", None)
    for account in store.accounts.values():
        if client_id in (None, account.client_id):
            hooks.create_hook(store, account, given)
            return
    raise ControlError(f"no account has client_id {client_id!r}; seed it first")


def _message(store: Store, spec: Any) -> None:
    add_message(store, spec)


def add_message(store: Store, spec: Mapping[str, Any]) -> Json:
    """A message on an order: {order_id, from: customer|staff, subject, message, is_flagged}."""
    known = ("id", "order_id", "from", "subject", "message", "is_flagged", "status")
    given = _known(dict(spec), known, "message")
    order = store.orders.one(int(given.get("order_id", 0)), "order")
    by_customer = given.get("from", "customer") == "customer"
    row: Json = {
        "order_id": order["id"],
        "staff_id": 0 if by_customer else 1,
        "customer_id": order["customer_id"] if by_customer else 0,
        "type": "customer" if by_customer else "message",
        "subject": str(given.get("subject", "")),
        "message": str(given.get("message", "")),
        "status": given.get("status", "unread"),
        "is_flagged": bool(given.get("is_flagged", False)),
        "date_created": store.now_s(),
        "customer": None,
    }
    if "id" in given:
        row["id"] = int(given["id"])
    return store.messages.insert(row)


SEEDS: Mapping[str, Callable[[Store, Any], Any]] = {
    "accounts": _account,
    "locations": _location,
    "channels": _channel,
    "brands": _brand,
    "customers": _customer,
    "products": add_product,
    "assignments": _assignment,
    "orders": build_order,
    "messages": _message,
    "hooks": _hook,
}


def seed(store: Store, given: Mapping[str, Any]) -> dict[str, int]:
    """Insert all collections in the order of SEEDS; answers how many rows of each."""
    unknown = sorted(set(given) - set(SEEDS))
    if unknown:
        raise ControlError(f"unknown collections {unknown}; known are {sorted(SEEDS)}")
    counts: dict[str, int] = {}
    for name, insert in SEEDS.items():
        rows = given.get(name, [])
        if not isinstance(rows, list):
            raise ControlError(f"{name} must be an array")
        for row in rows:
            insert(store, row)
        if rows:
            counts[name] = len(rows)
    return counts
