"""Fields of products and variants: defaults, what may be written, what may be filtered by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.bigcommerce.answers import Json
from sandbox.bigcommerce.fields import Field

PRODUCT_DEFAULTS: Mapping[str, Any] = {
    "name": "",
    "type": "physical",
    "sku": "",
    "description": "",
    "weight": 0,
    "width": 0,
    "depth": 0,
    "height": 0,
    "price": 0,
    "cost_price": 0,
    "retail_price": 0,
    "sale_price": 0,
    "categories": [],
    "brand_id": 0,
    "inventory_warning_level": 0,
    "inventory_tracking": "product",
    "is_visible": True,
    "is_featured": False,
    "warranty": "",
    "bin_picking_number": "",
    "upc": "",
    "mpn": "",
    "gtin": "",
    "search_keywords": "",
    "availability": "available",
    "availability_description": "",
    "sort_order": 0,
    "condition": "New",
    "order_quantity_minimum": 0,
    "order_quantity_maximum": 0,
    "preorder_release_date": None,
    "preorder_message": "",
    "is_preorder_only": False,
    "is_price_hidden": False,
    "price_hidden_label": "",
    "custom_fields": [],
}
UNITS = Field("int", low=0)
PRICE = Field("price", nullable=True)
PRODUCT_WRITABLE: Mapping[str, Field] = {
    "name": Field("str", length_min=1, length_max=250),
    "type": Field("str", one_of=("physical", "digital")),
    "sku": Field("str", length_max=255),
    "description": Field("str"),
    "weight": Field("price"),
    "width": PRICE,
    "depth": PRICE,
    "height": PRICE,
    "price": Field("price"),
    "cost_price": PRICE,
    "retail_price": PRICE,
    "sale_price": PRICE,
    "categories": Field("list"),
    "brand_id": Field("int", low=0, nullable=True),
    "inventory_level": UNITS,
    "inventory_warning_level": UNITS,
    "inventory_tracking": Field("str", one_of=("none", "product", "variant")),
    "is_visible": Field("bool"),
    "is_featured": Field("bool"),
    "warranty": Field("str", length_max=65_535),
    "bin_picking_number": Field("str", length_max=255),
    "upc": Field("str", length_max=14),
    "mpn": Field("str", length_max=255),
    "gtin": Field("str", length_max=255),
    "search_keywords": Field("str", length_max=65_535),
    "availability": Field("str", one_of=("available", "disabled", "preorder")),
    "availability_description": Field("str", length_max=255),
    "sort_order": Field("int"),
    "condition": Field("str", one_of=("New", "Used", "Refurbished")),
    "order_quantity_minimum": UNITS,
    "order_quantity_maximum": UNITS,
    "preorder_release_date": Field("date", nullable=True),
    "preorder_message": Field("str", length_max=255),
    "is_preorder_only": Field("bool"),
    "is_price_hidden": Field("bool"),
    "price_hidden_label": Field("str", length_max=200),
    "custom_fields": Field("list"),
}
PRODUCT_READ_ONLY = ["id", "date_created", "date_modified", "calculated_price", "base_variant_id"]
INVENTORY_FIELDS = ("inventory_level", "inventory_tracking", "inventory_warning_level")

VARIANT_DEFAULTS: Mapping[str, Any] = {
    "sku": "",
    "price": None,
    "cost_price": None,
    "sale_price": None,
    "retail_price": None,
    "weight": None,
    "purchasing_disabled": False,
    "purchasing_disabled_message": "",
    "upc": "",
    "mpn": "",
    "gtin": "",
    "inventory_warning_level": 0,
    "bin_picking_number": "",
    "option_values": [],
}
VARIANT_WRITABLE: Mapping[str, Field] = {
    "sku": Field("str", length_min=1, length_max=255),
    "price": PRICE,
    "cost_price": PRICE,
    "sale_price": PRICE,
    "retail_price": PRICE,
    "weight": PRICE,
    "purchasing_disabled": Field("bool"),
    "purchasing_disabled_message": Field("str", length_max=255),
    "upc": Field("str", length_max=14),
    "mpn": Field("str", length_max=255),
    "gtin": Field("str", length_max=255),
    "inventory_level": UNITS,
    "inventory_warning_level": UNITS,
    "bin_picking_number": Field("str", length_max=255),
}
VARIANT_READ_ONLY = [
    "product_id",
    "sku_id",
    "option_values",
    "calculated_price",
    "calculated_weight",
]


def only_fields(row: Json, query: Mapping[str, str]) -> Json:
    """What `include_fields` or `exclude_fields` leave of a row; the id always stays."""
    if "include_fields" in query:
        kept = {*query["include_fields"].split(","), "id"}
        return {name: value for name, value in row.items() if name in kept}
    dropped = set(query.get("exclude_fields", "").split(",")) - {"id"}
    return {name: value for name, value in row.items() if name not in dropped}
