"""What a stranger may hold of the HTTP server before anybody reads a request, on real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Receive, Scope, Send

from gridwire import bounded_http as bounds
from gridwire.bounded_http import BoundedHttp
from gridwire.serving import AsgiServer
from tests.waiting import eventually

BEGUN = b"POST / HTTP/1.1\r\nhost: here\r\n"
DEADLINE_S = 20.0


class App:
    """Answers 200 once `go` is set, with the size of the body."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()
        self.calls = 0

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        self.calls += 1
        await self.go.wait()
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        body = str(size).encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Serving:
    """A server and its connections."""

    def __init__(self, app: App, server: AsgiServer) -> None:
        self.app, self._server = app, server
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def connections(self) -> set[BoundedHttp]:
        return self._server._server.server_state.connections  # type: ignore[return-value]

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        self._writers.append(writer)
        return reader, writer

    async def told(self, sent: bytes) -> bytes:
        """All that comes back until the server closes."""
        reader, writer = await self.open()
        writer.write(sent)
        return await asyncio.wait_for(reader.read(), DEADLINE_S)

    async def taken(self, begin: bytes, more: bytes, bytes_max: int) -> int:
        """How many bytes of an endless request could be sent until the connection was closed."""
        _, writer = await self.open()
        writer.write(begin)
        sent = 0
        while sent < bytes_max:
            try:
                writer.write(more)
                await writer.drain()
            except OSError:
                break
            if writer.transport.is_closing():
                break
            sent += len(more)
        return sent

    def abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def serving() -> AsyncIterator[Serving]:
    app = App()
    server = AsgiServer(app, "127.0.0.1", 0, setting="a test's port", grace_s=0)
    await server.start()
    one = Serving(app, server)
    try:
        yield one
    finally:
        one.abort()
        await server.stop()


def padded(size: int) -> bytes:
    """Headers of about `size` bytes."""
    line = b"x-%04d: " + b"a" * 1_000 + b"\r\n"
    return b"".join(line % number for number in range(size // 1_010))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (BEGUN + padded(90_000) + b"\r\n", 431),
        (BEGUN + b"x: " + b"a" * 90_000, 431),
        (BEGUN + b"a" * 90_000, 431),
        (BEGUN + b"a: b\r\n" * 1_000 + b"\r\n", 431),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /" + b"a" * 9_000, 414),
        (b"no http\r\n\r\n", 400),
    ],
)
async def test_a_head_beyond_its_bounds_is_refused_and_the_connection_closed(
    sent: bytes, status: int
) -> None:
    async with serving() as one:
        answer = await one.told(sent)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert b"\r\nconnection: close\r\n" in answer
        assert one.app.calls == 0


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (BEGUN, b"x-y: " + b"a" * 32_000 + b"\r\n"),
        (BEGUN + b"x: ", b"a" * 65_536),
        (b"POST /", b"a" * 65_536),
        (BEGUN + b"transfer-encoding: chunked\r\n\r\n0\r\nx: ", b"a" * 65_536),
        (BEGUN + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x: " + b"a" * 32_000 + b"\r\n"),
    ],
    ids=["headers", "one header", "url", "one trailer", "trailers"],
)
async def test_an_endless_head_is_cut_off(begin: bytes, more: bytes) -> None:
    async with serving() as one:
        assert await one.taken(begin, more, 60_000_000) < 20_000_000  # what sockets hold goes too

        async def gone() -> bool:
            return not one.connections

        await eventually(gone, lambda: "the connection is given up")


async def test_heads_within_their_bounds_are_taken_however_they_are_cut() -> None:
    whole = BEGUN + padded(60_000) + b"content-length: 5\r\n\r\nhello"
    async with serving() as one:
        reader, writer = await one.open()
        for _ in range(2):  # the second on the same connection
            for at in range(0, len(whole), 7_001):
                writer.write(whole[at : at + 7_001])
                await writer.drain()
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE_S)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert await reader.readexactly(1) == b"5"


async def test_a_large_body_is_no_head() -> None:
    async with serving() as one:
        reader, writer = await one.open()
        chunk = b"8\r\nabcdefgh\r\n" * 20_000
        writer.write(BEGUN + b"transfer-encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n")
        answer = await asyncio.wait_for(reader.readuntil(b"160000"), DEADLINE_S)
        assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("sent", [b"P", BEGUN, BEGUN + b"x: a"])
async def test_headers_that_do_not_come_to_their_end_are_not_waited_for(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "HEAD_S_MAX", 0.2)
    async with serving() as one:
        assert (await one.told(sent)).startswith(b"HTTP/1.1 408 ")


async def test_nor_are_those_of_a_second_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "HEAD_S_MAX", 0.2)
    async with serving() as one:
        answers = await one.told(BEGUN + b"content-length: 0\r\n\r\n" + BEGUN)
        assert answers.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 408 " in answers


async def test_empty_lines_keep_no_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "HEAD_S_MAX", 0.2)
    async with serving() as one:
        assert await one.told(b"\r\n") == b""


async def test_a_request_that_is_worked_on_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "HEAD_S_MAX", 0.05)
    late = asyncio.Event()
    is_late = BoundedHttp._is_late

    def noted(self: BoundedHttp) -> None:
        is_late(self)
        late.set()

    monkeypatch.setattr(BoundedHttp, "_is_late", noted)
    async with serving() as one:
        one.app.go.clear()
        reader, writer = await one.open()
        writer.write(BEGUN + b"content-length: 0\r\n\r\nPOST")
        await asyncio.wait_for(late.wait(), DEADLINE_S)
        one.app.go.set()
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE_S)
        assert answer.startswith(b"HTTP/1.1 200 ")


async def test_connections_beyond_their_bound_are_turned_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounds, "CONNECTIONS_MAX", 3)
    async with serving() as one:
        for _ in range(3):
            await one.open()

        async def full() -> bool:
            return len(one.connections) == 3

        await eventually(full, lambda: "three connections are open")
        assert (await one.told(b"")).startswith(b"HTTP/1.1 503 ")
        one.abort()

        async def empty() -> bool:
            return not one.connections

        await eventually(empty, lambda: "they are gone")
        answer = await one.told(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")


async def test_requests_far_ahead_of_their_answers_are_not_kept() -> None:
    async with serving() as one:
        one.app.go.clear()
        assert await one.told(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n" * 100) == b""
        assert one.app.calls == 1
