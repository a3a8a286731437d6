"""HTTP/1.1 connections that are bounded before anybody has read a request: uvicorn's protocol has no such bounds.

    414  the request line is too long
    431  the headers (or trailers) are too long, or too many
    408  the headers take too long to come
    503  too many connections, or too many requests sent ahead of their answers

The connection is closed with each. What a stranger may hold is so bounded by CONNECTIONS_MAX times HEAD_BYTES_MAX.
"""

import asyncio
import logging
from typing import Literal, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_BYTES_MAX = 65_536  # from a request's first byte to its body, and behind its body
PIECE_BYTES = 4_096  # what the parser is given at once: a head may exceed its bound by two
HEADERS_MAX = 200  # many small ones take much more memory than their bytes
URL_BYTES_MAX = 8_192
HEAD_S_MAX = 10.0
CONNECTIONS_MAX = 2_000
PIPELINED_MAX = 16  # requests that wait for the answers before them
REASONS = {
    400: b"Bad Request",
    408: b"Request Timeout",
    414: b"URI Too Long",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}
log = logging.getLogger(__name__)
At = Literal["between", "head", "body"]


class TooMuchError(Exception):
    """A request exceeds a bound; raised through the parser, which ends with it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class BoundedHttp(HttpToolsProtocol):
    """One connection. The loop calls all of it."""

    _at: At = "between"
    _pending = 0  # bytes that the parser took since a request began, or since its body's last byte
    _count = 0  # headers and trailers of a request
    _late: asyncio.TimerHandle | None = None
    _refused: TooMuchError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        crowded = len(self.connections) >= CONNECTIONS_MAX
        super().connection_made(transport)
        if crowded:
            self._refuse(503, f"more than {CONNECTIONS_MAX} connections")
        else:  # load balancers open some ahead
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def connection_lost(self, exc: Exception | None) -> None:
        self._waited()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for begin in range(0, len(data), PIECE_BYTES):
            if self.transport.is_closing():
                return
            piece = data[begin : begin + PIECE_BYTES]
            self._pending += len(piece)
            super().data_received(piece)
            if self._pending > HEAD_BYTES_MAX and not self.transport.is_closing():
                self._refuse(431, f"headers of more than {HEAD_BYTES_MAX} bytes")
        if not self.transport.is_closing() and (self._at == "head" or self._idle()):
            self._wait()

    def _idle(self) -> bool:
        """Nothing is being done for this connection, and no keep-alive time runs."""
        return self.timeout_keep_alive_task is None and not self._working()

    def _working(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # none before the first request
        return cycle is not None and not cycle.response_complete

    # ---- the parser ----------------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        self._at, self._pending, self._count = "head", 0, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if len(self.url) + len(url) > URL_BYTES_MAX:
            self._too_much(414, f"a request line of more than {URL_BYTES_MAX} bytes")
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count += 1
        if self._count > HEADERS_MAX:
            self._too_much(431, f"more than {HEADERS_MAX} headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._at, self._pending = "body", 0
        self._waited()
        if len(self.pipeline) >= PIPELINED_MAX:
            self._too_much(503, f"more than {PIPELINED_MAX} requests ahead of their answers")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._at, self._pending = "between", 0
        super().on_message_complete()

    # ---- time ----------------------------------------------------------------------------------------------------
    def _wait(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(HEAD_S_MAX, self._is_late)

    def _waited(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _is_late(self) -> None:
        self._late = None
        if self.transport.is_closing():
            return
        if self._working():  # reading may rest until it is answered: the time counts from then
            self._wait()
        elif self._at == "head":
            self._refuse(408, f"headers took longer than {HEAD_S_MAX:g} s")
        else:
            self.transport.close()

    # ---- refusals ------------------------------------------------------------------------------------------------
    def _too_much(self, status: int, reason: str) -> None:
        self._refused = TooMuchError(status, reason)
        raise self._refused

    def send_400_response(self, msg: str) -> None:
        """What the parser's end leads to: its own complaint, or the bound that was exceeded."""
        refused = self._refused or TooMuchError(400, msg)
        self._refuse(refused.status, str(refused))

    def _refuse(self, status: int, reason: str) -> None:
        """Answers, unless an answer to an earlier request is under way, and closes."""
        log.warning("connection refused", extra={"status": status, "reason": reason})
        self._waited()
        if not self._working():
            body = reason.encode()
            self.transport.write(
                b"HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n%s"
                % (status, REASONS[status], len(body), body)
            )
        self.transport.close()
