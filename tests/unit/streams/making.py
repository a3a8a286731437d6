"""Records as the tests of feeds and flows need them: what a test does not name does not matter to it."""

from typing import Any

from gridwire import records as r
from streams.driver import START_MS

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
SKU = "SKU-1"
ORDER = "bigcommerce:1001"


def partner(partner_id: str = "pt_1", **fields: Any) -> r.Partner:
    given: dict[str, Any] = {
        "partner_code": partner_id.upper(),
        "name": f"Partner {partner_id}",
        "status": "active",
        "roles": ("supplier",),
        "skus": (SKU,),
    }
    return r.Partner(partner_id=partner_id, **(given | fields))


def product(sku: str = SKU, **fields: Any) -> r.Product:
    given: dict[str, Any] = {
        "name": f"Product {sku}",
        "bigcommerce_product_id": 77,
        "bigcommerce_variant_id": 770,
        "available_to_sell": 100,
        "stock_at": START_MS - DAY_MS,
    }
    return r.Product(sku=sku, **(given | fields))


def shop_product(sku: str = SKU, **fields: Any) -> r.BigCommerceProduct:
    given: dict[str, Any] = {
        "product_id": 77,
        "variant_id": 770,
        "variants": 1,
        "name": f"Product {sku}",
        "inventory_tracked": True,
        "available_to_sell": 10,
        "availability": "available",
        "is_visible": True,
        "purchasing_disabled": False,
    }
    return r.BigCommerceProduct(sku=sku, **(given | fields))


def line(
    line_ref: str = "1", sku: str = SKU, quantity: int = 1, **fields: Any
) -> r.BigCommerceLine:
    given: dict[str, Any] = {"name": f"Product {sku}", "quantity_shipped": 0, "product_id": 77}
    return r.BigCommerceLine(line_ref=line_ref, sku=sku, quantity=quantity, **(given | fields))


def order(
    *lines: r.BigCommerceLine,
    ref: str = ORDER,
    status_id: int = 11,
    version: int = 1,
    **fields: Any,
) -> r.BigCommerceOrder:
    given: dict[str, Any] = {
        "order_id": int(ref.rpartition(":")[2]),
        "customer_ref": "customer-7",
        "payment_status": "",
        "created_at": START_MS,
        "modified_at": START_MS,
        "staff_notes": "",
        "event_type": "store/order/updated",
    }
    return r.BigCommerceOrder(
        order_ref=ref,
        status_id=status_id,
        version=version,
        lines=lines or (line(),),
        **(given | fields),
    )


def message(
    message_id: int = 5, *, flagged: bool = True, **fields: Any
) -> r.BigCommerceOrderMessage:
    given: dict[str, Any] = {
        "order_ref": ORDER,
        "type": "customer",
        "from_customer": True,
        "subject": "Where is it, asks Jane Roe",
        "message": "jane@example.org, +1 555 0100",
    }
    return r.BigCommerceOrderMessage(message_id=message_id, is_flagged=flagged, **(given | fields))


def transaction(*, declined: bool, **fields: Any) -> r.BigCommerceTransaction:
    given: dict[str, Any] = {"order_ref": ORDER, "transaction_id": "t1", "type": "purchase"}
    status = "declined" if declined else "ok"
    return r.BigCommerceTransaction(declined=declined, status=status, **(given | fields))


def thread(
    thread_id: str = "th_1", *, status: str = "open", version: int = 1, **fields: Any
) -> r.Thread:
    given: dict[str, Any] = {
        "event_type": "thread.created" if version == 1 else "thread.status_changed",
        "kind": "order_exception",
        "subject": "A matter",
        "priority": "normal",
        "partner_id": "pt_1",
        "actor_type": "partner",
        "related": (r.Related(type="order", id=ORDER),),
    }
    return r.Thread(thread_id=thread_id, status=status, version=version, **(given | fields))


def document(
    document_id: str = "doc_1", *, status: str = "approved", version: int = 1, **fields: Any
) -> r.Document:
    given: dict[str, Any] = {
        "event_type": "document.status_changed",
        "type": "rma",
        "actor_type": "internal",
        "partner_id": "pt_1",
        "process": "claim",
        "related": (r.Related(type="order", id=ORDER),),
    }
    return r.Document(document_id=document_id, status=status, version=version, **(given | fields))


def customer(customer_ref: str = "customer-7", **fields: Any) -> r.Customer:
    given: dict[str, Any] = {
        "known_to_braze": True,
        "email": "subscribed",
        "push": "subscribed",
        "sms": "opted_in",
    }
    return r.Customer(customer_ref=customer_ref, **(given | fields))


def stored_order(ref: str = ORDER, **fields: Any) -> r.Order:
    given: dict[str, Any] = {
        "platform": "bigcommerce",
        "customer_ref": "customer-7",
        "status": "awaiting_fulfillment",
        "created_at": START_MS,
        "lines": (
            r.OrderLine(line_ref="1", sku=SKU, name="Product", quantity=1, quantity_shipped=0),
        ),
    }
    return r.Order(order_ref=ref, **(given | fields))


def update(sequence: int = 1, *, decision: str = "accepted", **fields: Any) -> r.Availability:
    given: dict[str, Any] = {
        "update_id": f"av_{sequence}",
        "partner_id": "pt_1",
        "sku": SKU,
        "type": "stock",
    }
    return r.Availability(
        sequence=sequence, decision_status=decision, version=sequence, **(given | fields)
    )


def event(
    kind: r.EngagementKind = "product_view", user: str = "user-1", **fields: Any
) -> r.Engagement:
    given: dict[str, Any] = {
        "identified": True,
        "event_type": f"test.{kind}",
        "sku": SKU,
        "region": "US-CA",
    }
    return r.Engagement(user_id=user, kind=kind, **(given | fields))
