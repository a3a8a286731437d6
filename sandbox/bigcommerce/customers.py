"""Customers V3 (get, batch PUT of up to 10) and the store's own information and clock (V2)."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.bigcommerce.answers import Answer, Json, Refused, data, v3_cursor_page
from sandbox.bigcommerce.dates import iso
from sandbox.bigcommerce.fields import Field, v3_array, v3_checked
from sandbox.bigcommerce.gate import Call, Endpoint, rows

CUSTOMERS = ("store_v2_customers",)
INFORMATION = ("store_v2_information",)
BATCH_MAX = 10
WRITABLE: Mapping[str, Field] = {
    "id": Field("int", required=True, low=1),
    "first_name": Field("str", length_max=100),
    "last_name": Field("str", length_max=100),
    "email": Field("str", length_min=3, length_max=250),
    "company": Field("str", length_max=255),
    "phone": Field("str", length_max=50),
    "notes": Field("str"),
    "customer_group_id": Field("int", low=0),
    "channel_ids": Field("list"),
}
FILTERS = ("id:in", "email:in", "company:in", "customer_group_id:in")
OTHERS = ("page", "limit", "before", "after", "sort", "include")


def customer_view(row: Json) -> Json:
    dates = {name: iso(row[name]) for name in ("date_created", "date_modified")}
    return {**row, **dates}


def list_customers(call: Call) -> Answer:
    found = call.store.customers.all()
    for name, text in call.query.items():
        if name in FILTERS:
            wanted = text.lower().split(",")
            found = [row for row in found if str(row[name[:-3]]).lower() in wanted]
        elif name not in OTHERS:
            raise Refused(422, "A filter is unknown.", errors={name: "is no filter of customers"})
    return v3_cursor_page([customer_view(row) for row in found], call.query)


def put_customers(call: Call) -> Answer:
    store = call.store
    plans: list[tuple[Json, Json]] = []
    for given in v3_array(call.body, "customers", BATCH_MAX):
        body = v3_checked(given, WRITABLE, ("date_created", "date_modified"))
        row = store.customers.get(body["id"])
        if row is None:
            raise Refused(422, "The customer does not exist.", errors={"id": "is unknown"})
        plans.append((row, body))
    for row, body in plans:
        row |= {**body, "date_modified": store.now_s()}
        store.emit("store/customer/updated", {"type": "customer", "id": row["id"]})
    return data([customer_view(row) for row, _ in plans])


def get_time(call: Call) -> Answer:
    return Answer(200, {"time": int(call.store.now_s())})


def get_store(call: Call) -> Answer:
    settings = call.store.settings
    body = {
        "id": settings.store_hash,
        "account_uuid": settings.store_id,
        "name": "Sandbox store",
        "currency": "USD",
        "timezone": {"name": "Etc/UTC", "raw_offset": 0, "dst_offset": 0},
        "status": "live",
    }
    return Answer(200, body)


ENDPOINTS: list[Endpoint] = [
    *rows("/v3/customers", CUSTOMERS, get=list_customers, put=put_customers),
    *rows("/v2/time", (), get=get_time),
    *rows("/v2/store", INFORMATION, get=get_store),
]
