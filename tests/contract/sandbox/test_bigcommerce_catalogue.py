"""Catalogue, channels and customers V3 as a table of requests and facts."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.sandbox.bigcommerce_store import Case, Shop, check

PRODUCT = "/v3/catalog/products/1"
ASSIGNMENTS = "/v3/catalog/products/channel-assignments"


def metafield(**changes: Any) -> dict[str, Any]:
    fields = {"namespace": "tg", "key": "thread", "value": "1", "permission_set": "app_only"}
    return {**fields, **changes}


CATALOGUE = (
    Case(
        "products page",
        "GET",
        "/v3/catalog/products?limit=2",
        200,
        {
            "data.#": 2,
            "meta.pagination.total": 3,
            "meta.pagination.total_pages": 2,
            "meta.pagination.links.next": "?page=2&limit=2",
        },
    ),
    Case(
        "a product limit above 250 is 413",
        "GET",
        "/v3/catalog/products?limit=251",
        413,
        {"status": 413},
    ),
    Case(
        "a product by sku",
        "GET",
        "/v3/catalog/products?sku=LAMP&include=custom_fields",
        200,
        {"data.0.id": 1, "data.0.inventory_level": 5, "data.0.custom_fields.0.value": "light"},
    ),
    Case(
        "products by stock and by age",
        "GET",
        "/v3/catalog/products?inventory_level:min=6&date_modified:min=2020-01-01",
        200,
        {"data.#": 1, "data.0.id": 2},
    ),
    Case(
        "products sort downwards",
        "GET",
        "/v3/catalog/products?sort=sku&direction=desc",
        200,
        {"data.0.sku": "SHIRT", "data.2.sku": "CARD"},
    ),
    Case(
        "a date filter that is no date is 422",
        "GET",
        "/v3/catalog/products?date_modified:min=x",
        422,
    ),
    Case(
        "variants on request",
        "GET",
        "/v3/catalog/products/2?include=variants",
        200,
        {"data.variants.#": 2, "data.inventory_level": 7},
    ),
    Case(
        "only some fields",
        "GET",
        "/v3/catalog/products/1?include_fields=sku",
        200,
        {"data": {"id": 1, "sku": "LAMP"}},
    ),
    Case("an unknown product is 404", "GET", "/v3/catalog/products/9", 404, {"status": 404}),
    Case("an unknown product filter is 422", "GET", "/v3/catalog/products?colour=red", 422),
    Case(
        "a product is hidden",
        "PUT",
        PRODUCT,
        200,
        {"data.is_visible": False, "data.name": "Lamp"},
        {"is_visible": False},
    ),
    Case(
        "an unknown availability is 422",
        "PUT",
        PRODUCT,
        422,
        {"status": 422},
        {"availability": "soon"},
    ),
    Case(
        "a long lead time is 422",
        "PUT",
        PRODUCT,
        422,
        {},
        {"availability_description": "d" * 256},
    ),
    Case(
        "an unknown product field is 422",
        "PUT",
        PRODUCT,
        422,
        {},
        {"colour": "red"},
    ),
    Case(
        "a second product with a sku is 409",
        "PUT",
        PRODUCT,
        409,
        {"status": 409, "code": 409},
        {"sku": "CARD"},
    ),
    Case("a brand must exist", "PUT", PRODUCT, 409, {}, {"brand_id": 9}),
    Case(
        "a batch of 10",
        "PUT",
        "/v3/catalog/products",
        200,
        {"data.#": 10},
        [{"id": 1, "is_visible": True}] * 10,
    ),
    Case(
        "a batch of 11 is 413",
        "PUT",
        "/v3/catalog/products",
        413,
        {"status": 413},
        [{"id": 1, "is_visible": True}] * 11,
    ),
    Case(
        "an unknown product in a batch is 404",
        "PUT",
        "/v3/catalog/products",
        404,
        {},
        [{"id": 1, "name": "New"}, {"id": 9, "name": "X"}],
    ),
    Case(
        "a batch item without id is 422",
        "PUT",
        "/v3/catalog/products",
        422,
        {"errors": {"id": "is required"}},
        [{"name": "New"}],
    ),
    Case(
        "a variant by sku",
        "GET",
        "/v3/catalog/variants?sku=SHIRT-BLUE",
        200,
        {"data.0.id": 22, "data.0.product_id": 2, "data.0.inventory_level": 4},
    ),
    Case(
        "a simple product has a base variant",
        "GET",
        "/v3/catalog/variants?sku=LAMP",
        200,
        {"data.0.sku_id": None, "data.0.product_id": 1},
    ),
    Case(
        "a variant is not for sale",
        "PUT",
        "/v3/catalog/products/2/variants/22",
        200,
        {"data.purchasing_disabled": True},
        {"purchasing_disabled": True, "purchasing_disabled_message": "Ended"},
    ),
    Case(
        "a long message is 422",
        "PUT",
        "/v3/catalog/products/2/variants/22",
        422,
        {},
        {"purchasing_disabled_message": "m" * 256},
    ),
    Case("a variant of another product is 404", "GET", "/v3/catalog/products/1/variants/22", 404),
    Case(
        "variants in a batch",
        "PUT",
        "/v3/catalog/variants",
        200,
        {"data.1.purchasing_disabled": True},
        [{"id": 21, "upc": "1"}, {"id": 22, "purchasing_disabled": True}],
    ),
    Case(
        "51 variants are 413", "PUT", "/v3/catalog/variants", 413, {}, [{"id": 21, "upc": "1"}] * 51
    ),
    Case(
        "an unknown variant is 422",
        "PUT",
        "/v3/catalog/variants",
        422,
        {"errors.#": 1},
        [{"id": 21, "upc": "2"}, {"id": 9, "upc": "1"}],
    ),
    Case("brands", "GET", "/v3/catalog/brands/1", 200, {"data.name": "Acme"}),
    Case(
        "a product's metafield",
        "POST",
        "/v3/catalog/products/1/metafields",
        200,
        {"data.resource_type": "product"},
        metafield(),
    ),
    Case(
        "a variant's metafield",
        "POST",
        "/v3/catalog/products/2/variants/21/metafields",
        200,
        {"data.resource_type": "variant"},
        metafield(),
    ),
)

CHANNELS = (
    Case(
        "channels of a type",
        "GET",
        "/v3/channels?type:in=marketplace",
        200,
        {"data.#": 1, "data.0.id": 2},
    ),
    Case(
        "a listing is made",
        "POST",
        "/v3/channels/2/listings",
        200,
        {"data.0.listing_id": 1, "data.0.state": "active"},
        [{"product_id": 1, "state": "active", "variants": []}],
    ),
    Case(
        "a storefront has no listings",
        "POST",
        "/v3/channels/1/listings",
        422,
        {},
        [{"product_id": 1, "state": "active", "variants": []}],
    ),
    Case(
        "an unknown state is 422",
        "POST",
        "/v3/channels/2/listings",
        422,
        {},
        [{"product_id": 1, "state": "on", "variants": []}],
    ),
    Case(
        "an unknown listing is left out",
        "PUT",
        "/v3/channels/2/listings",
        200,
        {"data": []},
        [{"listing_id": 9, "product_id": 1, "state": "disabled"}],
    ),
    Case(
        "assignments",
        "GET",
        ASSIGNMENTS,
        200,
        {"data": [{"product_id": 1, "channel_id": 1}]},
    ),
    Case(
        "an assignment is 204",
        "PUT",
        ASSIGNMENTS,
        204,
        {},
        [{"product_id": 2, "channel_id": 2}],
    ),
    Case(
        "an assignment of no product is 422",
        "PUT",
        ASSIGNMENTS,
        422,
        {},
        [{"product_id": 9, "channel_id": 2}],
    ),
    Case(
        "deleting all assignments at once is 422",
        "DELETE",
        ASSIGNMENTS,
        422,
    ),
    Case(
        "customers by id", "GET", "/v3/customers?id:in=7", 200, {"data.0.email": "ann@example.com"}
    ),
    Case("an unknown customer is 422", "PUT", "/v3/customers", 422, {}, [{"id": 8, "notes": "x"}]),
    Case(
        "an unknown resource is 404",
        "GET",
        "/v3/returns",
        404,
        {"status": 404, "instance": "/v3/returns"},
    ),
)
CASES = (*CATALOGUE, *CHANNELS)


@pytest.fixture
def shop(http: httpx.Client) -> Shop:
    shop = Shop(http)
    shop.begin()
    return shop


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says.replace(" ", "_"))
def test_the_store_answers(shop: Shop, case: Case) -> None:
    check(shop, case)
