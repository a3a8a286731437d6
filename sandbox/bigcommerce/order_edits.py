"""The dangerous parts of an order PUT: lines (clears their discounts) and fees (replaced)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.bigcommerce.answers import Json, Refused
from sandbox.bigcommerce.dates import money
from sandbox.bigcommerce.fields import Field, v2_checked
from sandbox.bigcommerce.order_building import ADDRESS, draft_line
from sandbox.bigcommerce.store import Store
from sandbox.core.simulator import ControlError

ADDRESS_FIELDS: Mapping[str, Field] = {
    name: Field("str", length_max=255, nullable=True) for name in ADDRESS
}
LINE_FIELDS: Mapping[str, Field] = {
    "id": Field("int", low=1),
    "product_id": Field("int", low=1),
    "variant_id": Field("int", low=1),
    "sku": Field("str", length_max=255),
    "name": Field("str", length_max=255, length_min=1),
    "quantity": Field("int", low=0),
    "price_ex_tax": Field("number"),
    "price_inc_tax": Field("number"),
}
FEE_FIELDS: Mapping[str, Field] = {
    "id": Field("int", low=1),
    "type": Field("str", required=True),
    "display_name_customer": Field("str"),
    "display_name_merchant": Field("str"),
    "source": Field("str"),
    "cost_ex_tax": Field("number"),
    "cost_inc_tax": Field("number"),
    "tax_class_id": Field("int", low=0, nullable=True),
}


def edit_lines(store: Store, order: Json, given: list[Any]) -> None:
    """Lines with id are changed (quantity 0 removes), lines without are added.

    All are checked before the first is touched. Raises Refused 400.
    """
    plans = [_plan(store, order, line) for line in given]
    for row, body in plans:
        _apply(store, order, row, body)


def _plan(store: Store, order: Json, given: Any) -> tuple[Json | None, Json]:
    body = v2_checked(given, LINE_FIELDS)
    if "id" not in body:
        try:
            return None, draft_line(store, body)
        except ControlError as error:
            raise Refused(400, f"The line cannot be added: {error}.") from error
    row = store.order_lines.get(body["id"])
    if row is None or row["order_id"] != order["id"]:
        raise Refused(400, f"The order has no product with id {body['id']}.")
    if body.get("quantity", row["quantity"]) < row["quantity_shipped"]:
        raise Refused(400, "The quantity is below what has been shipped.")
    return row, body


def _apply(store: Store, order: Json, row: Json | None, body: Json) -> None:
    if row is None:
        ship_to = store.addresses.of(order["id"])[0]
        line = {**body, "order_id": order["id"], "order_address_id": ship_to["id"]}
        store.order_lines.insert(line)
        return
    if body.get("quantity") == 0:
        store.order_lines.delete(row["id"])
        return
    row["applied_discounts"] = []
    for name in ("quantity", "name", "sku"):
        row[name] = body.get(name, row[name])
    for name in ("price_ex_tax", "price_inc_tax"):
        if name in body:
            row[name] = money(body[name])


def edit_fees(order: Json, given: list[Any]) -> None:
    """The given fees replace all fees: those left out are gone. Raises Refused 400."""
    known = {fee["id"] for fee in order["fees"]}
    checked = [v2_checked(fee, FEE_FIELDS) for fee in given]
    for fee in checked:
        if "id" in fee and fee["id"] not in known:
            raise Refused(400, f"The order has no fee with id {fee['id']}.")
    highest = max(known, default=0)
    kept: list[Json] = []
    for fee in checked:
        if "id" not in fee:
            highest += 1
        kept.append({"id": highest, **fee})
    order["fees"] = kept
