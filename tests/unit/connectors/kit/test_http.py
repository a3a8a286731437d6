"""The HTTP client against a server that answers byte for byte what a test says."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from connectors.kit.auth import TokenCall
from connectors.kit.connector import Misconfigured, Request, Transient
from connectors.kit.http import client as http
from connectors.kit.http.client import HttpClient, NoAnswerError

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Serve = Callable[[bytes, Writer], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Rate: 7\r\nSet-Cookie: a=b\r\n\r\n{}"


class Server:
    """Reads whole requests and hands each to `serve`."""

    def __init__(self, serve: Serve) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._serve = serve
        self._tasks: set[asyncio.Task[None] | None] = set()

    async def close(self) -> None:
        """Ends whatever still waits."""
        for task in self._tasks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*filter(None, self._tasks), return_exceptions=True)

    async def connected(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        self._tasks.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ]
                body = await reader.readexactly(length[0]) if length else b""
                self.requests.append(head + body)
                await self._serve(head + body, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client is gone
        finally:
            writer.close()


def answering(raw: bytes) -> Serve:
    async def serve(_request: bytes, writer: Writer) -> None:
        writer.write(raw)

    return serve


@asynccontextmanager
async def serving(
    serve: Serve, connections: int = 4, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Server, HttpClient]]:
    server = Server(serve)
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    client = HttpClient(f"http://127.0.0.1:{port}/v1/", {"X-Client": "gridwire"}, connections)
    try:
        yield server, client
    finally:
        await client.close()
        listening.close()
        await server.close()


@asynccontextmanager
async def nobody() -> AsyncIterator[HttpClient]:
    """A client of a port where nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        client = HttpClient(f"http://127.0.0.1:{reserved.getsockname()[1]}", {}, 1)
        try:
            yield client
        finally:
            await client.close()


async def failed(client: HttpClient, request: Request) -> NoAnswerError:
    with pytest.raises(NoAnswerError) as caught:
        await client.exchange(request, {})
    return caught.value


async def test_a_request_carries_path_query_body_and_headers_of_platform_request_and_auth() -> None:
    async with serving(answering(OK)) as (server, client):
        request = Request(
            "PATCH", "/threads/ü", {"limit": "5", "q": "a b"}, {"name": "ü"}, {"if-match": "7"}
        )
        answer = await client.exchange(request, {"authorization": "Bearer t"})
    assert (answer.status, answer.headers["x-rate"], answer.json()) == (200, "7", {})
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PATCH /v1/threads/%C3%BC?limit=5&q=a+b HTTP/1.1")
    for expected in (b"if-match: 7", b"x-client: gridwire", b"authorization: bearer t"):
        assert expected in head.lower()
    assert b"content-type: application/json" in head.lower()
    assert body == '{"name":"ü"}'.encode()


async def test_connections_are_kept_and_cookies_are_not() -> None:
    async with serving(answering(OK)) as (server, client):
        for _ in range(3):
            await client.exchange(Request("GET", "/a"), {})
    assert server.connections == 1
    assert all(b"cookie" not in request.lower() for request in server.requests)


async def test_no_more_connections_than_allowed_are_open() -> None:
    gate = asyncio.Event()

    async def hold(_request: bytes, writer: Writer) -> None:
        await gate.wait()
        writer.write(OK)

    async with serving(hold, connections=2) as (server, client):
        calls = [asyncio.create_task(client.exchange(Request("GET", "/a"), {})) for _ in range(6)]
        async with asyncio.timeout(10):
            while len(server.requests) < 2:  # noqa: ASYNC110 - bounded above
                await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*calls)
        assert server.connections == 2


async def test_redirects_are_answers_and_are_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    async with serving(answering(moved)) as (server, client):
        answer = await client.exchange(Request("GET", "/a"), {})
    assert (answer.status, len(server.requests)) == (302, 1)


@pytest.mark.parametrize("path", ["@evil.example/a", ".evil.example/a", ":1/a", "a", ""])
async def test_a_path_never_leads_to_another_host(path: str) -> None:
    client = HttpClient("https://acme.example", {}, 1)
    error = await failed(client, Request("GET", path))
    await client.close()
    assert isinstance(error.verdict, Misconfigured)
    assert not error.sent


async def test_packed_answers_are_unpacked() -> None:
    packed = gzip.compress(b'{"a":1}')
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    async with serving(answering(head.encode() + packed)) as (_, client):
        assert (await client.exchange(Request("GET", "/a"), {})).json() == {"a": 1}


@pytest.mark.parametrize("pack", [False, True])
async def test_an_answer_that_grows_too_large_is_given_up_while_it_is_read(
    pack: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "RESPONSE_BYTES_MAX", 100_000)
    body = gzip.compress(bytes(10_000_000)) if pack else bytes(300_000)
    encoding = "Content-Encoding: gzip\r\n" if pack else ""
    head = f"HTTP/1.1 200 OK\r\n{encoding}Content-Length: {len(body)}\r\n\r\n"
    async with serving(answering(head.encode() + body)) as (_, client):
        error = await failed(client, Request("GET", "/a"))
    assert error.verdict == Transient("answer too large")
    assert error.sent


def packed_answer(body: bytes, *codings: str) -> Serve:
    lines = "".join(f"Content-Encoding: {one}\r\n" for one in codings)
    head = f"HTTP/1.1 200 OK\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    return answering(head.encode() + body)


@pytest.mark.parametrize("codings", [("gzip, gzip",), ("gzip", "gzip"), ("br",), ("zstd",)])
async def test_an_answer_in_a_coding_that_was_not_asked_for_is_refused_before_it_is_unpacked(
    codings: tuple[str, ...],
) -> None:
    body = gzip.compress(gzip.compress(b"{}"))
    async with serving(packed_answer(body, *codings)) as (_, client):
        error = await failed(client, Request("POST", "/a"))
    named = ", ".join(codings)
    reason = f"answer in a coding that was not asked for: {named}"
    assert (error.verdict, error.sent) == (Transient(reason), True)


async def test_only_codings_that_are_bounded_are_asked_for() -> None:
    async with serving(answering(OK)) as (server, client):
        await client.exchange(Request("GET", "/a"), {})
        await client.fetch_token(TokenCall(str(client._url("/token")), {}, {}))
    asked = [head.lower().split(b"accept-encoding: ")[1] for head in server.requests]
    assert [one.split(b"\r\n")[0] for one in asked] == [b"gzip, deflate"] * 2


async def test_a_packed_answer_that_breaks_off_is_no_answer() -> None:
    body = gzip.compress(bytes(range(256)) * 50)[:-20]
    async with serving(packed_answer(body, "gzip")) as (_, client):
        error = await failed(client, Request("POST", "/a"))
    assert (error.verdict, error.sent) == (Transient("packed answer broke off"), True)


# ---- no answer ---------------------------------------------------------------------------------------------------
async def test_an_answer_that_does_not_come_in_time_may_have_had_its_effect() -> None:
    async def silent(_request: bytes, _writer: Writer) -> None:
        await asyncio.Event().wait()

    async with serving(silent) as (_, client):
        error = await failed(client, Request("POST", "/a", timeout_s=0.05))
    assert (error.verdict, error.sent) == (Transient("timeout"), True)


async def test_a_connection_cut_after_the_request_may_have_had_its_effect() -> None:
    async def cut(_request: bytes, writer: Writer) -> None:
        writer.transport.abort()

    async with serving(cut) as (_, client):
        error = await failed(client, Request("POST", "/a"))
    assert isinstance(error.verdict, Transient)
    assert error.verdict.reason.startswith("connection broken")
    assert error.sent


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"nonsense\r\n\r\n",
    ],
)
async def test_an_answer_that_breaks_off_or_is_no_answer_is_transient(raw: bytes) -> None:
    async def broken(_request: bytes, writer: Writer) -> None:
        writer.write(raw)
        await writer.drain()
        writer.close()

    async with serving(broken) as (_, client):
        error = await failed(client, Request("POST", "/a"))
    assert isinstance(error.verdict, Transient)
    assert error.sent


async def test_a_host_that_takes_no_connection_got_nothing() -> None:
    async with nobody() as client:
        error = await failed(client, Request("POST", "/a"))
    assert (error.verdict, error.sent) == (Transient("cannot connect"), False)


async def test_errors_name_neither_url_nor_secrets() -> None:
    async with nobody() as client:
        request = Request("POST", "/customers/alice", {"token": "s3cret"})
        error = await failed(client, request)
    texts = f"{error} {error.__cause__} {error.verdict}"
    assert "alice" not in texts
    assert "s3cret" not in texts


async def test_a_server_whose_certificate_does_not_verify_is_a_misconfiguration(
    own_certificate: ssl.SSLContext,
) -> None:
    server = Server(answering(OK))
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0, ssl=own_certificate)
    port = listening.sockets[0].getsockname()[1]
    client = HttpClient(f"https://127.0.0.1:{port}", {}, 1)
    error = await failed(client, Request("POST", "/a"))
    await client.close()
    listening.close()
    assert isinstance(error.verdict, Misconfigured)
    assert (error.sent, server.requests) == (False, [])


async def test_a_token_request_is_a_form_at_its_own_address() -> None:
    async with serving(answering(OK)) as (server, client):
        url = str(client._url("/token"))
        call = TokenCall(url, {"authorization": "Basic x"}, {"grant_type": "client_credentials"})
        assert (await client.fetch_token(call)).status == 200
    assert server.requests[0].startswith(b"POST /v1/token HTTP/1.1")
    assert server.requests[0].endswith(b"\r\n\r\ngrant_type=client_credentials")
    assert b"x-client" not in server.requests[0].lower()


@pytest.mark.parametrize("base_url", ["", "acme.example", "ftp://acme.example", "https://"])
async def test_a_base_url_that_is_none_is_refused_at_start(base_url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        HttpClient(base_url, {}, 1)


async def test_any_number_of_paths_needs_bounded_memory() -> None:
    client = HttpClient("https://acme.example", {}, 1)
    for number in range(http.URLS_CACHED_MAX + 10):
        client._url(f"/threads/{number}")
    assert len(client._urls) <= http.URLS_CACHED_MAX
