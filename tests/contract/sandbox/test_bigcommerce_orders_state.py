"""What changes in the simulated store over several calls: orders, shipments, stock, catalogue."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.sandbox.bigcommerce_store import Shop, fact

SHIPMENTS = "/v2/orders/100/shipments"
ABSOLUTE = "/v3/inventory/adjustments/absolute"
RELATIVE = "/v3/inventory/adjustments/relative"


@pytest.fixture
def shop(http: httpx.Client) -> Shop:
    shop = Shop(http)
    shop.begin()
    return shop


def onhand(shop: Shop, sku: str, location: int = 0) -> int:
    found = shop.ok("GET", f"/v3/inventory/items?sku:in={sku}")
    units: int = fact(found, f"data.0.locations.{location}.total_inventory_onhand")
    return units


def items(*pairs: tuple[int, int]) -> list[dict[str, int]]:
    return [{"order_product_id": line, "quantity": quantity} for line, quantity in pairs]


def test_a_change_moves_the_modification_date_into_the_window_of_a_poller(shop: Shop) -> None:
    since = "/v2/orders?min_date_modified=2026-06-01T00:00:00Z"
    assert shop.api("GET", since).status_code == 204
    shop.control("POST", "clock", {"offset_s": 3_600})
    shop.ok("PUT", "/v2/orders/101", {"staff_notes": "looked at"})
    found = shop.ok("GET", since)
    assert [row["id"] for row in found] == [101]
    assert found[0]["staff_notes"] == "looked at"


def test_a_put_of_fees_replaces_all_fees_and_of_lines_only_the_named(shop: Shop) -> None:
    fees = [{"type": "custom_fee", "cost_inc_tax": 4}, {"type": "custom_fee", "cost_inc_tax": 2}]
    shop.ok("PUT", "/v2/orders/100", {"fees": fees})
    assert shop.ok("GET", "/v2/orders/100")["total_inc_tax"] == "51.0000"
    shop.ok("PUT", "/v2/orders/100", {"fees": [{"id": 2, **fees[1]}]})
    kept = shop.ok("GET", "/v2/orders/100?include=fees")
    assert ([fee["id"] for fee in kept["fees"]], kept["total_inc_tax"]) == ([2], "47.0000")
    shop.ok("PUT", "/v2/orders/100", {"products": [{"id": 1, "quantity": 1}]})
    lines = shop.ok("GET", "/v2/orders/100/products")
    assert [(line["id"], line["quantity"]) for line in lines] == [(1, 1), (2, 1)]


def test_an_archived_order_leaves_the_list_and_is_still_there(shop: Shop) -> None:
    assert shop.api("DELETE", "/v2/orders/100").status_code == 204
    assert [row["id"] for row in shop.ok("GET", "/v2/orders")] == [101, 102]
    assert shop.ok("GET", "/v2/orders/100")["is_deleted"] is True
    assert [row["id"] for row in shop.ok("GET", "/v2/orders?is_deleted=true")] == [100]


def test_split_shipments_move_the_status_and_each_writes_to_the_shopper(shop: Shop) -> None:
    first = {"order_address_id": 1, "items": items((1, 1)), "tracking_number": "A"}
    shop.ok("POST", SHIPMENTS, first)
    order = shop.ok("GET", "/v2/orders/100")
    assert (order["status_id"], order["items_shipped"], order["date_shipped"]) == (3, 1, "")
    shop.ok("POST", SHIPMENTS, {"order_address_id": 1, "items": items((1, 1), (2, 1))})
    order = shop.ok("GET", "/v2/orders/100")
    assert (order["status_id"], order["items_shipped"]) == (2, 3)
    assert order["date_shipped"].endswith("+0000")
    sent = shop.state("emails")
    assert [(mail["to"], mail["shipment_id"]) for mail in sent] == [
        ("ann@example.com", 1),
        ("ann@example.com", 2),
    ]
    assert shop.api("POST", SHIPMENTS, first).status_code == 400
    assert len(shop.state("emails")) == 2


def test_a_shipment_changes_all_but_its_items_without_a_second_email(shop: Shop) -> None:
    shop.ok("POST", SHIPMENTS, {"order_address_id": 1, "items": items((1, 1))})
    changed = shop.ok("PUT", f"{SHIPMENTS}/1", {"tracking_number": "B", "tracking_carrier": "dhl"})
    assert (changed["tracking_number"], changed["items"][0]["quantity"]) == ("B", 1)
    assert changed["generated_tracking_link"].endswith("/dhl/B")
    assert shop.api("PUT", f"{SHIPMENTS}/1", {"items": items((1, 2))}).status_code == 400
    assert len(shop.state("emails")) == 1


def test_a_deleted_shipment_leaves_the_status_as_it_is(shop: Shop) -> None:
    shop.ok("POST", SHIPMENTS, {"order_address_id": 1, "items": items((1, 2), (2, 1))})
    assert shop.api("DELETE", f"{SHIPMENTS}/1").status_code == 204
    order = shop.ok("GET", "/v2/orders/100")
    assert (order["status_id"], order["items_shipped"]) == (2, 0)


def test_an_order_takes_stock_and_a_cancellation_gives_it_back(shop: Shop) -> None:
    placed = shop.trigger("place_order", customer=7, lines=[{"sku": "LAMP", "quantity": 4}])
    assert (placed["id"], placed["status_id"], onhand(shop, "LAMP")) == (103, 11, 1)
    again = {"customer": 7, "lines": [{"sku": "LAMP", "quantity": 2}]}
    assert shop.refused("bigcommerce/trigger/place_order", again).status_code == 409
    shop.ok("PUT", "/v2/orders/103", {"status_id": 5})
    assert onhand(shop, "LAMP") == 5
    shop.trigger("change_status", order_id=103, status_id=11)
    shop.trigger("change_status", order_id=103, status_id=5)
    assert onhand(shop, "LAMP") == 5


def test_an_oversold_line_takes_what_there_is(shop: Shop) -> None:
    lines = [{"sku": "SHIRT-BLUE", "quantity": 9}]
    order = shop.trigger("place_order", customer=7, lines=lines, oversell=True)
    assert order["items_total"] == 9
    assert onhand(shop, "SHIRT-BLUE", 1) == 0


def test_a_declined_payment_leaves_a_failed_transaction_and_a_declined_order(shop: Shop) -> None:
    placed = shop.trigger("place_order", customer=7, lines=[{"sku": "CARD"}], payment="declined")
    assert (placed["status_id"], placed["payment_status"]) == (6, "declined")
    found = shop.ok("GET", f"/v3/orders/{placed['id']}/transactions")["data"]
    assert [(row["event"], row["status"], row["order_id"]) for row in found] == [
        ("purchase", "error", "103")
    ]
    shop.trigger("decline_transaction", order_id=100, code="51", message="No funds")
    assert shop.ok("GET", "/v2/orders/100")["status_id"] == 6


def test_a_customer_whose_payment_was_declined_pays_after_all(shop: Shop) -> None:
    placed = shop.trigger("place_order", customer=7, lines=[{"sku": "CARD"}], payment="declined")
    shop.trigger("pay_order", order_id=placed["id"])
    order = shop.ok("GET", f"/v2/orders/{placed['id']}")
    assert (order["status_id"], order["payment_status"]) == (11, "captured")
    found = shop.ok("GET", f"/v3/orders/{placed['id']}/transactions")["data"]
    assert [row["status"] for row in found] == ["error", "ok"]


def test_a_payment_under_review_is_marked_on_its_transaction(shop: Shop) -> None:
    placed = shop.trigger("place_order", customer=7, lines=[{"sku": "CARD"}])
    shop.trigger("review_transaction", order_id=placed["id"])
    found = shop.ok("GET", f"/v3/orders/{placed['id']}/transactions")["data"]
    assert [row["fraud_review"] for row in found] == [True]
    assert shop.ok("GET", f"/v2/orders/{placed['id']}")["status_id"] == 12


@pytest.mark.parametrize("touches", [True, False])
def test_flagging_a_message_touches_the_order_as_configured(shop: Shop, touches: bool) -> None:
    shop.configure(flagging_touches_order=touches)
    shop.trigger("flag_message", order_id=100, message_id=6)
    flagged = shop.ok("GET", "/v2/orders/100/messages?is_flagged=true")
    assert [row["id"] for row in flagged] == [5, 6]
    assert ("store/order/updated" in shop.scopes()) is touches


def test_a_return_begins_with_its_id_on_the_line(shop: Shop) -> None:
    shop.trigger("update_order", order_id=100, return_ids={"2": 31})
    lines = shop.ok("GET", "/v2/orders/100/products")
    assert [line["return_id"] for line in lines] == [0, 31]


def test_an_absolute_adjustment_is_all_or_nothing(shop: Shop) -> None:
    good = {"location_id": 1, "sku": "LAMP", "quantity": 40}
    bad: dict[str, Any] = {"location_id": 1, "sku": "NONE", "quantity": 1}
    assert shop.api("PUT", ABSOLUTE, {"items": [good, bad]}).status_code == 422
    assert onhand(shop, "LAMP") == 5
    first = shop.ok("PUT", ABSOLUTE, {"items": [good]})
    second = shop.ok("PUT", ABSOLUTE, {"items": [good]})
    assert onhand(shop, "LAMP") == 40
    assert first["transaction_id"] != second["transaction_id"]


def test_a_relative_adjustment_counts_again_when_repeated(shop: Shop) -> None:
    body = {"items": [{"location_id": 1, "sku": "LAMP", "quantity": -2}]}
    shop.ok("POST", RELATIVE, body)
    shop.ok("POST", RELATIVE, body)
    assert onhand(shop, "LAMP") == 1
    assert shop.api("POST", RELATIVE, body).status_code == 422


def test_stock_may_be_applied_later_than_answered(shop: Shop) -> None:
    shop.configure(inventory_lag_s=3_600)
    shop.ok("PUT", ABSOLUTE, {"items": [{"location_id": 1, "sku": "LAMP", "quantity": 40}]})
    assert onhand(shop, "LAMP") == 5
    assert shop.state("pending") == 1
    shop.control("POST", "clock", {"offset_s": 3_601})
    assert onhand(shop, "LAMP") == 40
    shop.ok("PUT", ABSOLUTE, {"items": [{"location_id": 1, "sku": "LAMP", "quantity": 41}]})
    assert shop.trigger("settle") == {"applied": 1}
    assert onhand(shop, "LAMP") == 41


def test_safety_stock_and_the_kill_switch_lower_what_can_be_sold(shop: Shop) -> None:
    def available() -> int:
        found = shop.ok("GET", "/v3/inventory/items?sku:in=LAMP")
        units: int = fact(found, "data.0.locations.0.available_to_sell")
        return units

    path = "/v3/inventory/locations/1/items"
    shop.ok("PUT", path, {"settings": [{"identity": {"sku": "LAMP"}, "safety_stock": 2}]})
    assert available() == 3
    shop.ok("PUT", path, {"settings": [{"identity": {"sku": "LAMP"}, "is_in_stock": False}]})
    assert (available(), onhand(shop, "LAMP")) == (0, 5)


def test_a_partial_failure_is_207_and_saves_the_rest(shop: Shop) -> None:
    shop.configure(partial_failure_product_ids=[1])
    body = [
        {"id": 1, "availability": "disabled", "inventory_level": 0},
        {"id": 3, "availability": "disabled"},
    ]
    answer = shop.api("PUT", "/v3/catalog/products", body)
    assert answer.status_code == 207
    assert answer.json()["errors"]["errors"] == {"1.inventory_level": "could not be saved"}
    lamp = shop.ok("GET", "/v3/catalog/products/1")["data"]
    assert (lamp["availability"], lamp["inventory_level"]) == ("disabled", 5)
    assert shop.ok("GET", "/v3/catalog/products/3")["data"]["availability"] == "disabled"
    single = shop.api("PUT", "/v3/catalog/products/1", {"is_visible": False})
    assert single.status_code == 207
    assert single.json()["data"]["is_visible"] is True


def test_a_refused_batch_saves_nothing(shop: Shop) -> None:
    body = [{"id": 1, "name": "New"}, {"id": 3, "availability": "soon"}]
    assert shop.api("PUT", "/v3/catalog/products", body).status_code == 422
    assert shop.ok("GET", "/v3/catalog/products/1")["data"]["name"] == "Lamp"
    shop.configure(partial_failure_variant_ids=[22])
    both = [{"id": 21, "upc": "7"}, {"id": 22, "upc": "8"}]
    assert shop.api("PUT", "/v3/catalog/variants", both).status_code == 422
    assert shop.ok("GET", "/v3/catalog/products/2/variants/21")["data"]["upc"] == ""


def test_the_catalogue_and_the_inventory_know_one_stock(shop: Shop) -> None:
    shop.ok("PUT", "/v3/catalog/products/1", {"inventory_level": 8})
    assert onhand(shop, "LAMP") == 8
    shop.ok("PUT", ABSOLUTE, {"items": [{"location_id": 2, "sku": "LAMP", "quantity": 2}]})
    assert shop.ok("GET", "/v3/catalog/products/1")["data"]["inventory_level"] == 10


def test_assignments_and_listings_follow_their_writes(shop: Shop) -> None:
    path = "/v3/catalog/products/channel-assignments"
    pair = [{"product_id": 2, "channel_id": 2}]
    shop.ok("PUT", path, pair)
    shop.ok("PUT", path, pair)
    assert shop.ok("GET", f"{path}?channel_id:in=2")["data"] == pair
    assert shop.api("DELETE", f"{path}?product_id:in=2&channel_id:in=2").status_code == 204
    assert shop.ok("GET", f"{path}?channel_id:in=2")["data"] == []
    listing = {"product_id": 1, "state": "active", "variants": []}
    made = shop.ok("POST", "/v3/channels/2/listings", [listing])["data"][0]
    assert shop.api("POST", "/v3/channels/2/listings", [listing]).status_code == 409
    change = [{"listing_id": made["listing_id"], "product_id": 1, "state": "disabled"}]
    assert shop.ok("PUT", "/v3/channels/2/listings", change)["data"][0]["state"] == "disabled"
    after = f"/v3/channels/2/listings?limit=5&after={made['listing_id']}"
    assert shop.ok("GET", after)["data"] == []
