"""BigCommerce's JSON as far as we read it; V2 writes dates as RFC 2822."""

from typing import Any

import msgspec

from connectors.kit.reading import EpochS, Int, Long


# ---- orders, V2 ----------------------------------------------------------------------------------
class OrderJson(msgspec.Struct):
    """GET /v2/orders/{id}. `products` and `shipping_addresses` are links, read on their own."""

    id: Long
    date_created: str
    date_modified: str
    status_id: Int
    customer_id: Long = 0
    payment_status: str | None = None
    staff_notes: str | None = None


class LineJson(msgspec.Struct):
    """One of /v2/orders/{id}/products."""

    id: Long
    quantity: Int
    product_id: Long = 0
    sku: str | None = None
    name: str | None = None
    variant_id: Long | None = None
    quantity_shipped: Int = 0
    quantity_refunded: Int = 0
    return_id: Long | None = None


class AddressJson(msgspec.Struct):
    """One of /v2/orders/{id}/shipping_addresses."""

    country_iso2: str | None = None
    state: str | None = None


class MessageJson(msgspec.Struct):
    """One of /v2/orders/{id}/messages. A message of the customer has no `staff_id`."""

    id: Long
    date_created: str
    staff_id: Long | None = None
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

    id: Long
    sku: str | None = None
    purchasing_disabled: bool = False
    inventory_level: Int = 0


class CustomFieldJson(msgspec.Struct):
    """One custom field."""

    name: str
    value: str


class ProductJson(msgspec.Struct):
    """A product with `include=variants,custom_fields`."""

    id: Long
    name: str
    date_modified: str
    availability: str
    is_visible: bool = True
    sku: str | None = None
    brand_id: Long | None = None
    inventory_tracking: str = "none"
    inventory_level: Int = 0
    variants: list[VariantJson] = []
    custom_fields: list[CustomFieldJson] = []


class BrandJson(msgspec.Struct):
    """One brand."""

    id: Long
    name: str


class IdentityJson(msgspec.Struct):
    """Whose stock it is."""

    product_id: Long | None = None
    variant_id: Long | None = None


class PlaceJson(msgspec.Struct):
    """Stock at one location."""

    available_to_sell: Int = 0
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
    created_at: EpochS
    hash: str | None = None


class HookStateJson(msgspec.Struct):
    """One of /v3/hooks: a webhook as it is registered."""

    id: Long
    scope: str
    is_active: bool = True
