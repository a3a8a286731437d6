"""Catalogue V3: variants, by product, in batches of up to 50, and looked up by sku."""

from __future__ import annotations

from typing import Any

from sandbox.bigcommerce import stock
from sandbox.bigcommerce.answers import Answer, Json, Refused, data, v3_page
from sandbox.bigcommerce.fields import Field, v3_array, v3_checked
from sandbox.bigcommerce.gate import Call, Endpoint, rows
from sandbox.bigcommerce.product_fields import VARIANT_READ_ONLY, VARIANT_WRITABLE, only_fields
from sandbox.bigcommerce.store import Store

CATALOGUE = ("store_v2_products",)
BATCH_MAX = 50
FILTERS = ("id", "sku", "upc", "product_id")
OTHERS = ("page", "limit", "include_fields", "exclude_fields")


def variant_view(store: Store, variant: Json) -> Json:
    product = store.products.one(variant["product_id"], "product")
    key = stock.key_of(product, variant)
    price = variant["price"] if variant["price"] is not None else product["price"]
    return {
        **variant,
        "calculated_price": variant["sale_price"] or price,
        "calculated_weight": variant["weight"] or product["weight"],
        "inventory_level": 0 if key is None else stock.onhand(store, key),
    }


def _listed(call: Call, found: list[Json]) -> Answer:
    for name, text in call.query.items():
        field, _, kind = name.partition(":")
        if field in FILTERS and kind in ("", "in"):
            wanted = text.split(",") if kind == "in" else [text]
            found = [row for row in found if str(row[field]) in wanted]
        elif name not in OTHERS:
            raise Refused(422, "A filter is unknown.", errors={name: "is no filter of variants"})
    shown = [only_fields(variant_view(call.store, row), call.query) for row in found]
    return v3_page(shown, call.query)


def list_all(call: Call) -> Answer:
    return _listed(call, call.store.variants.all())


def list_of_product(call: Call) -> Answer:
    product = call.store.products.one(call.ids["product_id"], "product")
    return _listed(call, call.store.variants.of(product["id"]))


def _one(call: Call) -> Json:
    product = call.store.products.one(call.ids["product_id"], "product")
    variant = call.store.variants.one(call.ids["variant_id"], "variant")
    if variant["product_id"] != product["id"]:
        raise Refused(404, "The product has no such variant.", instance="")
    return variant


def get_variant(call: Call) -> Answer:
    return data(only_fields(variant_view(call.store, _one(call)), call.query))


def check_variant(store: Store, variant: Json, given: Any) -> Json:
    """The writable part of a PUT body. Raises Refused 409 or 422."""
    body = v3_checked(given, VARIANT_WRITABLE, ("id", *VARIANT_READ_ONLY))
    for other in store.variants.all() if "sku" in body else ():
        if other is not variant and other["sku"] == body["sku"]:
            raise Refused(409, "Another variant has this sku.", errors={"sku": "must be unique"})
    return body


def save_variant(store: Store, variant: Json, body: Json) -> None:
    level = body.pop("inventory_level", None)
    product = store.products.one(variant["product_id"], "product")
    if body:
        variant |= body
        product["date_modified"] = store.now_s()
        store.emit("store/product/updated", {"type": "product", "id": product["id"]})
        if variant["sku_id"] is not None:
            named = {"product_id": product["id"], "variant_id": variant["id"]}
            about = {"type": "sku", "id": variant["sku_id"], "sku": named}
            store.emit("store/sku/updated", about)
    key = stock.key_of(product, variant)
    if level is not None and key is not None:
        others = (
            stock.onhand(store, key) - stock.level(store, key, stock.DEFAULT_LOCATION_ID).onhand
        )
        stock.change(store, key, stock.DEFAULT_LOCATION_ID, max(0, level - others))


def put_variant(call: Call) -> Answer:
    variant = _one(call)
    save_variant(call.store, variant, check_variant(call.store, variant, call.body))
    return data(variant_view(call.store, variant))


def put_variants(call: Call) -> Answer:
    """All or none. A variant that is set to fail makes the whole batch a 422."""
    store = call.store
    plans: list[tuple[Json, Json]] = []
    errors: Json = {}
    for index, given in enumerate(v3_array(call.body, "variants", BATCH_MAX)):
        asked = v3_checked({"id": given.get("id")}, {"id": Field("int", required=True, low=1)})
        variant = store.variants.get(asked["id"])
        if variant is None or variant["id"] in store.settings.partial_failure_variant_ids:
            errors[str(index)] = f"variant {asked['id']} cannot be saved"
            continue
        plans.append((variant, check_variant(store, variant, given)))
    if errors:
        raise Refused(422, "The batch was not saved.", errors=errors)
    for variant, body in plans:
        save_variant(store, variant, body)
    return data([variant_view(store, variant) for variant, _ in plans])


ENDPOINTS: list[Endpoint] = [
    *rows("/v3/catalog/variants", CATALOGUE, get=list_all, put=put_variants),
    *rows("/v3/catalog/products/{product_id}/variants", CATALOGUE, get=list_of_product),
    *rows(
        "/v3/catalog/products/{product_id}/variants/{variant_id}",
        CATALOGUE,
        get=get_variant,
        put=put_variant,
    ),
]
