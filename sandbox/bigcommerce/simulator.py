"""The simulated store behind the sandbox's control API. See README.md beside this file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from starlette.routing import BaseRoute

from sandbox.bigcommerce import (
    channels,
    customers,
    hooks,
    inventory,
    metafields,
    orders,
    products,
    refunds,
    seeding,
    shipments,
    transactions,
    triggers,
    variants,
)
from sandbox.bigcommerce.answers import Json, Refused
from sandbox.bigcommerce.gate import Endpoint, StoreGate
from sandbox.bigcommerce.order_views import address_view, line_view, order_view
from sandbox.bigcommerce.settings import parse_account
from sandbox.bigcommerce.store import Store
from sandbox.core.simulator import ControlError, JsonObject, World
from sandbox.core.webhooks import PENDING_MAX, WebhookQueueFull

EVENT_ROOM = 10_000
"""Deliveries that one call may cause: writes are answered 503 when fewer would fit."""
REDELIVER_MAX = 1_000

ENDPOINTS: tuple[Endpoint, ...] = (
    *channels.ENDPOINTS,
    *orders.ENDPOINTS,
    *shipments.ENDPOINTS,
    *metafields.ENDPOINTS,
    *transactions.ENDPOINTS,
    *refunds.ENDPOINTS,
    *inventory.ENDPOINTS,
    *products.ENDPOINTS,
    *variants.ENDPOINTS,
    *customers.ENDPOINTS,
    *hooks.ENDPOINTS,
)


class BigCommerce:
    """One store: `name` is the URL prefix, the API is below /stores/{store_hash}/v2 and /v3."""

    name = "bigcommerce"

    def __init__(self, world: World) -> None:
        self._world = world
        self._dispatcher = hooks.Dispatcher(world.webhooks)
        self._timer: asyncio.TimerHandle | None = None
        self._store = self._new_store()
        self._gate = StoreGate(lambda: self._store, ENDPOINTS, self._before, self._after)

    def _new_store(self) -> Store:
        store = Store(self._world.now_s)
        seeding.furnish(store)
        return store

    def routes(self) -> Sequence[BaseRoute]:
        return self._gate.routes()

    def _before(self, method: str) -> None:
        self._store.run_due()
        hooks.deactivate_unused(self._store)
        if method != "GET" and self._dispatcher.pending() > PENDING_MAX - EVENT_ROOM:
            raise Refused(503, "The store's webhook queue is full.")

    def _after(self) -> None:
        """Send what has happened. Raises Refused 503 when it does not fit; nothing is lost, the
        rest goes out behind the next call.
        """
        try:
            self._dispatcher.flush(self._store)
        except WebhookQueueFull as full:
            raise Refused(503, str(full)) from full
        self._wake_when_due()

    def _tell(self) -> None:
        """_after, for the control API. Raises ControlError."""
        try:
            self._after()
        except Refused as refused:
            raise _as_control_error(refused) from refused

    def _wake_when_due(self) -> None:
        """Have a timer for the next asynchronous effect; the clock's offset may outrun it, then
        the next call finds it due.
        """
        if not self._store.due or (self._timer is not None and not self._timer.cancelled()):
            return
        wait_s = max(0.0, min(at_s for at_s, _ in self._store.due) - self._world.now_s())
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._store.run_due()
        # A full webhook queue keeps the rest in the outbox; the next call sends it.
        with suppress(Refused):
            self._after()

    def seed(self, data: JsonObject) -> JsonObject:
        try:
            return dict(seeding.seed(self._store, data))
        except Refused as refused:
            raise _as_control_error(refused) from refused
        except (KeyError, TypeError, ValueError) as error:
            raise ControlError(f"a seed has a value that does not fit: {error!r}") from error

    def state(self) -> JsonObject:
        store = self._store
        store.run_due()
        self._tell()
        return {
            "orders": [order_view(store, row) for row in store.orders.all()],
            "order_products": [line_view(row) for row in store.order_lines.all()],
            "shipping_addresses": [address_view(store, row) for row in store.addresses.all()],
            "shipments": [shipments.shipment_view(store, row) for row in store.shipments.all()],
            "messages": [orders.message_view(row) for row in store.messages.all()],
            "transactions": [
                transactions.transaction_view(row) for row in store.transactions.all()
            ],
            "refunds": [refunds.refund_view(row) for row in store.refunds.all()],
            "metafields": [metafields.metafield_view(row) for row in store.metafields.all()],
            "products": [
                products.product_view(store, row, frozenset({"variants", "custom_fields"}))
                for row in store.products.all()
            ],
            "brands": store.brands.all(),
            "customers": [customers.customer_view(row) for row in store.customers.all()],
            "locations": store.locations.all(),
            "inventory": inventory.inventory_rows(store),
            "channels": store.channels.all(),
            "listings": [channels.listing_view(row) for row in store.listings.all()],
            "assignments": sorted(list(pair) for pair in store.assignments),
            "hooks": [hooks.hook_view(row) for row in store.hooks.all()],
            "emails": list(store.emails),
            "events": [_event_view(event) for event in store.events],
            "pending": len(store.due),
            "settings": store.settings.as_json(),
        }

    def trigger(self, event: str, body: JsonObject) -> JsonObject:
        if event == "redeliver":
            return self._redeliver(body)
        run = triggers.TRIGGERS.get(event)
        if run is None:
            raise ControlError(f"unknown event {event!r}; known are {triggers.names()}", 404)
        self._store.run_due()
        try:
            return run(self._store, body)
        except Refused as refused:
            raise _as_control_error(refused) from refused
        except (KeyError, TypeError, ValueError) as error:
            raise ControlError(f"the body does not fit {event!r}: {error!r}") from error
        finally:
            self._tell()

    def _redeliver(self, body: Mapping[str, Any]) -> Json:
        """Send the last `count` events (of `scope`) again, byte for byte: at-least-once."""
        scope, count = body.get("scope"), body.get("count", 1)
        if set(body) - {"scope", "count"} or not isinstance(count, int):
            raise ControlError("redeliver takes {scope, count}")
        if not 1 <= count <= REDELIVER_MAX:
            raise ControlError(f"count must be from 1 to {REDELIVER_MAX}")
        found = [one for one in self._store.events if scope in (None, one.scope)][-count:]
        sent = sum(self._dispatcher.send(self._store, event) for event in found)
        return {"events": [event.n for event in found], "deliveries": sent}

    def configure(self, settings: JsonObject) -> JsonObject:
        """Settings by name; `accounts` replaces the API accounts; `ids_from`: ids of new rows."""
        given = dict(settings)
        specs, ids_from = given.pop("accounts", None), given.pop("ids_from", 1)
        if type(ids_from) is not int or ids_from < 1:
            raise ControlError("ids_from must be a whole number above 0")
        if specs is not None and (not isinstance(specs, list) or not specs):
            raise ControlError("accounts must be an array with at least one account")
        accounts = [parse_account(spec) for spec in specs or ()]
        self._store.settings.change(given)
        self._store.number_from(ids_from)
        if accounts:
            self._store.accounts = {one.access_token: one for one in accounts}
        return {
            **self._store.settings.as_json(),
            "accounts": [
                {"client_id": one.client_id, "scopes": sorted(one.scopes)}
                for one in self._store.accounts.values()
            ],
        }

    def reset(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._store = self._new_store()
        self._gate.forget_quota()


def _as_control_error(refused: Refused) -> ControlError:
    return ControlError(f"{refused.title} {refused.errors or ''}".strip(), refused.status)


def _event_view(event: Any) -> Json:
    return {"n": event.n, "scope": event.scope, "data": event.data, "at_s": event.at_s}


def create(world: World) -> BigCommerce:
    """The store with its default account, location and storefront, and nothing else."""
    return BigCommerce(world)
