"""BigCommerce's JSON as far as we read it; other fields are ignored. V2 writes dates as RFC 2822."""

from typing import Any

import msgspec


# ---- orders, V2 ----------------------------------------------------------------------------------
class OrderJson(msgspec.Struct):
    """GET /v2/orders/{id}. `products` and `shipping_addresses` are links, read on their own."""

    id: int
    date_created: str
    date_modified: str
    status_id: int
    customer_id: int = 0
    payment_status: str | None = None
    staff_notes: str | None = None


class LineJson(msgspec.Struct):
    """One of /v2/orders/{id}/products."""

    id: int
    quantity: int
    product_id: int = 0
    sku: str | None = None
    name: str | None = None
    variant_id: int | None = None
    quantity_shipped: int = 0
    quantity_refunded: int = 0
    return_id: int | None = None


class AddressJson(msgspec.Struct):
    """One of /v2/orders/{id}/shipping_addresses."""

    country_iso2: str | None = None
    state: str | None = None


class MessageJson(msgspec.Struct):
    """One of /v2/orders/{id}/messages. A message of the customer has no `staff_id`."""

    id: int
    date_created: str
    staff_id: int | None = None
    type: str | None = None
    subject: str | None = None
    message: str | None = None
    is_flagged: bool = False


# ---- payments, V3 --------------------------------------------------------------------------------
class TransactionJson(msgspec.Struct):
    """One of /v3/orders/{id}/transactions."""

    id: str | int
    event: str
    status: str | None = None
    date_created: str | None = None


# ---- catalogue, V3 -------------------------------------------------------------------------------
class VariantJson(msgspec.Struct):
    """One variant; a product without options has its base variant."""

    id: int
    sku: str | None = None
    purchasing_disabled: bool = False
    inventory_level: int = 0


class CustomFieldJson(msgspec.Struct):
    """One custom field."""

    name: str
    value: str


class ProductJson(msgspec.Struct):
    """A product with `include=variants,custom_fields`."""

    id: int
    name: str
    date_modified: str
    availability: str
    is_visible: bool = True
    sku: str | None = None
    brand_id: int | None = None
    inventory_tracking: str = "none"
    inventory_level: int = 0
    variants: list[VariantJson] = []
    custom_fields: list[CustomFieldJson] = []


class BrandJson(msgspec.Struct):
    """One brand."""

    id: int
    name: str


class IdentityJson(msgspec.Struct):
    """Whose stock it is."""

    product_id: int | None = None
    variant_id: int | None = None


class PlaceJson(msgspec.Struct):
    """Stock at one location."""

    available_to_sell: int = 0
    location_enabled: bool = True


class ItemJson(msgspec.Struct):
    """One of /v3/inventory/items."""

    identity: IdentityJson
    locations: list[PlaceJson] = []


# ---- webhooks ------------------------------------------------------------------------------------
class HookJson(msgspec.Struct):
    """A thin webhook: what happened to which object."""

    scope: str
    producer: str
    data: dict[str, Any]
    created_at: int
    hash: str | None = None
