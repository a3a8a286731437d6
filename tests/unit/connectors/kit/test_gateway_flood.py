"""The gateway on a real socket before strangers who send much, slowly, and never to the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext

import httpx
import pytest

from connectors.kit.connector import Route, Source
from connectors.kit.output.messages import Messages
from connectors.kit.signatures import BearerToken
from connectors.kit.webhooks.bodies import Bodies, BodyError, Place
from connectors.kit.webhooks.gateway import Wiring, gateway_app
from gridwire.serving import AsgiServer
from gridwire.settings import Secret
from tests.unit.connectors.kit.clocks import FakeTime
from tests.unit.connectors.kit.platforms import platform
from tests.unit.connectors.kit.registry import Avro
from tests.unit.connectors.kit.test_gateway import FakeWriter, read
from tests.waiting import eventually

HELD_BYTES_MAX = 1_000_000
BODY_BYTES_MAX = 400_000
SENT_BYTES = 300_000  # of each body; the rest never comes
SENDERS = 40
CHUNK = 10_000
RIGHT = {"authorization": "Bearer right"}


class Watched(Bodies):
    """Bodies that remember the most they ever held, by their own count and by what the places really hold."""

    def __init__(self, bytes_max: int, requests_max: int) -> None:
        super().__init__(bytes_max, requests_max)
        self.peak = 0

    def grow(self, place: Place, size: int) -> None:
        super().grow(place, size)
        self.peak = max(self.peak, self.bytes)


@asynccontextmanager
async def gateway(bodies: Bodies) -> AsyncIterator[AsgiServer]:
    route = Route("hooks", "/hooks", (BearerToken((Secret("right"),)),), read, BODY_BYTES_MAX)
    wiring = Wiring(
        Messages(Avro().codec, FakeTime().clock), FakeWriter(), bodies, FakeTime().clock
    )
    app = gateway_app([Source(platform(), (route,))], wiring)
    server = AsgiServer(app, "127.0.0.1", 0, setting="a test's port", grace_s=0)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Sender:
    """A connection that sends a part of a body."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def begin(self, *, chunked: bool) -> None:
        size = "transfer-encoding: chunked" if chunked else f"content-length: {BODY_BYTES_MAX}"
        self.writer.write(f"POST /hooks HTTP/1.1\r\nhost: gateway\r\n{size}\r\n\r\n".encode())
        part = b"x" * CHUNK
        framed = b"%x\r\n%s\r\n" % (CHUNK, part) if chunked else part
        try:
            for _ in range(SENT_BYTES // CHUNK):
                self.writer.write(framed)
                await self.writer.drain()
        except OSError:
            return  # the gateway has answered and closed: that is what the test looks at

    async def answer(self) -> bytes:
        return await self.reader.read(300)

    async def close(self) -> None:
        self.writer.transport.abort()


async def sender(server: AsgiServer, stack: AsyncExitStack) -> Sender:
    one = Sender(*await asyncio.open_connection("127.0.0.1", server.port))
    stack.push_async_callback(one.close)
    return one


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_flood_of_slow_large_bodies_is_shed_before_more_is_held_than_allowed(
    chunked: bool,
) -> None:
    bodies = Watched(HELD_BYTES_MAX, 100)
    url = "/hooks"
    async with gateway(bodies) as server, AsyncExitStack() as stack:
        senders = [await sender(server, stack) for _ in range(SENDERS)]
        await asyncio.gather(*(one.begin(chunked=chunked) for one in senders))
        answers = [asyncio.create_task(one.answer()) for one in senders]

        async def shed() -> bool:
            return sum(task.done() for task in answers) == SENDERS - HELD_BYTES_MAX // SENT_BYTES

        await eventually(shed, lambda: "all that do not fit are answered")
        refused = [task.result() for task in answers if task.done()]
        assert all(one.startswith(b"HTTP/1.1 503") for one in refused if one)
        assert b"retry-after" in b"".join(refused)
        assert bodies.bytes <= bodies.peak <= HELD_BYTES_MAX
        assert bodies.bytes == HELD_BYTES_MAX // SENT_BYTES * SENT_BYTES
        base = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(base_url=base) as client:  # a small one has room meanwhile
            answer = await client.post(url, json={"ids": ["t-1"]}, headers=RIGHT)
        assert answer.status_code == 200
        for task in answers:
            task.cancel()
        await asyncio.gather(*answers, return_exceptions=True)

    assert (bodies.bytes, bodies.requests) == (0, 0)


async def test_strangers_who_announce_much_and_send_nothing_keep_nobody_out() -> None:
    bodies = Watched(HELD_BYTES_MAX, 100)
    async with gateway(bodies) as server, AsyncExitStack() as stack:
        for _ in range(SENDERS):
            one = await sender(server, stack)
            head = f"POST /hooks HTTP/1.1\r\nhost: g\r\ncontent-length: {BODY_BYTES_MAX}\r\n\r\n"
            one.writer.write(head.encode())
            await one.writer.drain()

        async def waiting() -> bool:
            return bodies.requests == SENDERS

        await eventually(waiting, lambda: "all of them are under way")
        assert bodies.bytes == 0
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            answer = await client.post("/hooks", json={"ids": ["t-1"]}, headers=RIGHT)
        assert answer.status_code == 200


async def test_a_body_that_comes_byte_by_byte_is_held_once() -> None:
    messages = [{"type": "http.request", "body": b"x", "more_body": True} for _ in range(5_000)] + [
        {"type": "http.request", "body": b"", "more_body": False}
    ]
    left = iter(messages)
    bodies = Watched(HELD_BYTES_MAX, 1)

    async def receive() -> dict[str, object]:
        return next(left)

    with bodies.place({}, BODY_BYTES_MAX) as place:
        assert await place.read(receive) == b"x" * 5_000
        assert bodies.bytes == 5_000
    assert bodies.bytes == 0


LENGTHS = {"²": 200, "9" * 5_000: 413, "0" * 5_000 + "7": 200, "-1": 200, "1_0": 200, "": 200}


@pytest.mark.parametrize("length", LENGTHS)
def test_a_length_that_is_no_number_of_ascii_digits_tells_nothing(length: str) -> None:
    bodies = Bodies(HELD_BYTES_MAX, 100)
    refused = pytest.raises(BodyError) if LENGTHS[length] == 413 else nullcontext()
    with refused, bodies.place({"content-length": length}, BODY_BYTES_MAX) as place:
        assert place.held == 0
