"""How V2 shows orders, their lines and addresses: decimal strings, RFC 2822 dates, links."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.bigcommerce.answers import Json
from sandbox.bigcommerce.dates import money, rfc2822
from sandbox.bigcommerce.store import Store

STATUSES: dict[int, str] = {
    0: "Incomplete",
    1: "Pending",
    2: "Shipped",
    3: "Partially Shipped",
    4: "Refunded",
    5: "Cancelled",
    6: "Declined",
    7: "Awaiting Payment",
    8: "Awaiting Pickup",
    9: "Awaiting Shipment",
    10: "Completed",
    11: "Awaiting Fulfillment",
    12: "Manual Verification Required",
    13: "Disputed",
    14: "Partially Refunded",
}
ZERO = "0.0000"
PLAIN = [
    "id",
    "customer_id",
    "status_id",
    "payment_method",
    "payment_provider_id",
    "payment_status",
    "currency_code",
    "default_currency_code",
    "channel_id",
    "staff_notes",
    "customer_message",
    "order_source",
    "external_id",
    "external_order_id",
    "external_source",
    "external_merchant_id",
    "cart_id",
    "customer_locale",
    "ip_address",
    "discount_amount",
    "is_deleted",
    "billing_address",
]


def link(store: Store, resource: str) -> Json:
    """A link object: where the sub-resource is, in full and within V2."""
    base = f"{store.settings.base_url}/stores/{store.settings.store_hash}/v2"
    return {"url": base + resource, "resource": resource}


def _sum(lines: list[Json], price: str) -> Decimal:
    return sum((Decimal(row[price]) * int(row["quantity"]) for row in lines), Decimal(0))


def totals(store: Store, order: Json) -> Json:
    """Totals of an order as decimal strings, and the counts of its items."""
    lines = store.order_lines.of(order["id"])
    ex_tax, inc_tax = _sum(lines, "price_ex_tax"), _sum(lines, "price_inc_tax")
    shipping = Decimal(order["shipping_cost"])
    fees = sum((Decimal(str(fee.get("cost_inc_tax", 0))) for fee in order["fees"]), Decimal(0))
    extra = shipping + fees - Decimal(str(order["discount_amount"]))
    return {
        "subtotal_ex_tax": money(ex_tax),
        "subtotal_inc_tax": money(inc_tax),
        "subtotal_tax": money(inc_tax - ex_tax),
        "base_shipping_cost": money(shipping),
        "shipping_cost_ex_tax": money(shipping),
        "shipping_cost_inc_tax": money(shipping),
        "shipping_cost_tax": ZERO,
        "total_ex_tax": money(ex_tax + extra),
        "total_inc_tax": money(inc_tax + extra),
        "total_tax": money(inc_tax - ex_tax),
        "items_total": sum(row["quantity"] for row in lines),
        "items_shipped": sum(row["quantity_shipped"] for row in lines),
    }


def order_view(store: Store, order: Json, include: frozenset[str] = frozenset()) -> Json:
    """The order as GET shows it; sub-resources are links. `refunded_amount` stays 0: so it does
    at the vendor.
    """
    root = f"/orders/{order['id']}"
    shown: Json = {name: order[name] for name in PLAIN}
    shown |= {
        "date_created": rfc2822(order["date_created"]),
        "date_modified": rfc2822(order["date_modified"]),
        "date_shipped": rfc2822(order["date_shipped"]),
        "status": STATUSES[order["status_id"]],
        "custom_status": STATUSES[order["status_id"]],
        **totals(store, order),
        "refunded_amount": ZERO,
        "store_credit_amount": ZERO,
        "gift_certificate_amount": ZERO,
        "coupon_discount": ZERO,
        "order_is_digital": False,
        "currency_exchange_rate": "1.0000000000",
        "store_default_currency_code": order["default_currency_code"],
        "shipping_address_count": len(store.addresses.of(order["id"])),
        "products": link(store, f"{root}/products"),
        "shipping_addresses": link(store, f"{root}/shipping_addresses"),
        "coupons": link(store, f"{root}/coupons"),
    }
    if "fees" in include:
        shown["fees"] = order["fees"]
    if "consignments" in include:
        shown["consignments"] = _consignments(
            store, order, lines="consignments.line_items" in include
        )
    return shown


def _consignments(store: Store, order: Json, *, lines: bool) -> Json:
    shipping: list[Json] = []
    for address in store.addresses.of(order["id"]):
        shown = address_view(store, address)
        if lines:
            shown["line_items"] = [
                line_view(row)
                for row in store.order_lines.of(order["id"])
                if row["order_address_id"] == address["id"]
            ]
        shipping.append(shown)
    return {"pickups": [], "shipping": shipping, "downloads": [], "email": []}


def line_view(row: Json) -> Json:
    """One order line; its id is the `order_product_id` of shipments and refunds."""
    quantity = row["quantity"]
    ex_tax, inc_tax = Decimal(row["price_ex_tax"]), Decimal(row["price_inc_tax"])
    return {
        **row,
        "name_customer": row["name"],
        "name_merchant": row["name"],
        "type": "physical",
        "base_price": row["price_ex_tax"],
        "price_tax": money(inc_tax - ex_tax),
        "base_total": money(ex_tax * quantity),
        "total_ex_tax": money(ex_tax * quantity),
        "total_inc_tax": money(inc_tax * quantity),
        "total_tax": money((inc_tax - ex_tax) * quantity),
        "is_refunded": row["quantity_refunded"] >= quantity,
        "fixed_shipping_cost": ZERO,
        "parent_order_product_id": None,
        "is_bundled_product": False,
    }


def address_view(store: Store, row: Json) -> Json:
    lines = [
        line
        for line in store.order_lines.of(row["order_id"])
        if line["order_address_id"] == row["id"]
    ]
    shown: dict[str, Any] = {
        **row,
        "items_total": sum(line["quantity"] for line in lines),
        "items_shipped": sum(line["quantity_shipped"] for line in lines),
        "shipping_method": "Fixed Shipping",
        "base_cost": ZERO,
        "cost_ex_tax": ZERO,
        "cost_inc_tax": ZERO,
        "cost_tax": ZERO,
        "shipping_zone_id": 1,
        "shipping_zone_name": row["country"],
        "form_fields": [],
    }
    quotes = f"/orders/{row['order_id']}/shipping_addresses/{row['id']}/shipping_quotes"
    shown["shipping_quotes"] = link(store, quotes)
    return shown
