"""Orders V2: list, count, get, partial PUT, archive, lines, addresses, messages, statuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.bigcommerce import stock
from sandbox.bigcommerce.answers import Answer, Json, Refused, v2_list, v2_page
from sandbox.bigcommerce.dates import amount, money, parse_date, rfc2822
from sandbox.bigcommerce.fields import Field, v2_checked
from sandbox.bigcommerce.gate import Call, Endpoint, rows
from sandbox.bigcommerce.order_edits import ADDRESS_FIELDS, edit_fees, edit_lines
from sandbox.bigcommerce.order_views import STATUSES, address_view, line_view, order_view, totals
from sandbox.bigcommerce.store import Store

ORDERS = ("store_v2_orders",)
TEXT_MAX = 65_535
SHIPPED, PARTIALLY_SHIPPED, REFUNDED, CANCELLED, PARTIALLY_REFUNDED = 2, 3, 4, 5, 14

WRITABLE: Mapping[str, Field] = {
    "status_id": Field("int", one_of=STATUSES, numeric_text=True),
    "customer_id": Field("int", low=0, numeric_text=True),
    "staff_notes": Field("str", length_max=TEXT_MAX, nullable=True),
    "customer_message": Field("str", length_max=TEXT_MAX, nullable=True),
    "external_order_id": Field("str", length_max=255, nullable=True),
    "external_source": Field("str", length_max=255, nullable=True),
    "external_merchant_id": Field("str", length_max=255, nullable=True),
    "payment_method": Field("str", length_max=255),
    "payment_provider_id": Field("str", length_max=255, nullable=True),
    "order_source": Field("str", length_max=255),
    "ip_address": Field("str", length_max=45),
    "customer_locale": Field("str", length_max=10),
    "channel_id": Field("int", low=1),
    "discount_amount": Field("number"),
    "billing_address": Field("object"),
    "products": Field("list"),
    "fees": Field("list"),
}
INCLUDES = frozenset({"consignments", "consignments.line_items", "fees"})


@dataclass(frozen=True, slots=True)
class Filter:
    """Keeps a row when `keeps(value of the row, value of the query)`."""

    read: Callable[[Store, Json], Any]
    parse: Callable[[str, str], Any]
    keeps: Callable[[Any, Any], bool]


def _int(text: str, name: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise Refused(400, f"The value of '{name}' must be a whole number.")
    return int(text)


def _text(text: str, _name: str) -> str:
    return text.lower()


def _flag(text: str, name: str) -> bool:
    if text not in ("true", "false", "0", "1"):
        raise Refused(400, f"The value of '{name}' must be true or false.")
    return text in ("true", "1")


def _same(have: Any, wanted: Any) -> bool:
    return bool(have == wanted)


def _from(have: Any, wanted: Any) -> bool:
    return bool(have >= wanted)


def _to(have: Any, wanted: Any) -> bool:
    return bool(have <= wanted)


def _field(name: str) -> Callable[[Store, Json], Any]:
    return lambda _store, row: row[name]


def _lower(name: str) -> Callable[[Store, Json], str]:
    return lambda _store, row: str(row[name] or "").lower()


def _seconds(name: str) -> Callable[[Store, Json], int]:
    return lambda _store, row: int(row[name])


def _total(store: Store, row: Json) -> Any:
    return amount(totals(store, row)["total_inc_tax"], "total")


ORDER_FILTERS: Mapping[str, Filter] = {
    "min_id": Filter(_field("id"), _int, _from),
    "max_id": Filter(_field("id"), _int, _to),
    "customer_id": Filter(_field("customer_id"), _int, _same),
    "email": Filter(lambda _store, row: row["billing_address"]["email"].lower(), _text, _same),
    "status_id": Filter(_field("status_id"), _int, _same),
    "cart_id": Filter(_lower("cart_id"), _text, _same),
    "payment_method": Filter(_lower("payment_method"), _text, _same),
    "min_date_created": Filter(_seconds("date_created"), parse_date, _from),
    "max_date_created": Filter(_seconds("date_created"), parse_date, _to),
    "min_date_modified": Filter(_seconds("date_modified"), parse_date, _from),
    "max_date_modified": Filter(_seconds("date_modified"), parse_date, _to),
    "channel_id": Filter(_field("channel_id"), _int, _same),
    "external_order_id": Filter(_lower("external_order_id"), _text, _same),
    "min_total": Filter(_total, lambda text, name: amount(text, name, 400), _from),
    "max_total": Filter(_total, lambda text, name: amount(text, name, 400), _to),
    "is_deleted": Filter(_field("is_deleted"), _flag, _same),
}
ORDER_SORTS: Mapping[str, str] = {
    "id": "id",
    "customer_id": "customer_id",
    "date_created": "date_created",
    "date_modified": "date_modified",
    "status_id": "status_id",
    "channel_id": "channel_id",
    "external_id": "external_order_id",
}
LIST_ONLY = frozenset({"page", "limit", "sort", "include", "consignment_structure"})
MESSAGE_FILTERS: Mapping[str, Filter] = {
    "min_id": Filter(_field("id"), _int, _from),
    "max_id": Filter(_field("id"), _int, _to),
    "customer_id": Filter(_field("customer_id"), _int, _same),
    "min_date_created": Filter(_seconds("date_created"), parse_date, _from),
    "max_date_created": Filter(_seconds("date_created"), parse_date, _to),
    "is_flagged": Filter(_field("is_flagged"), _flag, _same),
    "status": Filter(_field("status"), _text, _same),
}


def filtered(
    call: Call, found: list[Json], filters: Mapping[str, Filter], others: frozenset[str]
) -> list[Json]:
    """The rows that pass every filter of the query. Raises Refused 400 for an unknown one."""
    for name, text in call.query.items():
        if name in others:
            continue
        one = filters.get(name)
        if one is None:
            raise Refused(400, f"The field '{name}' is not supported by this resource.")
        wanted = one.parse(text, name)
        found = [row for row in found if one.keeps(one.read(call.store, row), wanted)]
    return found


def _sorted(call: Call, found: list[Json]) -> list[Json]:
    name, _, direction = call.query.get("sort", "id").partition(":")
    if name not in ORDER_SORTS or direction not in ("", "asc", "desc"):
        raise Refused(400, f"Orders cannot be sorted by '{call.query['sort']}'.")
    field = ORDER_SORTS[name]

    def key(row: Json) -> Any:
        return (int(row[field]), row["id"]) if "date" in field else (row[field] or 0, row["id"])

    return sorted(found, key=key, reverse=direction == "desc")


def _include(call: Call) -> frozenset[str]:
    wanted = frozenset(call.query.get("include", "").split(",")) - {""}
    if wanted - INCLUDES:
        raise Refused(400, f"'include' knows {sorted(INCLUDES)} only.")
    return wanted


def _listed(call: Call) -> list[Json]:
    found = call.store.orders.all()
    if "is_deleted" not in call.query:
        found = [row for row in found if not row["is_deleted"]]
    return filtered(call, found, ORDER_FILTERS, LIST_ONLY)


def list_orders(call: Call) -> Answer:
    include = _include(call)
    page = v2_page(_sorted(call, _listed(call)), call.query)
    shown = [order_view(call.store, row, include) for row in page]
    return v2_list(shown, empty_is_204=call.store.settings.v2_empty_is_204)


def count_orders(call: Call) -> Answer:
    found = _listed(call)
    statuses = [
        {**entry, "count": sum(row["status_id"] == entry["id"] for row in found)}
        for entry in _status_rows()
    ]
    return Answer(200, {"count": len(found), "statuses": statuses})


def get_order(call: Call) -> Answer:
    return Answer(200, order_view(call.store, order_of(call), _include(call)))


def order_of(call: Call) -> Json:
    """The order of the path. Raises Refused 404."""
    return call.store.orders.one(call.ids["order_id"], "order")


def put_order(call: Call) -> Answer:
    """Change the given fields only, except `fees`, which are replaced as a whole."""
    store, order = call.store, order_of(call)
    body = dict(v2_checked(call.body, WRITABLE, order_view(store, order)))
    billing = v2_checked(body.pop("billing_address", {}), ADDRESS_FIELDS)
    edit_lines(store, order, body.pop("products", []))
    if "fees" in body:
        edit_fees(order, body.pop("fees"))
    order["billing_address"] |= billing
    status_id = int(body.pop("status_id", order["status_id"]))
    order |= body
    order["customer_id"] = int(order["customer_id"])
    order["discount_amount"] = money(order["discount_amount"])
    changed(store, order, status_id)
    return Answer(200, order_view(store, order))


def changed(store: Store, order: Json, status_id: int | None = None) -> None:
    """The order has changed, perhaps to another status: date_modified moves, hooks hear of it."""
    order["date_modified"] = store.now_s()
    about = {"type": "order", "id": order["id"]}
    store.emit("store/order/updated", about, order["channel_id"])
    previous = order["status_id"]
    if status_id is None or status_id == previous:
        return
    order["status_id"] = status_id
    if status_id == SHIPPED and order["date_shipped"] is None:
        order["date_shipped"] = store.now_s()
    status = {"previous_status_id": previous, "new_status_id": status_id}
    store.emit("store/order/statusUpdated", {**about, "status": status}, order["channel_id"])
    if status_id in (CANCELLED, REFUNDED) and store.settings.restock_on_cancel:
        stock.give_back(store, order["id"])


def archive(store: Store, order: Json) -> None:
    """The order leaves the lists; it can still be read by its id."""
    order["is_deleted"] = True
    order["date_modified"] = store.now_s()
    about = {"type": "order", "id": order["id"]}
    store.emit("store/order/archived", about, order["channel_id"])


def delete_order(call: Call) -> Answer:
    archive(call.store, order_of(call))
    return Answer(204)


def list_lines(call: Call) -> Answer:
    shown = [line_view(row) for row in call.store.order_lines.of(order_of(call)["id"])]
    return v2_list(list(v2_page(shown, call.query)), empty_is_204=_empty_is_204(call))


def get_line(call: Call) -> Answer:
    return Answer(200, line_view(_part(call, call.store.order_lines.of(order_of(call)["id"]))))


def list_addresses(call: Call) -> Answer:
    found = call.store.addresses.of(order_of(call)["id"])
    shown = [address_view(call.store, row) for row in v2_page(found, call.query)]
    return v2_list(shown, empty_is_204=_empty_is_204(call))


def get_address(call: Call) -> Answer:
    row = _part(call, call.store.addresses.of(order_of(call)["id"]))
    return Answer(200, address_view(call.store, row))


def list_coupons(call: Call) -> Answer:
    order_of(call)
    return v2_list([], empty_is_204=_empty_is_204(call))


def list_messages(call: Call) -> Answer:
    found = call.store.messages.of(order_of(call)["id"])
    found = filtered(call, found, MESSAGE_FILTERS, frozenset({"page", "limit"}))
    shown = [message_view(row) for row in v2_page(found, call.query)]
    return v2_list(shown, empty_is_204=_empty_is_204(call))


def message_view(row: Json) -> Json:
    return {**row, "date_created": rfc2822(row["date_created"])}


def _empty_is_204(call: Call) -> bool:
    return call.store.settings.v2_empty_is_204


def _part(call: Call, found: list[Json]) -> Json:
    for row in found:
        if row["id"] == call.ids["part_id"]:
            return row
    raise Refused(404, "The order has no such part.")


def _status_rows() -> list[Json]:
    return [
        {
            "id": status_id,
            "name": label,
            "system_label": label,
            "custom_label": label,
            "system_description": f"The order is in the state {label.lower()}.",
            "order": status_id,
        }
        for status_id, label in STATUSES.items()
    ]


def list_statuses(call: Call) -> Answer:
    return Answer(200, list(v2_page(_status_rows(), call.query)))


def get_status(call: Call) -> Answer:
    for row in _status_rows():
        if row["id"] == call.ids["status_id"]:
            return Answer(200, row)
    raise Refused(404, "There is no such status.")


ENDPOINTS: list[Endpoint] = [
    *rows("/v2/orders", ORDERS, get=list_orders),
    *rows("/v2/orders/count", ORDERS, get=count_orders),
    *rows("/v2/orders/{order_id}", ORDERS, get=get_order, put=put_order, delete=delete_order),
    *rows("/v2/orders/{order_id}/products", ORDERS, get=list_lines),
    *rows("/v2/orders/{order_id}/products/{part_id}", ORDERS, get=get_line),
    *rows("/v2/orders/{order_id}/shipping_addresses", ORDERS, get=list_addresses),
    *rows("/v2/orders/{order_id}/shipping_addresses/{part_id}", ORDERS, get=get_address),
    *rows("/v2/orders/{order_id}/coupons", ORDERS, get=list_coupons),
    *rows("/v2/orders/{order_id}/messages", ORDERS, get=list_messages),
    *rows("/v2/order_statuses", ORDERS, get=list_statuses),
    *rows("/v2/order_statuses/{status_id}", ORDERS, get=get_status),
]
