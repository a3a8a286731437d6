"""What tests of connectors share: control of the sandbox, generators over the kit's client."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from connectors.kit.connector import (
    Delivery,
    Intake,
    Platform,
    Response,
    Route,
)
from connectors.kit.http.calls import Caller, Finished, Refused, Step
from connectors.kit.http.client import HttpClient
from connectors.kit.signatures import Signed
from tests.contract.sandbox.receiver import Received, Receiver

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The sandbox's control API, and where its webhooks go."""

    http: httpx.Client
    receiver: Receiver

    @property
    def url(self) -> str:
        return str(self.http.base_url).rstrip("/")

    def control(self, platform: str, what: str, body: Any) -> Any:
        answer = self.http.post(f"/_sandbox/{platform}/{what}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def trigger(self, platform: str, event: str, **body: Any) -> Any:
        return self.control(platform, f"trigger/{event}", body)

    def state(self, platform: str, collection: str) -> Any:
        return self.http.get(f"/_sandbox/{platform}/state/{collection}").json()

    def calls(self, platform: str, method: str, path_prefix: str) -> list[Any]:
        """What the platform was asked; an empty method or path: whatever it is."""
        query = {"path_prefix": path_prefix} | ({"method": method} if method else {})
        found = self.http.get(f"/_sandbox/{platform}/calls", params=query).json()
        calls = found["calls"] if isinstance(found, dict) else found
        assert isinstance(calls, list)
        return calls


@asynccontextmanager
async def calling(platform: Platform) -> AsyncIterator[Caller]:
    """The kit's caller of a platform over real HTTP: one token, one pace, one breaker."""
    client = HttpClient(platform.base_url, platform.headers, platform.concurrency)
    try:
        yield Caller(platform, client)
    finally:
        await client.close()


async def run(platform: Platform, steps: Generator[Step, Response, T]) -> Finished[T] | Refused:
    """Drives a generator with a caller of its own."""
    async with calling(platform) as caller:
        return await caller.run(steps)


async def done(platform: Platform, steps: Generator[Step, Response, T]) -> T:
    """What a generator returns; fails the test where an answer ended it."""
    outcome = await run(platform, steps)
    assert isinstance(outcome, Finished), outcome
    return outcome.value


async def refused(platform: Platform, steps: Generator[Step, Response, Any]) -> Any:
    """The verdict that ended a generator."""
    outcome = await run(platform, steps)
    assert isinstance(outcome, Refused), outcome
    return outcome.verdict


def taken(route: Route, received: Received) -> Intake:
    """A delivery as the gateway takes it: every scheme agrees, then it is read."""
    signed = Signed(received.headers, {}, {}, received.body, time.time())
    problems = [scheme.verify(signed) for scheme in route.verify]
    assert problems == [None] * len(route.verify), problems
    now_ms = int(time.time() * 1000)
    path = received.path
    return route.read(Delivery(path, received.headers, {}, received.json, received.body, now_ms))
