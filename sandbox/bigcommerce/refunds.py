"""Refund quotes and refunds. A refund is accepted at once and paid later, one per order at a time.

The units and amounts of a refund count from its acceptance; status, payment status and the
transaction follow when the payment has settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.bigcommerce.answers import ERROR_TYPE, Answer, Json, Refused, data, v3_page
from sandbox.bigcommerce.dates import amount, iso, money, parse_date
from sandbox.bigcommerce.fields import Field, v3_checked, v3_problems
from sandbox.bigcommerce.gate import Call, Endpoint, rows
from sandbox.bigcommerce.order_views import totals
from sandbox.bigcommerce.orders import PARTIALLY_REFUNDED, REFUNDED, changed, order_of
from sandbox.bigcommerce.store import Store
from sandbox.bigcommerce.transactions import PAY, record

CENT = Decimal("0.01")
BY_QUANTITY = ("PRODUCT", "GIFT_WRAPPING")
BY_AMOUNT = ("ORDER", "SHIPPING", "HANDLING", "TAX", "FEE")
PAID = ("captured", "paid", "partially refunded", "capture pending")
ITEM: Mapping[str, Field] = {
    "item_type": Field("str", required=True, one_of=(*BY_QUANTITY, *BY_AMOUNT)),
    "item_id": Field("int", required=True, low=1, numeric_text=True),
    "quantity": Field("int", low=1),
    "amount": Field("number"),
    "reason": Field("str", length_max=1_000),
    "adjustments": Field("list"),
}
ADJUSTMENT: Mapping[str, Field] = {
    "amount": Field("number", required=True),
    "description": Field("str"),
}
QUOTE: Mapping[str, Field] = {
    "items": Field("list", required=True),
    "tax_adjustment_amount": Field("number"),
}
REFUND: Mapping[str, Field] = {
    **QUOTE,
    "payments": Field("list", required=True),
    "merchant_calculated_override": Field("object"),
    "reason": Field("str", length_max=1_000),
}
PAYMENT: Mapping[str, Field] = {
    "provider_id": Field("str", required=True, length_min=1),
    "amount": Field("number", required=True),
    "offline": Field("bool"),
    "provider_description": Field("str"),
}
OVERRIDE: Mapping[str, Field] = {
    "total_amount": Field("number", required=True),
    "total_tax": Field("number", required=True),
}


@dataclass(frozen=True, slots=True)
class Priced:
    """What the items of a quote or refund come to."""

    items: list[Json]
    total: Decimal
    tax: Decimal


def _invalid(title: str, **errors: str) -> Refused:
    return Refused(422, title, errors=errors)


def refunded(store: Store, order: Json) -> Decimal:
    """What has been refunded or is on its way."""
    rows_ = store.refunds.of(order["id"])
    amounts = (Decimal(str(row["total_amount"])) for row in rows_ if row["_state"] != "declined")
    return sum(amounts, Decimal(0))


def _price(store: Store, order: Json, body: Json) -> Priced:
    """Check the items and add them up. Raises Refused 422."""
    if not body["items"]:
        raise _invalid("A refund needs items.", items="must not be empty")
    items = [_priced_item(store, order, given) for given in body["items"]]
    lines = [item["item_id"] for item in items if item["item_type"] == "PRODUCT"]
    if len(lines) != len(set(lines)):
        raise _invalid("A product stands twice among the items.", items="must name each line once")
    tax = sum((item.pop("_tax") for item in items), Decimal(0))
    total = sum((amount(item["requested_amount"], "amount") for item in items), Decimal(0))
    adjustment = amount(body.get("tax_adjustment_amount", 0), "tax_adjustment_amount")
    total, tax = total + adjustment, tax + adjustment
    left = Decimal(totals(store, order)["total_inc_tax"]) - refunded(store, order)
    if total > left:
        raise _invalid("The refund exceeds what is left of the order.", amount=f"at most {left}")
    return Priced(items, total, tax)


def _priced_item(store: Store, order: Json, given: Any) -> Json:
    item = v3_checked(given, ITEM)
    kind = item["item_type"]
    item["item_id"] = int(item["item_id"])
    if kind == "GIFT_WRAPPING":
        raise _invalid("The product is not gift-wrapped.", item_id="has no wrapping")
    if kind == "PRODUCT":
        return _priced_line(store, order, item)
    if "amount" not in item:
        raise _invalid("An amount is missing.", amount="is required for this item type")
    asked = amount(item["amount"], "amount")
    most = _most(store, order, kind, item["item_id"])
    if not 0 < asked <= most:
        raise _invalid(f"The amount for {kind} is out of range.", amount=f"above 0, at most {most}")
    tax = asked if kind == "TAX" else Decimal(0)
    return _item(item, asked, tax)


def _item(item: Json, asked: Decimal, tax: Decimal) -> Json:
    return {
        "item_type": item["item_type"],
        "item_id": item["item_id"],
        "quantity": item.get("quantity", 1),
        "reason": item.get("reason", ""),
        "requested_amount": float(asked),
        "adjustments": item.get("adjustments", []),
        "_tax": tax,
    }


def _priced_line(store: Store, order: Json, item: Json) -> Json:
    line = store.order_lines.get(item["item_id"])
    if line is None or line["order_id"] != order["id"]:
        raise _invalid("The order has no such product.", item_id="is not a line of the order")
    if "quantity" not in item:
        raise _invalid("A quantity is missing.", quantity="is required for a product")
    if item["quantity"] > line["quantity"] - line["quantity_refunded"]:
        raise _invalid("More units than are left to refund.", quantity="exceeds what is left")
    asked = Decimal(line["price_inc_tax"]) * item["quantity"]
    tax = (Decimal(line["price_inc_tax"]) - Decimal(line["price_ex_tax"])) * item["quantity"]
    for given in item.get("adjustments", []):
        adjustment = v3_checked(given, ADJUSTMENT)
        step = amount(adjustment["amount"], "adjustments")
        if step > 0:
            raise _invalid("An adjustment must not be positive.", adjustments="at most 0")
        asked += step
    if asked < 0:
        raise _invalid("The adjustments exceed the price.", adjustments="too large")
    return _item(item, asked, tax)


def _most(store: Store, order: Json, kind: str, item_id: int) -> Decimal:
    """The largest amount that can still be refunded for an item by amount."""
    found = totals(store, order)
    fees = {fee["id"]: fee for fee in order["fees"]}
    addresses = {row["id"] for row in store.addresses.of(order["id"])}
    base = Decimal(0)
    if kind == "ORDER" and item_id == order["id"]:
        base = Decimal(found["total_inc_tax"])
    elif kind == "SHIPPING" and item_id in addresses:
        base = Decimal(found["shipping_cost_inc_tax"])
    elif kind == "TAX" and item_id == order["id"]:
        base = Decimal(found["total_tax"])
    elif kind == "FEE" and item_id in fees:
        base = Decimal(str(fees[item_id].get("cost_inc_tax", 0)))
    earlier = Decimal(0)
    for row in store.refunds.of(order["id"]):
        for item in row["items"]:
            same = (item["item_type"], item["item_id"]) == (kind, item_id)
            if same and row["_state"] != "declined":
                earlier += Decimal(str(item["requested_amount"]))
    return base - earlier


def _methods(order: Json, total: Decimal) -> list[list[Json]]:
    def method(provider_id: str, description: str, *, offline: bool) -> list[Json]:
        entry = {
            "provider_id": provider_id,
            "provider_description": description,
            "amount": float(total),
            "offline": offline,
            "offline_provider": offline,
            "offline_reason": "",
        }
        return [entry]

    found = [method(order["payment_provider_id"], order["payment_method"], offline=False)]
    if order["customer_id"]:
        found.append(method("storecredit", "Store credit", offline=False))
    found.append(method("custom", "Custom", offline=True))
    return found


def post_quote(call: Call) -> Answer:
    store, order = call.store, order_of(call)
    priced = _price(store, order, v3_checked(call.body, QUOTE, ("order_id",)))
    by_order = (item for item in priced.items if item["item_type"] == "ORDER")
    body = {
        "order_id": order["id"],
        "total_refund_amount": float(priced.total),
        "total_refund_tax_amount": float(priced.tax),
        "order_level_refund_amount": sum(item["requested_amount"] for item in by_order),
        "rounding": 0,
        "adjustment": 0,
        "tax_inclusive": True,
        "refund_methods": _methods(order, priced.total),
    }
    return data(body, status=201)


def _checked_payments(order: Json, given: list[Any], total: Decimal) -> list[Json]:
    offered = {entry["provider_id"] for option in _methods(order, total) for entry in option}
    paid = Decimal(0)
    payments: list[Json] = []
    for one in given:
        payment = v3_checked(one, PAYMENT)
        if payment["provider_id"] == "storecredit" and not order["customer_id"]:
            title = "A guest has no store credit."
            entry = {"status": 422, "title": title, "type": ERROR_TYPE}
            raise Refused(422, title, body={"data": [entry]})
        if payment["provider_id"] not in offered:
            raise _invalid("The payment provider is not on offer.", provider_id="see the quote")
        part = amount(payment["amount"], "payments")
        paid += part
        offline = bool(payment.get("offline", False))
        payments.append(
            {"provider_id": payment["provider_id"], "amount": float(part), "offline": offline}
        )
    if not payments or abs(paid - total) >= CENT:
        raise _invalid("The payments do not add up to the refund.", payments=f"must be {total}")
    return payments


def _override(body: Json, priced: Priced) -> Priced:
    given = body.get("merchant_calculated_override")
    if given is None:
        return priced
    wrong = v3_problems(given, OVERRIDE)
    if wrong:
        raise _invalid("The merchant's own calculation is wrong.", **wrong)
    total = amount(given["total_amount"], "total_amount")
    return Priced(priced.items, total, amount(given["total_tax"], "total_tax"))


def refund(store: Store, order: Json, given: Json, user_id: int = 0) -> Json:
    """Accept a refund and have it paid later. Raises Refused: 422, or the conflict status."""
    body = v3_checked(given, REFUND, ("order_id",))
    if any(row["_state"] == "pending" for row in store.refunds.of(order["id"])):
        title = "Another refund of this order is being processed."
        raise Refused(store.settings.refund_conflict_status, title, errors={})
    if order["payment_status"] not in PAID:
        raise _invalid(f"The payment is {order['payment_status']!r}: nothing to refund.")
    priced = _override(body, _price(store, order, body))
    payments = _checked_payments(order, body["payments"], priced.total)
    row = store.refunds.insert(
        {
            "order_id": order["id"],
            "user_id": user_id,
            "created": store.now_s(),
            "reason": body.get("reason", ""),
            "total_amount": float(priced.total),
            "total_tax": float(priced.tax),
            "uses_merchant_override_values": "merchant_calculated_override" in body,
            "items": priced.items,
            "payments": payments,
            "_state": "pending",
        }
    )
    for number, payment in enumerate(payments, start=1):
        payment |= {"id": row["id"] * 10 + number, "is_declined": False, "declined_message": ""}
        payment["transaction_id"] = ""
    _count_units(store, row, 1)
    about = {"type": "order", "id": order["id"], "refund": {"refund_id": row["id"]}}
    store.emit("store/order/refund/created", about, order["channel_id"])
    changed(store, order)
    store.later(store.settings.refund_settle_s, lambda: _settle(store, order, row))
    return row


def _count_units(store: Store, row: Json, sign: int) -> None:
    for item in row["items"]:
        if item["item_type"] == "PRODUCT":
            line = store.order_lines.one(item["item_id"], "order product")
            line["quantity_refunded"] += sign * item["quantity"]
            moved = Decimal(str(item["requested_amount"])) * sign
            line["refund_amount"] = money(Decimal(line["refund_amount"]) + moved)


def _settle(store: Store, order: Json, row: Json) -> None:
    """The payment provider has answered."""
    declined = store.settings.refund_outcome == "declined"
    row["_state"] = "declined" if declined else "settled"
    for payment in row["payments"]:
        part = Decimal(str(payment["amount"]))
        outcome = "error" if declined else "ok"
        entry = record(store, order, "refund", part, status=outcome, offline=payment["offline"])
        payment["transaction_id"] = str(entry["id"])
        payment["is_declined"] = declined
        payment["declined_message"] = "The provider declined the refund." if declined else ""
    if declined:
        _count_units(store, row, -1)
        changed(store, order)
        return
    total = Decimal(totals(store, order)["total_inc_tax"])
    in_full = refunded(store, order) >= total
    order["payment_status"] = "refunded" if in_full else "partially refunded"
    changed(store, order, REFUNDED if in_full else PARTIALLY_REFUNDED)


def refund_view(row: Json) -> Json:
    shown = {name: value for name, value in row.items() if not name.startswith("_")}
    return {**shown, "created": iso(row["created"])}


def post_refund(call: Call) -> Answer:
    return data(refund_view(refund(call.store, order_of(call), call.body)), status=201)


def list_refunds(call: Call) -> Answer:
    found = call.store.refunds.of(order_of(call)["id"])
    return data([refund_view(row) for row in found])


def list_all_refunds(call: Call) -> Answer:
    found = call.store.refunds.all()
    for name, field in (("order_id:in", "order_id"), ("id:in", "id")):
        if name in call.query:
            wanted = set(call.query[name].split(","))
            found = [row for row in found if str(row[field]) in wanted]
    low = parse_date(call.query.get("created:min", "1970-01-01"), "created:min")
    high = parse_date(call.query.get("created:max", "9999-01-01"), "created:max")
    found = [row for row in found if low <= int(row["created"]) <= high]
    return v3_page([refund_view(row) for row in found], call.query)


def get_refund(call: Call) -> Answer:
    return data(refund_view(call.store.refunds.one(call.ids["refund_id"], "refund")))


REFUNDS = "/v3/orders/payment_actions/refunds"
ENDPOINTS: list[Endpoint] = [
    *rows("/v3/orders/{order_id}/payment_actions/refund_quotes", PAY, post=post_quote),
    *rows("/v3/orders/{order_id}/payment_actions/refunds", PAY, get=list_refunds, post=post_refund),
    *rows(REFUNDS, PAY, get=list_all_refunds),
    *rows(f"{REFUNDS}/{{refund_id}}", PAY, get=get_refund),
]
