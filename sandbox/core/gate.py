"""The gate before each platform: bounds the body, applies faults, records the call.

Answers are buffered, so that a fault can replace or cut them after the effect has happened.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.core.faults import Fault
from sandbox.core.simulator import World

REQUEST_BYTES_MAX = 32 * 1024 * 1024
RESET_LINGER = struct.pack("ii", 1, 0)
MALFORMED_DEFAULT = b'{"data":[{"id":"cut-off'
JSON_TYPE = (b"content-type", b"application/json")
# An answer "without end" ends here, far beyond what any caller should take in.
ENDLESS_BYTES_MAX = 256 * 1024 * 1024
ENDLESS_CHUNK = b" " * 1024 * 1024

RawHeaders = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Answer:
    status: int = 500
    headers: RawHeaders = field(default_factory=list)
    body: bytes = b""

    async def send(self, message: Message) -> None:
        """ASGI send that keeps the answer instead of sending it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


async def read_body(receive: Receive) -> bytes | None:
    """The request's body; None when it is longer than REQUEST_BYTES_MAX or the caller left."""
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > REQUEST_BYTES_MAX:
            return None
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def replay(body: bytes) -> Receive:
    """ASGI receive that gives `body` once, then waits for ever like an open connection."""
    waiting = [body]

    async def receive() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return receive


def status_answer(fault: Fault) -> Answer:
    body = b""
    if isinstance(fault.body, str):
        body = fault.body.encode()
    elif fault.body is not None:
        body = json.dumps(fault.body).encode()
    headers = [(name.lower().encode(), value.encode()) for name, value in fault.headers.items()]
    if not any(name == b"content-type" for name, _ in headers):
        headers.append(JSON_TYPE)
    return Answer(fault.status, headers, body)


def malformed(answer: Answer, fault: Fault) -> Answer:
    """The real status with a body that is no JSON: cut in half, or what the fault says."""
    body = answer.body[: len(answer.body) // 2].rstrip(b"}]") or MALFORMED_DEFAULT
    if isinstance(fault.body, str):
        body = fault.body.encode()
    return Answer(answer.status, [JSON_TYPE], body)


async def send_answer(answer: Answer, send: Send) -> None:
    headers = [pair for pair in answer.headers if pair[0].lower() != b"content-length"]
    if answer.status not in (204, 304):
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def send_endless(answer: Answer, send: Send) -> None:
    """The real status, and a body that goes on until the caller leaves."""
    headers = [pair for pair in answer.headers if pair[0].lower() != b"content-length"]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    chunk: Message = {"type": "http.response.body", "body": ENDLESS_CHUNK, "more_body": True}
    for _ in range(ENDLESS_BYTES_MAX // len(ENDLESS_CHUNK)):
        await send(chunk)
    await send({"type": "http.response.body", "body": b""})


async def hold(receive: Receive, delay_s: float) -> None:
    """Keep the connection open until the caller leaves, at most `delay_s`."""
    try:
        async with asyncio.timeout(delay_s):
            while (await receive())["type"] != "http.disconnect":
                continue
    except TimeoutError:
        return


async def cut_connection(scope: Scope, receive: Receive) -> None:
    """Close the caller's connection without an answer (TCP reset where the system lets us)."""
    transport = scope.get("sandbox.transport")
    if transport is None:
        raise ConnectionResetError("the sandbox cut this connection")
    peer = transport.get_extra_info("socket")
    if peer is not None and peer.family in (socket.AF_INET, socket.AF_INET6):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_LINGER)
    transport.abort()
    await hold(receive, 5.0)


class Gate:
    """ASGI app around one platform's router; `scope["path"]` is relative to its prefix."""

    def __init__(self, inner: ASGIApp, world: World) -> None:
        self._inner = inner
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        if body is None:
            await send_answer(Answer(413, [], b""), send)
            return
        method, path = scope["method"], scope["path"]
        fault = self._world.faults.pick(method, path)
        answer = await self._answer(scope, body, fault)
        cut = fault is not None and fault.action in ("reset", "timeout_after_accept")
        self._record(scope, body, None if cut else answer, fault)
        if fault is not None and cut:
            if fault.action == "timeout_after_accept":
                await hold(receive, fault.delay_s)
            await cut_connection(scope, receive)
            return
        if fault is not None and fault.action == "endless":
            await send_endless(answer, send)
            return
        await send_answer(answer, send)

    async def _answer(self, scope: Scope, body: bytes, fault: Fault | None) -> Answer:
        if fault is not None and fault.action == "status":
            await asyncio.sleep(fault.delay_s)
            return status_answer(fault)
        answer = Answer()
        if fault is not None and fault.action == "reset":
            return answer
        if fault is not None and fault.action == "slow":
            await asyncio.sleep(fault.delay_s)
        await self._inner(scope, replay(body), answer.send)
        if fault is not None and fault.action == "malformed":
            return malformed(answer, fault)
        return answer

    def _record(
        self, scope: Scope, body: bytes, answer: Answer | None, fault: Fault | None
    ) -> None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self._world.calls.record(
            at=self._world.now_s(),
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
            status=answer.status if answer else None,
            answer=answer.body if answer else b"",
            fault=fault.action if fault else None,
        )
