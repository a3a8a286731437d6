"""Webhooks of BigCommerce to notices; pure.

A webhook is thin: the notice says what to fetch. Its id is a function of the scope and of
BigCommerce's `hash`, so that a redelivery repeats it. Its key is that of the record that the
fetch completes.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.bigcommerce.shapes import HookJson
from connectors.kit.connector import Delivery, Intake, MalformedError
from connectors.kit.reading import read
from gridwire.ids import derived, trace_of
from gridwire.records import Notice
from gridwire.topics import BIGCOMMERCE_NOTICES

CHANNEL = re.compile(r"^store/channel/\d+/")
ID_DIGITS_MAX = 18
ORDER, MESSAGE, TRANSACTION = "order", "order_message", "transaction"
PRODUCT, INVENTORY = "product", "inventory"
METAFIELDS = re.compile(r"^store/(order/|product/|product/variant/)?metafield/")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a webhook is about: the object to fetch, and small facts that the fetch needs."""

    resource: str
    id: str
    key: str
    detail: Mapping[str, str] = field(default_factory=dict)


def order_ref(order_id: str | int) -> str:
    """The order reference, which is also the key of everything that belongs to the order."""
    return f"bigcommerce:{order_id}"


def intake(delivery: Delivery, store_hash: str) -> Intake:
    """The notice of a webhook. Raises MalformedError."""
    hook = read(delivery.body, HookJson, "body")
    if hook.producer != f"stores/{store_hash}":
        raise MalformedError("body.producer: another store than BIGCOMMERCE_STORE_HASH")
    scope = CHANNEL.sub("store/", hook.scope)
    if METAFIELDS.match(scope):
        return Intake(filtered={"metafields are not read": 1})
    reader = SCOPES.get(scope)
    if reader is None:
        return Intake(unknown={scope: 1})
    digest = hook.hash or hashlib.sha256(delivery.raw).hexdigest()
    return Intake(((BIGCOMMERCE_NOTICES, _notice(hook, scope, reader(hook.data), digest)),))


def _notice(hook: HookJson, scope: str, subject: Subject, digest: str) -> Notice:
    event_id = derived("bigcommerce", "notice", hook.scope, digest)
    return Notice(
        event_id=event_id,
        occurred_at=hook.created_at * 1000,
        source="bigcommerce/hooks",
        trace_id=trace_of(event_id),
        platform="bigcommerce",
        resource=subject.resource,
        resource_id=subject.id,
        key=subject.key,
        event_type=scope,
        detail=subject.detail,
    )


def _id(data: Mapping[str, Any], *path: str) -> str:
    """The id at `path`: numbers and numeric strings. Raises MalformedError."""
    node: Any = data
    for name in path:
        node = node.get(name) if isinstance(node, dict) else None
    text = str(node) if isinstance(node, int | str) and not isinstance(node, bool) else ""
    if not (text.isascii() and text.isdigit()) or len(text) > ID_DIGITS_MAX:
        raise MalformedError(f"body.data.{'.'.join(path)}: not an id")
    return text


def _facts(data: Mapping[str, Any], **paths: str) -> dict[str, str]:
    """The facts that the webhook holds, by name."""
    found = {}
    for name, path in paths.items():
        node: Any = data
        for step in path.split("."):
            node = node.get(step) if isinstance(node, dict) else None
        if isinstance(node, str | int):
            found[name] = str(node)
    return found


def _order(data: Mapping[str, Any]) -> Subject:
    order_id = _id(data, "id")
    detail = _facts(
        data,
        previous_status="status.previous_status_id",
        status="status.new_status_id",
        refund_id="refund.refund_id",
    )
    return Subject(ORDER, order_id, order_ref(order_id), detail)


def _shipment(data: Mapping[str, Any]) -> Subject:
    order_id = _id(data, "orderId")
    return Subject(ORDER, order_id, order_ref(order_id), _facts(data, shipment_id="id"))


def _message(data: Mapping[str, Any]) -> Subject:
    order_id, message_id = _id(data, "id"), _id(data, "message", "order_message_id")
    return Subject(MESSAGE, message_id, order_ref(order_id), {"order_id": order_id})


def _transaction(data: Mapping[str, Any]) -> Subject:
    order_id, transaction_id = _id(data, "order_id"), _id(data, "transaction_id")
    detail = {"order_id": order_id} | _facts(data, result="result.type")
    return Subject(TRANSACTION, transaction_id, order_ref(order_id), detail)


def _product(data: Mapping[str, Any]) -> Subject:
    return _of_product(PRODUCT, _id(data, "id"))


def _product_stock(data: Mapping[str, Any]) -> Subject:
    return _of_product(INVENTORY, _id(data, "inventory", "product_id"))


def _variant(data: Mapping[str, Any]) -> Subject:
    detail = {"variant_id": _id(data, "sku", "variant_id")}
    return _of_product(PRODUCT, _id(data, "sku", "product_id"), detail)


def _of_product(resource: str, product_id: str, detail: Mapping[str, str] | None = None) -> Subject:
    return Subject(resource, product_id, f"bigcommerce:product:{product_id}", detail or {})


SCOPES: Mapping[str, Callable[[Mapping[str, Any]], Subject]] = {
    "store/order/created": _order,
    "store/order/updated": _order,
    "store/order/archived": _order,
    "store/order/statusUpdated": _order,
    "store/order/refund/created": _order,
    "store/order/message/created": _message,
    "store/order/transaction/created": _transaction,
    "store/order/transaction/updated": _transaction,
    "store/shipment/created": _shipment,
    "store/shipment/updated": _shipment,
    "store/shipment/deleted": _shipment,
    "store/product/created": _product,
    "store/product/updated": _product,
    "store/product/deleted": _product,
    "store/product/inventory/updated": _product_stock,
    "store/product/inventory/order/updated": _product_stock,
    "store/sku/created": _variant,
    "store/sku/updated": _variant,
    "store/sku/deleted": _variant,
    "store/sku/inventory/updated": _product_stock,
    "store/sku/inventory/order/updated": _product_stock,
}
