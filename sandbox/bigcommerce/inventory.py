"""Inventory V3: adjustments (all items or none), stock by item and location, locations."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid5

from sandbox.bigcommerce import stock
from sandbox.bigcommerce.answers import Answer, Json, Refused, v3_page
from sandbox.bigcommerce.fields import Field, v3_problems
from sandbox.bigcommerce.gate import Call, Endpoint, rows
from sandbox.bigcommerce.stock import Items
from sandbox.bigcommerce.store import ItemKey, StockLevel, Store

INVENTORY = ("store_inventory",)
LOCATIONS = ("store_locations",)
ITEMS_MAX = 2_000
PAGE_ITEMS_MAX = 1_000
IDENTITIES = ("sku", "variant_id", "product_id")
NAMESPACE = UUID("5b7b3a4e-6f0e-5d35-9c5c-3f0a4b1d2e10")

ITEM: Mapping[str, Field] = {
    "location_id": Field("int", required=True, low=1),
    "sku": Field("str", length_min=1, length_max=255),
    "variant_id": Field("int", low=1),
    "product_id": Field("int", low=1),
    "quantity": Field("int", required=True, low=-stock.UNITS_MAX, high=stock.UNITS_MAX),
}
IDENTITY: Mapping[str, Field] = {name: ITEM[name] for name in IDENTITIES}
SETTING: Mapping[str, Field] = {
    "identity": Field("object", required=True),
    "safety_stock": Field("int", low=0),
    "is_in_stock": Field("bool"),
    "warning_level": Field("int", low=0),
    "bin_picking_number": Field("str", length_max=255),
}
FILTERS = [
    "sku:in",
    "variant_id:in",
    "product_id:in",
    "location_id:in",
    "location_code:in",
    "page",
    "limit",
]


def _identity(item: Json) -> Json:
    return {name: item[name] for name in IDENTITIES if name in item}


def _checked(call: Call, *, negative: bool) -> list[tuple[ItemKey, int, int]]:
    """(item, location, quantity) of every item. Raises Refused 422 and changes nothing."""
    body = call.body
    if not isinstance(body, dict) or not isinstance(body.get("items"), list) or not body["items"]:
        raise Refused(422, "The body must hold items.", errors={"items": "is required"})
    if len(body["items"]) > ITEMS_MAX:
        title = f"At most {ITEMS_MAX} items fit into one request."
        raise Refused(422, title, errors={"items": f"{len(body['items'])} given"})
    wrong: Json = {}
    for index, item in enumerate(body["items"]):
        wrong |= {
            f"items.{index}.{name}": text
            for name, text in _item_problems(call, item, negative=negative).items()
        }
    if wrong:
        raise Refused(422, "JSON data is missing or invalid", errors=wrong)
    items = Items(call.store)
    return [
        (items.find(_identity(item)), item["location_id"], item["quantity"])
        for item in body["items"]
    ]


def _item_problems(call: Call, item: object, *, negative: bool) -> Json:
    if not isinstance(item, dict):
        return {"item": "must be an object"}
    wrong = v3_problems(item, ITEM)
    if len(_identity(item)) != 1:
        wrong["identity"] = f"must be exactly one of {list(IDENTITIES)}"
    if wrong:
        return wrong
    if call.store.locations.get(item["location_id"]) is None:
        wrong["location_id"] = "is no location of the store"
    if item["quantity"] < 0 and not negative:
        wrong["quantity"] = "must not be negative"
    return wrong


def _transaction(store: Store) -> Json:
    return {"transaction_id": str(uuid5(NAMESPACE, str(store.events_seen)))}


def put_absolute(call: Call) -> Answer:
    """Set the units on hand. Applied now or `inventory_lag_s` later, as the vendor may."""
    store, changes = call.store, _checked(call, negative=False)

    def apply() -> None:
        for key, location_id, quantity in changes:
            stock.change(store, key, location_id, quantity)

    store.later(store.settings.inventory_lag_s, apply)
    return Answer(200, _transaction(store))


def post_relative(call: Call) -> Answer:
    """Add or take units. Not idempotent: a repetition counts again."""
    store, changes = call.store, _checked(call, negative=True)
    after: dict[tuple[ItemKey, int], int] = {}
    for key, location_id, quantity in changes:
        before = after.get((key, location_id), stock.level(store, key, location_id).onhand)
        after[key, location_id] = before + quantity
    for (key, location_id), units in after.items():
        if not 0 <= units <= stock.UNITS_MAX:
            title = f"Not enough units of {key.kind} {key.id} at location {location_id}."
            raise Refused(422, title, errors={})

    def apply() -> None:
        for key, location_id, quantity in changes:
            now = stock.level(store, key, location_id).onhand
            stock.change(store, key, location_id, max(0, now + quantity))

    store.later(store.settings.inventory_lag_s, apply)
    return Answer(200, _transaction(store))


def _item_row(store: Store, key: ItemKey) -> Json:
    """{identity} of an item whose stock is tracked."""
    if key.kind == "variant":
        variant = store.variants.one(key.id, "variant")
    else:
        variant = store.variants.of(key.id)[0]
    product = store.products.one(variant["product_id"], "product")
    base = product["base_variant_id"] == variant["id"]
    sku = product["sku"] if key.kind == "product" else variant["sku"]
    identity = {
        "sku": sku,
        "variant_id": variant["id"],
        "product_id": product["id"],
        "sku_id": None if base or key.kind == "product" else variant["sku_id"],
    }
    return {"identity": identity}


def _tracked(store: Store) -> list[ItemKey]:
    found: list[ItemKey] = []
    for product in store.products.all():
        if product["inventory_tracking"] == "product":
            found.append(ItemKey("product", product["id"]))
        elif product["inventory_tracking"] == "variant":
            found += [ItemKey("variant", row["id"]) for row in store.variants.of(product["id"])]
    return found


def _place(store: Store, key: ItemKey, location: Json) -> Json:
    one = store.stock.get((key, location["id"]), StockLevel())
    return {
        "location_id": location["id"],
        "location_code": location["code"],
        "location_name": location["label"],
        "available_to_sell": one.available,
        "total_inventory_onhand": one.onhand,
        "location_enabled": location["enabled"],
        "settings": {
            "safety_stock": one.safety_stock,
            "is_in_stock": one.is_in_stock,
            "warning_level": one.warning_level,
            "bin_picking_number": one.bin_picking_number,
        },
    }


def _wanted(call: Call, name: str, value: object) -> bool:
    text = call.query.get(f"{name}:in")
    return text is None or str(value) in text.split(",")


def _matching(call: Call) -> list[tuple[ItemKey, Json]]:
    for name in call.query:
        if name not in FILTERS:
            raise Refused(400, f"Inventory cannot be filtered by '{name}'.")
    found = [(key, _item_row(call.store, key)) for key in _tracked(call.store)]
    return [
        (key, row)
        for key, row in found
        if all(_wanted(call, name, row["identity"][name]) for name in IDENTITIES)
    ]


def inventory_rows(store: Store) -> list[Json]:
    """Every tracked item with its stock at every location."""
    places = store.locations.all()
    return [
        {**_item_row(store, key), "locations": [_place(store, key, one) for one in places]}
        for key in _tracked(store)
    ]


def list_items(call: Call) -> Answer:
    places = [
        location
        for location in call.store.locations.all()
        if _wanted(call, "location_id", location["id"])
        and _wanted(call, "location_code", location["code"])
    ]
    shown = [
        {**row, "locations": [_place(call.store, key, location) for location in places]}
        for key, row in _matching(call)
    ]
    return v3_page(shown, call.query, limit_default=50, limit_max=PAGE_ITEMS_MAX)


def list_location_items(call: Call) -> Answer:
    location = call.store.locations.one(call.ids["location_id"], "location")
    kept = ("available_to_sell", "total_inventory_onhand", "settings")
    shown = []
    for key, row in _matching(call):
        place = _place(call.store, key, location)
        shown.append({**row, **{name: place[name] for name in kept}})
    return v3_page(shown, call.query, limit_default=50, limit_max=PAGE_ITEMS_MAX)


def put_location_items(call: Call) -> Answer:
    """Settings per item at one location; `is_in_stock` false is its kill switch."""
    store = call.store
    location = store.locations.one(call.ids["location_id"], "location")
    given = call.body.get("settings") if isinstance(call.body, dict) else None
    if not isinstance(given, list) or not 1 <= len(given) <= ITEMS_MAX:
        title = f"The body must hold 1 to {ITEMS_MAX} settings."
        raise Refused(422, title, errors={"settings": "is required"})
    items = Items(store)
    changes: list[tuple[ItemKey, Json]] = []
    for index, setting in enumerate(given):
        wrong = v3_problems(setting, SETTING) if isinstance(setting, dict) else {"": "no object"}
        if not wrong and len(setting) < 2:
            wrong["settings"] = "at least one setting is required"
        if not wrong:
            wrong = v3_problems(setting["identity"], IDENTITY)
        if not wrong and len(setting["identity"]) != 1:
            wrong["identity"] = f"must be exactly one of {list(IDENTITIES)}"
        if wrong:
            errors = {f"settings.{index}.{name}": text for name, text in wrong.items()}
            raise Refused(422, "JSON data is missing or invalid", errors=errors)
        changes.append((items.find(setting["identity"]), setting))
    for key, setting in changes:
        one = stock.level(store, key, location["id"])
        for name, value in setting.items():
            if name != "identity":
                setattr(one, name, value)
    return Answer(200, _transaction(store))


def list_locations(call: Call) -> Answer:
    found = [row for row in call.store.locations.all() if _wanted(call, "location_id", row["id"])]
    found = [row for row in found if _wanted(call, "location_code", row["code"])]
    return v3_page(found, call.query)


ENDPOINTS: list[Endpoint] = [
    *rows("/v3/inventory/adjustments/absolute", INVENTORY, put=put_absolute),
    *rows("/v3/inventory/adjustments/relative", INVENTORY, post=post_relative),
    *rows("/v3/inventory/items", INVENTORY, get=list_items),
    *rows(
        "/v3/inventory/locations/{location_id}/items",
        INVENTORY,
        get=list_location_items,
        put=put_location_items,
    ),
    *rows("/v3/inventory/locations", LOCATIONS, get=list_locations),
]
