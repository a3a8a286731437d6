"""Platforms to call: a light HTTP server in a process of its own; each platform behind a path, as it is described.

POST /<name>/…     answered as the platform would; counted
GET  /_counts      {name: Counted}
"""

import argparse
import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import msgspec
import uvloop

from bench.kit.wire import Answer, Messages
from sandbox.child import write_ready_file

SLICE_S = 0.1
SLOW_S = 2.0  # above the time-out of the storm's requests
COUNTS = b"_counts"
Style = Literal["braze", "bigcommerce", "silent"]
HeaderList = tuple[tuple[str, str], ...]


# ---- descriptions ------------------------------------------------------------------------------------------------
class Free(msgspec.Struct, frozen=True, tag=True):
    """Takes everything at once."""

    name: str


class Limited(msgspec.Struct, frozen=True, tag=True):
    """Takes `limit` calls in `window_s` seconds, and says so in the headers of `style`.

    `bucket`: not in fixed windows, but as a token bucket that holds `limit` and is filled in `window_s`.
    """

    name: str
    limit: int
    window_s: float
    style: Style
    bucket: bool = False
    delay_s: float = 0.05

    @property
    def per_s(self) -> float:
        return self.limit / self.window_s


class Stormy(msgspec.Struct, frozen=True, tag=True):
    """Answers with 429, 500 and 503 at random, some slowly, some not at all; calm for a share of the calls."""

    name: str
    calm: float
    seed: int = 1


class Listing(msgspec.Struct, frozen=True, tag=True):
    """Trading Grid's threads in pages, once; then nothing new. `token`: its token endpoint is there, too."""

    name: str
    rows: int


Description = Free | Limited | Stormy | Listing


class Counted(msgspec.Struct):
    """What a platform has seen. `slices`: successes per SLICE_S since the first call; 0 among statuses: cut off."""

    statuses: dict[int, int]
    slices: dict[int, int]
    seconds: float  # since the first call


# ---- behaviour ---------------------------------------------------------------------------------------------------
class Platform(Protocol):
    """Says what it answers to a call. `target`: path and query behind its name."""

    def answer(self, target: str, now_s: float) -> Answer: ...


class Taking:
    """Free."""

    def __init__(self) -> None:
        self._answer = Answer(body=b'{"message":"success","id":"o-1"}')

    def answer(self, target: str, now_s: float) -> Answer:  # noqa: ARG002 -- the protocol's shape
        return self._answer


class Budget:
    """Limited, in windows that begin with the first call."""

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._began = -math.inf
        self._used = 0

    def take(self, now_s: float) -> tuple[bool, int, float]:
        """Whether the call is within the limit, how many are left, seconds until there are `limit` again."""
        if now_s >= self._began + self._window_s:
            passed = (now_s - self._began) // self._window_s
            known = math.isfinite(passed)
            self._began = self._began + passed * self._window_s if known else now_s
            self._used = 0
        taken = self._used < self._limit
        self._used += taken
        return taken, self._limit - self._used, self._began + self._window_s - now_s


class Bucket:
    """Limited, as a token bucket."""

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._per_s = limit / window_s
        self._tokens = float(limit)
        self._at = -math.inf

    def take(self, now_s: float) -> tuple[bool, int, float]:
        """As Budget's."""
        passed_s = now_s - self._at if math.isfinite(self._at) else 0.0
        self._tokens = min(self._limit, self._tokens + passed_s * self._per_s)
        self._at = now_s
        taken = self._tokens >= 1
        self._tokens -= taken
        return taken, int(self._tokens), (self._limit - self._tokens) / self._per_s


class Limiting:
    """Limited."""

    def __init__(self, described: Limited) -> None:
        self._described = described
        make = Bucket if described.bucket else Budget
        self._budget = make(described.limit, described.window_s)
        self._offset_s = time.time() - time.monotonic()

    def answer(self, target: str, now_s: float) -> Answer:  # noqa: ARG002 -- the protocol's shape
        taken, left, reset_s = self._budget.take(now_s)
        headers = self._headers(left, reset_s, now_s)
        return Answer(200 if taken else 429, headers, delay_s=self._described.delay_s)

    def _headers(self, left: int, reset_s: float, now_s: float) -> HeaderList:
        limit = str(self._described.limit)
        match self._described.style:
            case "braze":
                reset = math.ceil(now_s + self._offset_s + reset_s)  # epoch seconds, whole ones
                named = {"limit": limit, "remaining": str(left), "reset": str(reset)}
                return tuple((f"x-ratelimit-{name}", value) for name, value in named.items())
            case "bigcommerce":
                window_ms = str(int(self._described.window_s * 1_000))
                return (
                    ("X-Rate-Limit-Time-Window-Ms", window_ms),
                    ("X-Rate-Limit-Time-Reset-Ms", str(int(reset_s * 1_000))),
                    ("X-Rate-Limit-Requests-Quota", limit),
                    ("X-Rate-Limit-Requests-Left", str(left)),
                )
        return ()


class Storm:
    """Stormy."""

    def __init__(self, described: Stormy) -> None:
        self._calm = described.calm
        self._dice = random.Random(described.seed)
        self._ok = Answer(body=b'{"id":"o-1"}')
        self._bad = (
            Answer(429),
            Answer(429, (("Retry-After", "1"),)),
            Answer(500, body=b'{"error":"' + b"x" * 2_000 + b'"}'),
            Answer(503, (("Retry-After", "0"),)),
            Answer(200, delay_s=SLOW_S),
            Answer(0),
        )

    def answer(self, target: str, now_s: float) -> Answer:  # noqa: ARG002 -- the protocol's shape
        return self._ok if self._dice.random() < self._calm else self._dice.choice(self._bad)


class Threads:
    """Listing."""

    PAGE = 200

    def __init__(self, described: Listing) -> None:
        self._pages = [
            self._page(first, min(described.rows, first + self.PAGE), described.rows)
            for first in range(0, described.rows, self.PAGE)
        ]
        self._empty = Answer(body=b'{"data":[],"page":{"next_cursor":null,"has_more":false}}')
        self._done = False

    def answer(self, target: str, now_s: float) -> Answer:  # noqa: ARG002 -- the protocol's shape
        if "token" in target:
            return Answer(body=b'{"access_token":"t","token_type":"Bearer","expires_in":3600}')
        if "threads" not in target or self._done:
            return self._empty
        number = int(target.rpartition("cursor=page-")[2]) if "cursor=" in target else 0
        self._done = number == len(self._pages) - 1
        return self._pages[number]

    def _page(self, first: int, end: int, rows: int) -> Answer:
        more = end < rows
        cursor = f"page-{end // self.PAGE}" if more else None
        body = {
            "data": [thread(number) for number in range(first, end)],
            "page": {"next_cursor": cursor, "has_more": more},
        }
        return Answer(body=msgspec.json.encode(body))


def thread(number: int) -> dict[str, Any]:
    """A thread as Trading Grid lists it."""
    second = number % 60
    return {
        "id": f"thr-{number:08d}",
        "kind": "order_issue",
        "status": "open",
        "version": 3,
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": f"2026-01-01T00:{number // 60 % 60:02d}:{second:02d}.000Z",
        "subject": f"Order {number}: items are late",
        "priority": "normal",
        "partner_id": f"P{number % 10_000:06d}",
        "created_by": {"type": "partner", "id": f"P{number % 10_000:06d}"},
        "sla": {"respond_by": "2026-01-02T00:00:00Z", "resolve_by": None, "breached": False},
        "external_refs": [{"system": "bigcommerce", "type": "order", "id": str(number)}],
        "related": [{"type": "order", "id": str(number)}],
        "lines": [
            {"line_ref": "1", "sku": f"SKU-{number % 10_000:06d}", "quantity": 2, "reason": "late"}
        ],
        "resolution": None,
        "custom": {"channel": "web"},
    }


def made(described: Description) -> Platform:
    match described:
        case Limited():
            return Limiting(described)
        case Stormy():
            return Storm(described)
        case Listing():
            return Threads(described)
        case Free():
            return Taking()


# ---- the server --------------------------------------------------------------------------------------------------
class Door:
    """A platform with its counts."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._statuses: Counter[int] = Counter()
        self._slices: Counter[int] = Counter()
        self._first_s: float | None = None

    def answer(self, target: str) -> Answer:
        now_s = time.monotonic()
        if self._first_s is None:
            self._first_s = now_s
        answer = self._platform.answer(target, now_s)
        self._statuses[answer.status] += 1
        if answer.status == 200:
            self._slices[int((now_s - self._first_s) / SLICE_S)] += 1
        return answer

    def counted(self) -> Counted:
        seconds = 0.0 if self._first_s is None else time.monotonic() - self._first_s
        return Counted(dict(self._statuses), dict(self._slices), seconds)


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, doors: dict[bytes, Door]) -> None:
        self._doors = doors
        self._messages = Messages()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        for head, _body in self._messages.feed(data):
            target = head.split(b" ", 2)[1]
            name, _, rest = target[1:].partition(b"/")
            if name == COUNTS:
                counts = {key.decode(): door.counted() for key, door in self._doors.items()}
                self._write(Answer(body=msgspec.json.encode(counts)))
                continue
            answer = self._doors[name].answer(rest.decode("latin-1"))
            if answer.delay_s:
                loop = asyncio.get_running_loop()
                loop.call_later(answer.delay_s, self._write, answer)
            else:
                self._write(answer)

    def _write(self, answer: Answer) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if answer.status == 0:
            self._transport.abort()
        else:
            self._transport.write(answer.encoded())


async def _serve(described: list[Description], ready_file: Path) -> None:
    loop = asyncio.get_running_loop()
    doors = {one.name.encode(): Door(made(one)) for one in described}
    make: Callable[[], Connection] = partial(Connection, doors)
    server = await loop.create_server(make, "127.0.0.1", 0)
    write_ready_file(ready_file, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("described", help="JSON list of platforms")
    parser.add_argument("ready_file", type=Path)
    asked = parser.parse_args()
    described = msgspec.json.decode(asked.described, type=list[Description])
    uvloop.run(_serve(described, asked.ready_file))


if __name__ == "__main__":
    main()
