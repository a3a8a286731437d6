"""Webhooks V3: subscriptions, thin callbacks, signatures, retries, deactivation.

A callback names what changed and no more. Its hash is the SHA-1 of the compact JSON of the other
members in their order, `created_at` (whole seconds) included: two equal events of one second have
one hash. The vendor documents "the payload data" without saying how it is encoded.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

from sandbox.bigcommerce.answers import Answer, Json, Refused, as_json_bytes, data, v3_page
from sandbox.bigcommerce.fields import Field, v3_checked
from sandbox.bigcommerce.gate import Call, Endpoint, rows
from sandbox.bigcommerce.settings import Account
from sandbox.bigcommerce.store import Event, Store
from sandbox.core.webhooks import (
    Delivery,
    WebhookQueueFull,
    WebhookSender,
    standard_webhook_headers,
)

RETRY_SCHEDULE_S = (60, 180, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 50_400, 86_400)
HOOKS_PER_SCOPE_MAX = 10
INACTIVE_S_MAX = 90 * 86_400
EXHAUSTED = 90002
DELIVERY_EXCEPTION = "store/hook/deliveryException"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
CREATED_CHANGED_GONE = ("created", "updated", "deleted")
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "order": ("created", "updated", "archived", "statusUpdated"),
    "order/message": ("created",),
    "order/refund": ("created",),
    "order/transaction": ("created", "updated"),
    "order/metafield": CREATED_CHANGED_GONE,
    "shipment": CREATED_CHANGED_GONE,
    "product": CREATED_CHANGED_GONE,
    "product/inventory": ("updated", "order/updated"),
    "product/metafield": CREATED_CHANGED_GONE,
    "product/variant/metafield": CREATED_CHANGED_GONE,
    "sku": CREATED_CHANGED_GONE,
    "sku/inventory": ("updated", "order/updated"),
    "customer": CREATED_CHANGED_GONE,
    "metafield": CREATED_CHANGED_GONE,
}
WILDCARDS = [
    "order",
    "product",
    "product/metafield",
    "product/variant/metafield",
    "shipment",
    "sku",
    "customer",
    "metafield",
]
SCOPES = frozenset(
    [f"store/{family}/{what}" for family, whats in FAMILIES.items() for what in whats]
    + [f"store/{family}/*" for family in WILDCARDS]
    + [DELIVERY_EXCEPTION]
)
CHANGE: Mapping[str, Field] = {
    "scope": Field("str", length_min=1),
    "destination": Field("str", length_min=1, length_max=2_048),
    "is_active": Field("bool"),
    "headers": Field("object", nullable=True),
    "events_history_enabled": Field("bool"),
}
CREATE: Mapping[str, Field] = {
    **CHANGE,
    "scope": Field("str", required=True, length_min=1),
    "destination": Field("str", required=True, length_min=1, length_max=2_048),
}
READ_ONLY = ("id", "client_id", "store_hash", "created_at", "updated_at")


def _known(scope: str) -> bool:
    """Whether the scope exists; `store/channel/{id}/…` are the channel-aware ones."""
    parts = scope.split("/")
    if len(parts) > 3 and parts[:2] == ["store", "channel"] and parts[2].isdigit():
        scope = "/".join(["store", *parts[3:]])
    return scope in SCOPES


def _wrong_destination(store: Store, destination: str) -> str | None:
    try:
        url: SplitResult = urlsplit(destination)
        port = url.port
    except ValueError:
        return "is no URL"
    local = url.hostname in LOOPBACK and store.settings.http_hooks_on_loopback
    if url.scheme == "http" and local:
        return None
    if url.scheme != "https" or not url.hostname:
        return "must be an https URL"
    return None if port in (None, 443) or local else "must be served on port 443"


def _check(store: Store, account: Account, body: Json, hook: Json | None) -> None:
    """The rules for scope and destination. Raises Refused 422."""
    wanted = {**(hook or {}), **body}
    errors: Json = {}
    if not _known(wanted["scope"]):
        errors["scope"] = "is unknown"
    wrong = _wrong_destination(store, wanted["destination"])
    if wrong:
        errors["destination"] = wrong
    headers = body.get("headers") or {}
    if any(not isinstance(value, str) or "\n" in value + name for name, value in headers.items()):
        errors["headers"] = "must be strings without line breaks"
    others = [row for row in own_hooks(store, account) if row is not hook]
    same_scope = [row for row in others if row["scope"] == wanted["scope"]]
    if any(row["destination"] == wanted["destination"] for row in same_scope):
        errors["destination"] = "has a hook for this scope"
    if wanted["scope"] == DELIVERY_EXCEPTION and (
        same_scope or any(row["destination"] == wanted["destination"] for row in others)
    ):
        errors["destination"] = "must be one for delivery exceptions only"
    if len(same_scope) >= HOOKS_PER_SCOPE_MAX:
        errors["scope"] = f"has {HOOKS_PER_SCOPE_MAX} hooks"
    if errors:
        raise Refused(422, "JSON data is missing or invalid", errors=errors)


def own_hooks(store: Store, account: Account) -> list[Json]:
    """An account sees the hooks that it made, nobody else does."""
    return [row for row in store.hooks.all() if row["client_id"] == account.client_id]


def hook_view(row: Json) -> Json:
    return {name: value for name, value in row.items() if not name.startswith("_")}


def create_hook(store: Store, account: Account, given: Any) -> Json:
    """A new hook of the account. Raises Refused 422."""
    body = v3_checked(given, CREATE, READ_ONLY)
    _check(store, account, body, None)
    now = int(store.now_s())
    return store.hooks.insert(
        {
            "client_id": account.client_id,
            "store_hash": store.settings.store_hash,
            "scope": body["scope"],
            "destination": body["destination"],
            "headers": body.get("headers"),
            "is_active": body.get("is_active", True),
            "created_at": now,
            "updated_at": now,
            "_used_at_s": store.now_s(),
            "_deactivated": False,
        }
    )


def list_hooks(call: Call) -> Answer:
    found = own_hooks(call.store, call.account)
    for name in ("scope", "destination"):
        if name in call.query:
            found = [row for row in found if row[name] == call.query[name]]
    if "is_active" in call.query:
        active = call.query["is_active"] in ("true", "1")
        found = [row for row in found if row["is_active"] == active]
    return v3_page([hook_view(row) for row in found], call.query)


def post_hook(call: Call) -> Answer:
    return data(hook_view(create_hook(call.store, call.account, call.body)))


def _one(call: Call) -> Json:
    row = call.store.hooks.get(call.ids["hook_id"])
    if row is None or row["client_id"] != call.account.client_id:
        raise Refused(404, f"There is no webhook with id {call.ids['hook_id']}.")
    return row


def get_hook(call: Call) -> Answer:
    return data(hook_view(_one(call)))


def put_hook(call: Call) -> Answer:
    row = _one(call)
    body = v3_checked(call.body, CHANGE, READ_ONLY)
    _check(call.store, call.account, body, row)
    row |= {name: value for name, value in body.items() if name != "events_history_enabled"}
    row["updated_at"] = int(call.store.now_s())
    if row["is_active"]:
        row |= {"_deactivated": False, "_used_at_s": call.store.now_s()}
    return data(hook_view(row))


def delete_hook(call: Call) -> Answer:
    row = _one(call)
    call.store.hooks.delete(row["id"])
    return data(hook_view(row))


def get_admin(call: Call) -> Answer:
    def status(row: Json) -> str:
        if row["is_active"]:
            return "active"
        return "deactivated" if row["_deactivated"] else "inactive"

    found = [
        {**hook_view(row), "status": status(row)} for row in own_hooks(call.store, call.account)
    ]
    if "is_active" in call.query:
        active = call.query["is_active"] in ("true", "1")
        found = [row for row in found if row["is_active"] == active]
    body = {"emails": call.store.admin_emails, "hooks_list": found, "blocked_domains": []}
    return data(body)


def put_admin(call: Call) -> Answer:
    emails = v3_checked(call.body, {"emails": Field("list", required=True)})["emails"]
    if not all(isinstance(one, str) and "@" in one for one in emails):
        raise Refused(422, "JSON data is missing or invalid", errors={"emails": "are no e-mails"})
    call.store.admin_emails = list(emails)
    return Answer(204)


def _scopes_of(event: Event) -> dict[str, str]:
    """Hook scope -> the scope that its callback names; wildcards at every level above."""
    names = [event.scope]
    if event.channel_id is not None:
        rest = event.scope.removeprefix("store/")
        names.append(f"store/channel/{event.channel_id}/{rest}")
    found: dict[str, str] = {}
    for name in names:
        found[name] = name
        parts = name.split("/")
        for length in range(2, len(parts)):
            found["/".join(parts[:length]) + "/*"] = name
    return found


def callback(store: Store, event: Event, scope: str) -> Json:
    """The thin payload, hash included."""
    body: Json = {
        "scope": scope,
        "store_id": store.settings.store_id,
        "data": event.data,
        "created_at": int(event.at_s),
        "producer": f"stores/{store.settings.store_hash}",
    }
    compact = json.dumps(body, separators=(",", ":")).encode()
    return {**body, "hash": hashlib.sha1(compact).hexdigest()}  # noqa: S324 - the vendor's choice


def deactivate_unused(store: Store) -> None:
    """A hook that had nothing to deliver for 90 days is switched off."""
    for row in store.hooks.all():
        if row["is_active"] and store.now_s() - row["_used_at_s"] > INACTIVE_S_MAX:
            row |= {"is_active": False, "_deactivated": True}


class Dispatcher:
    """Sends events to the hooks that want them."""

    def __init__(self, sender: WebhookSender) -> None:
        self._sender = sender

    def pending(self) -> int:
        return self._sender.pending()

    def flush(self, store: Store) -> None:
        """Queue a delivery per event and hook. Raises WebhookQueueFull; unsent events stay."""
        while store.outbox:
            self.send(store, store.outbox[0])
            store.outbox.pop(0)

    def send(self, store: Store, event: Event) -> int:
        """Queue the event's deliveries; answers how many."""
        scopes = _scopes_of(event)
        wanted = [row for row in store.hooks.all() if row["scope"] in scopes and row["is_active"]]
        warm = store.settings.hook_warmup_s
        wanted = [row for row in wanted if row["created_at"] + warm <= event.at_s + 1]
        for hook in wanted:
            self._deliver(store, event, hook, scopes[hook["scope"]])
        return len(wanted)

    def _deliver(self, store: Store, event: Event, hook: Json, scope: str) -> None:
        body = as_json_bytes(callback(store, event, scope))
        secret = _secret(store, hook["client_id"])
        own_headers = dict(hook["headers"] or {})

        def sign(at_s: float) -> dict[str, str]:
            if secret is None or not store.settings.sign_webhooks:
                return own_headers
            message_id = f"msg_{event.n}_{hook['id']}"
            return {**own_headers, **standard_webhook_headers(secret, message_id, at_s, body)}

        def finished(delivery: Delivery) -> None:
            if delivery.state == "exhausted":
                self._give_up(store, hook)

        hook["_used_at_s"] = store.now_s()
        self._sender.deliver(
            hook["destination"],
            body,
            sign,
            retry_schedule_s=tuple(float(wait_s) for wait_s in RETRY_SCHEDULE_S),
            on_finish=finished,
            about={"event": event.n, "scope": scope, "hook_id": hook["id"]},
        )

    def _give_up(self, store: Store, hook: Json) -> None:
        """The last retry failed: the hook goes off, its owner gets an e-mail and an event."""
        if not hook["is_active"]:
            return
        hook |= {"is_active": False, "_deactivated": True}
        for to in store.admin_emails:
            store.send_email("hook_deactivated", to, hook_id=hook["id"])
        text = f"Delivery to {hook['destination']} failed; the hook is switched off."
        about = {"type": "webhook", "id": hook["id"], "error_code": EXHAUSTED, "message": text}
        store.emit(DELIVERY_EXCEPTION, about)
        # A full queue keeps the event in the outbox; the next call sends it.
        with suppress(WebhookQueueFull):
            self.flush(store)


def _secret(store: Store, client_id: str) -> str | None:
    """The Standard Webhooks secret of an account: the base64 of its client secret."""
    for account in store.accounts.values():
        if account.client_id == client_id:
            return base64.b64encode(account.client_secret.encode()).decode()
    return None


ENDPOINTS: list[Endpoint] = [
    *rows("/v3/hooks", (), get=list_hooks, post=post_hook),
    *rows("/v3/hooks/admin", (), get=get_admin, put=put_admin),
    *rows("/v3/hooks/{hook_id}", (), get=get_hook, put=put_hook, delete=delete_hook),
]
