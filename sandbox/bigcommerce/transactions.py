"""Payment transactions of orders: V3 list, capture and void, and how they come to be."""

from __future__ import annotations

from decimal import Decimal

from sandbox.bigcommerce.answers import Answer, Json, Refused, data
from sandbox.bigcommerce.dates import iso
from sandbox.bigcommerce.gate import Call, Endpoint, rows
from sandbox.bigcommerce.order_views import totals
from sandbox.bigcommerce.orders import changed, order_of
from sandbox.bigcommerce.store import Store

READ = ("store_v2_transactions",)
PAY = ("store_v2_orders", "store_v2_transactions")
EVENTS = ("purchase", "authorization", "capture", "refund", "void", "pending", "settled")


def record(
    store: Store,
    order: Json,
    event: str,
    amount: Decimal,
    *,
    status: str = "ok",
    code: str = "",
    message: str = "",
    fraud_review: bool = False,
    offline: bool = False,
) -> Json:
    """A transaction has taken place; hooks hear of it. `status` is ok or error."""
    row = store.transactions.insert(
        {
            "order_id": order["id"],
            "event": event,
            "amount": float(amount),
            "status": status,
            "fraud_review": fraud_review,
            "offline": offline,
            "gateway": order["payment_provider_id"],
            "currency": order["currency_code"],
            "code": code,
            "message": message,
            "date_created": store.now_s(),
        }
    )
    row["gateway_transaction_id"] = f"gw-{row['id']:08d}"
    tell(store, "created", row)
    return row


def tell(store: Store, what: str, row: Json) -> None:
    kind = "payment_accepted" if row["status"] == "ok" else "payment_declined"
    result = {"code": row["code"], "message": row["message"], "type": kind}
    about = {
        "type": "transaction",
        "order_id": str(row["order_id"]),
        "transaction_id": str(row["id"]),
        "transaction_status": row["status"],
        "transaction_type": row["event"],
        "result": result,
    }
    order = store.orders.one(row["order_id"], "order")
    store.emit(f"store/order/transaction/{what}", about, order["channel_id"])


def transaction_view(row: Json) -> Json:
    hidden = ("code", "message")
    shown = {name: value for name, value in row.items() if name not in hidden}
    return {
        **shown,
        "order_id": str(row["order_id"]),
        "date_created": iso(row["date_created"]),
        "method": "credit_card",
        "payment_method_id": None,
        "reference_transaction_id": None,
        "test": False,
        "avs_result": {},
        "cvv_result": {},
        "credit_card": None,
        "gift_certificate": None,
        "store_credit": None,
        "custom": None,
        "payment_instrument_token": None,
    }


def list_transactions(call: Call) -> Answer:
    """204 when the order has none."""
    found = call.store.transactions.of(order_of(call)["id"])
    return data([transaction_view(row) for row in found]) if found else Answer(204)


def _pay(call: Call, event: str, status: str) -> Answer:
    """The order's authorised payment is captured or voided."""
    store, order = call.store, order_of(call)
    if order["payment_status"] != "authorized":
        raise Refused(422, f"The payment is {order['payment_status']!r}: no {event}.", errors={})
    total = Decimal(totals(store, order)["total_inc_tax"])
    record(store, order, event, total)
    order["payment_status"] = status
    changed(store, order)
    return Answer(201, {"data": {}, "meta": {}})


def capture(call: Call) -> Answer:
    return _pay(call, "capture", "captured")


def void(call: Call) -> Answer:
    return _pay(call, "void", "void")


ENDPOINTS: list[Endpoint] = [
    *rows("/v3/orders/{order_id}/transactions", READ, get=list_transactions),
    *rows("/v3/orders/{order_id}/payment_actions/capture", PAY, post=capture),
    *rows("/v3/orders/{order_id}/payment_actions/void", PAY, post=void),
]
