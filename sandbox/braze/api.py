"""The HTTP side of every endpoint: key, permission, rate limit, body, answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.braze.settings import Settings
from sandbox.core.ratelimit import FixedWindow, Take

BODY_BYTES_MAX = 4 * 1024 * 1024

Body = dict[str, Any]


class Refused(Exception):
    """A fatal answer {message, errors?}."""

    def __init__(self, status: int, message: str, errors: list[Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.errors = errors

    def as_json(self) -> Body:
        said: Body = {"message": str(self)}
        return said | ({"errors": self.errors} if self.errors else {})


@dataclass(frozen=True, slots=True)
class Call:
    body: Body
    query: QueryParams
    path: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Body
    headers: Mapping[str, str] | None = None


Handler = Callable[[Call], Reply]
Group = str | Callable[[Body], str | None]
"""The rate limit group; None = not limited. A function where the body decides."""


def _parse(request: Request, raw: bytes) -> Body:
    if len(raw) > BODY_BYTES_MAX:
        raise Refused(413, "The request body is larger than 4 MB.")
    if request.method == "GET" or (request.method == "DELETE" and not raw):
        return {}
    media_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if media_type != "application/json":
        raise Refused(400, "Content-Type must be application/json.")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Refused(400, "The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise Refused(400, "The request body must be a JSON object.")
    return body


class Api:
    """Wraps handlers into routes; `before_each` runs before every call that is let in."""

    def __init__(self, settings: Callable[[], Settings], now_s: Callable[[], float]) -> None:
        self._settings = settings
        self._now_s = now_s
        self._windows: dict[str, FixedWindow] = {}
        self.before_each: Callable[[], None] = _nothing

    def forget_windows(self) -> None:
        """After a reset or a change of limits: full windows for all."""
        self._windows.clear()

    def route(
        self, verb: str, path: str, permission: str, group: Group | None, handler: Handler
    ) -> Route:
        async def answer(request: Request) -> Response:
            headers: dict[str, str] = {}
            try:
                self._authorize(request, permission)
                body = _parse(request, await request.body())
                take = self._take(group(body) if callable(group) else group)
                headers = _rate_headers(take)
                if take is not None and not take.allowed:
                    raise Refused(429, "The rate limit of this endpoint is used up.")
                self.before_each()
                reply = handler(Call(body, request.query_params, request.path_params))
            except Refused as refusal:
                return JSONResponse(refusal.as_json(), refusal.status, headers)
            if self._settings().maintenance and verb != "GET":
                return JSONResponse({"message": "queued"}, 202, headers)
            return JSONResponse(reply.body, reply.status, {**headers, **(reply.headers or {})})

        return Route(path, answer, methods=[verb])

    def _authorize(self, request: Request, permission: str) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        permissions = self._settings().keys.get(key)
        if scheme != "Bearer" or permissions is None:
            raise Refused(401, "The API key is not valid for this instance.")
        if permission not in permissions:
            raise Refused(403, f"The API key lacks the permission {permission}.")

    def _take(self, group: str | None) -> Take | None:
        if group is None:
            return None
        window = self._windows.get(group)
        if window is None:
            window = self._windows[group] = FixedWindow(*self._settings().rate_limits[group])
        return window.take(self._now_s())


def _nothing() -> None:
    return


def _rate_headers(take: Take | None) -> dict[str, str]:
    if take is None:
        return {}
    return {
        "x-ratelimit-limit": str(take.limit),
        "x-ratelimit-remaining": str(take.remaining),
        "x-ratelimit-reset": str(int(take.reset_at_s)),
    }


def require_object(body: Body, name: str) -> Body:
    """An optional object field. Raises Refused."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused(400, f"'{name}' must be an object.")
    return value


def require_list(body: Body, name: str) -> list[Any]:
    """An optional list field. Raises Refused."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(400, f"'{name}' must be an array.")
    return value
