"""OAuth 2.0 client credentials: tokens that expire and carry scopes (RFC 6749 errors)."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.trading_grid.settings import Client, Settings

TOKENS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Token:
    client_id: str
    scopes: frozenset[str]
    expires_at_s: float


class OAuthError(Exception):
    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


class TokenDesk:
    """Hands out opaque bearer tokens, at most TOKENS_MAX at a time (the oldest go)."""

    def __init__(self, settings: Callable[[], Settings], now_s: Callable[[], float]) -> None:
        self._settings = settings
        self._now_s = now_s
        self._tokens: OrderedDict[str, Token] = OrderedDict()

    async def token(self, request: Request) -> Response:
        """POST: Basic client credentials + form `grant_type=client_credentials&scope=…`."""
        try:
            body = self._grant(request.headers, await request.body())
        except OAuthError as error:
            headers = {"www-authenticate": 'Basic realm="oauth2"'} if error.status == 401 else {}
            said = {"error": error.error, "error_description": str(error)}
            return JSONResponse(said, error.status, {**headers, "cache-control": "no-store"})
        return JSONResponse(body, headers={"cache-control": "no-store"})

    def _grant(self, headers: Headers, raw: bytes) -> dict[str, object]:
        kind = headers.get("content-type", "").partition(";")[0].strip()
        if kind != "application/x-www-form-urlencoded":
            raise OAuthError("invalid_request", "send application/x-www-form-urlencoded")
        form = dict(parse_qsl(raw.decode("utf-8", "replace")))
        client = self._client(headers.get("authorization", ""))
        if form.get("grant_type") != "client_credentials":
            raise OAuthError("unsupported_grant_type", "only client_credentials is supported")
        wanted = frozenset(form.get("scope", "").split()) or client.scopes
        if not wanted <= client.scopes:
            refused = " ".join(sorted(wanted - client.scopes))
            raise OAuthError("invalid_scope", f"not granted to this client: {refused}")
        return self._issue(client, wanted)

    def _client(self, authorization: str) -> Client:
        scheme, _, credentials = authorization.partition(" ")
        try:
            pair = base64.b64decode(credentials, validate=True).decode()
        except ValueError:
            pair = ""
        name, _, secret = (unquote_plus(part) for part in pair.partition(":"))
        client = self._settings().clients.get(name)
        known = client.client_secret if client else ""
        fits = hmac.compare_digest(secret.encode(), known.encode())
        if scheme.lower() != "basic" or client is None or not fits:
            raise OAuthError("invalid_client", "unknown client or wrong secret", 401)
        return client

    def _issue(self, client: Client, scopes: frozenset[str]) -> dict[str, object]:
        ttl_s = self._settings().token_ttl_s
        text = secrets.token_urlsafe(32)
        self._tokens[text] = Token(client.client_id, scopes, self._now_s() + ttl_s)
        if len(self._tokens) > TOKENS_MAX:
            self._tokens.popitem(last=False)
        return {
            "access_token": text,
            "token_type": "Bearer",
            "expires_in": int(ttl_s),
            "scope": " ".join(sorted(scopes)),
        }

    def check(self, authorization: str) -> Token | None:
        """The valid token of an Authorization header, else None."""
        scheme, _, text = authorization.partition(" ")
        token = self._tokens.get(text) if scheme.lower() == "bearer" else None
        return token if token and token.expires_at_s > self._now_s() else None

    def expire_all(self) -> int:
        """Make every token handed out so far worthless; answers how many there were."""
        count = len(self._tokens)
        self._tokens.clear()
        return count
