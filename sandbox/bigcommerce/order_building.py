"""Makes an order with its lines and ship-to address out of a short description.

Used by seeds and by the shopper of `place_order`. The description holds the vendor's own field
names; what it leaves out gets a plausible default. Tax is what the lines say; none by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandbox.bigcommerce.answers import Json
from sandbox.bigcommerce.dates import money, parse_date
from sandbox.bigcommerce.store import Store
from sandbox.core.simulator import ControlError

ADDRESS: Mapping[str, str] = {
    "first_name": "Ada",
    "last_name": "Example",
    "company": "",
    "street_1": "1 Example Street",
    "street_2": "",
    "city": "Austin",
    "zip": "78701",
    "state": "Texas",
    "country": "United States",
    "country_iso2": "US",
    "phone": "",
    "email": "ada@example.com",
}
DEFAULTS: Mapping[str, Any] = {
    "customer_id": 0,
    "status_id": 11,
    "payment_method": "Credit card",
    "payment_provider_id": "examplepay",
    "payment_status": "captured",
    "currency_code": "USD",
    "default_currency_code": "USD",
    "channel_id": 1,
    "staff_notes": "",
    "customer_message": "",
    "order_source": "www",
    "external_id": None,
    "external_order_id": "",
    "external_source": None,
    "external_merchant_id": None,
    "cart_id": None,
    "customer_locale": "en",
    "ip_address": "",
    "discount_amount": "0.0000",
}
OWN_FIELDS = frozenset(
    [
        "id",
        "lines",
        "billing_address",
        "shipping_address",
        "shipping_cost",
        "fees",
        "date_created",
        "date_modified",
    ]
)
LINE_FIELDS = frozenset(
    [
        "sku",
        "product_id",
        "variant_id",
        "quantity",
        "name",
        "price_ex_tax",
        "price_inc_tax",
        "return_id",
    ]
)


def address(store: Store, given: Mapping[str, Any] | None, customer_id: int) -> Json:
    """A full address: defaults, the customer's name and e-mail, then what is given."""
    unknown = sorted(set(given or {}) - set(ADDRESS))
    if unknown:
        raise ControlError(f"unknown address fields {unknown}; known are {sorted(ADDRESS)}")
    found: Json = dict(ADDRESS)
    customer = store.customers.get(customer_id)
    if customer is not None:
        found |= {name: customer[name] for name in ("first_name", "last_name", "email")}
    return {**found, **(given or {})}


def build_order(store: Store, spec: Mapping[str, Any]) -> Json:
    """Insert the order, its ship-to address and its lines; answers the order's row.

    Raises ControlError naming the field that is wrong.
    """
    unknown = sorted(set(spec) - OWN_FIELDS - set(DEFAULTS))
    if unknown:
        known = sorted(OWN_FIELDS | set(DEFAULTS))
        raise ControlError(f"unknown order fields {unknown}; known are {known}")
    lines = spec.get("lines")
    if not isinstance(lines, list) or not lines:
        raise ControlError("an order needs lines: [{sku, quantity}]")
    drafts = [draft_line(store, line) for line in lines]
    order: Json = {name: spec.get(name, default) for name, default in DEFAULTS.items()}
    created_s = _moment(spec, "date_created", store.now_s())
    order |= {
        "date_created": created_s,
        "date_modified": _moment(spec, "date_modified", created_s),
        "date_shipped": None,
        "is_deleted": False,
        "billing_address": address(store, spec.get("billing_address"), order["customer_id"]),
        "shipping_cost": money(spec.get("shipping_cost", 0)),
        "fees": [dict(fee) for fee in spec.get("fees", [])],
    }
    if "id" in spec:
        order["id"] = int(spec["id"])
    store.orders.insert(order)
    ship_to = address(
        store, spec.get("shipping_address", spec.get("billing_address")), order["customer_id"]
    )
    ship_to["order_id"] = order["id"]
    store.addresses.insert(ship_to)
    for draft in drafts:
        store.order_lines.insert(
            {**draft, "order_id": order["id"], "order_address_id": ship_to["id"]}
        )
    return order


def _moment(spec: Mapping[str, Any], name: str, default: float) -> float:
    value = spec.get(name)
    if value is None:
        return default
    if isinstance(value, int | float):
        return float(value)
    return parse_date(str(value), name)


def draft_line(store: Store, spec: Mapping[str, Any]) -> Json:
    unknown = sorted(set(spec) - LINE_FIELDS)
    if unknown:
        raise ControlError(f"unknown line fields {unknown}; known are {sorted(LINE_FIELDS)}")
    product, variant = catalogue_row(store, spec)
    quantity = spec.get("quantity", 1)
    if not isinstance(quantity, int) or quantity < 1:
        raise ControlError("a line's quantity must be a whole number from 1")
    listed = Decimal(str((product or {}).get("price", 0)))
    if variant is not None and variant["price"] is not None:
        listed = Decimal(str(variant["price"]))
    ex_tax = Decimal(str(spec.get("price_ex_tax", spec.get("price_inc_tax", listed))))
    inc_tax = Decimal(str(spec.get("price_inc_tax", ex_tax)))
    return {
        "product_id": 0 if product is None else product["id"],
        "variant_id": 0 if variant is None else variant["id"],
        "sku": (variant or product or spec).get("sku") or "",
        "name": spec.get("name") or (product or {}).get("name") or "Custom product",
        "upc": (variant or {}).get("upc") or "",
        "bin_picking_number": (variant or {}).get("bin_picking_number") or "",
        "quantity": quantity,
        "quantity_shipped": 0,
        "quantity_refunded": 0,
        "refund_amount": "0.0000",
        "return_id": int(spec.get("return_id", 0)),
        "price_ex_tax": money(ex_tax),
        "price_inc_tax": money(inc_tax),
        "applied_discounts": [],
        "product_options": [],
    }


def catalogue_row(store: Store, spec: Mapping[str, Any]) -> tuple[Json | None, Json | None]:
    """(product, variant) that a line names; (None, None) for a custom product with a name."""
    variant: Json | None = None
    if "variant_id" in spec:
        variant = store.variants.get(int(spec["variant_id"]))
    elif "sku" in spec:
        variant = next((row for row in store.variants.all() if row["sku"] == spec["sku"]), None)
    elif "product_id" in spec:
        variants = store.variants.of(int(spec["product_id"]))
        variant = variants[0] if len(variants) == 1 else None
    if variant is not None:
        return store.products.one(variant["product_id"], "product"), variant
    if spec.get("name") and "product_id" not in spec and "variant_id" not in spec:
        return None, None
    raise ControlError(f"no such product or variant in the store: {dict(spec)}; seed it first")
