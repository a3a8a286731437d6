"""Catalogue V3: products, brands. Batch PUT of up to 10; 207 where a part could not be saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.bigcommerce import stock
from sandbox.bigcommerce.answers import ERROR_TYPE, Answer, Json, Refused, data, v3_page
from sandbox.bigcommerce.dates import iso, parse_date
from sandbox.bigcommerce.fields import Field, v3_array, v3_checked
from sandbox.bigcommerce.gate import Call, Endpoint, rows
from sandbox.bigcommerce.product_fields import (
    INVENTORY_FIELDS,
    PRODUCT_READ_ONLY,
    PRODUCT_WRITABLE,
    only_fields,
)
from sandbox.bigcommerce.store import Store
from sandbox.bigcommerce.variants import variant_view

CATALOGUE = ("store_v2_products",)
BATCH_MAX = 10
DELETE_MAX = 250


def _level(store: Store, product: Json) -> int:
    if product["inventory_tracking"] == "none":
        return 0
    variants = store.variants.of(product["id"])
    keys = {stock.key_of(product, variant) for variant in variants}
    return sum(stock.onhand(store, key) for key in keys if key is not None)


def product_view(store: Store, product: Json, include: frozenset[str] = frozenset()) -> Json:
    """The product as the catalogue shows it; `include` adds variants and custom fields."""
    shown = {name: value for name, value in product.items() if name != "custom_fields"}
    shown |= {
        "calculated_price": product["sale_price"] or product["price"],
        "inventory_level": _level(store, product),
        "date_created": iso(product["date_created"]),
        "date_modified": iso(product["date_modified"]),
    }
    if "variants" in include:
        shown["variants"] = [variant_view(store, row) for row in store.variants.of(product["id"])]
    if "custom_fields" in include:
        shown["custom_fields"] = product["custom_fields"]
    return shown


def _truth(text: str) -> bool:
    return text in ("true", "1")


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Refused(422, "A filter is no number.", errors={name: "must be a number"}) from None


def _any_of(field: str) -> Callable[[Json, str], bool]:
    return lambda shown, text: str(shown[field]) in text.split(",")


FILTERS: Mapping[str, Callable[[Json, str], bool]] = {
    "id": _any_of("id"),
    "id:in": _any_of("id"),
    "id:not_in": lambda row, text: str(row["id"]) not in text.split(","),
    "id:min": lambda row, text: bool(row["id"] >= _number(text, "id:min")),
    "id:max": lambda row, text: bool(row["id"] <= _number(text, "id:max")),
    "id:greater": lambda row, text: bool(row["id"] > _number(text, "id:greater")),
    "name": lambda row, text: bool(row["name"] == text),
    "sku": lambda row, text: bool(row["sku"] == text),
    "sku:in": _any_of("sku"),
    "brand_id": _any_of("brand_id"),
    "availability": lambda row, text: bool(row["availability"] == text),
    "is_visible": lambda row, text: bool(row["is_visible"] == _truth(text)),
    "date_modified:min": lambda row, text: (
        int(row["date_modified"]) >= parse_date(text, "date_modified:min", 422)
    ),
    "date_modified:max": lambda row, text: (
        int(row["date_modified"]) <= parse_date(text, "date_modified:max", 422)
    ),
}
LEVEL_FILTERS: Mapping[str, Callable[[int, str], bool]] = {
    "inventory_level": lambda level, text: str(level) in text.split(","),
    "inventory_level:min": lambda level, text: level >= _number(text, "inventory_level:min"),
    "inventory_level:max": lambda level, text: level <= _number(text, "inventory_level:max"),
}
OTHERS = ["page", "limit", "sort", "direction", "include", "include_fields", "exclude_fields"]
SORTS = ["id", "name", "sku", "price", "date_modified", "is_visible"]


def _include(call: Call) -> frozenset[str]:
    return frozenset(call.query.get("include", "").split(",")) - {""}


def _listed(call: Call) -> list[Json]:
    """The products that pass every filter. Raises Refused 422 for an unknown one."""
    found = call.store.products.all()
    for name, text in call.query.items():
        if name in FILTERS:
            found = [row for row in found if FILTERS[name](row, text)]
        elif name in LEVEL_FILTERS:
            found = [row for row in found if LEVEL_FILTERS[name](_level(call.store, row), text)]
        elif name not in OTHERS:
            raise Refused(422, "A filter is unknown.", errors={name: "is no filter of products"})
    return found


def list_products(call: Call) -> Answer:
    found = _listed(call)
    sort = call.query.get("sort", "id")
    if sort not in SORTS:
        raise Refused(422, "Products cannot be sorted so.", errors={"sort": f"is not in {SORTS}"})
    found.sort(key=lambda row: row[sort], reverse=call.query.get("direction") == "desc")
    page = v3_page(found, call.query)
    include = _include(call)
    shown = [product_view(call.store, row, include) for row in page.body["data"]]
    return data([only_fields(row, call.query) for row in shown], meta=page.body["meta"])


def _one(call: Call) -> Json:
    return call.store.products.one(call.ids["product_id"], "product")


def get_product(call: Call) -> Answer:
    shown = product_view(call.store, _one(call), _include(call))
    return data(only_fields(shown, call.query))


def _check_unique(store: Store, product: Json, body: Json) -> None:
    for name in ("sku", "name"):
        for other in store.products.all() if body.get(name) else ():
            if other is not product and other[name] == body[name]:
                title = f"Another product has this {name}."
                raise Refused(409, title, errors={name: "must be unique"}, code=409)
    brand_id = body.get("brand_id")
    if brand_id and store.brands.get(brand_id) is None:
        title = "The brand does not exist."
        raise Refused(409, title, errors={"brand_id": "is no brand of the store"}, code=409)


def _check_level(store: Store, product: Json, body: Json) -> None:
    tracking = body.get("inventory_tracking", product["inventory_tracking"])
    many = len(store.variants.of(product["id"])) > 1
    if "inventory_level" in body and tracking == "variant" and many:
        title = "The stock of this product is tracked by variant."
        raise Refused(422, title, errors={"inventory_level": "must be set on the variants"})


def check_product(store: Store, product: Json, given: Any) -> Json:
    """The writable part of a PUT body. Raises Refused 409 or 422."""
    body = v3_checked(given, PRODUCT_WRITABLE, PRODUCT_READ_ONLY)
    _check_unique(store, product, body)
    _check_level(store, product, body)
    return body


def save_product(store: Store, product: Json, body: Json) -> Json:
    """Save the fields; answers field -> why it was not saved (a configured partial failure).

    Of a product that is set to fail, inventory fields are not saved; where there are none,
    nothing of it is.
    """
    failed: Json = {}
    if product["id"] in store.settings.partial_failure_product_ids:
        names = [name for name in INVENTORY_FIELDS if name in body] or list(body)
        failed = dict.fromkeys(names, "could not be saved")
        body = {name: value for name, value in body.items() if name not in failed}
    level = body.pop("inventory_level", None)
    if body:
        product |= body
        product["date_modified"] = store.now_s()
        _sync_base_variant(store, product, body)
        store.emit("store/product/updated", {"type": "product", "id": product["id"]})
    key = stock.key_of(product, store.variants.of(product["id"])[0])
    if level is not None and key is not None:
        others = (
            stock.onhand(store, key) - stock.level(store, key, stock.DEFAULT_LOCATION_ID).onhand
        )
        stock.change(store, key, stock.DEFAULT_LOCATION_ID, max(0, level - others))
    return failed


def _sync_base_variant(store: Store, product: Json, body: Json) -> None:
    """The only variant of a simple product carries the product's own sku."""
    variants = store.variants.of(product["id"])
    if len(variants) == 1 and "sku" in body:
        variants[0]["sku"] = product["sku"]


def _multi_status(body: Any, failed: Json) -> Answer:
    errors = {
        "status": 207,
        "title": "Some attributes could not be saved.",
        "type": ERROR_TYPE,
        "errors": failed,
    }
    return Answer(207, {"data": body, "errors": errors, "meta": {}})


def put_product(call: Call) -> Answer:
    product = _one(call)
    failed = save_product(call.store, product, check_product(call.store, product, call.body))
    shown = only_fields(product_view(call.store, product), call.query)
    return _multi_status(shown, failed) if failed else data(shown)


def put_products(call: Call) -> Answer:
    """All are checked before the first is saved; then each is saved for itself."""
    store = call.store
    plans: list[tuple[Json, Json]] = []
    for given in v3_array(call.body, "products", BATCH_MAX):
        product_id = v3_checked(
            {"id": given.get("id")} if "id" in given else {}, {"id": Field("int", required=True)}
        )["id"]
        product = store.products.one(product_id, "product")
        plans.append((product, check_product(store, product, given)))
    failed: Json = {}
    for product, body in plans:
        why = save_product(store, product, body)
        failed |= {f"{product['id']}.{name}": text for name, text in why.items()}
    shown = [only_fields(product_view(store, product), call.query) for product, _ in plans]
    if failed:
        return _multi_status(shown, failed)
    pages = {"total": len(shown), "count": len(shown), "per_page": BATCH_MAX}
    pages |= {"current_page": 1, "total_pages": 1}
    return data(shown, meta={"pagination": pages})


def remove_product(store: Store, product: Json) -> None:
    """The product and its variants are gone; hooks hear of it."""
    for variant in store.variants.of(product["id"]):
        store.variants.delete(variant["id"])
        if variant["sku_id"] is not None:
            named = {"product_id": product["id"], "variant_id": variant["id"]}
            about = {"type": "sku", "id": variant["sku_id"], "sku": named}
            store.emit("store/sku/deleted", about)
    store.products.delete(product["id"])
    store.assignments = {pair for pair in store.assignments if pair[0] != product["id"]}
    store.emit("store/product/deleted", {"type": "product", "id": product["id"]})


def delete_product(call: Call) -> Answer:
    remove_product(call.store, _one(call))
    return Answer(204)


def list_brands(call: Call) -> Answer:
    found = call.store.brands.all()
    for name in ("name", "id:in"):
        if name in call.query:
            wanted = call.query[name].split(",")
            found = [row for row in found if str(row[name.split(":")[0]]) in wanted]
    return v3_page(found, call.query)


def get_brand(call: Call) -> Answer:
    return data(call.store.brands.one(call.ids["brand_id"], "brand"))


ENDPOINTS: list[Endpoint] = [
    *rows("/v3/catalog/products", CATALOGUE, get=list_products, put=put_products),
    *rows(
        "/v3/catalog/products/{product_id}",
        CATALOGUE,
        get=get_product,
        put=put_product,
        delete=delete_product,
    ),
    *rows("/v3/catalog/brands", CATALOGUE, get=list_brands),
    *rows("/v3/catalog/brands/{brand_id}", CATALOGUE, get=get_brand),
]
