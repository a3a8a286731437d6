"""What people do in the community: business events for tests and the demo.

Each trigger acts as its `actor` ({type, id, name?}); by default as the partner that the object
belongs to, so that loop guards see somebody else than the API client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.core.simulator import ControlError
from sandbox.trading_grid import operations
from sandbox.trading_grid.engine import Engine
from sandbox.trading_grid.events import SYSTEM, Actor
from sandbox.trading_grid.kinds import KINDS
from sandbox.trading_grid.problems import Problem
from sandbox.trading_grid.store import Object

COMMUNITY_USER = Actor("internal", "user_community", "Community user")
ACTOR_TYPES = ("internal", "partner", "system")


class Business:
    """Handlers of the triggers; `run` is their one entrance."""

    def __init__(self, engine: Engine, expire_tokens: Callable[[], int]) -> None:
        self._engine = engine
        self._expire_tokens = expire_tokens
        self._table: Mapping[str, Callable[[Object], Object]] = {
            "thread-opened": lambda body: self._create("thread", body),
            "thread-status": self._thread_status,
            "thread-resolved": lambda body: self._thread_status({**body, "to": "resolved"}),
            "thread-commented": self._thread_commented,
            "comment-edited": lambda body: self._patch("comment", body),
            "thread-escalated": self._thread_escalated,
            "sla-breached": self._sla_breached,
            "document-expiring": self._document_expiring,
            "availability-published": self._availability_published,
            "availability-decided": self._availability_decided,
            "partner-changed": lambda body: self._patch("partner", body),
            "partner-status": lambda body: self._move("partner", body),
            "contact-added": lambda body: self._create("contact", body),
            "contact-changed": lambda body: self._patch("contact", body),
            "contact-removed": self._contact_removed,
            "order-acknowledged": self._order_acknowledged,
            "created": lambda body: self._create(_kind(body), _required(body, "body")),
            "patched": lambda body: self._patch(_kind(body), body),
            "moved": lambda body: self._move(_kind(body), body),
            "tokens-expired": lambda _body: {"expired": self._expire_tokens()},
        }

    def run(self, event: str, body: Object) -> Object:
        """Raises ControlError for an unknown event, or with the reason of the refusal."""
        if event not in self._table:
            raise ControlError(f"no trigger {event!r}; there are {sorted(self._table)}", 404)
        try:
            return self._table[event](dict(body))
        except Problem as problem:
            raise ControlError(f"{problem.code}: {problem.detail}", problem.status) from problem

    def _actor(self, body: Object, partner_id: object) -> Actor:
        """Takes `actor` out of the body."""
        given = body.pop("actor", None)
        if given is None:
            partner = self._engine.store.of("partner").get(str(partner_id))
            return Actor("partner", partner["id"], partner["name"]) if partner else COMMUNITY_USER
        if not isinstance(given, dict) or given.get("type") not in ACTOR_TYPES or "id" not in given:
            raise ControlError(f"actor is {{type: one of {list(ACTOR_TYPES)}, id, name?}}")
        return Actor(given["type"], given["id"], given.get("name", ""))

    def _target(self, kind: str, body: Object) -> tuple[Object, Actor]:
        """Takes `id` and `actor` out of the body."""
        obj = self._engine.store.get(kind, str(_required(body, "id")))
        body.pop("id")
        partner_id = obj["id"] if kind == "partner" else obj.get("partner_id")
        return obj, self._actor(body, partner_id)

    def _create(self, kind: str, body: Object) -> Object:
        actor = self._actor(body, body.get("partner_id"))
        return operations.create_any(self._engine, kind, body, actor)

    def _patch(self, kind: str, body: Object) -> Object:
        obj, actor = self._target(kind, body)
        return self._engine.patch(kind, obj["id"], _required(body, "patch"), actor)

    def _move(self, kind: str, body: Object) -> Object:
        """{id, to, reason_code?, walk?}: walk (default) takes the legal way, step by step."""
        obj, actor = self._target(kind, body)
        move = self._engine.walk if body.get("walk", True) else self._engine.transition
        reason_code = body.get("reason_code")
        return move(kind, obj["id"], str(_required(body, "to")), actor, reason_code=reason_code)

    def _thread_status(self, body: Object) -> Object:
        """{id, to, reason_code?, note?, resolution?, walk?}"""
        thread, actor = self._target("thread", body)
        _required(body, "to")
        walk = bool(body.pop("walk", True))
        return operations.move_thread(self._engine, thread["id"], body, actor, walk=walk)

    def _thread_commented(self, body: Object) -> Object:
        """{id, body, visibility?, attachments?, source_ref?, custom?}"""
        thread, actor = self._target("thread", body)
        return operations.add_comment(self._engine, {**body, "thread_id": thread["id"]}, actor)

    def _thread_escalated(self, body: Object) -> Object:
        thread, actor = self._target("thread", body)
        return operations.escalate_thread(self._engine, thread["id"], body, actor)

    def _sla_breached(self, body: Object) -> Object:
        thread, _ = self._target("thread", body)
        after = {**thread, "sla": {**thread.get("sla", {}), "breached": True}}
        events = ["thread.sla_breached"]
        return self._engine.replace(KINDS["thread"], thread, after, SYSTEM, events=events)

    def _document_expiring(self, body: Object) -> Object:
        """{id}: its end is near; nothing of it changes."""
        document, _ = self._target("document", body)
        events = ["document.expiring"]
        return self._engine.replace(KINDS["document"], document, document, SYSTEM, events=events)

    def _availability_published(self, body: Object) -> Object:
        """An update of its fields, with `decision` to have it decided at once."""
        decision = body.pop("decision", None)
        update = self._create("availability", body)
        if decision is None:
            return update
        return self._availability_decided({"id": update["id"], "decision": decision})

    def _availability_decided(self, body: Object) -> Object:
        """{id, decision}: the company decides, so a community user acts."""
        update = self._engine.store.get("availability", str(_required(body, "id")))
        actor = self._actor(body, None)
        decision = str(_required(body, "decision"))
        return self._engine.transition("availability", update["id"], decision, actor)

    def _contact_removed(self, body: Object) -> Object:
        contact, actor = self._target("contact", body)
        self._engine.store.remove("contact", contact["id"])
        self._engine.touch_parent(KINDS["contact"], contact, actor, "partner.contact_removed")
        return contact

    def _order_acknowledged(self, body: Object) -> Object:
        order, actor = self._target("purchase_order", body)
        return operations.acknowledge_order(self._engine, order["id"], body, actor)


def _required(body: Object, name: str) -> Object:
    value = body.get(name)
    if value is None:
        raise ControlError(f"the trigger needs {name!r}")
    found: Object = value
    return found


def _kind(body: Object) -> str:
    kind = body.pop("kind", None)
    if kind not in KINDS:
        raise ControlError(f"kind must be one of {sorted(KINDS)}, not {kind!r}")
    return str(kind)
