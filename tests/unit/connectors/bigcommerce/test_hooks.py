"""Webhooks of BigCommerce become notices."""

from __future__ import annotations

import base64
import hmac
from typing import Any

import pytest

from connectors import bigcommerce
from connectors.bigcommerce import hooks
from connectors.kit.connector import Intake, MalformedError, Route
from connectors.kit.signatures import Signed
from gridwire.records import Notice
from gridwire.settings import Secret, SettingsError
from gridwire.topics import BIGCOMMERCE_NOTICES
from tests.unit.connectors.bigcommerce.store import MODIFIED_S, hook, settings
from tests.unit.connectors.steps import delivery


def read(body: Any) -> Intake:
    return hooks.intake(delivery(body), "abc123")


def noticed(scope: str, about: dict[str, Any], **changed: Any) -> Notice:
    ((topic, record),) = read(hook(scope, about, **changed)).records
    assert topic is BIGCOMMERCE_NOTICES
    assert isinstance(record, Notice)
    return record


ORDER = {"type": "order", "id": 1001}
STATUS = {"previous_status_id": 1, "new_status_id": 12}
PAYMENT = {
    "type": "transaction",
    "order_id": "1001",
    "transaction_id": "55",
    "transaction_status": "error",
    "result": {"code": "51", "message": "insufficient funds", "type": "payment_declined"},
}


@pytest.mark.parametrize(
    ("scope", "about", "resource", "resource_id", "key"),
    [
        ("store/order/created", ORDER, "order", "1001", "bigcommerce:1001"),
        ("store/order/updated", ORDER, "order", "1001", "bigcommerce:1001"),
        ("store/order/archived", ORDER, "order", "1001", "bigcommerce:1001"),
        (
            "store/order/statusUpdated",
            ORDER | {"status": STATUS},
            "order",
            "1001",
            "bigcommerce:1001",
        ),
        (
            "store/order/refund/created",
            ORDER | {"refund": {"refund_id": 3}},
            "order",
            "1001",
            "bigcommerce:1001",
        ),
        (
            "store/order/message/created",
            ORDER | {"message": {"order_message_id": 8}},
            "order_message",
            "8",
            "bigcommerce:1001",
        ),
        ("store/order/transaction/updated", PAYMENT, "transaction", "55", "bigcommerce:1001"),
        (
            "store/shipment/created",
            {"type": "shipment", "id": 9, "orderId": 1001},
            "order",
            "1001",
            "bigcommerce:1001",
        ),
        (
            "store/product/updated",
            {"type": "product", "id": 77},
            "product",
            "77",
            "bigcommerce:product:77",
        ),
        (
            "store/product/inventory/updated",
            {"type": "product", "id": 77, "inventory": {"product_id": 77, "value": 3}},
            "inventory",
            "77",
            "bigcommerce:product:77",
        ),
        (
            "store/sku/inventory/order/updated",
            {"type": "sku", "id": 4, "inventory": {"product_id": 77, "variant_id": 701}},
            "inventory",
            "77",
            "bigcommerce:product:77",
        ),
        (
            "store/sku/deleted",
            {"type": "sku", "id": 4, "sku": {"product_id": 77, "variant_id": 702}},
            "product",
            "77",
            "bigcommerce:product:77",
        ),
    ],
)
def test_a_webhook_says_what_to_fetch_and_under_which_key(
    scope: str, about: dict[str, Any], resource: str, resource_id: str, key: str
) -> None:
    found = noticed(scope, about)
    assert (found.resource, found.resource_id, found.key) == (resource, resource_id, key)
    assert (found.event_type, found.platform) == (scope, "bigcommerce")
    assert found.occurred_at == (MODIFIED_S + 5) * 1000


def test_small_facts_go_along_and_free_text_does_not() -> None:
    assert noticed("store/order/statusUpdated", ORDER | {"status": STATUS}).detail == {
        "previous_status": "1",
        "status": "12",
    }
    payment = noticed("store/order/transaction/created", PAYMENT)
    assert payment.detail == {"order_id": "1001", "result": "payment_declined"}
    assert noticed(
        "store/order/message/created", ORDER | {"message": {"order_message_id": "8"}}
    ).detail == {"order_id": "1001"}


def test_a_redelivery_repeats_the_id_and_another_hash_does_not() -> None:
    first = noticed("store/order/updated", ORDER)
    assert noticed("store/order/updated", ORDER).event_id == first.event_id
    assert noticed("store/order/updated", ORDER, hash="other").event_id != first.event_id
    assert noticed("store/order/created", ORDER).event_id != first.event_id


def test_without_a_hash_the_body_itself_tells_deliveries_apart() -> None:
    first = noticed("store/order/updated", ORDER, hash=None)
    assert noticed("store/order/updated", ORDER, hash=None).event_id == first.event_id
    later = noticed("store/order/updated", ORDER, hash=None, created_at=MODIFIED_S + 6)
    assert later.event_id != first.event_id


def test_the_scope_of_a_channel_is_the_scope_of_the_store() -> None:
    assert noticed("store/channel/2/order/updated", ORDER).event_type == "store/order/updated"


@pytest.mark.parametrize("scope", ["store/cart/created", "store/customer/updated", "nonsense"])
def test_unknown_scopes_are_accepted_and_counted(scope: str) -> None:
    assert read(hook(scope, {"id": 1})) == Intake(unknown={scope: 1})


@pytest.mark.parametrize(
    "scope",
    [
        "store/order/metafield/created",
        "store/product/variant/metafield/updated",
        "store/metafield/deleted",
    ],
)
def test_metafields_are_counted_as_filtered(scope: str) -> None:
    assert read(hook(scope, {})) == Intake(filtered={"metafields are not read": 1})


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        hook("store/order/updated", {}),
        hook("store/order/updated", {"id": "10;drop"}),
        hook("store/order/updated", {"id": True}),
        hook("store/order/updated", {"id": "../x"}),
        hook("store/order/updated", {"id": 10**18}),
        hook("store/sku/deleted", {"id": 4, "sku": {"product_id": 77, "variant_id": "x"}}),
        hook("store/order/message/created", ORDER),
        hook("store/shipment/created", {"id": 9}),
        hook("store/order/updated", ORDER, created_at="now"),
        hook("store/order/updated", ORDER, producer="stores/another"),
    ],
)
def test_what_is_no_webhook_of_this_store_is_refused(body: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        read(body)
    assert "drop" not in str(caught.value)


# ---- who sends -----------------------------------------------------------------------------------
def refusals(route: Route, headers: dict[str, str]) -> list[str]:
    signed = Signed(headers, {}, {}, b"{}", float(MODIFIED_S))
    answers = [scheme.verify(signed) for scheme in route.verify]
    return [reason for reason in answers if reason is not None]


def signature(client_secret: str) -> dict[str, str]:
    """As BigCommerce signs: Standard Webhooks with base64(client_secret) as the secret."""
    key = base64.b64decode(base64.b64encode(client_secret.encode()))
    digest = hmac.digest(key, f"msg_1.{MODIFIED_S}.{{}}".encode(), "sha256")
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(MODIFIED_S),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


SECRET = {"x-gridwire-secret": "hook-secret"}


def route(**changed: Any) -> Route:
    (found,) = bigcommerce.source(settings(**changed)).routes
    return found


def test_the_secret_header_is_always_needed() -> None:
    assert route().path == "/bigcommerce/hooks"
    assert refusals(route(), SECRET) == []
    assert refusals(route(), {}) == ["no secret header"]
    signed = route(client_secret=Secret("cs"))
    assert refusals(signed, signature("cs")) == ["no secret header"]


def test_the_secret_header_is_configuration_and_can_be_replaced() -> None:
    found = route(hook_header="X-Our-Secret", hook_secret_previous=Secret("old"))
    assert refusals(found, {"x-our-secret": "old"}) == []
    assert refusals(found, {"x-our-secret": "older"}) == ["wrong secret header"]


def test_a_signature_is_checked_where_there_is_one() -> None:
    found = route(client_secret=Secret("cs"))
    assert refusals(found, SECRET) == []
    assert refusals(found, SECRET | signature("cs")) == []
    assert refusals(found, SECRET | signature("forged")) == ["signature does not match"]


def test_a_signature_can_be_required() -> None:
    found = route(client_secret=Secret("cs"), require_signature=True)
    assert refusals(found, SECRET) == ["no signature"]
    assert refusals(found, SECRET | signature("cs")) == []


@pytest.mark.parametrize(
    ("changed", "variable"),
    [
        ({"require_signature": True}, "BIGCOMMERCE_CLIENT_SECRET"),
        ({"customer_ref": "bc-customer"}, "BIGCOMMERCE_CUSTOMER_REF"),
    ],
)
def test_settings_that_do_not_fit_one_another_are_refused_with_their_fix(
    changed: dict[str, Any], variable: str
) -> None:
    with pytest.raises(SettingsError, match=variable):
        bigcommerce.source(settings(**changed))
