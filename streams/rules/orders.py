"""What the states of an order mean, whatever shop it came from."""

from gridwire.records import BigCommerceLine, BigCommerceOrder, OrderStatus

# BigCommerce status ids; their labels can be renamed, so only the ids count.
BIGCOMMERCE_STATUS: dict[int, OrderStatus] = {
    0: "incomplete",
    1: "pending",
    2: "shipped",
    3: "partially_shipped",
    4: "refunded",
    5: "cancelled",
    6: "declined",
    7: "awaiting_payment",
    8: "awaiting_pickup",
    9: "awaiting_shipment",
    10: "completed",
    11: "awaiting_fulfillment",
    12: "manual_verification",
    13: "disputed",
    14: "partially_refunded",
}
NOT_ORDERED: frozenset[OrderStatus] = frozenset({"incomplete", "declined"})  # holds no stock
ENDED: frozenset[OrderStatus] = frozenset({"cancelled", "refunded"})
SHIPPED: frozenset[OrderStatus] = frozenset({"shipped", "completed"})


def status_of(status_id: int) -> OrderStatus:
    """The common status of a BigCommerce status id; an id that is new to us is `unknown`."""
    return BIGCOMMERCE_STATUS.get(status_id, "unknown")


def units_shipped(line: BigCommerceLine, status: OrderStatus) -> int:
    """Units that have left. An order set to shipped without a shipment has shipped what was not refunded."""
    if status in SHIPPED:
        return max(line.quantity_shipped, line.quantity - line.quantity_refunded)
    return line.quantity_shipped


def units_open(line: BigCommerceLine, status: OrderStatus) -> int:
    """Units ordered and neither shipped, refunded nor cancelled."""
    if status in SHIPPED | ENDED | NOT_ORDERED:
        return 0
    return max(0, line.quantity - line.quantity_shipped - line.quantity_refunded)


def skus_of(order: BigCommerceOrder) -> tuple[str, ...]:
    """The skus of an order, each once."""
    return tuple(dict.fromkeys(line.sku for line in order.lines if line.sku))
