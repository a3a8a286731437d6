"""Metafields of orders, products and variants: one model, one table row per kind of owner.

A metafield belongs to the API account that made it. (account, namespace, key) is unique per
resource; `app_only` hides it from other accounts, only `write*` lets them change it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.bigcommerce.answers import Answer, Json, Refused, data, v3_page
from sandbox.bigcommerce.dates import iso, parse_date
from sandbox.bigcommerce.fields import Field, v3_array, v3_checked
from sandbox.bigcommerce.gate import Call, Endpoint, Handler, rows
from sandbox.bigcommerce.settings import Account
from sandbox.bigcommerce.store import Store

PER_RESOURCE_MAX = 250
BATCH_MAX = 50
WRITE_ALL = "store_metafield_write_all"
PERMISSIONS = ("app_only", "read", "write", "read_and_sf_access", "write_and_sf_access")
CHANGE: Mapping[str, Field] = {
    "permission_set": Field("str", one_of=PERMISSIONS),
    "namespace": Field("str", length_min=1, length_max=64),
    "key": Field("str", length_min=1, length_max=64),
    "value": Field("str", length_min=1, length_max=65_535),
    "description": Field("str", length_max=255),
}
CREATE: Mapping[str, Field] = {
    "permission_set": Field("str", required=True, one_of=PERMISSIONS),
    "namespace": Field("str", required=True, length_min=1, length_max=64),
    "key": Field("str", required=True, length_min=1, length_max=64),
    "value": Field("str", required=True, length_min=1, length_max=65_535),
    "description": Field("str", length_max=255),
}
READ_ONLY = [
    "id",
    "resource_type",
    "resource_id",
    "date_created",
    "date_modified",
    "owner_client_id",
]
FILTERS: Mapping[str, Callable[[Json, str], bool]] = {
    "namespace": lambda row, text: bool(row["namespace"] == text),
    "namespace:in": lambda row, text: row["namespace"] in text.split(","),
    "key": lambda row, text: bool(row["key"] == text),
    "key:in": lambda row, text: row["key"] in text.split(","),
    "resource_id:in": lambda row, text: str(row["resource_id"]) in text.split(","),
    "date_modified:min": lambda row, text: bool(row["date_modified"] >= parse_date(text, "min")),
    "date_modified:max": lambda row, text: bool(row["date_modified"] <= parse_date(text, "max")),
}
PAGING = ("page", "limit", "direction")


@dataclass(frozen=True, slots=True)
class Owner:
    """A kind of resource that has metafields. `exists` raises Refused 404 for a wrong path."""

    resource_type: str
    event: str
    scopes: tuple[str, ...]
    single: str
    batch: str
    id_name: str
    exists: Callable[[Store, Mapping[str, int]], Any]


def _variant_exists(store: Store, ids: Mapping[str, int]) -> None:
    variant = store.variants.one(ids["variant_id"], "variant")
    if ids.get("product_id", variant["product_id"]) != variant["product_id"]:
        raise Refused(404, "The product has no such variant.", instance="")


OWNERS = (
    Owner(
        "order",
        "store/order/metafield",
        ("store_v2_orders",),
        "/v3/orders/{order_id}/metafields",
        "/v3/orders/metafields",
        "order_id",
        lambda store, ids: store.orders.one(ids["order_id"], "order"),
    ),
    Owner(
        "product",
        "store/product/metafield",
        ("store_v2_products",),
        "/v3/catalog/products/{product_id}/metafields",
        "/v3/catalog/products/metafields",
        "product_id",
        lambda store, ids: store.products.one(ids["product_id"], "product"),
    ),
    Owner(
        "variant",
        "store/product/variant/metafield",
        ("store_v2_products",),
        "/v3/catalog/products/{product_id}/variants/{variant_id}/metafields",
        "/v3/catalog/variants/metafields",
        "variant_id",
        _variant_exists,
    ),
)


def metafield_view(row: Json) -> Json:
    shown = {name: value for name, value in row.items() if name != "resource"}
    return {
        **shown,
        "date_created": iso(row["date_created"]),
        "date_modified": iso(row["date_modified"]),
    }


class Metafields:
    """The handlers for one kind of owner."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def _resource(self, call: Call) -> str:
        self._owner.exists(call.store, call.ids)
        return f"{self._owner.resource_type}:{call.ids[self._owner.id_name]}"

    def _visible(self, account: Account, found: list[Json]) -> list[Json]:
        return [
            row
            for row in found
            if row["permission_set"] != "app_only" or row["owner_client_id"] == account.client_id
        ]

    def _page(self, call: Call, found: list[Json]) -> Answer:
        for name, text in call.query.items():
            if name not in PAGING and name not in FILTERS:
                raise Refused(400, f"Metafields cannot be filtered by '{name}'.")
            if name in FILTERS:
                found = [row for row in found if FILTERS[name](row, text)]
        shown = [metafield_view(row) for row in self._visible(call.account, found)]
        return v3_page(shown, call.query)

    def list_one(self, call: Call) -> Answer:
        return self._page(call, call.store.metafields.of(self._resource(call)))

    def list_all(self, call: Call) -> Answer:
        kind = self._owner.resource_type
        found = [row for row in call.store.metafields.all() if row["resource_type"] == kind]
        return self._page(call, found)

    def _create(self, call: Call, resource_id: int, body: Json) -> Json:
        store, mine = call.store, call.account.client_id
        resource = f"{self._owner.resource_type}:{resource_id}"
        same_owner = [
            row for row in store.metafields.of(resource) if row["owner_client_id"] == mine
        ]
        name = (body["namespace"], body["key"])
        if any((row["namespace"], row["key"]) == name for row in same_owner):
            raise Refused(409, "A metafield with this namespace and key exists.", errors={})
        if len(same_owner) >= PER_RESOURCE_MAX:
            raise Refused(422, f"The resource has {PER_RESOURCE_MAX} metafields.", errors={})
        row = store.metafields.insert(
            {
                "resource": resource,
                "resource_type": self._owner.resource_type,
                "resource_id": resource_id,
                "owner_client_id": mine,
                "description": "",
                **body,
                "date_created": store.now_s(),
                "date_modified": store.now_s(),
            }
        )
        self._tell(store, "created", row)
        return row

    def _tell(self, store: Store, what: str, row: Json) -> None:
        about = {"metafield_id": row["id"], "resource_id": str(row["resource_id"])}
        typed = {**about, "resource_type": row["resource_type"]}
        family = about if self._owner.resource_type == "order" else typed
        store.emit(f"{self._owner.event}/{what}", family)
        store.emit(f"store/metafield/{what}", typed)

    def post_one(self, call: Call) -> Answer:
        self._owner.exists(call.store, call.ids)
        body = v3_checked(call.body, CREATE, READ_ONLY)
        row = self._create(call, call.ids[self._owner.id_name], body)
        return data(metafield_view(row))

    def _of_path(self, call: Call) -> Json:
        resource = self._resource(call)
        row = call.store.metafields.one(call.ids["metafield_id"], "metafield")
        if row["resource"] != resource or not self._visible(call.account, [row]):
            raise Refused(404, "The resource has no such metafield.", instance="")
        return row

    def get_one(self, call: Call) -> Answer:
        return data(metafield_view(self._of_path(call)))

    def _writable(self, account: Account, row: Json) -> None:
        shared = row["permission_set"].startswith("write") or WRITE_ALL in account.scopes
        if row["owner_client_id"] != account.client_id and not shared:
            raise Refused(403, "The metafield belongs to another API account.", errors={})

    def _change(self, call: Call, row: Json, body: Json) -> None:
        self._writable(call.account, row)
        named = {**row, **body}
        for other in call.store.metafields.of(row["resource"]):
            names = ("namespace", "key", "owner_client_id")
            if other is not row and all(other[name] == named[name] for name in names):
                raise Refused(409, "A metafield with this namespace and key exists.", errors={})
        row |= body
        row["date_modified"] = call.store.now_s()
        self._tell(call.store, "updated", row)

    def put_one(self, call: Call) -> Answer:
        row = self._of_path(call)
        self._change(call, row, v3_checked(call.body, CHANGE, READ_ONLY))
        return data(metafield_view(row))

    def _delete(self, call: Call, row: Json) -> None:
        self._writable(call.account, row)
        call.store.metafields.delete(row["id"])
        self._tell(call.store, "deleted", row)

    def delete_one(self, call: Call) -> Answer:
        self._delete(call, self._of_path(call))
        return Answer(204)

    def _own_kind(self, call: Call, row_id: int) -> Json:
        row = call.store.metafields.one(row_id, "metafield")
        if row["resource_type"] != self._owner.resource_type:
            raise Refused(404, "There is no such metafield.", instance="")
        return row

    def _post_item(self, call: Call, item: Json) -> Any:
        fields = {**CREATE, "resource_id": Field("int", required=True, numeric_text=True)}
        body = v3_checked(item, fields, READ_ONLY)
        resource_id = int(body.pop("resource_id"))
        self._owner.exists(call.store, {self._owner.id_name: resource_id})
        return metafield_view(self._create(call, resource_id, body))

    def _put_item(self, call: Call, item: Json) -> Any:
        fields = {**CHANGE, "id": Field("int", required=True, low=1)}
        body = v3_checked(item, fields, READ_ONLY)
        row = self._own_kind(call, body.pop("id"))
        self._change(call, row, body)
        return metafield_view(row)

    def post_batch(self, call: Call) -> Answer:
        return _batch(v3_array(call.body, "metafields", BATCH_MAX), call, self._post_item)

    def put_batch(self, call: Call) -> Answer:
        return _batch(v3_array(call.body, "metafields", BATCH_MAX), call, self._put_item)

    def delete_batch(self, call: Call) -> Answer:
        ids = call.body
        if not isinstance(ids, list) or not ids or not all(type(one) is int for one in ids):
            raise Refused(422, "The body must be an array of metafield ids.", errors={})
        if len(ids) > BATCH_MAX:
            raise Refused(413, f"At most {BATCH_MAX} ids fit into one request.", errors={})
        return _batch(ids, call, self._delete_item)

    def _delete_item(self, call: Call, row_id: int) -> Any:
        self._delete(call, self._own_kind(call, row_id))
        return row_id


def _batch(items: list[Any], call: Call, run: Callable[[Call, Any], Any]) -> Answer:
    """Each item for itself: 200 when all went well, else 207 with an error per failed item."""
    done: list[Any] = []
    errors: list[Json] = []
    for index, item in enumerate(items):
        try:
            done.append(run(call, item))
        except Refused as refused:
            reasons = refused.errors or {}
            errors.append(
                {
                    "status": refused.status,
                    "title": refused.title,
                    "index": index,
                    "errors": reasons,
                }
            )
    meta = {"total": len(items), "success": len(done), "failed": len(errors)}
    return Answer(207 if errors else 200, {"data": done, "errors": errors, "meta": meta})


def _endpoints(owner: Owner) -> list[Endpoint]:
    on = Metafields(owner)
    batch: dict[str, Handler] = {
        "get": on.list_all,
        "post": on.post_batch,
        "put": on.put_batch,
        "delete": on.delete_batch,
    }
    return [
        *rows(owner.single, owner.scopes, get=on.list_one, post=on.post_one),
        *rows(
            f"{owner.single}/{{metafield_id}}",
            owner.scopes,
            get=on.get_one,
            put=on.put_one,
            delete=on.delete_one,
        ),
        *rows(owner.batch, owner.scopes, **batch),
    ]


ENDPOINTS: list[Endpoint] = [row for owner in OWNERS for row in _endpoints(owner)]
