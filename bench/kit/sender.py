"""A sender of signed webhooks, light enough for one core to load a gateway on another.

As many connections as are asked for. Without a rate each sends its next delivery when the last one is answered; with
one, deliveries are due at fixed times whatever the answers do, and their latency counts from when they were due.
"""

import argparse
import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import msgspec
import uvloop

from bench.figures import percentile
from bench.kit.wire import Messages, request
from sandbox.child import write_ready_file
from sandbox.core.webhooks import standard_webhook_headers

CONNECTIONS_MAX = 1_024
TICK_S = 0.001
ANSWERS_S_MAX = 20.0  # for the last ones
THREADS = 5_000


class Sent(msgspec.Struct, frozen=True):
    """What came of it. Latencies in milliseconds; `seconds`: from the first delivery to the last answer.

    `cpu_s`: CPU seconds that the sender took, from its start to its end.
    """

    statuses: dict[int, int]
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_s: float


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`first`: sequence of the first event; `rate`: deliveries a second, 0: as they are answered."""

    port: int
    path: str
    secret: str
    first: int
    count: int
    connections: int
    rate: float = 0.0


def body(number: int) -> bytes:
    """A semi-thin webhook of Trading Grid's: the event with this sequence."""
    event: dict[str, Any] = {
        "type": "thread.status_changed",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "subject": f"thread/thr-{number % THREADS:08d}",
        "sequence": number,
        "community_id": "community-1",
        "data": {
            "id": f"thr-{number % THREADS:08d}",
            "kind": "order_issue",
            "version": number // THREADS + 2,
            "status": "in_progress",
            "previous_status": "open",
            "changed": ["status", "assignee"],
            "actor": {"type": "partner_user", "id": f"usr-{number % 97:04d}"},
            "partner_id": f"P{number % 10_000:06d}",
            "external_refs": [{"system": "bigcommerce", "type": "order", "id": str(number)}],
        },
    }
    return msgspec.json.encode(event)


def prepared(asked: Asked) -> list[bytes]:
    """All deliveries, signed now."""
    now_s = time.time()
    made = []
    for number in range(asked.first, asked.first + asked.count):
        raw = body(number)
        signed = standard_webhook_headers(asked.secret, f"msg_{number:08d}", now_s, raw)
        made.append(request(asked.path, signed, raw))
    return made


class Connection(asyncio.Protocol):
    """Sends one delivery at a time. `answered(connection, status)` is called for each answer."""

    def __init__(self, answered: "Callable[[Connection, int], None]") -> None:
        self._answered = answered
        self._messages = Messages()
        self._transport: asyncio.Transport | None = None
        self.since_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def send(self, raw: bytes, since_s: float) -> None:
        assert self._transport is not None
        self.since_s = since_s
        self._transport.write(raw)

    def data_received(self, data: bytes) -> None:
        for head, _body in self._messages.feed(data):
            self._answered(self, int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the protocol's shape
        self._answered(self, 0)


class Load:
    """Sends everything and takes the answers."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._raws = prepared(asked)
        self._next = 0
        self._idle: deque[Connection] = deque()
        self._statuses: Counter[int] = Counter()
        self._took: list[float] = []
        self._last_s = 0.0
        self._done = asyncio.Event()
        self._started = 0.0

    async def run(self) -> Sent:
        loop = asyncio.get_running_loop()
        make = partial(Connection, self._answer)
        for _ in range(min(self._asked.connections, CONNECTIONS_MAX)):
            _, connection = await loop.create_connection(make, "127.0.0.1", self._asked.port)
            self._idle.append(connection)
        self._started = time.perf_counter()
        if self._asked.rate:
            await self._paced()
        else:
            while self._idle and self._next < len(self._raws):
                self._send(self._idle.popleft(), time.perf_counter())
        async with asyncio.timeout(None if not self._asked.rate else ANSWERS_S_MAX):
            await self._done.wait()
        return self._sent()

    def _send(self, connection: Connection, since_s: float) -> None:
        connection.send(self._raws[self._next], since_s)
        self._next += 1

    async def _paced(self) -> None:
        rate = self._asked.rate
        while self._next < len(self._raws):
            due = min(len(self._raws), int((time.perf_counter() - self._started) * rate) + 1)
            while self._idle and self._next < due:
                self._send(self._idle.popleft(), self._started + self._next / rate)
            await asyncio.sleep(TICK_S)

    def _answer(self, connection: Connection, status: int) -> None:
        if self._done.is_set():
            return
        now_s = self._last_s = time.perf_counter()
        self._statuses[status] += 1
        self._took.append(now_s - connection.since_s)
        if self._statuses.total() == len(self._raws):
            self._done.set()
        elif status == 0:
            return  # a connection less; the answer counts as none
        elif self._asked.rate:
            self._idle.append(connection)
        elif self._next < len(self._raws):
            self._send(connection, now_s)

    def _sent(self) -> Sent:
        took = sorted(self._took)
        p50_ms, p99_ms, max_ms = (percentile(took, share) * 1_000 for share in (0.5, 0.99, 1.0))
        return Sent(
            statuses=dict(self._statuses),
            seconds=self._last_s - self._started,
            p50_ms=p50_ms,
            p99_ms=p99_ms,
            max_ms=max_ms,
            cpu_s=time.process_time(),
        )


async def _main(asked: Asked, result: Path) -> None:
    sent = await Load(asked).run()
    write_ready_file(result, msgspec.json.encode(sent).decode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("asked", help="JSON")
    parser.add_argument("result", type=Path, help="where to write what came of it")
    words = parser.parse_args()
    uvloop.run(_main(msgspec.json.decode(words.asked, type=Asked), words.result))


if __name__ == "__main__":
    main()
