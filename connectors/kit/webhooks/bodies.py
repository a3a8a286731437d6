"""Bodies of deliveries: each bounded, all of them together bounded, none slower than allowed."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.types import Receive

from gridwire import metrics

BODY_S_MAX = 10.0
DIGITS_MAX = 18  # of a length that is looked at; no body has one of more


class BodyError(Exception):
    """The body is not taken. `status` 0: the sender is gone, there is nobody to answer."""

    def __init__(self, status: int, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.outcome = outcome


class Bodies:
    """All bodies that are held: at most `bytes_max` bytes in `requests_max` requests."""

    def __init__(self, bytes_max: int, requests_max: int) -> None:
        self._bytes_max = bytes_max
        self._requests_max = requests_max
        self.bytes = 0
        self.requests = 0
        metrics.WEBHOOK_BYTES_IN_FLIGHT.set_function(lambda: self.bytes)

    @contextmanager
    def place(self, headers: Mapping[str, str], body_bytes_max: int) -> "Iterator[Place]":
        """Room for one delivery until it is answered. Raises BodyError: 413 by announcement, 503 under overload.

        What is announced must fit, but only what has come counts: else a few strangers who announce much and send
        nothing would keep everybody out.
        """
        size = _announced(headers.get("content-length", ""))
        if size > body_bytes_max:
            raise too_large(body_bytes_max)
        if self.requests >= self._requests_max or self.bytes + size > self._bytes_max:
            raise overloaded()
        place = Place(self, body_bytes_max)
        self.requests += 1
        try:
            yield place
        finally:
            self.requests -= 1
            self.bytes -= place.held

    def grow(self, place: "Place", size: int) -> None:
        """More bytes have come. Raises BodyError under overload."""
        more = size - place.held
        if more > 0:
            if self.bytes + more > self._bytes_max:
                raise overloaded()
            self.bytes += more
            place.held = size


class Place:
    """The room of one delivery: `held` bytes are counted for it."""

    __slots__ = ("_bodies", "_bytes_max", "held")

    def __init__(self, bodies: Bodies, bytes_max: int) -> None:
        self._bodies = bodies
        self._bytes_max = bytes_max
        self.held = 0

    async def read(self, receive: Receive) -> bytes:
        """The whole body. Raises BodyError: 413, 408, 503, or the sender is gone."""
        try:
            async with asyncio.timeout(BODY_S_MAX):
                return await self._whole(receive)
        except TimeoutError as error:
            raise BodyError(
                408, "aborted", f"the body took longer than {BODY_S_MAX:g} s"
            ) from error

    async def _whole(self, receive: Receive) -> bytes:
        """In one buffer: a list of what a slow sender sends byte by byte would be many times its size."""
        buffer = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise BodyError(0, "aborted", "the sender is gone")
            chunk: bytes = message.get("body", b"")
            self._check(len(buffer) + len(chunk))
            if not buffer and not message.get("more_body", False):
                return chunk
            buffer += chunk
            if not message.get("more_body", False):
                return bytes(buffer)

    def _check(self, size: int) -> None:
        if size > self._bytes_max:
            raise too_large(self._bytes_max)
        self._bodies.grow(self, size)


def _announced(length: str) -> int:
    """The length that a header tells, in bytes; 0 where it tells none. Digits are ASCII's alone (RFC 9110, 8.6)."""
    if not (length.isascii() and length.isdigit()):
        return 0
    return int(
        length.lstrip("0")[: DIGITS_MAX + 1] or "0"
    )  # thousands of digits are not to be read


def too_large(bytes_max: int) -> BodyError:
    return BodyError(413, "oversize", f"the body exceeds {bytes_max} bytes")


def overloaded() -> BodyError:
    return BodyError(503, "overloaded", "too many deliveries under way")
