"""What shoppers, staff and payment providers do: `POST /_sandbox/bigcommerce/trigger/{event}`.

Each changes the state and emits the events that the vendor's hooks would hear of.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any

from sandbox.bigcommerce import stock
from sandbox.bigcommerce.answers import Json
from sandbox.bigcommerce.order_building import build_order, catalogue_row
from sandbox.bigcommerce.order_views import STATUSES, order_view, totals
from sandbox.bigcommerce.orders import archive, changed, message_view
from sandbox.bigcommerce.products import (
    check_product,
    product_view,
    remove_product,
    save_product,
)
from sandbox.bigcommerce.refunds import refund, refund_view
from sandbox.bigcommerce.seeding import add_message, add_product
from sandbox.bigcommerce.shipments import ship, shipment_view
from sandbox.bigcommerce.stock import Items
from sandbox.bigcommerce.store import ItemKey, Store
from sandbox.bigcommerce.transactions import record, tell, transaction_view
from sandbox.bigcommerce.variants import check_variant, save_variant, variant_view
from sandbox.core.simulator import ControlError

DECLINED, AWAITING_FULFILLMENT, MANUAL_VERIFICATION = 6, 11, 12


def _order(store: Store, body: Mapping[str, Any]) -> Json:
    row = store.orders.get(int(body.get("order_id", 0)))
    if row is None:
        raise ControlError(f"no order {body.get('order_id')!r}; place or seed it first", 404)
    return row


def _only(body: Mapping[str, Any], *known: str) -> None:
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise ControlError(f"unknown fields {unknown}; known are {sorted(known)}")


def _customer_id(store: Store, given: Any) -> int:
    """The customer by id, or by {email, first_name, last_name}, made when new."""
    if isinstance(given, int):
        if store.customers.get(given) is None:
            raise ControlError(f"no customer {given}; seed it first")
        return given
    if not isinstance(given, dict) or "@" not in str(given.get("email", "")):
        raise ControlError("customer must be an id or {email, first_name, last_name}")
    _only(given, "id", "email", "first_name", "last_name")
    for row in store.customers.all():
        if row["email"] == given["email"]:
            return int(row["id"])
    names = {"first_name": "", "last_name": "", "company": "", "phone": "", "notes": ""}
    fixed = {"customer_group_id": 0, "channel_ids": [1], "origin_channel_id": 1}
    dates = {"date_created": store.now_s(), "date_modified": store.now_s()}
    row = store.customers.insert({**names, **fixed, **dates, **given})
    store.emit("store/customer/created", {"type": "customer", "id": row["id"]})
    return int(row["id"])


def place_order(store: Store, body: Json) -> Json:
    """A shopper orders: {customer, lines, status_id, payment, oversell, …order fields}.

    The order begins as Incomplete and moves to `status_id` when the payment (`ok`, `declined`,
    `review` or `none`) has answered. Stock is taken; without `oversell` a line above what is
    available to sell is refused.
    """
    spec = dict(body)
    payment, oversell = spec.pop("payment", "ok"), bool(spec.pop("oversell", False))
    if payment not in ("ok", "declined", "review", "none"):
        raise ControlError("payment must be ok, declined, review or none")
    if "customer" in spec:
        spec["customer_id"] = _customer_id(store, spec.pop("customer"))
    status_id = spec.pop(
        "status_id",
        {"declined": DECLINED, "review": MANUAL_VERIFICATION}.get(payment, AWAITING_FULFILLMENT),
    )
    if status_id not in STATUSES:
        raise ControlError(f"no status {status_id!r}; there are {sorted(STATUSES)}")
    _check_stock(store, spec.get("lines", []), oversell=oversell)
    paid = {"ok": "captured", "declined": "declined", "review": "held for review", "none": ""}
    order = build_order(store, {"payment_status": paid[payment], **spec, "status_id": 0})
    store.emit("store/order/created", {"type": "order", "id": order["id"]}, order["channel_id"])
    for line in store.order_lines.of(order["id"]):
        product, variant = (
            store.products.get(line["product_id"]),
            store.variants.get(line["variant_id"]),
        )
        key = None if product is None else stock.key_of(product, variant)
        if key is not None:
            stock.take(store, order["id"], key, line["quantity"])
    if payment != "none":
        _pay(store, order, payment)
    if status_id != 0:
        modified_s = order["date_modified"]
        changed(store, order, status_id)
        order["date_modified"] = modified_s if "date_modified" in body else order["date_modified"]
    return order_view(store, order)


def _pay(store: Store, order: Json, payment: str) -> Json:
    total = Decimal(totals(store, order)["total_inc_tax"])
    if payment == "declined":
        text = "The issuer declined the payment."
        return record(
            store, order, "purchase", total, status="error", code="declined", message=text
        )
    return record(store, order, "purchase", total, fraud_review=payment == "review")


def _check_stock(store: Store, lines: Any, *, oversell: bool) -> None:
    if oversell or not isinstance(lines, list):
        return
    wanted: dict[ItemKey, int] = {}
    for line in lines:
        product, variant = catalogue_row(store, line)
        key = None if product is None else stock.key_of(product, variant)
        if key is None:
            continue
        wanted[key] = wanted.get(key, 0) + line.get("quantity", 1)
        if wanted[key] > stock.available(store, key):
            left = stock.available(store, key)
            raise ControlError(f"{line} exceeds the {left} available; say oversell: true", 409)


def change_status(store: Store, body: Json) -> Json:
    """Staff move the order: {order_id, status_id, staff_notes}."""
    _only(body, "order_id", "status_id", "staff_notes")
    order = _order(store, body)
    if body.get("status_id") not in STATUSES:
        raise ControlError(f"no status {body.get('status_id')!r}; there are {sorted(STATUSES)}")
    order["staff_notes"] = body.get("staff_notes", order["staff_notes"])
    changed(store, order, body["status_id"])
    return order_view(store, order)


def decline_transaction(store: Store, body: Json) -> Json:
    """The payment fails: {order_id, code, message, status_id (6; null leaves it as it is)}."""
    _only(body, "order_id", "code", "message", "status_id")
    order = _order(store, body)
    total = Decimal(totals(store, order)["total_inc_tax"])
    text = str(body.get("message", "The issuer declined the payment."))
    code = str(body.get("code", "declined"))
    row = record(store, order, "purchase", total, status="error", code=code, message=text)
    order["payment_status"] = "declined"
    changed(store, order, body.get("status_id", DECLINED))
    return transaction_view(row)


def review_transaction(store: Store, body: Json) -> Json:
    """The provider holds the latest payment for review: {order_id, status_id (12)}."""
    _only(body, "order_id", "status_id")
    order = _order(store, body)
    rows = store.transactions.of(order["id"])
    row = rows[-1] if rows else _pay(store, order, "review")
    row["fraud_review"] = True
    tell(store, "updated", row)
    order["payment_status"] = "held for review"
    changed(store, order, body.get("status_id", MANUAL_VERIFICATION))
    return transaction_view(row)


def pay_order(store: Store, body: Json) -> Json:
    """The customer pays after all: {order_id, status_id (11)}."""
    _only(body, "order_id", "status_id")
    order = _order(store, body)
    row = _pay(store, order, "ok")
    order["payment_status"] = "captured"
    changed(store, order, body.get("status_id", AWAITING_FULFILLMENT))
    return transaction_view(row)


def write_message(store: Store, body: Json) -> Json:
    """A customer or staff writes: {order_id, from, subject, message, is_flagged}."""
    order = _order(store, body)
    row = add_message(store, body)
    about = {"type": "order", "id": order["id"], "message": {"order_message_id": row["id"]}}
    store.emit("store/order/message/created", about, order["channel_id"])
    return message_view(row)


def flag_message(store: Store, body: Json) -> Json:
    """Staff flag a message: {order_id, message_id, is_flagged (true)}. No message event exists
    for it; whether the order counts as changed is the setting `flagging_touches_order`.
    """
    _only(body, "order_id", "message_id", "is_flagged")
    order = _order(store, body)
    row = store.messages.get(int(body.get("message_id", 0)))
    if row is None or row["order_id"] != order["id"]:
        raise ControlError(f"order {order['id']} has no message {body.get('message_id')!r}", 404)
    row["is_flagged"] = bool(body.get("is_flagged", True))
    if store.settings.flagging_touches_order:
        changed(store, order)
    return message_view(row)


def ship_order(store: Store, body: Json) -> Json:
    """Staff ship: {order_id, items (default: all that is left), tracking_number, …}."""
    order = _order(store, body)
    given = {name: value for name, value in body.items() if name != "order_id"}
    given.setdefault("order_address_id", store.addresses.of(order["id"])[0]["id"])
    left = [
        {"order_product_id": row["id"], "quantity": row["quantity"] - row["quantity_shipped"]}
        for row in store.order_lines.of(order["id"])
        if row["quantity"] > row["quantity_shipped"]
    ]
    given.setdefault("items", left)
    return shipment_view(store, ship(store, order, given))


def refund_order(store: Store, body: Json) -> Json:
    """Staff refund: {order_id, amount} of the order, or {order_id, items}; paid by the order's
    provider unless `payments` says otherwise.
    """
    order = _order(store, body)
    given = {name: value for name, value in body.items() if name not in ("order_id", "amount")}
    if "items" not in given:
        amount = body.get("amount", float(totals(store, order)["total_inc_tax"]))
        given["items"] = [{"item_type": "ORDER", "item_id": order["id"], "amount": amount}]
    if "payments" not in given:
        given["payments"] = _payments(store, order, given["items"])
    return refund_view(refund(store, order, given, user_id=1))


def _payments(store: Store, order: Json, items: list[Json]) -> list[Json]:
    total = Decimal(0)
    for item in items:
        if "amount" in item:
            total += Decimal(str(item["amount"]))
            continue
        line = store.order_lines.one(int(item["item_id"]), "order product")
        total += Decimal(line["price_inc_tax"]) * int(item.get("quantity", 1))
    return [{"provider_id": order["payment_provider_id"], "amount": float(total)}]


def update_order(store: Store, body: Json) -> Json:
    """Staff edit: {order_id, billing_address, shipping_address, staff_notes, return_ids}, where
    `return_ids` is {order product id: return id}: a return has begun on that line.
    """
    _only(body, "order_id", "billing_address", "shipping_address", "staff_notes", "return_ids")
    order = _order(store, body)
    order["staff_notes"] = body.get("staff_notes", order["staff_notes"])
    order["billing_address"] |= body.get("billing_address", {})
    store.addresses.of(order["id"])[0].update(body.get("shipping_address", {}))
    for line_id, return_id in body.get("return_ids", {}).items():
        line = store.order_lines.one(int(line_id), "order product")
        if line["order_id"] != order["id"]:
            raise ControlError(f"order {order['id']} has no product {line_id}", 404)
        line["return_id"] = int(return_id)
    changed(store, order)
    return order_view(store, order)


def archive_order(store: Store, body: Json) -> Json:
    """Staff archive: {order_id}."""
    _only(body, "order_id")
    order = _order(store, body)
    archive(store, order)
    return order_view(store, order)


def change_stock(store: Store, body: Json) -> Json:
    """Staff count: {sku | variant_id | product_id, location_id (1), quantity | delta}."""
    _only(body, "sku", "variant_id", "product_id", "location_id", "quantity", "delta")
    if len({"quantity", "delta"} & set(body)) != 1:
        raise ControlError("change_stock needs either quantity or delta")
    if not {"sku", "variant_id", "product_id"} & set(body):
        raise ControlError("change_stock needs a sku, variant_id or product_id")
    location_id = store.locations.one(int(body.get("location_id", 1)), "location")["id"]
    key = Items(store).find(body)
    before = stock.level(store, key, location_id).onhand
    units = int(body["quantity"]) if "quantity" in body else before + int(body["delta"])
    stock.change(store, key, location_id, max(0, units))
    return {"onhand": stock.onhand(store, key), "available_to_sell": stock.available(store, key)}


def _product(store: Store, body: Mapping[str, Any]) -> Json:
    for row in store.products.all():
        if row["id"] == body.get("product_id") or (row["sku"] and row["sku"] == body.get("sku")):
            return row
    raise ControlError(f"no product with product_id or sku of {dict(body)}; seed it first", 404)


def create_product(store: Store, body: Json) -> Json:
    """A product is added, as in a seed."""
    product = add_product(store, body)
    store.emit("store/product/created", {"type": "product", "id": product["id"]})
    return product_view(store, product, frozenset({"variants"}))


def update_product(store: Store, body: Json) -> Json:
    """Staff edit: {product_id | sku, fields}."""
    _only(body, "product_id", "sku", "fields")
    product = _product(store, body)
    save_product(store, product, check_product(store, product, body.get("fields")))
    return product_view(store, product)


def delete_product(store: Store, body: Json) -> Json:
    """{product_id | sku}."""
    _only(body, "product_id", "sku")
    product = _product(store, body)
    remove_product(store, product)
    return {"id": product["id"]}


def update_variant(store: Store, body: Json) -> Json:
    """Staff edit: {variant_id, fields}."""
    _only(body, "variant_id", "fields")
    variant = store.variants.one(int(body.get("variant_id", 0)), "variant")
    save_variant(store, variant, check_variant(store, variant, body.get("fields")))
    return variant_view(store, variant)


def delete_account(store: Store, body: Json) -> Json:
    """The API account is deleted, and its hooks with it: {client_id}."""
    _only(body, "client_id")
    client_id = body.get("client_id")
    tokens = [token for token, one in store.accounts.items() if one.client_id == client_id]
    if not tokens:
        raise ControlError(f"no account {client_id!r}", 404)
    for token in tokens:
        del store.accounts[token]
    mine = [row["id"] for row in store.hooks.all() if row["client_id"] == client_id]
    for hook_id in mine:
        store.hooks.delete(hook_id)
    return {"hooks_deleted": mine}


def settle(store: Store, body: Json) -> Json:
    """What is applied later (stock with a lag, refunds on their way) is applied now: {}."""
    _only(body)
    return {"applied": store.run_due(everything=True)}


TRIGGERS: Mapping[str, Callable[[Store, Json], Json]] = {
    "place_order": place_order,
    "change_status": change_status,
    "decline_transaction": decline_transaction,
    "review_transaction": review_transaction,
    "pay_order": pay_order,
    "add_message": write_message,
    "flag_message": flag_message,
    "ship": ship_order,
    "refund": refund_order,
    "update_order": update_order,
    "archive_order": archive_order,
    "change_stock": change_stock,
    "create_product": create_product,
    "update_product": update_product,
    "delete_product": delete_product,
    "update_variant": update_variant,
    "delete_account": delete_account,
    "settle": settle,
}


def names() -> Collection[str]:
    return sorted([*TRIGGERS, "redeliver"])
