"""The one HTTP client: httpx's requests and responses over httpx-aiohttp's transport (HTTP/1.1, TLS verified).

The transport is driven directly: redirects, cookies and authentication of `httpx.AsyncClient` are not wanted here, and
without them a call costs half. What goes wrong becomes one error, `NoAnswerError`, that knows whether the request
may have had its effect. Nothing of a request or an answer is ever logged.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from connectors.kit.auth import TokenCall
from connectors.kit.connector import Misconfigured, Request, Response, Transient
from connectors.kit.http.unpacking import ACCEPTED, UnpackError, unpacker

CONNECT_TIMEOUT_S = 10.0
TOKEN_TIMEOUT_S = 30.0
KEEP_ALIVE_S = 30.0
RESPONSE_BYTES_MAX = 32 * 1024 * 1024
URLS_CACHED_MAX = 1_024
USER_AGENT = "gridwire"

# Nothing was sent: no connection came about. (httpx-aiohttp names these and others alike, so their causes decide.)
NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
# Trying again later does not help: the address or the certificate is wrong.
WRONG_SETUP = (
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ClientConnectorSSLError,
    aiohttp.InvalidURL,
    httpx.InvalidURL,
    httpx.UnsupportedProtocol,
)
FAILURES = (
    httpx.HTTPError,
    httpx.InvalidURL,
    aiohttp.ClientError,
    ssl.SSLError,
    OSError,
    TimeoutError,
    UnpackError,
)


class NoAnswerError(Exception):
    """No complete answer came. `sent`: the request may have reached the platform and had its effect."""

    def __init__(self, verdict: Transient | Misconfigured, *, sent: bool) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict
        self.sent = sent


class _TooLargeError(httpx.HTTPError):
    """The answer exceeds RESPONSE_BYTES_MAX."""


@dataclass(frozen=True, slots=True)
class _Sending:
    method: str
    url: httpx.URL
    headers: Mapping[str, str]
    content: bytes | None
    timeout_s: float


class HttpClient:
    """Calls one platform. `connections` bounds how many are open; `headers` go with every request.

    Raises ValueError where `base_url` is not an http(s) URL.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        connections: int,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        parsed = httpx.URL(base_url)
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError("the base URL must be like https://host/path")
        self._base = base_url.rstrip("/")
        self._headers = {
            "accept": "application/json",
            "accept-encoding": ACCEPTED,
            "user-agent": USER_AGENT,
        }
        self._headers |= {name.lower(): value for name, value in headers.items()}
        self._connections = connections
        self._urls: dict[str, httpx.URL] = {}
        self._transport = AiohttpTransport(
            verify=verify or ssl.create_default_context(), client=self._session
        )

    def _session(self) -> aiohttp.ClientSession:
        """The transport's connections; made on first use, inside the running loop."""
        connector = aiohttp.TCPConnector(
            limit=self._connections,
            keepalive_timeout=KEEP_ALIVE_S,
            ssl=self._transport.ssl_context,
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def exchange(self, request: Request, headers: Mapping[str, str]) -> Response:
        """Sends `request` with `headers` on top of its own. Raises NoAnswerError."""
        merged = {**self._headers, **request.headers, **headers}
        content = None
        if request.json is not None:
            content = msgspec.json.encode(request.json)
            merged["content-type"] = "application/json"
        url = self._url(request.path)
        if request.query:
            url = url.copy_merge_params(dict(request.query))
        return await self._send(_Sending(request.method, url, merged, content, request.timeout_s))

    async def fetch_token(self, call: TokenCall) -> Response:
        """Posts the form of a token request. Raises NoAnswerError."""
        headers = {
            "accept-encoding": ACCEPTED,
            "user-agent": USER_AGENT,
            **call.headers,
            "content-type": "application/x-www-form-urlencoded",
        }
        body = urlencode(call.form).encode()
        return await self._send(
            _Sending("POST", httpx.URL(call.url), headers, body, TOKEN_TIMEOUT_S)
        )

    async def close(self) -> None:
        await self._transport.aclose()

    def _url(self, path: str) -> httpx.URL:
        """Raises NoAnswerError: without its slash a path would go on with the host's name, and lead to another."""
        known = self._urls.get(path)
        if known is not None:
            return known
        if not path.startswith("/"):
            fix = "check the settings that name paths"
            raise NoAnswerError(Misconfigured(f"a path begins with /: {fix}"), sent=False)
        if len(self._urls) >= URLS_CACHED_MAX:
            self._urls.clear()
        url = self._urls[path] = httpx.URL(self._base + path)
        return url

    async def _send(self, sending: _Sending) -> Response:
        request = httpx.Request(
            sending.method,
            sending.url,
            headers=sending.headers,
            content=sending.content,
            extensions={"timeout": {"connect": CONNECT_TIMEOUT_S, "read": sending.timeout_s}},
        )
        try:
            async with asyncio.timeout(sending.timeout_s):
                return await self._answer(request)
        except FAILURES as error:
            raise _no_answer(error) from None  # its text and its cause may hold the URL

    async def _answer(self, request: httpx.Request) -> Response:
        answer = await self._transport.handle_async_request(request)
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in answer.headers.raw
        }
        try:
            body = await _body(answer)
        finally:
            await answer.aclose()
        return Response(answer.status_code, headers, body)


async def _body(answer: httpx.Response) -> bytes:
    """The decoded body, bounded while it is read: an answer may be endless, or grow when it is unpacked."""
    chunks: Any = answer.stream
    unpacking = unpacker(answer.headers.get_list("content-encoding"))
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        for piece in (chunk,) if unpacking is None else unpacking.pieces(chunk):
            size += len(piece)
            if size > RESPONSE_BYTES_MAX:
                raise _TooLargeError("answer too large")
            parts.append(piece)
    if unpacking is not None:
        unpacking.end()
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _no_answer(error: BaseException) -> NoAnswerError:
    """What a failure means. Only class names get through: texts may hold URLs."""
    causes = (error, error.__cause__)
    if any(isinstance(cause, WRONG_SETUP) for cause in causes):
        kind = type(error.__cause__ or error).__name__
        return NoAnswerError(Misconfigured(f"cannot connect: {kind}"), sent=False)
    if any(isinstance(cause, NOT_SENT) for cause in causes):
        return NoAnswerError(Transient("cannot connect"), sent=False)
    if isinstance(error, _TooLargeError):
        return NoAnswerError(Transient("answer too large"), sent=True)
    if isinstance(error, UnpackError):
        return NoAnswerError(Transient(str(error)), sent=True)
    if any(isinstance(cause, TimeoutError) for cause in causes):  # aiohttp's own are TimeoutErrors
        return NoAnswerError(Transient("timeout"), sent=True)
    kind = type(error.__cause__ or error).__name__
    return NoAnswerError(Transient(f"connection broken: {kind}"), sent=True)
