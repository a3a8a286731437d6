"""Channels, their listings (marketplaces) and the assignment of products to channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.bigcommerce.answers import Answer, Json, Refused, data, v3_page
from sandbox.bigcommerce.dates import iso
from sandbox.bigcommerce.fields import Field, v3_array, v3_checked
from sandbox.bigcommerce.gate import Call, Endpoint, rows
from sandbox.bigcommerce.store import Store

SETTINGS = ("store_channel_settings",)
LISTINGS = ("store_channel_listings",)
CATALOGUE = ("store_v2_products",)
LISTINGS_MAX = 50
ASSIGNMENTS_MAX = 500
STATES = [
    "active",
    "disabled",
    "error",
    "pending",
    "pending_disable",
    "pending_delete",
    "partially_rejected",
    "queued",
    "rejected",
    "submitted",
    "deleted",
]
VARIANT: Mapping[str, Field] = {
    "product_id": Field("int", required=True, low=1),
    "variant_id": Field("int", required=True, low=1),
    "state": Field("str", required=True, one_of=STATES),
    "external_id": Field("str"),
    "name": Field("str"),
    "description": Field("str"),
}
CREATE: Mapping[str, Field] = {
    "product_id": Field("int", required=True, low=1),
    "state": Field("str", required=True, one_of=STATES),
    "external_id": Field("str"),
    "name": Field("str"),
    "description": Field("str"),
    "variants": Field("list", required=True),
}
CHANGE: Mapping[str, Field] = {
    **CREATE,
    "listing_id": Field("int", required=True, low=1),
    "variants": Field("list"),
}
PAIR: Mapping[str, Field] = {
    "product_id": Field("int", required=True, low=1),
    "channel_id": Field("int", required=True, low=1),
}
READ_ONLY = ("date_created", "date_modified", "channel_id")


def list_channels(call: Call) -> Answer:
    found = call.store.channels.all()
    for name in ("status", "type", "platform"):
        text = call.query.get(f"{name}:in", call.query.get(name))
        if text is not None:
            found = [row for row in found if row[name] in text.split(",")]
    if call.query.get("available") in ("true", "1"):
        found = [row for row in found if row["status"] not in ("terminated", "deleted")]
    return v3_page(found, call.query)


def _channel(call: Call) -> Json:
    return call.store.channels.one(call.ids["channel_id"], "channel")


def get_channel(call: Call) -> Answer:
    return data(_channel(call))


def listing_view(row: Json) -> Json:
    shown = {name: value for name, value in row.items() if name != "id"}
    dates = {name: iso(row[name]) for name in ("date_created", "date_modified")}
    return {**shown, **dates, "listing_id": row["id"]}


def list_listings(call: Call) -> Answer:
    """Paged by `limit` and `after`, the listing id that came last before."""
    found = call.store.listings.of(_channel(call)["id"])
    if "product_id:in" in call.query:
        wanted = call.query["product_id:in"].split(",")
        found = [row for row in found if str(row["product_id"]) in wanted]
    after = call.query.get("after", "0")
    if not after.isdigit():
        raise Refused(422, "The cursor is no listing id.", errors={"after": "must be a number"})
    found = [row for row in found if row["id"] > int(after)]
    paging = {name: text for name, text in call.query.items() if name == "limit"}
    return v3_page([listing_view(row) for row in found], paging)


def _storefront(channel: Json) -> None:
    if channel["type"] == "storefront":
        title = "A storefront has no listings; assign the product to the channel instead."
        raise Refused(422, title, errors={})


def _checked_listing(store: Store, given: Any, fields: Mapping[str, Field]) -> Json:
    body = v3_checked(given, fields, READ_ONLY)
    if store.products.get(body["product_id"]) is None:
        raise Refused(422, "The product does not exist.", errors={"product_id": "is unknown"})
    body["variants"] = [v3_checked(one, VARIANT, READ_ONLY) for one in body.get("variants", [])]
    for variant in body["variants"]:
        row = store.variants.get(variant["variant_id"])
        if row is None or row["product_id"] != body["product_id"]:
            raise Refused(422, "The variant does not exist.", errors={"variant_id": "is unknown"})
    return body


def post_listings(call: Call) -> Answer:
    channel, store = _channel(call), call.store
    _storefront(channel)
    given = v3_array(call.body, "listings", LISTINGS_MAX)
    bodies = [_checked_listing(store, one, CREATE) for one in given]
    present = {row["product_id"] for row in store.listings.of(channel["id"])}
    for body in bodies:
        if body["product_id"] in present:
            title = "The product has a listing in this channel."
            raise Refused(409, title, errors={"product_id": "must be unique"})
        present.add(body["product_id"])
    now_s = store.now_s()
    fixed = {"channel_id": channel["id"], "date_created": now_s, "date_modified": now_s}
    blank = {"external_id": "", "name": "", "description": ""}
    made = [store.listings.insert({**fixed, **blank, **body}) for body in bodies]
    return data([listing_view(row) for row in made])


def put_listings(call: Call) -> Answer:
    """An unknown listing id is not an error: it is missing in the answer."""
    channel, store = _channel(call), call.store
    _storefront(channel)
    given = v3_array(call.body, "listings", LISTINGS_MAX)
    changed: list[Json] = []
    for body in [_checked_listing(store, one, CHANGE) for one in given]:
        row = store.listings.get(body.pop("listing_id"))
        if row is None or row["channel_id"] != channel["id"]:
            continue
        variants = {variant["variant_id"]: variant for variant in row["variants"]}
        variants |= {variant["variant_id"]: variant for variant in body.pop("variants")}
        row |= {**body, "variants": list(variants.values()), "date_modified": store.now_s()}
        changed.append(listing_view(row))
    return data(changed)


def get_listing(call: Call) -> Answer:
    row = call.store.listings.one(call.ids["listing_id"], "listing")
    if row["channel_id"] != _channel(call)["id"]:
        raise Refused(404, "The channel has no such listing.", instance="")
    return data(listing_view(row))


def _pairs(call: Call) -> list[tuple[int, int]]:
    found = sorted(call.store.assignments)
    for position, name in enumerate(("product_id", "channel_id")):
        text = call.query.get(f"{name}:in")
        if text is not None:
            found = [pair for pair in found if str(pair[position]) in text.split(",")]
    return found


def list_assignments(call: Call) -> Answer:
    shown = [{"product_id": product, "channel_id": channel} for product, channel in _pairs(call)]
    return v3_page(shown, call.query)


def put_assignments(call: Call) -> Answer:
    store = call.store
    given = v3_array(call.body, "channel assignments", ASSIGNMENTS_MAX)
    pairs = [v3_checked(one, PAIR) for one in given]
    for pair in pairs:
        if store.products.get(pair["product_id"]) is None:
            raise Refused(422, "The product does not exist.", errors={"product_id": "is unknown"})
        if store.channels.get(pair["channel_id"]) is None:
            raise Refused(422, "The channel does not exist.", errors={"channel_id": "is unknown"})
    store.assignments |= {(pair["product_id"], pair["channel_id"]) for pair in pairs}
    return Answer(204)


def delete_assignments(call: Call) -> Answer:
    if not {"product_id:in", "channel_id:in"} & set(call.query):
        raise Refused(422, "A filter is required to delete.", errors={"product_id:in": "missing"})
    call.store.assignments -= set(_pairs(call))
    return Answer(204)


ENDPOINTS: list[Endpoint] = [
    *rows("/v3/channels", SETTINGS, get=list_channels),
    *rows("/v3/channels/{channel_id}", SETTINGS, get=get_channel),
    *rows(
        "/v3/channels/{channel_id}/listings",
        LISTINGS,
        get=list_listings,
        post=post_listings,
        put=put_listings,
    ),
    *rows("/v3/channels/{channel_id}/listings/{listing_id}", LISTINGS, get=get_listing),
    *rows(
        "/v3/catalog/products/channel-assignments",
        CATALOGUE,
        get=list_assignments,
        put=put_assignments,
        delete=delete_assignments,
    ),
]
