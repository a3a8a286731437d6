"""Calls to servers on this machine with the standard library alone: the sandbox has no HTTP client library."""

import asyncio
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 15.0
ANSWER_BYTES_MAX = 256 * 1024 * 1024


class CallError(Exception):
    """No answer, or one that says no; the text names method, path and what was said."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `text` is its body."""

    status: int
    text: str

    def json(self) -> Any:
        """The decoded body. Raises CallError where it is no JSON."""
        try:
            return json.loads(self.text)
        except ValueError as error:
            raise CallError(f"not JSON: {self.text[:200]!r}") from error


def call(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """One request. Raises CallError where no answer comes."""
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout_s)
    try:
        connection.request(method, path or "/", body, dict(headers or {}))
        response = connection.getresponse()
        text = response.read(ANSWER_BYTES_MAX).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise CallError(f"{method} {url}: {error}") from error
    finally:
        connection.close()
    return Answer(response.status, text)


async def asked(method: str, url: str, body: Any = None) -> Any:
    """Sends and receives JSON, without blocking the loop. Raises CallError, also for any status but 2xx."""
    raw = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"} if raw is not None else {}
    answer = await asyncio.to_thread(call, method, url, raw, headers)
    if not 200 <= answer.status < 300:
        raise CallError(f"{method} {url}: {answer.status} {answer.text[:500]}")
    return answer.json() if answer.text else None
