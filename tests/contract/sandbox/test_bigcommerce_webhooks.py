"""Webhooks of the simulated store: subscriptions, payloads, signatures, retries, deactivation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest

from tests.contract.sandbox.bigcommerce_store import SECRET, STRANGER, Shop
from tests.contract.sandbox.receiver import Received, Receiver
from tests.waiting import until

ALL = ("order", "shipment", "product", "sku", "customer", "metafield")
ATTEMPTS = 12
HTTPS = "https://hooks.example.com/bc"


@pytest.fixture
def shop(http: httpx.Client) -> Shop:
    shop = Shop(http)
    shop.begin(webhooks={"time_scale": 0.0})
    return shop


def subscribe(shop: Shop, destination: str, *scopes: str, **more: Any) -> list[int]:
    made = []
    for scope in scopes:
        body = {"scope": scope, "destination": destination, **more}
        made.append(shop.ok("POST", "/v3/hooks", body)["data"]["id"])
    return made


def scopes_of(received: list[Received]) -> set[str]:
    return {one.json["scope"] for one in received}


def test_a_hook_is_made_listed_changed_and_deleted(shop: Shop) -> None:
    (hook_id,) = subscribe(shop, HTTPS, "store/order/*", headers={"x-key": "k"})
    hook = shop.ok("GET", f"/v3/hooks/{hook_id}")["data"]
    assert hook["client_id"] == "app"
    assert (hook["is_active"], hook["headers"], hook["store_hash"]) == (
        True,
        {"x-key": "k"},
        "sandbox",
    )
    changed = shop.ok("PUT", f"/v3/hooks/{hook_id}", {"is_active": False})["data"]
    assert (changed["is_active"], changed["destination"]) == (False, HTTPS)
    assert shop.ok("GET", "/v3/hooks?is_active=true")["data"] == []
    assert shop.ok("DELETE", f"/v3/hooks/{hook_id}")["data"]["id"] == hook_id
    assert shop.api("GET", f"/v3/hooks/{hook_id}").status_code == 404


def test_another_account_does_not_see_the_hook(shop: Shop) -> None:
    (hook_id,) = subscribe(shop, HTTPS, "store/order/*")
    assert shop.api("GET", "/v3/hooks", token=STRANGER).json()["data"] == []
    assert shop.api("GET", f"/v3/hooks/{hook_id}", token=STRANGER).status_code == 404
    assert shop.api("DELETE", f"/v3/hooks/{hook_id}", token=STRANGER).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "store/order/created"}, "destination"),
        ({"scope": "store/order/eaten", "destination": HTTPS}, "scope"),
        ({"scope": "store/order/created", "destination": "http://example.com/"}, "destination"),
        (
            {"scope": "store/order/created", "destination": "https://example.com:8443/"},
            "destination",
        ),
        ({"scope": "store/order/created", "destination": "nowhere"}, "destination"),
        ({"scope": "store/order/*", "destination": HTTPS}, "destination"),
        ({"scope": "store/order/created", "destination": HTTPS, "headers": {"x": 1}}, "headers"),
    ],
)
def test_a_hook_that_breaks_a_rule_is_422(shop: Shop, body: dict[str, Any], field: str) -> None:
    subscribe(shop, HTTPS, "store/order/*")
    answer = shop.api("POST", "/v3/hooks", body)
    assert answer.status_code == 422
    assert field in answer.json()["errors"]


def test_http_on_loopback_is_a_liberty_of_the_sandbox_that_can_be_taken_away(
    shop: Shop, receiver: Receiver
) -> None:
    subscribe(shop, receiver.url, "store/order/*")
    shop.configure(http_hooks_on_loopback=False)
    body = {"scope": "store/product/*", "destination": receiver.url}
    assert shop.api("POST", "/v3/hooks", body).status_code == 422


def test_a_scope_has_at_most_ten_hooks(shop: Shop) -> None:
    for number in range(10):
        subscribe(shop, f"{HTTPS}/{number}", "store/order/created")
    body = {"scope": "store/order/created", "destination": f"{HTTPS}/10"}
    assert shop.api("POST", "/v3/hooks", body).status_code == 422
    assert shop.api("POST", "/v3/hooks", body, token=STRANGER).status_code == 200


def test_a_callback_is_thin_hashed_and_carries_the_hooks_own_headers(
    shop: Shop, receiver: Receiver
) -> None:
    subscribe(shop, receiver.url, "store/order/statusUpdated", headers={"X-Gate": "secret"})
    shop.ok("PUT", "/v2/orders/100", {"status_id": 12})
    (got,) = receiver.wait_for(1)
    payload = got.json
    status = {"previous_status_id": 11, "new_status_id": 12}
    assert payload["data"] == {"type": "order", "id": 100, "status": status}
    assert payload["scope"] == "store/order/statusUpdated"
    assert (payload["producer"], payload["store_id"]) == ("stores/sandbox", "1025646")
    assert got.headers["x-gate"] == "secret"
    assert got.headers["content-type"] == "application/json"
    rest = {name: value for name, value in payload.items() if name != "hash"}
    compact = json.dumps(rest, separators=(",", ":")).encode()
    assert payload["hash"] == hashlib.sha1(compact).hexdigest()
    assert set(payload) == {"scope", "store_id", "data", "created_at", "producer", "hash"}


def test_the_signature_can_be_verified_from_the_specification_alone(
    shop: Shop, receiver: Receiver
) -> None:
    subscribe(shop, receiver.url, "store/order/updated")
    shop.ok("PUT", "/v2/orders/100", {"staff_notes": "x"})
    (got,) = receiver.wait_for(1)
    stamp, message_id = got.headers["webhook-timestamp"], got.headers["webhook-id"]
    key = base64.b64decode(base64.b64encode(SECRET.encode()))
    signed = message_id.encode() + b"." + stamp.encode() + b"." + got.body
    expected = base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    assert got.json["created_at"] <= int(stamp)


def test_without_signing_only_the_hooks_own_headers_are_sent(
    shop: Shop, receiver: Receiver
) -> None:
    shop.configure(sign_webhooks=False)
    subscribe(shop, receiver.url, "store/order/updated", headers={"x-gate": "secret"})
    shop.ok("PUT", "/v2/orders/100", {"staff_notes": "x"})
    (got,) = receiver.wait_for(1)
    assert got.headers["x-gate"] == "secret"
    assert "webhook-signature" not in got.headers


def test_a_shoppers_order_is_told_in_all_its_parts(shop: Shop, receiver: Receiver) -> None:
    subscribe(shop, receiver.url, *(f"store/{family}/*" for family in ALL))
    customer = {"email": "new@example.com", "first_name": "N", "last_name": "E"}
    lines = [{"sku": "LAMP", "quantity": 2}, {"sku": "SHIRT-RED"}]
    shop.trigger("place_order", customer=customer, lines=lines)
    received = receiver.wait_for(7)
    found = {one.json["scope"]: one.json["data"] for one in received}
    about = {"type": "order", "id": 103}
    status = {"previous_status_id": 0, "new_status_id": 11}
    assert found == {
        "store/customer/created": {"type": "customer", "id": 8},
        "store/order/created": about,
        "store/order/updated": about,
        "store/order/statusUpdated": {**about, "status": status},
        "store/order/transaction/created": {
            "type": "transaction",
            "order_id": "103",
            "transaction_id": "1",
            "transaction_status": "ok",
            "transaction_type": "purchase",
            "result": {"code": "", "message": "", "type": "payment_accepted"},
        },
        "store/product/inventory/order/updated": {
            "type": "product",
            "id": 1,
            "inventory": {"product_id": 1, "method": "relative", "value": -2},
        },
        "store/sku/inventory/order/updated": {
            "type": "sku",
            "id": 21,
            "inventory": {"product_id": 2, "method": "relative", "value": -1, "variant_id": 21},
        },
    }


def calls(shop: Shop) -> None:
    """One of each write of ours."""
    items = [{"order_product_id": 1, "quantity": 1}]
    shop.ok("POST", "/v2/orders/100/shipments", {"order_address_id": 1, "items": items})
    shop.ok("PUT", "/v2/orders/100/shipments/1", {"tracking_number": "T"})
    field = {"namespace": "tg", "key": "k", "value": "v", "permission_set": "app_only"}
    shop.ok("POST", "/v3/orders/100/metafields", field)
    shop.ok("PUT", "/v3/orders/100/metafields/1", {"value": "w"})
    shop.ok("DELETE", "/v3/orders/100/metafields/1")
    shop.ok("POST", "/v3/catalog/products/1/metafields", field)
    stock = [{"location_id": 1, "sku": sku, "quantity": 9} for sku in ("LAMP", "SHIRT-RED")]
    shop.ok("PUT", "/v3/inventory/adjustments/absolute", {"items": stock})
    shop.ok("PUT", "/v3/catalog/products/2/variants/21", {"upc": "1"})
    refund = [{"item_type": "ORDER", "item_id": 100, "amount": 1}]
    payments = [{"provider_id": "examplepay", "amount": 1}]
    path = "/v3/orders/100/payment_actions/refunds"
    shop.ok("POST", path, {"items": refund, "payments": payments})
    shop.ok("DELETE", "/v2/orders/100")


def test_our_own_writes_come_back_as_events_in_the_vendors_shapes(
    shop: Shop, receiver: Receiver
) -> None:
    subscribe(shop, receiver.url, *(f"store/{family}/*" for family in ALL))
    calls(shop)
    expected: dict[str, dict[str, Any]] = {
        "store/shipment/created": {"type": "shipment", "id": 1, "orderId": 100},
        "store/shipment/updated": {"type": "shipment", "id": 1, "orderId": 100},
        "store/order/metafield/created": {"metafield_id": 1, "resource_id": "100"},
        "store/order/metafield/updated": {"metafield_id": 1, "resource_id": "100"},
        "store/order/metafield/deleted": {"metafield_id": 1, "resource_id": "100"},
        "store/product/metafield/created": {
            "metafield_id": 2,
            "resource_id": "1",
            "resource_type": "product",
        },
        "store/product/inventory/updated": {
            "type": "product",
            "id": 1,
            "inventory": {"product_id": 1, "method": "absolute", "value": 9},
        },
        "store/sku/inventory/updated": {
            "type": "sku",
            "id": 21,
            "inventory": {"product_id": 2, "method": "absolute", "value": 9, "variant_id": 21},
        },
        "store/sku/updated": {
            "type": "sku",
            "id": 21,
            "sku": {"product_id": 2, "variant_id": 21},
        },
        "store/order/refund/created": {"type": "order", "id": 100, "refund": {"refund_id": 1}},
        "store/order/archived": {"type": "order", "id": 100},
    }
    wanted = {*expected, "store/product/updated", "store/metafield/deleted"}
    until(lambda: wanted <= scopes_of(receiver.received), f"all of {sorted(wanted)} have come")
    found = {one.json["scope"]: one.json["data"] for one in receiver.received}
    assert {scope: found[scope] for scope in expected} == expected


def test_messages_and_deletions_are_told(shop: Shop, receiver: Receiver) -> None:
    subscribe(shop, receiver.url, "store/order/message/created", "store/product/deleted")
    shop.trigger("add_message", order_id=100, message="Where?", is_flagged=True)
    shop.trigger("delete_product", sku="CARD")
    found = {one.json["scope"]: one.json["data"] for one in receiver.wait_for(2)}
    message = {"order_message_id": 7}
    assert found["store/order/message/created"] == {"type": "order", "id": 100, "message": message}
    assert found["store/product/deleted"] == {"type": "product", "id": 3}
    assert shop.api("GET", "/v3/catalog/products/3").status_code == 404


def test_a_hook_hears_its_scope_only(shop: Shop, receiver: Receiver) -> None:
    subscribe(shop, receiver.url, "store/order/statusUpdated")
    shop.ok("PUT", "/v2/orders/100", {"staff_notes": "x"})
    shop.ok("PUT", "/v2/orders/100", {"status_id": 12})
    until(lambda: len(shop.deliveries("delivered")) == 1, "one delivery is done")
    assert shop.deliveries("pending") == []
    assert scopes_of(receiver.received) == {"store/order/statusUpdated"}


def test_a_channel_hook_hears_its_channels_orders_under_its_own_scope(
    shop: Shop, receiver: Receiver
) -> None:
    subscribe(shop, receiver.url, "store/channel/1/order/*", "store/channel/2/order/*")
    shop.ok("PUT", "/v2/orders/100", {"staff_notes": "x"})
    (got,) = receiver.wait_for(1)
    assert got.json["scope"] == "store/channel/1/order/updated"


def test_a_failed_delivery_is_repeated_with_the_same_body_and_id(
    shop: Shop, receiver: Receiver
) -> None:
    subscribe(shop, receiver.url, "store/order/updated")
    receiver.answers.extend([500, 503])
    shop.ok("PUT", "/v2/orders/100", {"staff_notes": "x"})
    received = receiver.wait_for(3)
    assert len({one.body for one in received}) == 1
    assert len({one.headers["webhook-id"] for one in received}) == 1
    until(lambda: len(shop.deliveries("delivered")) == 1, "the delivery is done")
    assert shop.ok("GET", "/v3/hooks")["data"][0]["is_active"] is True


def test_after_the_last_retry_the_hook_is_off_until_it_is_put_back(
    shop: Shop, receiver: Receiver
) -> None:
    shop.ok("PUT", "/v3/hooks/admin", {"emails": ["ops@example.com"]})
    (hook_id,) = subscribe(shop, receiver.url, "store/order/updated")
    (watch_id,) = subscribe(shop, f"{receiver.url}/watch", "store/hook/deliveryException")
    receiver.answers.extend([500] * ATTEMPTS)
    shop.ok("PUT", "/v2/orders/100", {"staff_notes": "x"})
    received = receiver.wait_for(ATTEMPTS + 1)
    told = received[-1].json
    assert told["scope"] == "store/hook/deliveryException"
    assert (told["data"]["id"], told["data"]["error_code"]) == (hook_id, 90002)
    listed = shop.ok("GET", "/v3/hooks/admin")["data"]["hooks_list"]
    assert {row["id"]: row["status"] for row in listed} == {
        hook_id: "deactivated",
        watch_id: "active",
    }
    assert [mail["to"] for mail in shop.state("emails")] == ["ops@example.com"]
    shop.ok("PUT", "/v2/orders/100", {"staff_notes": "nobody hears"})
    shop.ok("PUT", f"/v3/hooks/{hook_id}", {"is_active": True})
    shop.ok("PUT", "/v2/orders/100", {"staff_notes": "heard"})
    assert len(receiver.wait_for(ATTEMPTS + 2)) == ATTEMPTS + 2
    assert len(shop.deliveries("exhausted")[0]["attempts"]) == ATTEMPTS


def test_a_hook_that_was_silent_for_90_days_is_off(shop: Shop) -> None:
    (hook_id,) = subscribe(shop, HTTPS, "store/customer/*")
    shop.control("POST", "clock", {"offset_s": 89 * 86_400})
    assert shop.ok("GET", f"/v3/hooks/{hook_id}")["data"]["is_active"] is True
    shop.control("POST", "clock", {"offset_s": 90 * 86_400 + 60})
    assert shop.ok("GET", f"/v3/hooks/{hook_id}")["data"]["is_active"] is False


def test_the_hooks_of_a_deleted_account_are_gone_and_its_token_with_them(
    shop: Shop, receiver: Receiver
) -> None:
    hooks = subscribe(shop, receiver.url, "store/order/*")
    assert shop.trigger("delete_account", client_id="app") == {"hooks_deleted": hooks}
    assert shop.api("GET", "/v3/hooks").status_code == 401
    assert shop.state("hooks") == []


def test_an_event_can_be_delivered_twice(shop: Shop, receiver: Receiver) -> None:
    subscribe(shop, receiver.url, "store/order/*")
    shop.ok("PUT", "/v2/orders/100", {"staff_notes": "x"})
    receiver.wait_for(1)
    again = shop.trigger("redeliver", scope="store/order/updated")
    assert again["deliveries"] == 1
    received = receiver.wait_for(2)
    assert received[0].body == received[1].body
    assert received[0].headers["webhook-id"] == received[1].headers["webhook-id"]


def test_equal_events_of_one_second_have_one_hash(shop: Shop, receiver: Receiver) -> None:
    subscribe(shop, receiver.url, "store/order/updated")
    for note in range(5):
        shop.ok("PUT", "/v2/orders/100", {"staff_notes": str(note)})
    payloads = [one.json for one in receiver.wait_for(5)]
    by_second = {one["created_at"] for one in payloads}
    assert len({one["hash"] for one in payloads}) == len(by_second)


def test_a_late_refund_is_told_without_anybody_calling(shop: Shop, receiver: Receiver) -> None:
    shop.configure(refund_settle_s=0.2)
    subscribe(shop, receiver.url, "store/order/transaction/created", "store/order/statusUpdated")
    shop.trigger("refund", order_id=100, amount=1)
    received = receiver.wait_for(2)
    assert scopes_of(received) == {"store/order/transaction/created", "store/order/statusUpdated"}


def test_a_seed_tells_nobody(shop: Shop, receiver: Receiver) -> None:
    hook = {"scope": "store/order/*", "destination": receiver.url, "client_id": "app"}
    seed = {"hooks": [hook], "orders": [{"id": 200, "lines": [{"sku": "CARD"}]}]}
    assert shop.control("POST", "bigcommerce/seed", seed) == {"hooks": 1, "orders": 1}
    assert shop.state("events") == []
    shop.trigger("change_status", order_id=200, status_id=12)
    assert scopes_of(receiver.wait_for(2)) == {
        "store/order/updated",
        "store/order/statusUpdated",
    }
