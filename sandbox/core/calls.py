"""The log of every call that a platform received, for tests to assert on."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Any

CALLS_KEPT_MAX = 20_000
BYTES_KEPT_MAX = 128 * 1024 * 1024
TEXT_CHARS_SHOWN_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `n` counts from 1; `status` is None when the connection was cut."""

    n: int
    at: float
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    status: int | None
    answer: bytes
    fault: str | None

    @property
    def size(self) -> int:
        return len(self.body) + len(self.answer)

    def as_json(self) -> dict[str, Any]:
        shown = {name: getattr(self, name) for name in self.__slots__}
        return {**shown, "body": readable(self.body), "answer": readable(self.answer)}


def readable(raw: bytes) -> Any:
    """JSON where it is JSON, else text cut at TEXT_CHARS_SHOWN_MAX; None when empty."""
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return raw[:TEXT_CHARS_SHOWN_MAX].decode("utf-8", "replace")


class CallLog:
    """The last CALLS_KEPT_MAX calls and BYTES_KEPT_MAX bytes; `n` keeps counting beyond."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque()
        self._bytes = 0
        self._last_n = 0

    def record(
        self,
        *,
        at: float,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        body: bytes,
        status: int | None,
        answer: bytes,
        fault: str | None,
    ) -> None:
        self._last_n += 1
        call = Call(
            n=self._last_n,
            at=at,
            method=method,
            path=path,
            query=query,
            headers=headers,
            body=body,
            status=status,
            answer=answer,
            fault=fault,
        )
        self._calls.append(call)
        self._bytes += call.size
        while len(self._calls) > CALLS_KEPT_MAX or self._bytes > BYTES_KEPT_MAX:
            self._bytes -= self._calls.popleft().size

    def select(
        self, method: str | None = None, path_prefix: str = "", since: int = 0, limit: int = 1_000
    ) -> list[dict[str, Any]]:
        """The oldest `limit` calls with n > `since` that match method and path prefix."""
        found = (
            call.as_json()
            for call in self._calls
            if call.n > since
            and call.path.startswith(path_prefix)
            and (method is None or call.method == method.upper())
        )
        return list(islice(found, limit))

    def clear(self) -> None:
        """Forget the calls; `n` goes on counting, so `since` stays valid over a reset."""
        self._calls.clear()
        self._bytes = 0
