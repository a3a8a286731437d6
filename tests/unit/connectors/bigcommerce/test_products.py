"""Products: one record per sku, each reading an event of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.bigcommerce.paging import PAGE
from connectors.bigcommerce.source import Reader
from connectors.kit.connector import MalformedError, NotThereError, Page, Response
from gridwire.records import BigCommerceProduct, Notice
from tests.unit.connectors.bigcommerce.store import (
    MODIFIED_S,
    data,
    notice,
    product,
    settings,
    stock,
)
from tests.unit.connectors.steps import NOW_MS, Played, answer, play

UPDATED = notice("product", "77", "store/product/updated")
STOCK = notice("inventory", "77", "store/sku/inventory/updated")
BRAND = answer(200, data([{"id": 4, "name": "Acme"}]))


def records(found: Any) -> list[BigCommerceProduct]:
    return [record for _, record in found if isinstance(record, BigCommerceProduct)]


def fetched(
    *answers: Response, given: Notice = UPDATED, **changed: Any
) -> list[BigCommerceProduct]:
    return records(play(Reader(settings(**changed)).fetch_product(given), *answers).value)


def test_a_product_becomes_one_record_per_sku_with_brand_stock_and_custom_fields() -> None:
    reader = Reader(settings())
    played = play(
        reader.fetch_product(UPDATED),
        answer(200, {"data": product(), "meta": {}}),
        BRAND,
        answer(200, data([stock(701, 3, 4), stock(702, 0)])),
    )
    asked = played.requests
    assert asked[0].path == "/v3/catalog/products/77"
    assert asked[0].query == {"include": "variants,custom_fields"}
    assert (asked[1].path, asked[1].query["id:in"]) == ("/v3/catalog/brands", "4")
    assert asked[2].query["product_id:in"] == "77"
    first, second = records(played.value)
    assert (first.sku, first.variant_id, first.available_to_sell) == ("SKU-1", 701, 7)
    assert (second.sku, second.variant_id, second.available_to_sell) == ("SKU-2", 702, 0)
    assert (first.brand, first.product_line, first.substitute_sku) == ("Acme", "Outdoor", "SKU-9")
    assert (first.handling_days, first.variants, first.product_id) == (3, 2, 77)
    assert (first.purchasing_disabled, second.purchasing_disabled) == (False, True)
    assert first.event_id != second.event_id


def test_without_the_custom_field_the_brand_is_the_product_line() -> None:
    plain = answer(200, {"data": product(custom_fields=[])})
    first, _ = fetched(plain, BRAND, answer(200, data([])))
    assert (first.product_line, first.substitute_sku, first.handling_days) == ("Acme", None, None)


def test_names_of_custom_fields_are_configuration() -> None:
    own = [{"id": 1, "name": "Sortiment", "value": "Schuhe"}]
    plain = answer(200, {"data": product(custom_fields=own)})
    first, _ = fetched(plain, BRAND, answer(200, data([])), product_line_field="Sortiment")
    assert first.product_line == "Schuhe"


@pytest.mark.parametrize("said", ["", "soon", "-1", "99999", "1.5"])
def test_handling_days_that_are_no_number_of_days_are_not_said(said: str) -> None:
    own = [{"id": 1, "name": "handling_days", "value": said}]
    plain = answer(200, {"data": product(custom_fields=own, brand_id=0)})
    first, _ = fetched(plain, answer(200, data([])))
    assert first.handling_days is None


def test_stock_that_is_not_tracked_is_unknown() -> None:
    plain = answer(200, {"data": product(inventory_tracking="none", brand_id=None)})
    first, _ = fetched(plain, answer(200, data([])))
    assert (first.inventory_tracked, first.available_to_sell) == (False, None)


def test_stock_tracked_by_product_is_that_of_each_sku() -> None:
    plain = answer(200, {"data": product(inventory_tracking="product", brand_id=0)})
    first, second = fetched(plain, answer(200, data([stock(701, 5)])))
    assert (first.available_to_sell, second.available_to_sell) == (5, 5)


def test_a_location_that_is_switched_off_sells_nothing() -> None:
    item = stock(701, 3, 4)
    item["locations"][1]["location_enabled"] = False
    plain = answer(200, {"data": product(brand_id=0)})
    first, _ = fetched(plain, answer(200, data([item])))
    assert first.available_to_sell == 3


def test_where_the_inventory_lists_nothing_the_catalogue_says_how_many_there_are() -> None:
    variants = [{"id": 701, "sku": "SKU-1", "inventory_level": 6}]
    plain = answer(200, {"data": product(variants=variants, brand_id=0)})
    (first,) = fetched(plain, answer(200, data([])))
    assert (first.available_to_sell, first.variants) == (6, 1)


def test_a_variant_without_a_sku_has_the_products_and_without_any_none() -> None:
    bare = [{"id": 701, "sku": ""}]
    own = answer(200, {"data": product(variants=bare, brand_id=0)})
    (first,) = fetched(own, answer(200, data([])))
    assert first.sku == "SHOE"
    nameless = answer(200, {"data": product(variants=bare, sku="", brand_id=0)})
    assert fetched(nameless, answer(200, data([]))) == []


# ---- readings ------------------------------------------------------------------------------------
def reading(given: Notice, units: int) -> BigCommerceProduct:
    plain = answer(200, {"data": product(brand_id=0)})
    found = fetched(plain, answer(200, data([stock(701, units), stock(702, 0)])), given=given)
    return found[0]


def test_stock_that_returns_to_an_earlier_figure_is_still_a_new_event() -> None:
    later = notice("inventory", "77", "store/product/inventory/updated")
    assert reading(STOCK, 5).event_id == reading(STOCK, 5).event_id
    assert reading(later, 5).event_id != reading(STOCK, 5).event_id


def test_a_reading_is_as_new_as_its_notice_at_least() -> None:
    found = reading(STOCK, 5)
    assert (found.version, found.occurred_at) == (MODIFIED_S + 5, (MODIFIED_S + 5) * 1000)


def test_a_product_modified_after_its_notice_has_the_version_of_that() -> None:
    later = product(brand_id=0, date_modified="2025-10-09T09:00:00Z")
    found = fetched(answer(200, {"data": later}), answer(200, data([])))
    assert found[0].version == MODIFIED_S + 400


# ---- what is gone --------------------------------------------------------------------------------
def test_a_product_that_is_gone_is_reported_as_deleted_without_a_sku() -> None:
    gone = notice("product", "77", "store/product/deleted")
    (found,) = fetched(answer(404, {"status": 404}), given=gone)
    assert (found.deleted, found.sku, found.product_id, found.variant_id) == (True, "", 77, None)
    assert found.version == MODIFIED_S + 5


def test_a_deleted_variant_is_reported_beside_those_that_stay() -> None:
    gone = notice("product", "77", "store/sku/deleted", variant_id="703")
    plain = answer(200, {"data": product(brand_id=0)})
    *left, deleted = fetched(plain, answer(200, data([])), given=gone)
    assert [one.sku for one in left] == ["SKU-1", "SKU-2"]
    assert (deleted.deleted, deleted.variant_id) == (True, 703)


def test_a_product_that_was_just_created_is_waited_for() -> None:
    created = notice("product", "77", "store/product/created")
    with pytest.raises(NotThereError):
        fetched(answer(404, {"status": 404}), given=created)


def test_what_is_no_product_is_refused() -> None:
    dateless = {"data": product(date_modified="never", brand_id=0)}
    with pytest.raises(MalformedError):
        fetched(answer(200, dateless), answer(200, data([])))


# ---- polls ---------------------------------------------------------------------------------------
def polled(*answers: Response, cursor: str | None = None) -> Played[Page]:
    return play(Reader(settings()).poll_products(cursor, NOW_MS), *answers)


def test_the_first_poll_reads_all_products_with_their_stock() -> None:
    played = polled(answer(200, data([product()])), BRAND, answer(200, data([stock(701, 3)])))
    query = played.requests[0].query
    assert query["date_modified:min"] == "1970-01-01T00:00:00.000Z"
    assert (query["sort"], query["direction"]) == ("date_modified", "asc")
    assert [one.sku for one in records(played.value.records)] == ["SKU-1", "SKU-2"]
    assert not played.value.more


def test_a_poll_of_nothing_asks_for_nothing_else() -> None:
    assert polled(answer(200, data([]))).value.records == ()


def test_a_broken_product_is_set_apart_and_a_full_page_goes_on() -> None:
    rows = [product(id=number, brand_id=0) for number in range(PAGE - 1)]
    broken = product(availability=None)
    found = polled(answer(200, data([broken, *rows])), answer(200, data([]))).value
    assert len(found.records) == 2 * (PAGE - 1)
    assert found.more
    ((raw, _),) = found.broken
    assert json.loads(raw) == broken
