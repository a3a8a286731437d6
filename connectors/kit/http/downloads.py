"""Files behind links that platforms send us: attachments, documents. A link is a stranger's text, so it is guarded.

Only hosts that the connector names, at ports that it names; https only; addresses that are public, looked at where they
are connected to (a name that resolves to another address a moment later gains nothing); redirects by hand, each guarded
like the link itself; type and size bounded while the file comes; no cookies, no proxy, none of our credentials. What
goes wrong is a verdict that holds nothing of the link: links are secrets.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from connectors.kit.connector import Download, Misconfigured, Rejected, Response, Transient
from connectors.kit.links import BadLinkError, Links, allowed, public

REDIRECTS_MAX = 3
DOWNLOAD_S_MAX = 60.0  # a file as a whole, redirects included
CONNECT_S_MAX = 10.0
READ_S_MAX = 20.0  # without a byte
CHUNK_BYTES = 65_536
TOGETHER_MAX = 2  # files of one platform that are held at once
REDIRECTS = frozenset({301, 302, 303, 307, 308})
LATER = frozenset({408, 425, 429, *range(500, 600)})
HEADERS = {"accept-encoding": "identity", "user-agent": "gridwire"}


class LinkError(Exception):
    """The file is not taken. The verdict says whether to try again; its text holds nothing of the link."""

    def __init__(self, verdict: Transient | Rejected | Misconfigured) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


def _refused(why: str) -> LinkError:
    return LinkError(Rejected(f"link refused: {why}"))


class PublicOnly(AbstractResolver):
    """Resolves names for the connection itself; one address that is not public spoils the name."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not found or not all(public(one["host"]) for one in found):
            raise BadLinkError("its address is not public")
        return found

    async def close(self) -> None:
        await self._inner.close()


# ---- the download ------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Downloader:
    """Downloads for one platform, TOGETHER_MAX at once. `tls`: for tests; else certificates are verified as usual."""

    links: Links
    tls: ssl.SSLContext | None = None
    resolver: AbstractResolver | None = None
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TOGETHER_MAX))

    async def fetch(self, download: Download) -> Response:
        """The file, or one of the answers in `download.expect` without its body. Raises LinkError."""
        async with self._room:
            try:
                async with asyncio.timeout(DOWNLOAD_S_MAX):
                    return await self._fetch(download)
            except LinkError:
                raise
            except BadLinkError as error:
                raise _refused(str(error)) from None
            except (aiohttp.ClientError, ssl.SSLError, OSError, ValueError) as error:
                raise _mapped(error) from None  # its text and its cause may hold the link

    async def _fetch(self, download: Download) -> Response:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=1,
                force_close=True,
                use_dns_cache=False,
                ssl=self.tls or ssl.create_default_context(),
                resolver=None if self.links.private else self.resolver or PublicOnly(),
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_S_MAX, sock_read=READ_S_MAX),
            auto_decompress=False,
            trust_env=False,
        ) as session:
            url = download.url
            for _ in range(REDIRECTS_MAX + 1):
                target = _read_alike(allowed(url, self.links))
                async with session.get(target, headers=HEADERS, allow_redirects=False) as answer:
                    if answer.status not in REDIRECTS:
                        return await self._taken(download, answer)
                    url = urljoin(url, answer.headers.get("location", ""))
        raise _refused(f"more than {REDIRECTS_MAX} redirects")

    async def _taken(self, download: Download, answer: aiohttp.ClientResponse) -> Response:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status in download.expect:
            return Response(answer.status, headers, b"")
        if answer.status in LATER:
            raise LinkError(Transient(f"link: status {answer.status}"))
        if answer.status != 200:
            raise LinkError(Rejected(f"link: status {answer.status}"))
        self._check_type(download, headers)
        bytes_max = min(download.bytes_max or self.links.bytes_max, self.links.bytes_max)
        if (answer.content_length or 0) > bytes_max:
            raise _too_large(bytes_max)
        body = bytearray()
        async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
            if len(body) + len(chunk) > bytes_max:
                raise _too_large(bytes_max)
            body += chunk
        return Response(200, headers, bytes(body))

    def _check_type(self, download: Download, headers: Mapping[str, str]) -> None:
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise _refused("the file comes packed, though that was not asked for")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        known = any(_of_type(kind, one) for one in self.links.types)
        wanted = not download.types or any(_of_type(kind, one) for one in download.types)
        if not kind or not known or not wanted:
            raise _refused("the file is of a type that is not taken")


def _read_alike(url: str) -> URL:
    """The URL as the client reads it, left as it stands (it may be signed). Raises BadLinkError where the guard
    has read another.
    """
    target, parts = URL(url, encoded=True), urlsplit(url)
    read = (target.scheme, (target.raw_host or "").lower(), target.explicit_port)
    if read != (parts.scheme, parts.hostname, parts.port) or target.user or target.password:
        raise BadLinkError("it is no URL")
    return target


def _of_type(kind: str, pattern: str) -> bool:
    return kind.startswith(pattern[:-1]) if pattern.endswith("/*") else kind == pattern


def _too_large(bytes_max: int) -> LinkError:
    return _refused(f"the file is larger than {bytes_max} bytes")


def _mapped(error: BaseException) -> LinkError:
    """Only class names get through: texts may hold the link."""
    causes: tuple[Any, ...] = (error, error.__cause__, error.__context__)
    for cause in causes:
        if isinstance(cause, BadLinkError):  # of the resolver
            return _refused(str(cause))
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return LinkError(Misconfigured(f"link: cannot connect: {type(error).__name__}"))
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return _refused("it is no URL")
    if isinstance(error, TimeoutError):
        return LinkError(Transient("link: timeout"))
    return LinkError(Transient(f"link: {type(error).__name__}"))
