"""Endpoints that are no plain create, read, patch or transition."""

from __future__ import annotations

from starlette.routing import Route

from sandbox.trading_grid import operations
from sandbox.trading_grid.api import Api, ApiCall, Handler, Reply, require_match, tagged
from sandbox.trading_grid.engine import Engine
from sandbox.trading_grid.fields import is_time
from sandbox.trading_grid.kinds import KINDS
from sandbox.trading_grid.listing import object_filter, page_body, page_limit, refuse_unknown
from sandbox.trading_grid.problems import invalid
from sandbox.trading_grid.store import Object, instant_s

DECISIONS = ("accepted", "rejected", "superseded", "expired")


class Special:
    """Handlers over the engine; each is listed in `routes` with its verb and path."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def routes(self, api: Api) -> list[Route]:
        order, milestones = "/purchase-orders/{id}", "/orders/{order_ref}/milestones"
        table: tuple[tuple[str, str, str, Handler], ...] = (
            ("PUT", "/threads/{id}/participants", "threads", self.participants),
            ("POST", "/threads/{id}/escalations", "threads", self.escalate),
            ("POST", "/announcements/{id}/publish", "announcements", self.publish),
            ("PATCH", "/launches/{id}/items/{key}", "launches", self.launch_item),
            ("POST", "/availability-updates/{id}/decision", "availability", self.decide),
            ("POST", f"{order}/acknowledgements", "orders", self.acknowledge_order),
            ("POST", f"{order}/change-requests", "orders", self.request_change),
            ("POST", f"{order}/cancel", "orders", self.cancel_order),
            ("GET", f"{order}/fulfilments", "orders", self.order_fulfilments),
            ("POST", f"{order}/fulfilments", "orders", self.create_fulfilment),
            ("GET", milestones, "orders", self.milestones),
            ("POST", milestones, "orders", self.report_milestone),
            ("GET", "/insights/{key}", "insights", self.insight),
            ("PUT", "/insights/{key}", "insights", self.put_insight),
            ("GET", "/events", "events", self.events),
        )
        return [api.route(verb, path, area, run) for verb, path, area, run in table]

    def _object(self, kind: str, call: ApiCall) -> Object:
        return self._engine.store.get(kind, call.path["id"])

    def participants(self, call: ApiCall) -> Reply:
        thread = self._object("thread", call)
        body = call.fields(required=("participants",))
        require_match(call, thread)
        changed = operations.set_participants(
            self._engine, thread, body["participants"], call.actor
        )
        return tagged(200, changed)

    def escalate(self, call: ApiCall) -> Reply:
        body = call.fields("level", "reason_code", "note")
        made = operations.escalate_thread(self._engine, call.path["id"], body, call.actor)
        return tagged(201, made)

    def publish(self, call: ApiCall) -> Reply:
        """At once, or scheduled while `publish_at` lies ahead."""
        announcement = self._object("announcement", call)
        due = announcement.get("publish_at")
        ahead = due is not None and is_time(due) and instant_s(due) > self._engine.now_s()
        to = "scheduled" if ahead and announcement["status"] == "draft" else "published"
        moved = self._engine.transition("announcement", announcement["id"], to, call.actor)
        return tagged(200, moved)

    def launch_item(self, call: ApiCall) -> Reply:
        launch = self._object("launch", call)
        require_match(call, launch)
        changed = operations.patch_launch_item(
            self._engine, launch, call.path["key"], call.body, call.actor
        )
        return tagged(200, changed)

    def decide(self, call: ApiCall) -> Reply:
        """{decision, reason_code?, note?}"""
        body = call.fields("reason_code", "note", required=("decision",))
        update = self._object("availability", call)
        if body["decision"] not in DECISIONS:
            message = f"must be one of {list(DECISIONS)}"
            raise invalid([{"pointer": "/decision", "code": "not_allowed", "message": message}])
        moved = self._engine.transition(
            "availability",
            update["id"],
            body["decision"],
            call.actor,
            reason_code=body.get("reason_code"),
        )
        return tagged(200, moved)

    def acknowledge_order(self, call: ApiCall) -> Reply:
        changed = operations.acknowledge_order(self._engine, call.path["id"], call.body, call.actor)
        return tagged(201, changed)

    def request_change(self, call: ApiCall) -> Reply:
        order = self._object("purchase_order", call)
        body = call.fields("reason_code", "note", "lines", "requested_ship_date")
        changes: Object = {"change_request": body}
        moved = self._engine.walk(
            "purchase_order", order["id"], "change_requested", call.actor, changes=changes
        )
        return tagged(201, moved)

    def cancel_order(self, call: ApiCall) -> Reply:
        body = call.fields("reason_code", "note")
        moved = self._engine.transition(
            "purchase_order",
            call.path["id"],
            "cancelled",
            call.actor,
            reason_code=body.get("reason_code"),
        )
        return tagged(200, moved)

    def order_fulfilments(self, call: ApiCall) -> Reply:
        order = self._object("purchase_order", call)
        return self._list("fulfilment", call, {"purchase_order_id": order["id"]})

    def create_fulfilment(self, call: ApiCall) -> Reply:
        order = self._object("purchase_order", call)
        body = {**call.body, "purchase_order_id": order["id"], "partner_id": order["partner_id"]}
        return tagged(201, self._engine.create("fulfilment", body, call.actor))

    def milestones(self, call: ApiCall) -> Reply:
        return self._list("milestone", call, {"order_ref": call.path["order_ref"]})

    def report_milestone(self, call: ApiCall) -> Reply:
        body = {**call.body, "order_ref": call.path["order_ref"]}
        milestone, created = operations.report_milestone(self._engine, body, call.actor)
        return tagged(201 if created else 200, milestone)

    def insight(self, call: ApiCall) -> Reply:
        return tagged(200, self._engine.store.get("insight", call.path["key"]))

    def put_insight(self, call: ApiCall) -> Reply:
        """The key makes the write repeatable, so If-Match is checked only where it is sent."""
        current = self._engine.store.of("insight").get(call.path["key"])
        if current is not None and "if-match" in call.headers:
            require_match(call, current)
        insight, created = operations.put_insight(
            self._engine, call.path["key"], call.body, call.actor
        )
        return tagged(201 if created else 200, insight)

    def events(self, call: ApiCall) -> Reply:
        refuse_unknown(call.query, frozenset({"types"}))
        types = frozenset(part for part in call.query.get("types", "").split(",") if part)
        data, cursor, more = self._engine.events.page(
            call.query.get("cursor"), types, page_limit(call.query), self._engine.now_s()
        )
        return Reply(200, page_body(data, cursor, more))

    def _list(self, kind: str, call: ApiCall, fixed: Object) -> Reply:
        keep = object_filter(KINDS[kind], call.query)
        data, following = self._engine.store.page(
            kind,
            lambda obj: fixed.items() <= obj.items() and keep(obj),
            page_limit(call.query),
            call.query.get("cursor"),
        )
        return Reply(200, page_body(data, following))
