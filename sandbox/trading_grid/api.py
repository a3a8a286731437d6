"""The HTTP side of every endpoint: token, scope, rate, body, idempotency, ETag, problems."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.core.ratelimit import FixedWindow, Take
from sandbox.trading_grid.events import Actor
from sandbox.trading_grid.idempotency import IdempotencyMemory, check_key
from sandbox.trading_grid.oauth import Token, TokenDesk
from sandbox.trading_grid.problems import Problem
from sandbox.trading_grid.settings import BASE, Settings
from sandbox.trading_grid.store import Object, etag

JSON_BODY_BYTES_MAX = 1_048_576
JSON_TYPES = frozenset({"application/json", "application/merge-patch+json"})
PROBLEM_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One authenticated call. `body` is {} where none was sent; `raw` as received."""

    actor: Actor
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Object
    raw: bytes
    base_url: str

    def fields(self, *allowed: str, required: tuple[str, ...] = ()) -> Object:
        """The body, if it has no other fields. Raises Problem 422."""
        errors = [
            {"pointer": f"/{name}", "code": "unknown_field", "message": "there is no such field"}
            for name in self.body.keys() - set(allowed) - set(required)
        ]
        errors += [
            {"pointer": f"/{name}", "code": "required", "message": "is required"}
            for name in required
            if self.body.get(name) is None
        ]
        if errors:
            raise Problem(422, "validation_failed", f"the body is wrong: {errors}", errors=errors)
        return self.body


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` None = no content; bytes are sent as they are."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"

    def response(self, headers: Mapping[str, str]) -> Response:
        raw = self.body if isinstance(self.body, bytes) else b""
        if self.body is not None and not isinstance(self.body, bytes):
            raw = json.dumps(self.body, ensure_ascii=False).encode()
        return Response(
            raw, self.status, {**headers, **self.headers, "content-type": self.media_type}
        )


Handler = Callable[[ApiCall], Reply]


def tagged(status: int, obj: Object, **headers: str) -> Reply:
    """The object with its ETag."""
    return Reply(status, obj, {"etag": etag(obj), **headers})


def require_match(call: ApiCall, obj: Object) -> None:
    """Raises Problem 428 without If-Match, 412 when it names another version."""
    given = call.headers.get("if-match")
    if given is None:
        raise Problem(428, "if_match_required", "send If-Match with the ETag that you have read")
    tags = [tag.strip() for tag in given.split(",")]
    if "*" not in tags and etag(obj) not in tags:
        raise Problem(
            412,
            "etag_mismatch",
            "the object has changed since; read it again",
            extra={"current_version": obj["version"]},
            headers={"etag": etag(obj)},
        )


def _parse(request: Request, raw: bytes) -> Object:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method in ("GET", "DELETE") or media_type == "multipart/form-data" or not raw:
        return {}
    if media_type not in JSON_TYPES:
        raise Problem(415, "unsupported_media_type", "send application/json")
    if len(raw) > JSON_BODY_BYTES_MAX:
        raise Problem(413, "body_too_large", f"at most {JSON_BODY_BYTES_MAX} bytes")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Problem(400, "invalid_json", f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Problem(400, "invalid_json", "the body must be a JSON object")
    return body


class Api:
    """Wraps handlers into routes. Reads need `<area>.read`, everything else `<area>.write`."""

    def __init__(
        self, settings: Callable[[], Settings], desk: TokenDesk, now_s: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._now_s = now_s
        self._windows: dict[str, FixedWindow] = {}
        self._memory: IdempotencyMemory[Reply] = IdempotencyMemory()

    def reset(self) -> None:
        self._windows.clear()
        self._memory.clear()

    def forget_windows(self) -> None:
        """After a change of the rate limit: everyone starts with a full window."""
        self._windows.clear()

    def route(self, verb: str, path: str, area: str, handler: Handler) -> Route:
        async def answer(request: Request) -> Response:
            trace_id = request.headers.get("x-correlation-id") or str(uuid4())
            headers = {"x-correlation-id": trace_id}
            try:
                token = self._authenticate(request)
                take = self._take(token)
                headers |= _rate_headers(take, self._now_s())
                self._admit(token, area, verb, take)
                reply = await self._run(request, token, handler)
            except Problem as problem:
                body = problem.as_json(request.url.path, trace_id)
                reply = Reply(problem.status, body, problem.headers, PROBLEM_TYPE)
            return reply.response(headers)

        return Route(BASE + path, answer, methods=[verb])

    def _authenticate(self, request: Request) -> Token:
        token = self._desk.check(request.headers.get("authorization", ""))
        if token is None:
            raise Problem(
                401,
                "invalid_token",
                "the bearer token is missing, unknown or expired",
                headers={"www-authenticate": 'Bearer error="invalid_token"'},
            )
        community = request.headers.get("x-community-id")
        if community not in (None, self._settings().community_id):
            raise Problem(403, "community_forbidden", "the client is not in this community")
        return token

    def _take(self, token: Token) -> Take:
        settings = self._settings()
        window = self._windows.setdefault(
            token.client_id, FixedWindow(settings.rate_limit, settings.rate_window_s)
        )
        return window.take(self._now_s())

    def _admit(self, token: Token, area: str, verb: str, take: Take) -> None:
        if not take.allowed:
            wait_s = max(1, math.ceil(take.reset_in_s(self._now_s())))
            raise Problem(
                429,
                "rate_limited",
                f"more than {take.limit} calls in a window",
                headers={"retry-after": str(wait_s)},
            )
        scope = f"{area}.{'read' if verb == 'GET' else 'write'}"
        if scope not in token.scopes:
            raise Problem(403, "insufficient_scope", f"the token lacks the scope {scope}")

    async def _run(self, request: Request, token: Token, handler: Handler) -> Reply:
        raw = await request.body()
        call = ApiCall(
            actor=Actor("internal", token.client_id),
            path=request.path_params,
            query=request.query_params,
            headers=request.headers,
            body=_parse(request, raw),
            raw=raw,
            base_url=str(request.base_url).rstrip("/"),
        )
        if request.method != "POST":
            return handler(call)
        return await self._once(request, token, handler, call)

    async def _once(self, request: Request, token: Token, handler: Handler, call: ApiCall) -> Reply:
        key = check_key(request.headers.get("idempotency-key"))
        fingerprint = _fingerprint(request, call.raw)
        kept = self._memory.begin(token.client_id, key, fingerprint, self._now_s())
        if kept is not None:
            return replace(kept, headers={**kept.headers, "idempotent-replayed": "true"})
        try:
            await asyncio.sleep(self._settings().processing_delay_s)
            reply = handler(call)
        except BaseException:
            self._memory.forget(token.client_id, key)
            raise
        self._memory.finish(token.client_id, key, reply)
        return reply


def _rate_headers(take: Take, now_s: float) -> dict[str, str]:
    return {
        "ratelimit-limit": str(take.limit),
        "ratelimit-remaining": str(take.remaining),
        "ratelimit-reset": str(math.ceil(take.reset_in_s(now_s))),
    }


def _fingerprint(request: Request, raw: bytes) -> str:
    """Tells requests apart; multipart boundaries do not count, they differ from try to try."""
    _, _, boundary = request.headers.get("content-type", "").partition("boundary=")
    if boundary:
        raw = raw.replace(boundary.strip('"').encode(), b"")
    return hashlib.sha256(f"POST {request.url.path}\n".encode() + raw).hexdigest()
