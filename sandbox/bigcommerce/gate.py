"""The way into the store's API: token, quota, scope, media types; then the endpoint's handler.

An endpoint is a row: method, path template, scope families, handler. Handlers are plain
functions from a `Call` to an `Answer`; they change the store, raise `Refused`, do no I/O.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.bigcommerce.answers import (
    Answer,
    Json,
    Refused,
    as_json_bytes,
    as_xml_bytes,
    error_answer,
)
from sandbox.bigcommerce.settings import Account
from sandbox.bigcommerce.store import Store
from sandbox.core.ratelimit import FixedWindow, Take

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
WINDOW_MS = "X-Rate-Limit-Time-Window-Ms"
RESET_MS = "X-Rate-Limit-Time-Reset-Ms"
QUOTA = "X-Rate-Limit-Requests-Quota"
LEFT = "X-Rate-Limit-Requests-Left"
JSON_TYPE = "application/json"
XML_TYPE = "application/xml"


@dataclass(frozen=True, slots=True)
class Call:
    """One API call: `ids` are the numbers of the path, `body` is the parsed JSON or None."""

    store: Store
    account: Account
    ids: Mapping[str, int]
    query: Mapping[str, str]
    body: Any


Handler = Callable[[Call], Answer]


class Throttled(Refused):
    """The store's quota is used up; `headers` say when to come back."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(429, "Too many requests for this store.")
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`path` begins with /v2 or /v3; `{name}` stands for a number. `scopes`: any one will do;
    none means the default scope that every account has.
    """

    method: str
    path: str
    handler: Handler
    scopes: tuple[str, ...] = ()


def rows(path: str, scopes: tuple[str, ...], /, **handlers: Handler) -> list[Endpoint]:
    """Endpoints of one path, a handler per method: `get=list_orders, put=put_order`."""
    return [Endpoint(method.upper(), path, run, scopes) for method, run in handlers.items()]


def _match(template: Sequence[str], path: Sequence[str]) -> dict[str, int] | None:
    if len(template) != len(path):
        return None
    ids: dict[str, int] = {}
    for expected, given in zip(template, path, strict=True):
        if expected.startswith("{"):
            if not (given.isascii() and given.isdigit()):
                return None
            ids[expected[1:-1]] = int(given)
        elif expected != given:
            return None
    return ids


class StoreGate:
    """Dispatches the calls of one store; `after` runs behind every call (sends webhooks)."""

    def __init__(
        self,
        store: Callable[[], Store],
        endpoints: Sequence[Endpoint],
        before: Callable[[str], None],
        after: Callable[[], None],
    ) -> None:
        self._store = store
        self._endpoints = [(one.path.strip("/").split("/"), one) for one in endpoints]
        self._before = before
        self._after = after
        self._quota = FixedWindow(1, 1.0)

    def routes(self) -> list[Route]:
        path = "/stores/{store_hash}/{rest:path}"
        return [Route(path, self._handle, methods=list(METHODS))]

    def forget_quota(self) -> None:
        """Begin a new window."""
        self._quota = FixedWindow(1, 1.0)

    async def _handle(self, request: Request) -> Response:
        store = self._store()
        rest = request.path_params["rest"].strip("/").split("/")
        version = "v2" if rest[0] == "v2" else "v3"
        quota: dict[str, str] = {}
        try:
            account = _authenticated(store, request)
            quota = self._counted(store)
            answer = self._answer(store, account, request, rest, await request.body())
        except Throttled as throttled:
            answer = error_answer(throttled, version)
            quota = _throttle_headers(throttled, store)
        except Refused as refused:
            answer = error_answer(refused, version)
        return _rendered(answer, request, store, version, quota)

    def _counted(self, store: Store) -> dict[str, str]:
        wanted = (store.settings.quota_requests, store.settings.quota_window_s)
        if (self._quota.limit, self._quota.window_s) != wanted:
            self._quota = FixedWindow(*wanted)
        take = self._quota.take(store.now_s())
        headers = _quota_headers(take, store)
        if not take.allowed:
            raise Throttled(headers)
        return headers

    def _answer(
        self, store: Store, account: Account, request: Request, rest: list[str], raw: bytes
    ) -> Answer:
        method = "GET" if request.method == "HEAD" else request.method
        endpoint, ids = self._find(method, rest)
        if not account.allows(endpoint.scopes, write=method != "GET"):
            raise Refused(403, "The token lacks a scope that this endpoint requires.", errors={})
        _check_accept(request)
        body = _parsed(request, raw) if method != "GET" else None
        self._before(method)
        query = dict(request.query_params)
        try:
            return endpoint.handler(Call(store, account, ids, query, body))
        finally:
            self._after()

    def _find(self, method: str, rest: list[str]) -> tuple[Endpoint, dict[str, int]]:
        if method not in ("GET", "POST", "PUT", "DELETE"):
            raise Refused(501, f"The API has no {method}.")
        path_known = False
        for template, endpoint in self._endpoints:
            ids = _match(template, rest)
            if ids is None:
                continue
            if endpoint.method == method:
                return endpoint, ids
            path_known = True
        if path_known:
            raise Refused(405, f"This resource has no {method}.")
        raise Refused(404, "There is no such resource.", instance="/" + "/".join(rest))


def _authenticated(store: Store, request: Request) -> Account:
    account = store.accounts.get(request.headers.get("x-auth-token", ""))
    if account is None or request.path_params["store_hash"] != store.settings.store_hash:
        raise Refused(401, "The token is missing or not valid for this store.")
    return account


def _quota_headers(take: Take, store: Store) -> dict[str, str]:
    return {
        WINDOW_MS: str(round(store.settings.quota_window_s * 1000)),
        RESET_MS: str(max(1, round(take.reset_in_s(store.now_s()) * 1000))),
        QUOTA: str(take.limit),
        LEFT: str(take.remaining),
    }


def _throttle_headers(throttled: Throttled, store: Store) -> dict[str, str]:
    """With headers the 429 is the quota's; without them it looks like an overloaded platform."""
    if not store.settings.quota_headers_on_429:
        return {}
    reset_s = -(-int(throttled.headers[RESET_MS]) // 1000)
    return {**throttled.headers, "X-Retry-After": str(reset_s)}


def _wants(request: Request) -> set[str]:
    accept = request.headers.get("accept", "")
    return {part.split(";")[0].strip().lower() for part in accept.split(",")} - {""}


def _check_accept(request: Request) -> None:
    wanted = _wants(request)
    fine = {JSON_TYPE, "application/*", "*/*"}
    if request.path_params["rest"].startswith("v2"):
        fine.add(XML_TYPE)
    if wanted and not wanted & fine:
        raise Refused(406, "None of the media types of the Accept header is supported.")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _parsed(request: Request, raw: bytes) -> Any:
    if not raw:
        return None
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != JSON_TYPE:
        raise Refused(415, "Bodies must be sent with Content-Type application/json.")
    try:
        return json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not valid JSON.") from None


def _as_xml(request: Request, store: Store, version: str) -> bool:
    if version != "v2":
        return False
    wanted = _wants(request)
    if not wanted:
        return store.settings.v2_xml_without_accept
    return XML_TYPE in wanted and not wanted & {JSON_TYPE, "*/*"}


def _rendered(
    answer: Answer, request: Request, store: Store, version: str, quota: dict[str, str]
) -> Response:
    headers = {**quota, **answer.headers}
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    if _as_xml(request, store, version):
        names = [part for part in request.path_params["rest"].split("/") if part.isalpha()]
        content = as_xml_bytes(answer.body, names[-1] if names else "answer")
        return Response(content, answer.status, headers, XML_TYPE)
    body: Json | list[Json] = answer.body
    return Response(as_json_bytes(body), answer.status, headers, JSON_TYPE)
