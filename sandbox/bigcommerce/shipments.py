"""Shipments V2. Every POST may e-mail the shopper, a DELETE takes no status back."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.bigcommerce.answers import Answer, Json, Refused, v2_list, v2_page
from sandbox.bigcommerce.dates import money, rfc2822
from sandbox.bigcommerce.fields import Field, v2_checked
from sandbox.bigcommerce.gate import Call, Endpoint, rows
from sandbox.bigcommerce.orders import ORDERS, PARTIALLY_SHIPPED, SHIPPED, changed, order_of
from sandbox.bigcommerce.store import Store

PROVIDERS = [
    "",
    "auspost",
    "canadapost",
    "endicia",
    "usps",
    "fedex",
    "ups",
    "upsready",
    "shipperhq",
    "royalmail",
]
DETAILS: Mapping[str, Field] = {
    "tracking_number": Field("str", length_max=50),
    "tracking_carrier": Field("str", length_max=100),
    "shipping_provider": Field("str", length_max=100),
    "tracking_link": Field("str", length_max=500, nullable=True),
    "shipping_method": Field("str", length_max=255),
    "merchant_shipping_cost": Field("number"),
    "comments": Field("str", length_max=65_535),
}
CREATE: Mapping[str, Field] = {
    "order_address_id": Field("int", required=True, low=1, numeric_text=True),
    "items": Field("list", required=True),
    **DETAILS,
}
CHANGE: Mapping[str, Field] = {
    "order_address_id": Field("int", low=1, numeric_text=True),
    **DETAILS,
}
ITEM: Mapping[str, Field] = {
    "order_product_id": Field("int", required=True, low=1, numeric_text=True),
    "quantity": Field("int", required=True, low=1, numeric_text=True),
}
READ_ONLY = [
    "id",
    "order_id",
    "customer_id",
    "date_created",
    "billing_address",
    "shipping_address",
    "items",
    "shipping_provider_display_name",
    "generated_tracking_link",
]


def shipment_view(store: Store, row: Json) -> Json:
    order = store.orders.one(row["order_id"], "order")
    shown = {name: value for name, value in row.items() if not name.startswith("_")}
    link = row["tracking_link"] or ""
    if not link and row["tracking_carrier"] and row["tracking_number"]:
        link = f"https://tracking.example.com/{row['tracking_carrier']}/{row['tracking_number']}"
    ship_to = store.addresses.one(row["order_address_id"], "address")
    return {
        **shown,
        "date_created": rfc2822(row["date_created"]),
        "billing_address": order["billing_address"],
        "shipping_address": {name: ship_to[name] for name in order["billing_address"]},
        "shipping_provider_display_name": row["shipping_provider"].upper(),
        "generated_tracking_link": link,
    }


def _check_provider(body: Json) -> None:
    provider = body.get("shipping_provider", "")
    if provider not in PROVIDERS and not provider.startswith("carrier_"):
        raise Refused(400, f"The field 'shipping_provider' is invalid: {provider!r} is unknown.")


def _check_address(store: Store, order: Json, body: Json) -> None:
    if "order_address_id" in body:
        body["order_address_id"] = int(body["order_address_id"])
        if body["order_address_id"] not in {row["id"] for row in store.addresses.of(order["id"])}:
            raise Refused(400, "The field 'order_address_id' is invalid: not of this order.")


def _checked_items(store: Store, order: Json, body: Json) -> list[Json]:
    """What is to be shipped, line by line. Raises Refused 400."""
    lines = {row["id"]: row for row in store.order_lines.of(order["id"])}
    items: list[Json] = []
    asked: dict[int, int] = {}
    for given in body["items"]:
        item = v2_checked(given, ITEM, ("product_id",))
        line_id, quantity = int(item["order_product_id"]), int(item["quantity"])
        line = lines.get(line_id)
        if line is None or line["order_address_id"] != body["order_address_id"]:
            raise Refused(400, f"The order has no product {line_id} for this address.")
        asked[line_id] = asked.get(line_id, 0) + quantity
        if asked[line_id] > line["quantity"] - line["quantity_shipped"]:
            raise Refused(400, f"More of product {line_id} than is left to ship.")
        items.append(
            {"order_product_id": line_id, "product_id": line["product_id"], "quantity": quantity}
        )
    if not items:
        raise Refused(400, "The field 'items' is invalid: it must not be empty.")
    return items


def ship(store: Store, order: Json, given: Json) -> Json:
    """Create a shipment: quantities, status, e-mail, hooks. Raises Refused 400."""
    body = dict(v2_checked(given, CREATE, READ_ONLY))
    _check_provider(body)
    _check_address(store, order, body)
    items = _checked_items(store, order, body)
    row = store.shipments.insert(
        {
            "order_id": order["id"],
            "customer_id": order["customer_id"],
            "order_address_id": body["order_address_id"],
            "date_created": store.now_s(),
            "tracking_number": body.get("tracking_number", ""),
            "tracking_carrier": body.get("tracking_carrier", ""),
            "tracking_link": body.get("tracking_link"),
            "shipping_provider": body.get("shipping_provider", ""),
            "shipping_method": body.get("shipping_method", ""),
            "merchant_shipping_cost": money(body.get("merchant_shipping_cost", 0)),
            "comments": body.get("comments", ""),
            "items": items,
        }
    )
    _count(store, items, 1)
    to = order["billing_address"]["email"]
    store.send_email("shipment", to, order_id=order["id"], shipment_id=row["id"])
    _tell(store, "created", row, order)
    lines = store.order_lines.of(order["id"])
    done = all(line["quantity_shipped"] >= line["quantity"] for line in lines)
    changed(store, order, SHIPPED if done else PARTIALLY_SHIPPED)
    return row


def _count(store: Store, items: list[Json], sign: int) -> None:
    for item in items:
        line = store.order_lines.one(item["order_product_id"], "order product")
        line["quantity_shipped"] += sign * item["quantity"]


def _tell(store: Store, what: str, row: Json, order: Json) -> None:
    about = {"type": "shipment", "id": row["id"], "orderId": order["id"]}
    store.emit(f"store/shipment/{what}", about, order["channel_id"])


def _shipment_of(call: Call) -> tuple[Json, Json]:
    order = order_of(call)
    row = call.store.shipments.one(call.ids["shipment_id"], "shipment")
    if row["order_id"] != order["id"]:
        raise Refused(404, "The order has no such shipment.")
    return order, row


def list_shipments(call: Call) -> Answer:
    found = v2_page(call.store.shipments.of(order_of(call)["id"]), call.query)
    shown = [shipment_view(call.store, row) for row in found]
    return v2_list(shown, empty_is_204=call.store.settings.v2_empty_is_204)


def count_shipments(call: Call) -> Answer:
    return Answer(200, {"count": len(call.store.shipments.of(order_of(call)["id"]))})


def get_shipment(call: Call) -> Answer:
    return Answer(200, shipment_view(call.store, _shipment_of(call)[1]))


def post_shipment(call: Call) -> Answer:
    row = ship(call.store, order_of(call), call.body)
    return Answer(201, shipment_view(call.store, row))


def put_shipment(call: Call) -> Answer:
    """Everything but the items can be changed."""
    order, row = _shipment_of(call)
    body = dict(v2_checked(call.body, CHANGE, READ_ONLY))
    _check_provider(body)
    _check_address(call.store, order, body)
    if "merchant_shipping_cost" in body:
        body["merchant_shipping_cost"] = money(body["merchant_shipping_cost"])
    row |= body
    _tell(call.store, "updated", row, order)
    changed(call.store, order)
    return Answer(200, shipment_view(call.store, row))


def delete_shipment(call: Call) -> Answer:
    """The units count as not shipped again; the order's status stays as it is."""
    order, row = _shipment_of(call)
    call.store.shipments.delete(row["id"])
    _count(call.store, row["items"], -1)
    _tell(call.store, "deleted", row, order)
    changed(call.store, order)
    return Answer(204)


ENDPOINTS: list[Endpoint] = [
    *rows("/v2/orders/{order_id}/shipments", ORDERS, get=list_shipments, post=post_shipment),
    *rows("/v2/orders/{order_id}/shipments/count", ORDERS, get=count_shipments),
    *rows(
        "/v2/orders/{order_id}/shipments/{shipment_id}",
        ORDERS,
        get=get_shipment,
        put=put_shipment,
        delete=delete_shipment,
    ),
]
