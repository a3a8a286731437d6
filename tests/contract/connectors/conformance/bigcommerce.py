"""BigCommerce, as the conformance suite sees it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

from connectors.kit.reading import ms_iso
from gridwire.records import SetInventory, SetSelling
from gridwire.topics import BIGCOMMERCE_NOTICES, BIGCOMMERCE_ORDERS
from sandbox.core.webhooks import standard_webhook_headers
from tests.contract.connectors.conformance.value import (
    Conformance,
    HalfFailed,
    Hook,
    Missing,
    Place,
    Polled,
    Read,
    Signer,
    Signing,
    Target,
    Throttle,
    Write,
)
from tests.contract.connectors.world import World

TOKEN = "conformance-access-token"
CLIENT_SECRET = "conformance-client-secret"
HOOK_SECRETS: Mapping[Signer, str] = {
    "current": "conformance-hook-secret",
    "previous": "conformance-hook-secret-before",
    "forged": "a-guess",
}
STORE = "/stores/sandbox"
EAST = 2
PRODUCTS_FROM, ORDERS_FROM = 5_000, 10_000
ACCOUNT = {"client_id": "app", "client_secret": CLIENT_SECRET, "access_token": TOKEN}


def environ(place: Place) -> Mapping[str, str]:
    return {
        "BIGCOMMERCE_API_URL": f"{place.sandbox_url}/bigcommerce",
        "BIGCOMMERCE_STORE_HASH": "sandbox",
        "BIGCOMMERCE_ACCESS_TOKEN": TOKEN,
        "BIGCOMMERCE_CLIENT_SECRET": CLIENT_SECRET,
        "BIGCOMMERCE_HOOK_SECRET": HOOK_SECRETS["current"],
        "BIGCOMMERCE_HOOK_SECRET_PREVIOUS": HOOK_SECRETS["previous"],
        "BIGCOMMERCE_REQUIRE_SIGNATURE": "true",
        "BIGCOMMERCE_REQUESTS_PER_S": "100",
        "BIGCOMMERCE_CONCURRENCY": "8",
        "BIGCOMMERCE_WRITE_PAUSE_S": "0.1",
        "BIGCOMMERCE_LOCATIONS": json.dumps({"EAST": EAST}),
        "BIGCOMMERCE_ORDERS_POLL_S": "1",
        "BIGCOMMERCE_PRODUCTS_POLL_S": "1",
    }


def prepare(world: World) -> None:
    settings = {"accounts": [ACCOUNT], "quota_requests": 10_000, "quota_window_s": 1.0}
    world.control("bigcommerce", "configure", settings)
    lamp = {"id": 1, "sku": "LAMP", "name": "Lamp", "price": 10, "stock": {"1": 1_000_000}}
    locations = [{"id": EAST, "code": "EAST", "label": "East"}]
    world.control("bigcommerce", "seed", {"locations": locations, "products": [lamp]})


# ---- writes --------------------------------------------------------------------------------------
def _product(world: World, n: int) -> int:
    """A product of the command's own."""
    product = {"id": PRODUCTS_FROM + n, "sku": f"SKU-{n}", "name": f"Thing {n}", "price": 1}
    world.control("bigcommerce", "seed", {"products": [product | {"stock": {EAST: 0}}]})
    return PRODUCTS_FROM + n


def _stock(world: World, n: int) -> SetInventory:
    _product(world, n)
    return SetInventory(sku=f"SKU-{n}", location_code="EAST", quantity=n, sequence=1)


def _stock_set(world: World, n: int) -> int:
    found = {
        row["identity"]["sku"]: place["total_inventory_onhand"]
        for row in world.state("bigcommerce", "inventory")
        for place in row["locations"]
        if place["location_id"] == EAST
    }
    return int(found[f"SKU-{n}"] == n)


def _selling(world: World, n: int) -> SetSelling:
    product_id = _product(world, n)
    return SetSelling(
        sku=f"SKU-{n}", product_id=product_id, availability_description=f"Ships in {n} days"
    )


def _selling_set(world: World, n: int) -> int:
    products = {one["id"]: one for one in world.state("bigcommerce", "products")}
    return int(products[PRODUCTS_FROM + n]["availability_description"] == f"Ships in {n} days")


def _no_such_product(_world: World, n: int) -> SetSelling:
    return SetSelling(sku=f"SKU-{n}", product_id=900_000 + n, purchasable=False)


WRITES = (
    Write(
        "set_inventory",
        Target("PUT", f"{STORE}/v3/inventory/adjustments/absolute"),
        _stock,
        _stock_set,
        line="catalogue",
    ),
    Write(
        "set_selling",
        Target("PUT", f"{STORE}/v3/catalog/products"),
        _selling,
        _selling_set,
        line="catalogue",
    ),
)


def _stock_not_saved(_world: World, n: int) -> Any:
    return {"data": {"id": PRODUCTS_FROM + n}, "errors": {"inventory": {"status": 503}}, "meta": {}}


# ---- throttle ------------------------------------------------------------------------------------
def _throttled(_now_s: float, wait_s: float) -> Mapping[str, str]:
    """The reset is in milliseconds from now."""
    return {"x-rate-limit-time-reset-ms": str(int(wait_s * 1_000))}


def _tighten(world: World, calls: int, window_s: float) -> None:
    quota = {"quota_requests": calls, "quota_window_s": window_s}
    world.control("bigcommerce", "configure", quota)


# ---- webhooks, fetches, polls --------------------------------------------------------------------
def _order(world: World, numbers: list[int], at_s: float) -> None:
    changed = ms_iso(int(at_s * 1_000))
    line = {"sku": "LAMP", "quantity": 1}
    orders = [
        {"id": ORDERS_FROM + n, "lines": [line], "date_created": changed, "date_modified": changed}
        for n in numbers
    ]
    world.control("bigcommerce", "seed", {"orders": orders})


def _created(world: World, n: int) -> dict[str, Any]:
    now_s = int(time.time())
    _order(world, [n], now_s)
    return {
        "producer": "stores/sandbox",
        "hash": f"{n:040x}",
        "created_at": now_s,
        "store_id": "1025646",
        "scope": "store/order/created",
        "data": {"type": "order", "id": ORDERS_FROM + n},
    }


def _updated(body: dict[str, Any]) -> dict[str, Any]:
    changed = {"scope": "store/order/updated", "created_at": body["created_at"] + 1}
    return body | changed | {"hash": body["hash"][::-1]}


def _signed(raw: bytes, signing: Signing) -> Mapping[str, str]:
    """The header that the hook was created with, and the signature by the app's secret."""
    secret = HOOK_SECRETS.get(signing.by)
    if secret is None:
        return {}
    key = base64.b64encode(CLIENT_SECRET.encode()).decode()
    return standard_webhook_headers(key, signing.id, signing.at_s, raw) | {
        "x-gridwire-secret": secret
    }


HOOK = Hook(
    "/bigcommerce/hooks",
    BIGCOMMERCE_NOTICES,
    _created,
    lambda notice, n: bool(notice.resource_id == str(ORDERS_FROM + n)),
    _signed,
    lambda body: body | {"scope": "store/unicorn/created"},
    dated=True,
    sealed=True,
    newer=_updated,
)
READ = Read(
    topic=BIGCOMMERCE_ORDERS,
    fetch=lambda n: Target("GET", f"{STORE}/v2/orders/{ORDERS_FROM + n}"),
    about=lambda order, n: bool(order.order_id == ORDERS_FROM + n),
    poll=Polled(
        target=Target("GET", f"{STORE}/v2/orders"),
        resource="bigcommerce.orders",
        stamp=_order,
        page=20,
        broken=[{"id": "no number"}],
    ),
)

STATIC = "the access token is static: there is no token to renew"
BIGCOMMERCE = Conformance(
    name="bigcommerce",
    environ=environ,
    prepare=prepare,
    writes=WRITES,
    hooks=(HOOK,),
    read=READ,
    throttle=Throttle(_throttled, _tighten),
    missing=Missing("set_selling", _no_such_product, "rejected"),
    half_failed=HalfFailed("set_selling", 207, _stock_not_saved, "delivered"),
    secrets=(TOKEN, CLIENT_SECRET, HOOK_SECRETS["current"], HOOK_SECRETS["previous"]),
    inapplicable={
        "an expired token is renewed once": STATIC,
        "a token endpoint that is down is waited for": STATIC,
        "a token endpoint that refuses us stops the sink": STATIC,
        "good events of a batch with a bad one are taken": "a webhook holds one event",
        "a loop of pages is noticed": "pages are windows of time and numbers: no cursor to repeat",
    },
)
