"""One HTTP POST over asyncio streams: all that a webhook sender needs.

The sandbox has no HTTP client library, so that the rule that only the connector kit has one
can be checked by looking at imports. A delivery is one connection and one answer, of which a
sender reads the status line and the headers only.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

HEAD_BYTES_MAX = 64 * 1024
HEADERS_MAX = 200


class PostFailed(Exception):
    """No HTTP answer: refused, reset, timed out, or not HTTP. The text says which."""


@dataclass(frozen=True, slots=True)
class PostAnswer:
    status: int
    headers: dict[str, str]


def _request_head(url: str, headers: dict[str, str], length: int) -> tuple[str, int, bool, bytes]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PostFailed(f"not an http(s) URL: {url!r}")
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"host": parts.netloc.rpartition("@")[2], "content-type": "application/json", **headers}
    sent |= {"content-length": str(length), "connection": "close"}
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise PostFailed("a header of the delivery contains a line break")
    return parts.hostname, port, tls, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _read_answer(reader: asyncio.StreamReader) -> PostAnswer:
    fields = (await reader.readuntil(b"\r\n")).split(maxsplit=2)
    if len(fields) < 2 or not fields[0].startswith(b"HTTP/1.") or not fields[1].isdigit():
        raise PostFailed("the answer is not HTTP/1.x")
    headers: dict[str, str] = {}
    for _ in range(HEADERS_MAX):
        line = await reader.readuntil(b"\r\n")
        if line == b"\r\n":
            return PostAnswer(int(fields[1]), headers)
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    raise PostFailed(f"the answer has more than {HEADERS_MAX} headers")


async def _post(url: str, headers: dict[str, str], body: bytes) -> PostAnswer:
    host, port, tls, head = _request_head(url, headers, len(body))
    context = ssl.create_default_context() if tls else None
    reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=HEAD_BYTES_MAX)
    try:
        writer.write(head + body)
        await writer.drain()
        return await _read_answer(reader)
    finally:
        writer.close()


async def post(url: str, headers: dict[str, str], body: bytes, timeout_s: float) -> PostAnswer:
    """POST `body` and return the answer's head. Raises PostFailed when there is no answer."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _post(url, headers, body)
    except TimeoutError as failure:
        raise PostFailed(f"no answer within {timeout_s:g} s") from failure
    except (OSError, EOFError, asyncio.LimitOverrunError) as failure:
        raise PostFailed(f"{type(failure).__name__}: {failure}") from failure
