"""Catalog endpoints (asynchronous bulk, synchronous single item), and back-in-stock notices."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from starlette.routing import Route

from sandbox.braze.api import Api, Body, Call, Reply
from sandbox.braze.catalog_items import (
    Catalog,
    Item,
    ItemError,
    StockChanged,
    check_ids,
    check_values,
    write,
)
from sandbox.braze.messaging import Outbox
from sandbox.braze.profiles import Profile
from sandbox.braze.settings import Settings
from sandbox.core.ratelimit import FixedWindow

ITEMS_PER_PAGE = 50
SUBSCRIPTION_VALID_S = 90 * 86_400.0
SUBSCRIPTIONS_PER_ITEM_MAX = 10_000
OVERLOOKED_KEPT_MAX = 10_000
PERMISSIONS = {
    "POST": "catalogs.add_items",
    "PATCH": "catalogs.update_items",
    "PUT": "catalogs.replace_items",
    "DELETE": "catalogs.delete_items",
}
MISSED = {
    "POST": ItemError("item-already-exists", "there is an item of this id"),
    "PATCH": ItemError("item-not-found", "there is no item of this id"),
    "DELETE": ItemError("item-not-found", "there is no item of this id"),
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A user's wish to hear when an item is back in stock."""

    profile: Profile
    since_s: float


def refused(status: int, error: ItemError) -> Reply:
    return Reply(status, {"errors": [error.as_json()], "message": "Invalid Request"})


class Catalogs:
    """A bulk request is checked as a whole; what fails on a single item later is not reported."""

    def __init__(
        self, outbox: Outbox, settings: Callable[[], Settings], now_s: Callable[[], float]
    ) -> None:
        self._outbox = outbox
        self._settings = settings
        self._now_s = now_s
        self._looks: FixedWindow | None = None
        self.all: dict[str, Catalog] = {}
        self.waiting: dict[tuple[str, str], list[Waiting]] = {}
        self.overlooked: deque[Body] = deque(maxlen=OVERLOOKED_KEPT_MAX)

    def clear(self) -> None:
        self.all.clear()
        self.waiting.clear()
        self.overlooked.clear()
        self.forget_window()

    def forget_window(self) -> None:
        """After a reset or a change of limits."""
        self._looks = None

    def _seen(self) -> StockChanged:
        """What is done about the stock of one request: looked at, or not, where there are too many of them."""
        if self._looks is None:
            self._looks = FixedWindow(*self._settings().rate_limits["catalogs.triggers"])
        looked_at = self._looks.take(self._now_s()).allowed
        return self._stock_changed if looked_at else self._overlooked

    def _overlooked(self, catalog: Catalog, item_id: str, was: Any, now: Any) -> None:
        facts = {"catalog": catalog.name, "item_id": item_id, "was": was, "now": now}
        self.overlooked.append({"at": self._now_s(), **facts})

    def routes(self, api: Api) -> list[Route]:
        bulk, one = "/catalogs/{catalog}/items", "/catalogs/{catalog}/items/{id}"
        routes = []
        for verb, permission in PERMISSIONS.items():
            routes += [
                api.route(
                    verb,
                    bulk,
                    permission,
                    "catalogs.items.async",
                    partial(self.bulk, verb),
                ),
                api.route(
                    verb,
                    one,
                    permission,
                    "catalogs.items.sync",
                    partial(self.single, verb),
                ),
            ]
        sync, read = "catalogs.items.sync", "catalogs.get_items"
        routes.append(api.route("GET", bulk, read, sync, self.list_items))
        routes.append(api.route("GET", one, read, sync, self.get_item))
        return routes

    def _check(self, catalog: Catalog | None, items: Any) -> tuple[int, ItemError] | None:
        if catalog is None:
            return 404, ItemError("catalog-not-found", "there is no catalog of this name")
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            return 400, ItemError("item-array-invalid", "'items' must be an array of objects")
        if not items:
            return 400, ItemError("item-array-invalid", "'items' is empty")
        wrong_ids = check_ids(items)
        if wrong_ids is not None:
            return 400, wrong_ids
        wrong = (check_values(catalog, item) for item in items)
        first = next((error for error in wrong if error is not None), None)
        return None if first is None else (400, first)

    def bulk(self, verb: str, call: Call) -> Reply:
        """202; items that could not be written (POST of a known, PATCH of an unknown id) stay."""
        catalog = self.all.get(call.path["catalog"])
        items = call.body.get("items")
        wrong = self._check(catalog, items)
        if wrong is not None or catalog is None or not isinstance(items, list):
            return refused(*(wrong or (400, ItemError("item-array-invalid", "'items' is missing"))))
        seen = self._seen()
        for item in items:
            write(catalog, verb, item, seen)
        return Reply(202, {"message": "success"})

    def single(self, verb: str, call: Call) -> Reply:
        """The item's id stands in the path; a DELETE has no body to check."""
        catalog = self.all.get(call.path["catalog"])
        given = call.body.get("items") if verb != "DELETE" else [{}]
        merged: Any = given
        if isinstance(given, list) and all(isinstance(item, dict) for item in given):
            merged = [{**item, "id": call.path["id"]} for item in given]
        wrong = self._check(catalog, merged)
        if wrong is not None or catalog is None:
            return refused(*(wrong or (404, ItemError("catalog-not-found", "no such catalog"))))
        if len(merged) != 1:
            return refused(400, ItemError("request-includes-too-many-items", "exactly one item"))
        if not write(catalog, verb, merged[0], self._seen()):
            return refused(404 if verb != "POST" else 400, MISSED[verb])
        return Reply(201 if verb == "POST" else 200, {"message": "success"})

    def list_items(self, call: Call) -> Reply:
        """Pages of ITEMS_PER_PAGE, chained by Link headers."""
        catalog = self.all.get(call.path["catalog"])
        if catalog is None:
            return refused(404, ItemError("catalog-not-found", "no such catalog"))
        start = call.query.get("cursor", "0")
        first = int(start) if start.isdigit() else 0
        items = list(catalog.items.values())
        headers: Body = {}
        if first + ITEMS_PER_PAGE < len(items):
            following = f"/catalogs/{catalog.name}/items?cursor={first + ITEMS_PER_PAGE}"
            headers["link"] = f'<{following}>; rel="next"'
        page = items[first : first + ITEMS_PER_PAGE]
        return Reply(200, {"items": page, "message": "success"}, headers)

    def get_item(self, call: Call) -> Reply:
        catalog = self.all.get(call.path["catalog"])
        if catalog is None:
            return refused(404, ItemError("catalog-not-found", "no such catalog"))
        item: Item | None = catalog.items.get(call.path["id"])
        if item is None:
            return refused(404, ItemError("item-not-found", "there is no item of this id"))
        return Reply(200, {"items": [item], "message": "success"})

    def subscriptions(self) -> list[Body]:
        """Who waits for which item."""
        return [
            {"catalog": catalog, "item_id": item_id, "external_id": one.profile.external_id}
            for (catalog, item_id), waiting in self.waiting.items()
            for one in waiting
        ]

    def event_seen(self, profile: Profile, event: Body) -> None:
        """A custom event may be a back-in-stock subscription; the item's stock must be 0 then."""
        properties = event.get("properties") or {}
        catalog = self.all.get(str(properties.get("catalog_name")))
        if catalog is None or catalog.back_in_stock_event != event["name"]:
            return
        item = catalog.items.get(str(properties.get("id")))
        kinds = properties.get("type")
        if item is None or not isinstance(kinds, list) or "back_in_stock" not in kinds:
            return
        waiting = self.waiting.setdefault((catalog.name, item["id"]), [])
        if item.get(str(catalog.stock_field)) == 0 and len(waiting) < SUBSCRIPTIONS_PER_ITEM_MAX:
            waiting.append(Waiting(profile, self._now_s()))

    def _stock_changed(self, catalog: Catalog, item_id: str, was: Any, now: Any) -> None:
        """From 0 to more: everyone who waits enters the back-in-stock canvas, once."""
        if was != 0 or not isinstance(now, int | float) or now <= 0:
            return
        canvas = self._outbox.programs.get(("canvas", str(catalog.back_in_stock_canvas)))
        ours = self.waiting.pop((catalog.name, item_id), [])
        if canvas is None or canvas.status != "active":
            return
        dispatch_id = uuid4().hex
        update = {"item_id": item_id, "previous_value": was, "new_value": now}
        for one in ours:
            if one.since_s + SUBSCRIPTION_VALID_S > self._now_s():
                self._outbox.send(canvas, one.profile, {"catalog_update": update}, dispatch_id)
