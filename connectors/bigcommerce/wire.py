"""BigCommerce's JSON to records, and commands to its JSON; pure.

An order's id is a function of order, `date_modified` and content. `date_modified` counts seconds,
so two states may share one; with the content in the id neither hides the other, and a webhook and
a poll that read the same state still yield the same id. So is a product's id where its catalogue
entry is what was read for. Stock has no version at all, and may come back to an earlier figure:
what is read for its sake is an event of its own each time. A product's version is the time (epoch
seconds) that the reading is certainly not older than.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.bigcommerce.hooks import order_ref
from connectors.bigcommerce.settings import BigCommerceSettings
from connectors.bigcommerce.shapes import (
    AddressJson,
    ItemJson,
    LineJson,
    MessageJson,
    OrderJson,
    ProductJson,
    TransactionJson,
    VariantJson,
)
from connectors.kit.reading import iso_ms, mail_date_s, ms_iso
from gridwire.ids import derived, trace_of
from gridwire.records import (
    BigCommerceLine,
    BigCommerceOrder,
    BigCommerceOrderMessage,
    BigCommerceProduct,
    BigCommerceTransaction,
    Notice,
    SetInventory,
    SetSelling,
)

PAYMENTS = frozenset({"purchase", "authorization", "capture"})
FAILURES = frozenset({"error", "declined", "failed", "failure"})
POLL = "poll"


@dataclass(frozen=True, slots=True)
class Cause:
    """What led to a reading: a notice, or a poll (then `trace_id` is that of the record itself)."""

    event_type: str
    source: str
    trace_id: str = ""
    causation_id: str | None = None


POLLED = Cause(POLL, "bigcommerce/poll")


def caused_by(notice: Notice) -> Cause:
    return Cause(notice.event_type, "bigcommerce/hooks", notice.trace_id, notice.event_id)


# ---- orders --------------------------------------------------------------------------------------
def order(
    found: OrderJson,
    lines: Sequence[LineJson],
    addresses: Sequence[AddressJson],
    cause: Cause,
    settings: BigCommerceSettings,
) -> BigCommerceOrder:
    """An order as it stands. Raises MalformedError."""
    modified_s = mail_date_s(found.date_modified, "order.date_modified")
    ship_to = addresses[0] if addresses else AddressJson()
    state = BigCommerceOrder(
        version=modified_s,
        order_ref=order_ref(found.id),
        order_id=found.id,
        customer_ref=_customer_ref(found.customer_id, settings),
        status_id=found.status_id,
        payment_status=found.payment_status or "",
        created_at=mail_date_s(found.date_created, "order.date_created") * 1000,
        modified_at=modified_s * 1000,
        staff_notes=found.staff_notes or "",
        ship_country=ship_to.country_iso2 or None,
        ship_subdivision=ship_to.state or None,
        lines=tuple(map(_line, lines)),
        event_type="",
    )
    event_id = derived("bigcommerce", "order", found.id, modified_s, _digest(state))
    return msgspec.structs.replace(
        state,
        event_id=event_id,
        occurred_at=modified_s * 1000,
        source=cause.source,
        trace_id=cause.trace_id or trace_of(event_id),
        causation_id=cause.causation_id,
        event_type=cause.event_type,
    )


def _digest(state: BigCommerceOrder | BigCommerceProduct) -> str:
    return hashlib.blake2b(msgspec.json.encode(state), digest_size=16).hexdigest()


def _customer_ref(customer_id: int, settings: BigCommerceSettings) -> str | None:
    """None for a guest."""
    if customer_id <= 0:
        return None
    return settings.customer_ref.replace("{customer_id}", str(customer_id))


def _line(found: LineJson) -> BigCommerceLine:
    return BigCommerceLine(
        line_ref=str(found.id),
        sku=found.sku or "",
        name=found.name or "",
        quantity=found.quantity,
        quantity_shipped=found.quantity_shipped,
        quantity_refunded=found.quantity_refunded,
        product_id=found.product_id,
        variant_id=found.variant_id or None,
        return_id=found.return_id or None,
    )


def message(found: MessageJson, order_id: str | int, cause: Cause) -> BigCommerceOrderMessage:
    """A message on an order. Raises MalformedError."""
    created_s = mail_date_s(found.date_created, "message.date_created")
    event_id = derived("bigcommerce", "message", found.id, found.is_flagged)
    return BigCommerceOrderMessage(
        event_id=event_id,
        occurred_at=created_s * 1000,
        source=cause.source,
        version=created_s,
        trace_id=cause.trace_id or trace_of(event_id),
        causation_id=cause.causation_id,
        order_ref=order_ref(order_id),
        message_id=found.id,
        type=found.type or "",
        is_flagged=found.is_flagged,
        from_customer=not found.staff_id,
        subject=found.subject or "",
        message=found.message or "",
    )


def transaction(found: TransactionJson, order_id: str, notice: Notice) -> BigCommerceTransaction:
    """A payment transaction; declined where a payment failed."""
    status = (found.status or "").lower()
    failed = status in FAILURES or notice.detail.get("result") == "payment_declined"
    return BigCommerceTransaction(
        event_id=derived("bigcommerce", "transaction", found.id, found.event, status),
        occurred_at=notice.occurred_at,
        source="bigcommerce/hooks",
        version=notice.occurred_at // 1000,
        trace_id=notice.trace_id,
        causation_id=notice.event_id,
        order_ref=order_ref(order_id),
        transaction_id=str(found.id),
        type=found.event,
        status=status,
        declined=failed and found.event in PAYMENTS,
    )


# ---- products ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Reading:
    """One look at a product. `id` tells it from other looks; `not_before_s`: it is not older.

    `catalogue`: it was read because its catalogue entry changed, so whoever reads the same state at
    the same `date_modified` has seen the same event.
    """

    id: str
    not_before_s: int
    cause: Cause
    catalogue: bool = False


def modified_s(found: ProductJson) -> int:
    """Epoch seconds of the last change of the product itself. Raises MalformedError."""
    return iso_ms(found.date_modified, "product.date_modified") // 1000


def products(
    found: ProductJson,
    brand: str | None,
    stock: Sequence[ItemJson],
    reading: Reading,
    settings: BigCommerceSettings,
) -> Iterator[BigCommerceProduct]:
    """One record per variant with a sku. Raises MalformedError."""
    modified = modified_s(found)
    version = max(modified, reading.not_before_s)
    custom = {field.name: field.value for field in found.custom_fields if field.value}
    tracked = found.inventory_tracking in ("product", "variant")
    for variant in found.variants:
        sku = variant.sku or found.sku
        if not sku:
            continue
        state = BigCommerceProduct(
            sku=sku,
            product_id=found.id,
            variant_id=variant.id,
            variants=len(found.variants),
            name=found.name,
            brand=brand,
            product_line=custom.get(settings.product_line_field) or brand,
            substitute_sku=custom.get(settings.substitute_field),
            inventory_tracked=tracked,
            available_to_sell=_available(found, variant, stock) if tracked else None,
            availability=found.availability,
            is_visible=found.is_visible,
            purchasing_disabled=variant.purchasing_disabled,
            handling_days=_days(custom.get(settings.handling_days_field)),
        )
        mark = f"{modified}|{_digest(state)}" if reading.catalogue else reading.id
        event_id = derived("bigcommerce", "product", found.id, variant.id, mark)
        yield msgspec.structs.replace(
            state,
            event_id=event_id,
            occurred_at=version * 1000,
            source=reading.cause.source,
            version=version,
            trace_id=reading.cause.trace_id or trace_of(event_id),
            causation_id=reading.cause.causation_id,
        )


def _available(found: ProductJson, variant: VariantJson, stock: Sequence[ItemJson]) -> int:
    """Units over all enabled locations; the catalogue's level where the inventory lists none."""
    by_product = found.inventory_tracking == "product"
    items = [
        item
        for item in stock
        if item.identity.product_id == found.id
        and (by_product or item.identity.variant_id == variant.id)
    ]
    if not items:
        return found.inventory_level if by_product else variant.inventory_level
    places = (place for item in items for place in item.locations if place.location_enabled)
    return sum(place.available_to_sell for place in places)


def _days(value: str | None) -> int | None:
    digits = (value or "").strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 4 else None


def deleted(product_id: int, variant_id: int | None, reading: Reading) -> BigCommerceProduct:
    """A product (or one variant) is gone. BigCommerce does not say any more which sku it had."""
    event_id = derived("bigcommerce", "deleted", product_id, variant_id or 0, reading.id)
    return BigCommerceProduct(
        event_id=event_id,
        occurred_at=reading.not_before_s * 1000,
        source=reading.cause.source,
        version=reading.not_before_s,
        trace_id=reading.cause.trace_id or trace_of(event_id),
        causation_id=reading.cause.causation_id,
        sku="",
        product_id=product_id,
        variant_id=variant_id,
        variants=0,
        name="",
        inventory_tracked=False,
        availability="disabled",
        is_visible=False,
        purchasing_disabled=True,
        deleted=True,
    )


# ---- what we send --------------------------------------------------------------------------------
def inventory_item(change: SetInventory, location_id: int) -> dict[str, Any]:
    """One item of /v3/inventory/adjustments/absolute."""
    return {"location_id": location_id, "sku": change.sku, "quantity": change.quantity}


def inventory_body(items: Sequence[Mapping[str, Any]], command_id: str) -> dict[str, Any]:
    """/v3/inventory/adjustments/absolute; the reason tells our own writes apart, by the first command."""
    more = f" and {len(items) - 1} more" if len(items) > 1 else ""
    return {"reason": f"gridwire {command_id}{more}", "items": list(items)}


def variant_body(change: SetSelling) -> dict[str, Any]:
    """The variant's own switch."""
    body: dict[str, Any] = {}
    if change.purchasable is not None:
        body["purchasing_disabled"] = not change.purchasable
    if change.message is not None:
        body["purchasing_disabled_message"] = change.message
    return body


def product_body(change: SetSelling) -> dict[str, Any]:
    """Lead time, preorder, limits; the switch, too, where no variant has one of its own."""
    body: dict[str, Any] = dict(_limits(change))
    description = change.availability_description
    if change.variant_id is None:
        if change.purchasable is not None:
            body["availability"] = "available" if change.purchasable else "disabled"
        # A product has no message of its own for shoppers who may not buy: its lead time shows it.
        description = change.message if description is None else description
    if description is not None:
        body["availability_description"] = description
    if change.preorder_release_at:
        body["preorder_release_date"] = ms_iso(change.preorder_release_at)
        if change.purchasable is not False:
            body["availability"] = "preorder"
    return body


def _limits(change: SetSelling) -> Mapping[str, int]:
    limits = {
        "order_quantity_minimum": change.quantity_minimum,
        "order_quantity_maximum": change.quantity_maximum,
    }
    return {name: value for name, value in limits.items() if value is not None}


def ends_preorder(change: SetSelling) -> bool:
    """Whether a preorder that may be on ends with this change."""
    if change.preorder_release_at is not None:
        return change.preorder_release_at == 0
    return change.purchasable is True


def no_preorder(availability: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
    """The product's body, with the end of a preorder where `availability` says that one is on."""
    if availability != "preorder":
        return dict(body)
    return {"availability": "available", "preorder_release_date": None, **body}
