"""Refunds and metafields of the simulated store over several calls."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.sandbox.bigcommerce_store import STRANGER, Shop

REFUNDS = "/v3/orders/100/payment_actions/refunds"
QUOTES = "/v3/orders/100/payment_actions/refund_quotes"
FIELDS = "/v3/orders/100/metafields"
FULL = 45.0


@pytest.fixture
def shop(http: httpx.Client) -> Shop:
    shop = Shop(http)
    shop.begin()
    return shop


def of_order(amount: float, provider: str = "examplepay") -> dict[str, Any]:
    return {
        "items": [{"item_type": "ORDER", "item_id": 100, "amount": amount, "reason": "late"}],
        "payments": [{"provider_id": provider, "amount": amount}],
    }


def metafield(**changes: Any) -> dict[str, Any]:
    fields = {"namespace": "tg", "key": "thread", "value": "1", "permission_set": "app_only"}
    return {**fields, **changes}


def test_a_quote_leads_to_a_refund_of_the_same_amount(shop: Shop) -> None:
    items = [{"item_type": "PRODUCT", "item_id": 1, "quantity": 1, "reason": "broken"}]
    quote = shop.ok("POST", QUOTES, {"items": items})["data"]
    method = quote["refund_methods"][0][0]
    payment = {name: method[name] for name in ("provider_id", "amount", "offline")}
    made = shop.ok("POST", REFUNDS, {"items": items, "payments": [payment]})["data"]
    assert made["total_amount"] == quote["total_refund_amount"] == 10.0
    assert made["items"][0] | {"reason": "broken", "requested_amount": 10.0} == made["items"][0]
    assert made["payments"][0]["is_declined"] is False
    line = shop.ok("GET", "/v2/orders/100/products/1")
    assert (line["quantity_refunded"], line["refund_amount"]) == (1, "10.0000")
    order = shop.ok("GET", "/v2/orders/100")
    assert (order["status_id"], order["payment_status"]) == (14, "partially refunded")
    assert order["refunded_amount"] == "0.0000"
    assert [row["id"] for row in shop.ok("GET", REFUNDS)["data"]] == [made["id"]]
    assert shop.ok("GET", f"/v3/orders/payment_actions/refunds/{made['id']}")["data"] == made


def test_a_refund_of_all_closes_the_order_and_no_more_can_be_refunded(shop: Shop) -> None:
    shop.ok("POST", REFUNDS, of_order(FULL - 1))
    assert shop.api("POST", REFUNDS, of_order(2)).status_code == 422
    lamp = [{"item_type": "PRODUCT", "item_id": 1, "quantity": 1}]
    assert shop.api("POST", QUOTES, {"items": lamp}).status_code == 422
    shop.ok("POST", REFUNDS, of_order(1))
    order = shop.ok("GET", "/v2/orders/100")
    assert (order["status_id"], order["payment_status"]) == (4, "refunded")
    assert shop.api("POST", REFUNDS, of_order(1)).status_code == 422
    paid = shop.ok("GET", "/v3/orders/100/transactions")["data"]
    assert [(row["event"], row["amount"]) for row in paid] == [("refund", 44.0), ("refund", 1.0)]


@pytest.mark.parametrize("conflict", [422, 409])
def test_one_refund_at_a_time(shop: Shop, conflict: int) -> None:
    shop.configure(refund_settle_s=3_600, refund_conflict_status=conflict)
    first = shop.ok("POST", REFUNDS, of_order(10))["data"]
    assert first["payments"][0]["transaction_id"] == ""
    assert shop.ok("GET", "/v2/orders/100")["status_id"] == 11
    assert shop.api("POST", REFUNDS, of_order(1)).status_code == conflict
    shop.control("POST", "clock", {"offset_s": 3_601})
    assert shop.ok("GET", "/v2/orders/100")["status_id"] == 14
    assert shop.ok("GET", REFUNDS)["data"][0]["payments"][0]["transaction_id"] == "1"
    assert shop.api("POST", REFUNDS, of_order(1)).status_code == 201


def test_two_orders_are_refunded_at_the_same_time(shop: Shop) -> None:
    shop.configure(refund_settle_s=3_600)
    shop.ok("POST", "/v3/orders/101/payment_actions/capture")
    shop.ok("POST", REFUNDS, of_order(10))
    other = of_order(1)
    other["items"][0]["item_id"] = 101
    answer = shop.api("POST", "/v3/orders/101/payment_actions/refunds", other)
    assert answer.status_code == 201


def test_a_declined_refund_says_so_and_leaves_the_order_as_it_was(shop: Shop) -> None:
    shop.configure(refund_outcome="declined")
    items = [{"item_type": "PRODUCT", "item_id": 1, "quantity": 2}]
    payments = [{"provider_id": "examplepay", "amount": 20}]
    made = shop.ok("POST", REFUNDS, {"items": items, "payments": payments})["data"]
    assert made["payments"][0]["is_declined"] is True
    assert made["payments"][0]["declined_message"]
    assert shop.ok("GET", "/v2/orders/100/products/1")["quantity_refunded"] == 0
    assert shop.ok("GET", "/v2/orders/100")["payment_status"] == "captured"
    shop.configure(refund_outcome="ok")
    assert shop.api("POST", REFUNDS, of_order(FULL)).status_code == 201


def test_a_guest_gets_no_store_credit_in_the_shape_of_its_own(shop: Shop) -> None:
    shop.ok("POST", "/v3/orders/101/payment_actions/capture")
    body = of_order(1, "storecredit")
    body["items"][0]["item_id"] = 101
    answer = shop.api("POST", "/v3/orders/101/payment_actions/refunds", body)
    assert (answer.status_code, answer.json()["data"][0]["status"]) == (422, 422)
    assert shop.api("POST", REFUNDS, of_order(1, "storecredit")).status_code == 201


def test_the_merchant_may_override_the_amount(shop: Shop) -> None:
    body = of_order(10)
    body["merchant_calculated_override"] = {"total_amount": 8, "total_tax": 0}
    body["payments"][0]["amount"] = 8
    made = shop.ok("POST", REFUNDS, body)["data"]
    assert (made["total_amount"], made["uses_merchant_override_values"]) == (8.0, True)


def test_a_refund_by_staff_is_there_like_any_other(shop: Shop) -> None:
    shop.trigger("refund", order_id=100, amount=5, reason="goodwill")
    found = shop.ok("GET", REFUNDS)["data"]
    assert [(row["total_amount"], row["reason"]) for row in found] == [(5.0, "goodwill")]


def test_a_second_metafield_of_a_name_is_409_and_can_be_put(shop: Shop) -> None:
    made = shop.ok("POST", FIELDS, metafield())["data"]
    again = shop.api("POST", FIELDS, metafield(value="2"))
    assert (again.status_code, again.json()["status"]) == (409, 409)
    found = shop.ok("GET", f"{FIELDS}?namespace=tg&key=thread")["data"]
    assert [row["value"] for row in found] == ["1"]
    changed = shop.ok("PUT", f"{FIELDS}/{made['id']}", {"value": "2"})["data"]
    assert (changed["value"], changed["key"]) == ("2", "thread")
    assert shop.api("DELETE", f"{FIELDS}/{made['id']}").status_code == 204
    assert shop.api("GET", f"{FIELDS}/{made['id']}").status_code == 404
    assert shop.api("POST", FIELDS, metafield()).status_code == 200


def test_the_name_is_free_on_another_order_and_for_another_account(shop: Shop) -> None:
    shop.ok("POST", FIELDS, metafield())
    assert shop.api("POST", "/v3/orders/101/metafields", metafield()).status_code == 200
    assert shop.api("POST", FIELDS, metafield(), token=STRANGER).status_code == 200


def test_renaming_onto_another_metafield_is_409(shop: Shop) -> None:
    shop.ok("POST", FIELDS, metafield())
    other = shop.ok("POST", FIELDS, metafield(key="sla"))["data"]
    answer = shop.api("PUT", f"{FIELDS}/{other['id']}", {"key": "thread"})
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("permission", "seen", "changed"),
    [("app_only", 404, 404), ("read", 200, 403), ("write", 200, 200)],
)
def test_another_account_sees_and_changes_what_the_owner_allows(
    shop: Shop, permission: str, seen: int, changed: int
) -> None:
    made = shop.ok("POST", FIELDS, metafield(permission_set=permission))["data"]
    path = f"{FIELDS}/{made['id']}"
    assert shop.api("GET", path, token=STRANGER).status_code == seen
    assert shop.api("PUT", path, {"value": "x"}, token=STRANGER).status_code == changed
    listed = shop.api("GET", FIELDS, token=STRANGER).json()["data"]
    assert len(listed) == (1 if seen == 200 else 0)


def test_an_account_has_at_most_250_metafields_on_a_resource(shop: Shop) -> None:
    for start in range(0, 250, 50):
        batch = [metafield(resource_id=100, key=f"k{n}") for n in range(start, start + 50)]
        assert shop.api("POST", "/v3/orders/metafields", batch).status_code == 200
    assert shop.api("POST", FIELDS, metafield()).status_code == 422
    assert shop.api("POST", FIELDS, metafield(), token=STRANGER).status_code == 200
    assert shop.ok("GET", f"{FIELDS}?limit=250")["meta"]["pagination"]["total"] == 250


def test_metafields_are_changed_and_deleted_in_batches(shop: Shop) -> None:
    one = shop.ok("POST", FIELDS, metafield())["data"]["id"]
    two = shop.ok("POST", FIELDS, metafield(key="sla"))["data"]["id"]
    put = shop.api("PUT", "/v3/orders/metafields", [{"id": one, "value": "9"}, {"id": 99}])
    assert (put.status_code, put.json()["meta"]["failed"]) == (207, 1)
    found = shop.ok("GET", "/v3/orders/metafields?key:in=thread,sla&resource_id:in=100")["data"]
    assert {row["key"]: row["value"] for row in found} == {"thread": "9", "sla": "1"}
    gone = shop.api("DELETE", "/v3/orders/metafields", [one, two])
    assert (gone.status_code, gone.json()["meta"]["success"]) == (200, 2)
    assert shop.ok("GET", FIELDS)["data"] == []
