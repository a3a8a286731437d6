"""A platform without a network: answers are given in advance, requests are kept."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from connectors.kit.auth import Auth, NoAuth, TokenCall
from connectors.kit.connector import Platform, RateAdvice, Request, Response
from connectors.kit.http.client import NoAnswerError
from connectors.kit.verdicts import VerdictTable

Scripted = Response | NoAnswerError


def answer(
    status: int = 200, body: Any = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer with a JSON body; None: no body."""
    return Response(status, headers or {}, b"" if body is None else msgspec.json.encode(body))


class ScriptedHttp:
    """Answers requests in the given order, the last answer for ever. `tokens` answer token requests."""

    def __init__(self, *answers: Scripted, tokens: tuple[Scripted, ...] = ()) -> None:
        self.answers = list(answers)
        self.tokens = list(tokens)
        self.requests: list[tuple[Request, Mapping[str, str]]] = []
        self.token_calls: list[TokenCall] = []
        self.hold: asyncio.Event | None = None

    async def exchange(self, request: Request, headers: Mapping[str, str]) -> Response:
        self.requests.append((request, headers))
        if self.hold is not None:
            await self.hold.wait()
        return _given(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    async def fetch_token(self, call: TokenCall) -> Response:
        self.token_calls.append(call)
        await asyncio.sleep(0)
        return _given(self.tokens.pop(0))


def _given(one: Scripted) -> Response:
    if isinstance(one, NoAnswerError):
        raise one
    return one


def platform(
    auth: Auth | None = None,
    rate: Callable[[Response, float], RateAdvice | None] = lambda _answer, _now_s: None,
    requests_per_s: float = float("inf"),
) -> Platform:
    """A platform with the default verdicts."""
    return Platform(
        name="acme",
        base_url="https://acme.example",
        auth=auth or NoAuth(),
        verdict=VerdictTable(),
        rate=rate,
        requests_per_s=requests_per_s,
    )
