"""The generic endpoints of every kind, made from its table row."""

from __future__ import annotations

from starlette.routing import Route

from sandbox.trading_grid.api import Api, ApiCall, Handler, Reply, require_match, tagged
from sandbox.trading_grid.engine import Engine
from sandbox.trading_grid.kind import Kind
from sandbox.trading_grid.kinds import KINDS
from sandbox.trading_grid.listing import object_filter, page_body, page_limit
from sandbox.trading_grid.operations import create_any, move_thread
from sandbox.trading_grid.problems import invalid, not_found
from sandbox.trading_grid.store import Object


class Generic:
    """Handlers of one kind."""

    def __init__(self, engine: Engine, kind: Kind) -> None:
        self._engine = engine
        self._kind = kind

    def routes(self, api: Api) -> list[Route]:
        path, one = self._kind.path, self._kind.path + "/{id}"
        table: dict[str, tuple[str, str, Handler]] = {
            "list": ("GET", path, self.list),
            "create": ("POST", path, self.create),
            "get": ("GET", one, self.get),
            "patch": ("PATCH", one, self.patch),
            "transition": ("POST", one + "/transitions", self.transition),
        }
        return [
            api.route(verb, where, self._kind.area, run)
            for op, (verb, where, run) in table.items()
            if op in self._kind.ops
        ]

    def _parent(self, call: ApiCall) -> dict[str, str]:
        """The parent's id as a field; {} for a kind without. Raises Problem 404."""
        if self._kind.parent is None:
            return {}
        parent = self._engine.store.get(self._kind.parent, call.path["parent"])
        return {f"{self._kind.parent}_id": parent["id"]}

    def _one(self, call: ApiCall) -> Object:
        obj = self._engine.store.get(self._kind.name, call.path["id"])
        if not self._parent(call).items() <= obj.items():
            raise not_found(self._kind.name, call.path["id"])
        return obj

    def list(self, call: ApiCall) -> Reply:
        parent = self._parent(call)
        keep = object_filter(self._kind, call.query)
        data, following = self._engine.store.page(
            self._kind.name,
            lambda obj: parent.items() <= obj.items() and keep(obj),
            page_limit(call.query),
            call.query.get("cursor"),
        )
        return Reply(200, page_body(data, following))

    def create(self, call: ApiCall) -> Reply:
        parent = self._parent(call)
        if parent.keys() & call.body.keys():
            (name,) = parent
            raise invalid(
                [{"pointer": f"/{name}", "code": "read_only", "message": "stands in the path"}]
            )
        obj = create_any(self._engine, self._kind.name, {**call.body, **parent}, call.actor)
        return tagged(201, obj)

    def get(self, call: ApiCall) -> Reply:
        return tagged(200, self._one(call))

    def patch(self, call: ApiCall) -> Reply:
        obj = self._one(call)
        require_match(call, obj)
        return tagged(200, self._engine.patch(self._kind.name, obj["id"], call.body, call.actor))

    def transition(self, call: ApiCall) -> Reply:
        obj = self._one(call)
        extra = ("resolution",) if self._kind.name == "thread" else ()
        body = call.fields("reason_code", "note", *extra, required=("to",))
        require_match(call, obj)
        if self._kind.name == "thread":
            return tagged(200, move_thread(self._engine, obj["id"], body, call.actor, walk=False))
        moved = self._engine.transition(
            self._kind.name, obj["id"], body["to"], call.actor, reason_code=body.get("reason_code")
        )
        return tagged(200, moved)


def generic_routes(engine: Engine, api: Api) -> list[Route]:
    return [route for kind in KINDS.values() for route in Generic(engine, kind).routes(api)]
