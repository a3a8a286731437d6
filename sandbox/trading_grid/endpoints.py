"""Webhook endpoints: registration, secrets and their rotation, dispatch, deliveries, replay."""

from __future__ import annotations

import base64
import random
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.routing import Route

from sandbox.core.simulator import World
from sandbox.core.webhooks import Delivery, standard_webhook_headers
from sandbox.trading_grid.api import Api, ApiCall, Handler, Reply, require_match, tagged
from sandbox.trading_grid.engine import Engine
from sandbox.trading_grid.events import SYSTEM, Actor, Envelope, encoded
from sandbox.trading_grid.kinds import EVENT_TYPES
from sandbox.trading_grid.listing import page_body, page_limit
from sandbox.trading_grid.problems import Problem, invalid, not_found
from sandbox.trading_grid.store import Object, iso

KIND = "webhook_endpoint"
RETRY_SCHEDULE_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
RETRY_JITTER = 0.1
OLD_SECRET_VALID_S = 86_400.0
SECRET_BYTES = 32
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
ENDPOINTS_MAX = 50
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Secret:
    text: str
    until_s: float | None = None


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def check_secret(text: object) -> str:
    """Raises Problem 422 unless it is whsec_ + base64 of 24 to 64 bytes."""
    try:
        size = len(base64.b64decode(str(text).removeprefix("whsec_"), validate=True))
    except ValueError:
        size = 0
    if not str(text).startswith("whsec_") or not SECRET_BYTES_MIN <= size <= SECRET_BYTES_MAX:
        message = "must be whsec_ and the base64 of 24 to 64 bytes"
        raise invalid([{"pointer": "/secret", "code": "invalid_secret", "message": message}])
    return str(text)


def check_endpoint(body: Object) -> None:
    """Https everywhere but on this machine; event types that exist. Raises Problem 422."""
    parts = urlsplit(str(body.get("url", "https://unchanged.invalid")))
    if not parts.hostname or (parts.scheme != "https" and parts.hostname not in LOOPBACK):
        message = "must be https (http is for loopback addresses only)"
        raise invalid([{"pointer": "/url", "code": "https_required", "message": message}])
    unknown = sorted(set(map(str, body.get("event_types") or [])) - EVENT_TYPES)
    if unknown:
        message = f"unknown event types {unknown}"
        raise invalid([{"pointer": "/event_types", "code": "not_allowed", "message": message}])


class Endpoints:
    """No event types means all of them."""

    def __init__(self, engine: Engine, world: World) -> None:
        self._engine = engine
        self._world = world
        self._secrets: dict[str, list[Secret]] = {}
        self._dice = random.Random(20)
        engine.events.subscribe(self.dispatch)

    def routes(self, api: Api) -> list[Route]:
        one = "/webhook-endpoints/{id}"
        table: tuple[tuple[str, str, Handler], ...] = (
            ("POST", "/webhook-endpoints", self.create),
            ("PATCH", one, self.patch),
            ("DELETE", one, self.delete),
            ("POST", f"{one}/rotate-secret", self.rotate),
            ("POST", f"{one}/test", self.test),
            ("GET", f"{one}/deliveries", self.deliveries),
            ("POST", "/webhook-endpoints/deliveries/{id}/replay", self.replay),
        )
        return [api.route(verb, path, "webhooks", run) for verb, path, run in table]

    def clear(self) -> None:
        self._secrets.clear()

    def add(self, body: Object, actor: Actor, secret: str) -> Object:
        """Register an endpoint. Raises Problem 422."""
        if len(self._engine.store.of(KIND)) >= ENDPOINTS_MAX:
            raise Problem(422, "too_many_endpoints", f"at most {ENDPOINTS_MAX} endpoints")
        check_endpoint(body)
        defaults = {"event_types": [], "status": "enabled"}
        endpoint = self._engine.create(KIND, {**defaults, **body}, actor)
        self._secrets[endpoint["id"]] = [Secret(secret)]
        return endpoint

    def replace_all(self, wanted: list[Object]) -> list[Object]:
        """For the control API: exactly these {url, secret?, event_types?}; answers with secrets."""
        for endpoint_id in tuple(self._engine.store.of(KIND)):
            self._remove(endpoint_id)
        made = []
        for one in wanted:
            secret = check_secret(one.get("secret") or new_secret())
            body = {name: value for name, value in one.items() if name != "secret"}
            made.append({**self.add(body, SYSTEM, secret), "secret": secret})
        return made

    def create(self, call: ApiCall) -> Reply:
        secret = new_secret()
        endpoint = self.add(call.body, call.actor, secret)
        reply = tagged(201, endpoint)
        return Reply(201, {**endpoint, "secret": secret}, reply.headers)

    def patch(self, call: ApiCall) -> Reply:
        endpoint = self._engine.store.get(KIND, call.path["id"])
        require_match(call, endpoint)
        check_endpoint(call.body)
        return tagged(200, self._engine.patch(KIND, endpoint["id"], call.body, call.actor))

    def delete(self, call: ApiCall) -> Reply:
        self._remove(call.path["id"])
        return Reply(204)

    def _remove(self, endpoint_id: str) -> None:
        """Forget the endpoint, its secrets and what is on its way to it."""
        self._engine.store.remove(KIND, endpoint_id)
        self._secrets.pop(endpoint_id, None)
        self._world.webhooks.cancel(lambda one: one.about.get("endpoint_id") == endpoint_id)

    def rotate(self, call: ApiCall) -> Reply:
        """The new secret, shown once; the old one signs too for OLD_SECRET_VALID_S."""
        endpoint = self._engine.store.get(KIND, call.path["id"])
        until_s = self._engine.now_s() + OLD_SECRET_VALID_S
        fresh = Secret(new_secret())
        old = self._secrets[endpoint["id"]][0]
        self._secrets[endpoint["id"]] = [fresh, Secret(old.text, until_s)]
        return Reply(200, {**endpoint, "secret": fresh.text})

    def test(self, call: ApiCall) -> Reply:
        endpoint = self._engine.store.get(KIND, call.path["id"])
        envelope = {
            "type": "webhook.test",
            "timestamp": iso(self._engine.now_s()),
            "subject": f"{KIND}/{endpoint['id']}",
            "sequence": 0,
            "data": {"id": endpoint["id"], "version": endpoint["version"]},
        }
        delivery = self._send(endpoint["id"], envelope, f"msg_{uuid4().hex}")
        return Reply(202, {"delivery_id": str(delivery.id)})

    def deliveries(self, call: ApiCall) -> Reply:
        endpoint = self._engine.store.get(KIND, call.path["id"])
        found = [
            _shown(one)
            for one in self._world.webhooks.list()
            if one["about"].get("endpoint_id") == endpoint["id"]
        ]
        return Reply(200, page_body(found[-page_limit(call.query) :], None))

    def replay(self, call: ApiCall) -> Reply:
        """Send a delivery once more: the same webhook-id, a fresh signature."""
        wanted = call.path["id"]
        for one in self._world.webhooks.list():
            if str(one["id"]) == wanted and one["about"].get("endpoint_id") in self._secrets:
                about = one["about"]
                delivery = self._send(about["endpoint_id"], one["body"], about["webhook_id"])
                return Reply(202, {"delivery_id": str(delivery.id)})
        raise not_found("delivery", wanted)

    def dispatch(self, envelope: Envelope) -> None:
        """Push an event to every endpoint that listens; one webhook-id for all of them."""
        webhook_id = f"msg_{uuid4().hex}"
        for endpoint in tuple(self._engine.store.of(KIND).values()):
            listens = not endpoint["event_types"] or envelope["type"] in endpoint["event_types"]
            if endpoint["status"] == "enabled" and listens:
                self._send(endpoint["id"], envelope, webhook_id)

    def _send(self, endpoint_id: str, envelope: Envelope, webhook_id: str) -> Delivery:
        body = encoded(envelope)
        jitter = 1 + self._dice.random() * RETRY_JITTER
        about = {"endpoint_id": endpoint_id, "webhook_id": webhook_id, "type": envelope["type"]}
        return self._world.webhooks.deliver(
            self._engine.store.get(KIND, endpoint_id)["url"],
            body,
            lambda at_s: self._sign(endpoint_id, webhook_id, at_s, body),
            retry_schedule_s=tuple(wait_s * jitter for wait_s in RETRY_SCHEDULE_S),
            give_up=lambda status: status == 410,
            on_finish=self._finished,
            about=about,
        )

    def _sign(self, endpoint_id: str, webhook_id: str, at_s: float, body: bytes) -> dict[str, str]:
        kept = self._secrets.get(endpoint_id, [])
        valid = [one.text for one in kept if one.until_s is None or one.until_s > at_s]
        return standard_webhook_headers(valid, webhook_id, at_s, body)

    def _finished(self, delivery: Delivery) -> None:
        """410 disables an endpoint, a spent retry schedule too."""
        endpoint = self._engine.store.of(KIND).get(delivery.about["endpoint_id"])
        status = {"refused": "disabled", "exhausted": "auto_disabled"}.get(delivery.state)
        if endpoint is not None and status is not None and endpoint["status"] == "enabled":
            self._engine.patch(KIND, endpoint["id"], {"status": status}, SYSTEM)


def _shown(delivery: Object) -> Object:
    about = delivery["about"]
    return {
        "id": str(delivery["id"]),
        "webhook_id": about["webhook_id"],
        "type": about["type"],
        "state": delivery["state"],
        "attempts": delivery["attempts"],
    }
