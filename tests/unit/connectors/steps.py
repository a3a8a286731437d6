"""Driving a connector's generator by hand: what it asks, and what it makes of the answers."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from connectors.kit.connector import Delivery, Download, Pause, Request, Response

T = TypeVar("T")
NOW_MS = 1_760_000_000_000


def answer(
    status: int = 200, body: Any = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer with a JSON body; None: no body at all."""
    raw = b"" if body is None else json.dumps(body).encode()
    return Response(status, dict(headers or {}), raw)


@dataclass(frozen=True)
class Played(Generic[T]):
    """What a generator asked, in order, and what it returned."""

    requests: list[Request]
    value: T


def play(
    steps: Generator[Request | Pause | Download, Response, T], *answers: Response
) -> Played[T]:
    """Answers the generator's requests in order. Fails when it asks more or less often, or something else."""
    requests: list[Request] = []
    left = list(answers)
    try:
        step = next(steps)
        while True:
            assert isinstance(step, Request)
            requests.append(step)
            assert left, f"request {len(requests)} was not expected: {requests[-1]}"
            step = steps.send(left.pop(0))
    except StopIteration as end:
        assert not left, f"{len(left)} answers were not asked for; asked: {requests}"
        return Played(requests, end.value)


def delivery(body: Any, headers: Mapping[str, str] | None = None, path: str = "/") -> Delivery:
    """A verified webhook delivery."""
    raw = json.dumps(body).encode()
    return Delivery(path, dict(headers or {}), {}, body, raw, NOW_MS)
