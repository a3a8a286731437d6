"""The simulated Trading Grid: store, event log, engine, endpoints and triggers put together."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.core.simulator import ControlError, JsonObject, World
from sandbox.trading_grid.api import PROBLEM_TYPE, Api, Reply
from sandbox.trading_grid.attachments import Attachments
from sandbox.trading_grid.endpoints import Endpoints
from sandbox.trading_grid.engine import Engine
from sandbox.trading_grid.events import EventLog
from sandbox.trading_grid.generic import generic_routes
from sandbox.trading_grid.oauth import TokenDesk
from sandbox.trading_grid.problems import Problem
from sandbox.trading_grid.seeding import COLLECTIONS, seed
from sandbox.trading_grid.settings import TOKEN_PATH, Settings, configured
from sandbox.trading_grid.special import Special
from sandbox.trading_grid.store import Store
from sandbox.trading_grid.triggers import Business

ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
MORE_COLLECTIONS = {
    "escalations": "escalation",
    "thread_attachments": "thread_attachment",
    "acknowledgements": "acknowledgement",
    "receipts": "receipt",
    "insights": "insight",
    "attachments": "attachment",
    "webhook_endpoints": "webhook_endpoint",
}


class TradingGrid:
    """A Simulator of one community."""

    name = "trading-grid"

    def __init__(self, world: World) -> None:
        self._world = world
        self._settings = Settings()
        self._store = Store()
        settings = self._settings
        self._events = EventLog(settings.tenant_id, settings.community_id)
        self._engine = Engine(self._store, self._events, world.now_s)
        self._desk = TokenDesk(lambda: self._settings, world.now_s)
        self._api = Api(lambda: self._settings, self._desk, world.now_s)
        self._endpoints = Endpoints(self._engine, world)
        self._attachments = Attachments(self._engine, settings)
        self._business = Business(self._engine, self._desk.expire_all)

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route(TOKEN_PATH, self._desk.token, methods=["POST"]),
            *self._endpoints.routes(self._api),
            *self._attachments.routes(self._api),
            *Special(self._engine).routes(self._api),
            *generic_routes(self._engine, self._api),
            Route("/{path:path}", _nothing_here, methods=ANY_METHOD),
        ]

    def seed(self, data: JsonObject) -> JsonObject:
        """{partners: […], threads: […], …}: see sandbox.trading_grid.seeding."""
        return seed(self._store, data, self._world.now_s())

    def state(self) -> JsonObject:
        """Every collection, and `events`: all envelopes in order."""
        collections = {
            name: list(self._store.of(kind).values())
            for name, kind in {**COLLECTIONS, **MORE_COLLECTIONS}.items()
        }
        return {**collections, "events": self._events.as_json()}

    def trigger(self, event: str, body: JsonObject) -> JsonObject:
        return self._business.run(event, body)

    def configure(self, settings: JsonObject) -> JsonObject:
        """Settings, and `webhook`: {url, secret?, event_types?} or a list of them; null = none."""
        given = dict(settings)
        made: list[JsonObject] | None = None
        self._settings = configured(
            self._settings, {name: value for name, value in given.items() if name != "webhook"}
        )
        self._attachments.settings = self._settings
        if "rate_limit" in given:
            self._api.forget_windows()
        if "webhook" in given:
            wanted = given["webhook"] or []
            try:
                made = self._endpoints.replace_all(wanted if isinstance(wanted, list) else [wanted])
            except Problem as problem:
                raise ControlError(f"webhook: {problem.detail}") from problem
        endpoints = made if made is not None else list(self._store.of("webhook_endpoint").values())
        return {**self._settings.as_json(), "webhook": endpoints}

    def reset(self) -> None:
        self._settings = Settings()
        self._attachments.settings = self._settings
        self._store.clear()
        self._events.clear()
        self._desk.expire_all()
        self._endpoints.clear()
        self._attachments.clear()
        self._api.reset()


async def _nothing_here(request: Request) -> Response:
    trace_id = request.headers.get("x-correlation-id") or str(uuid4())
    problem = Problem(404, "unknown_route", f"no {request.method} {request.url.path}")
    body = problem.as_json(request.url.path, trace_id)
    return Reply(404, body, media_type=PROBLEM_TYPE).response({"x-correlation-id": trace_id})
