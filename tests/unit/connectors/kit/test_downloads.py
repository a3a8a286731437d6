"""Files behind links that platforms send us: what is connected to, and what is taken of what stands there."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from connectors.kit.base.permit import WithdrawnError
from connectors.kit.connector import (
    Download,
    Misconfigured,
    Rejected,
    Request,
    Response,
    Transient,
)
from connectors.kit.http import downloads
from connectors.kit.http.calls import Caller, Finished, Refused
from connectors.kit.http.downloads import Downloader, LinkError
from connectors.kit.links import Links
from tests.unit.connectors.kit.clocks import FakeTime
from tests.unit.connectors.kit.platforms import ScriptedHttp, answer, platform

PDF = b"%PDF-1.7 a document"
LINKS = Links(("files.example.com", "*.cdn.example.com", "odd.example.com:8443"), ("image/*",))


# ---- names that stand for something else -------------------------------------------------------------------------
@dataclass
class Names(AbstractResolver):
    """Answers one after another; the last one stands."""

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0)
            for one in found
        ]

    async def close(self) -> None:
        return


def guarded(names: Names) -> downloads.PublicOnly:
    return downloads.PublicOnly(names)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::1"], []])
async def test_a_name_that_stands_for_an_address_within_is_not_connected_to(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[str] = []

    async def connect(*_arguments: object, **_named: object) -> None:
        connected.append("somewhere")

    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", connect)
    downloader = Downloader(LINKS, resolver=guarded(Names([addresses])))
    with pytest.raises(LinkError, match="not public") as caught:
        await downloader.fetch(Download("https://files.example.com/a"))
    assert isinstance(caught.value.verdict, Rejected)
    assert connected == []


async def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that answers differently the next time (DNS rebinding) is not asked again."""
    connected: list[str] = []

    async def connect(addr_infos: list[tuple[object, ...]], **_named: object) -> None:
        connected.extend(str(one[4][0]) for one in addr_infos)  # type: ignore[index]
        raise OSError("no network in this test")

    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", connect)
    names = Names([["93.184.216.34"], ["127.0.0.1"]])
    with pytest.raises(LinkError) as caught:
        await Downloader(LINKS, resolver=guarded(names)).fetch(
            Download("https://files.example.com/a")
        )
    assert isinstance(caught.value.verdict, Transient)
    assert connected == ["93.184.216.34"]
    assert names.asked == ["files.example.com"]


# ---- what stands behind a link -----------------------------------------------------------------------------------
Serve = Callable[[asyncio.StreamWriter], Awaitable[None]]


def reply(
    status: str = "200 OK", body: bytes = PDF, *, length: bool = True, **headers: str
) -> bytes:
    given = {"content-type": "application/pdf"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    if length:
        given["content-length"] = str(len(body))
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in given.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Files:
    """A server of files: what it answers by path, and what it was asked."""

    replies: Mapping[str, bytes | Serve]
    port: int = 0
    asked: list[bytes] = field(default_factory=list)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head)
            found = self.replies[head.split()[1].decode().partition("?")[0]]
            if callable(found):
                await found(writer)
            else:
                writer.write(found)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def links(self, **changed: object) -> Links:
        given = Links(
            (f"127.0.0.1:{self.port}",), ("application/pdf", "image/*"), 1_000, plain=True
        )
        return replace(given, private=True, **changed)  # type: ignore[arg-type]


@asynccontextmanager
async def serving(
    tls: ssl.SSLContext | None = None,
    **replies: bytes | Serve,
) -> AsyncIterator[Files]:
    files = Files({f"/{name}": one for name, one in replies.items()})
    server = await asyncio.start_server(files.connected, "127.0.0.1", 0, ssl=tls)
    files.port = server.sockets[0].getsockname()[1]
    try:
        yield files
    finally:
        server.close()


async def refusal(files: Files, path: str, **changed: object) -> LinkError:
    with pytest.raises(LinkError) as caught:
        await Downloader(files.links(**changed)).fetch(Download(f"{files.url}/{path}?sig=canary"))
    assert "canary" not in f"{caught.value} {caught.value.verdict} {caught.value.__cause__}"
    return caught.value


async def test_a_file_comes_whole_without_credentials_and_with_its_link_as_it_stands() -> None:
    async with serving(a=reply()) as files:
        download = Download(f"{files.url}/a?sig=x%2Fy%3D&n=%C3%A9+1")
        found = await Downloader(files.links()).fetch(download)
    assert (found.status, found.body) == (200, PDF)
    assert found.headers["content-type"] == "application/pdf"
    assert files.asked[0].startswith(b"GET /a?sig=x%2Fy%3D&n=%C3%A9+1 HTTP/1.1")
    assert b"authorization" not in files.asked[0].lower()
    assert b"cookie" not in files.asked[0].lower()
    assert "sig" not in repr(download)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (reply(content_type="text/html"), "type"),
        (reply(content_type=""), "type"),
        (reply(content_type="application/pdfx"), "type"),
        (reply(content_encoding="gzip"), "packed"),
        (reply(body=b"x" * 1_001), "larger than 1000 bytes"),
        (reply(body=b"x" * 1_001, length=False), "larger than 1000 bytes"),
        (reply("404 Not Found"), "status 404"),
        (reply("204 No Content", b""), "status 204"),
        (reply("302 Found", b"", location="http://127.0.0.2:1/a"), "host"),
        (reply("302 Found", b"", location="file:///etc/passwd"), "not https"),
        (reply("302 Found", b"", location="//evil.example/a"), "host"),
        (reply("302 Found", b"", location="/a"), "more than 3 redirects"),
        (reply("307 Temporary Redirect", b""), "more than 3 redirects"),
    ],
)
async def test_what_is_not_what_was_asked_for_is_refused(raw: bytes, why: str) -> None:
    async with serving(a=raw) as files:
        error = await refusal(files, "a")
    assert why in str(error)
    assert isinstance(error.verdict, Rejected)
    assert len(files.asked) <= 4


@pytest.mark.parametrize("status", ["429 Slow Down", "503 Away", "500 Oh"])
async def test_a_host_that_is_ill_is_asked_again_later(status: str) -> None:
    async with serving(a=reply(status, b"")) as files:
        assert isinstance((await refusal(files, "a")).verdict, Transient)


async def test_redirects_within_the_hosts_are_followed_to_the_file() -> None:
    hops = {name: reply("302 Found", b"", location=f"/{to}") for name, to in ("ab", "bc", "cd")}
    async with serving(None, **hops, d=reply()) as files:
        found = await Downloader(files.links()).fetch(Download(f"{files.url}/a"))
    assert (found.body, len(files.asked)) == (PDF, 4)


async def test_an_endless_file_is_cut_off_while_it_comes() -> None:
    sent: list[int] = []

    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(reply(body=b"", length=False, transfer_encoding="chunked"))
        for _ in range(10_000):
            writer.write(b"400\r\n" + b"x" * 1_024 + b"\r\n")
            await writer.drain()
            sent.append(1_024)

    async with serving(a=endless) as files:
        error = await refusal(files, "a", bytes_max=100_000)
    assert "larger than 100000 bytes" in str(error)
    assert sum(sent) < 10_000 * 1_024


async def test_a_file_that_does_not_come_in_time_is_transient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(downloads, "DOWNLOAD_S_MAX", 0.05)
    silent = asyncio.Event()

    async def wait(_writer: asyncio.StreamWriter) -> None:
        await silent.wait()

    async with serving(a=wait) as files:
        error = await refusal(files, "a")
        silent.set()
    assert error.verdict == Transient("link: timeout")


async def test_a_certificate_that_does_not_verify_is_a_misconfiguration(
    own_certificate: ssl.SSLContext,
) -> None:
    async with serving(own_certificate, a=reply()) as files:
        with pytest.raises(LinkError) as caught:
            await Downloader(files.links()).fetch(Download(f"https://127.0.0.1:{files.port}/a"))
    assert isinstance(caught.value.verdict, Misconfigured)
    assert files.asked == []


async def test_a_file_may_be_narrowed_down_but_not_beyond_what_the_platform_allows() -> None:
    async with serving(a=reply(), big=reply(body=b"x" * 1_001)) as files:
        downloader = Downloader(files.links())
        with pytest.raises(LinkError, match="type"):
            await downloader.fetch(Download(f"{files.url}/a", types=("image/*",)))
        with pytest.raises(LinkError, match="larger than 5 bytes"):
            await downloader.fetch(Download(f"{files.url}/a", bytes_max=5))
        with pytest.raises(LinkError, match="larger than 1000 bytes"):
            await downloader.fetch(Download(f"{files.url}/big", bytes_max=9_999))
        with pytest.raises(LinkError, match="type"):
            await Downloader(files.links(types=("image/*",))).fetch(
                Download(f"{files.url}/a", types=("application/pdf",))
            )


# ---- as a step ---------------------------------------------------------------------------------------------------
def copied(url: str) -> Generator[Request | Download, Response, bytes]:
    """As a flow copies a document: a link that has expired is read anew."""
    found = yield Download(url, expect=frozenset({403}))
    if found.status == 403:
        fresh = yield Request("GET", "/documents/1")
        found = yield Download(fresh.json()["url"])
    return found.body


async def test_a_step_may_be_a_download_and_an_expired_link_is_read_anew() -> None:
    async with serving(old=reply("403 Forbidden", b""), new=reply()) as files:
        http = ScriptedHttp(answer(200, {"url": f"{files.url}/new"}))
        caller = Caller(replace(platform(), links=files.links()), http, FakeTime().clock)
        assert await caller.run(copied(f"{files.url}/old")) == Finished(PDF, 3)


async def test_a_download_that_is_refused_ends_the_steps_and_leaves_the_breaker_alone() -> None:
    async with serving(a=reply("503 Away", b"")) as files:
        caller = Caller(replace(platform(), links=files.links()), ScriptedHttp(), FakeTime().clock)
        for _ in range(20):
            found = await caller.run(copied(f"{files.url}/a"))
            assert isinstance(found, Refused)
            assert isinstance(found.verdict, Transient)
        assert caller.breaker.closed
        found = await caller.run(copied("https://evil.example/a"))
        assert isinstance(found, Refused)
        assert isinstance(found.verdict, Rejected)


async def test_without_hosts_nothing_is_downloaded() -> None:
    found = await Caller(platform(), ScriptedHttp(), FakeTime().clock).run(copied("https://a/b"))
    assert isinstance(found, Refused)
    assert isinstance(found.verdict, Rejected)
    assert "names no hosts" in found.verdict.reason


async def test_nothing_is_downloaded_for_a_record_that_is_anothers() -> None:
    class Gone:
        def given(self) -> bool:
            raise WithdrawnError

        async def wait(self) -> None:
            raise AssertionError("nobody waits for what is another's")

        def used(self) -> None:
            raise AssertionError("nothing is sent")

    async with serving(a=reply()) as files:
        caller = Caller(replace(platform(), links=files.links()), ScriptedHttp(), FakeTime().clock)
        with pytest.raises(WithdrawnError):
            await caller.run(copied(f"{files.url}/a"), Gone())
    assert files.asked == []
