"""Driving a connector's generator: tokens, verdicts, breaker, pace, permit."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from connectors.kit.auth import ClientCredentials
from connectors.kit.base.permit import WithdrawnError
from connectors.kit.connector import (
    MalformedError,
    Misconfigured,
    NotThereError,
    OperationError,
    RateAdvice,
    Rejected,
    Request,
    Response,
    Transient,
)
from connectors.kit.http.breaker import BreakerPolicy
from connectors.kit.http.calls import Caller, Finished, Refused
from connectors.kit.http.client import NoAnswerError
from connectors.kit.http.drive import REQUESTS_MAX
from gridwire.settings import Secret
from tests.unit.connectors.kit.clocks import FakeTime
from tests.unit.connectors.kit.platforms import Scripted, ScriptedHttp, answer, platform

OAUTH = ClientCredentials("https://id/token", "client", Secret("secret"))
POLICY = BreakerPolicy(failures_max=2, open_s_first=4.0, misconfigured_s_first=60.0)
Steps = Generator[Request, Response, Any]


def get(
    path: str = "/x", *, idempotent: bool = True, expect: frozenset[int] = frozenset()
) -> Steps:
    """One request; returns its status."""
    found = yield Request("GET", path, idempotent=idempotent, expect=expect)
    return found.status


def token(name: str, expires_in: int = 3_600) -> Response:
    return answer(200, {"access_token": name, "expires_in": expires_in})


class World:
    """A caller with everything around it."""

    def __init__(
        self, *answers: Scripted, tokens: tuple[Scripted, ...] = (), **options: Any
    ) -> None:
        self.time = FakeTime(chance=0.5)
        self.http = ScriptedHttp(*answers, tokens=tokens)
        self.caller = Caller(platform(**options), self.http, self.time.clock, POLICY)

    def used_tokens(self) -> list[str]:
        return [headers.get("authorization", "") for _, headers in self.http.requests]


# ---- generators --------------------------------------------------------------------------------------------------
async def test_each_answer_goes_into_the_generator_until_it_returns() -> None:
    def two_steps() -> Steps:
        first = yield Request("GET", "/a")
        second = yield Request("PUT", "/b")
        return (first.status, second.status)

    world = World(answer(200), answer(201))
    assert await world.caller.run(two_steps()) == Finished((200, 201), requests=2)


async def test_an_expected_status_reaches_the_generator_and_others_end_it() -> None:
    world = World(answer(404), answer(404))
    assert await world.caller.run(get(expect=frozenset({404}))) == Finished(404, 1)
    refused = await world.caller.run(get())
    assert isinstance(refused, Refused)
    assert isinstance(refused.verdict, Transient)


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Rejected), (403, Misconfigured), (500, Transient)]
)
async def test_an_answer_that_is_no_success_ends_it_with_its_verdict(
    status: int, kind: type
) -> None:
    closed = []

    def watched() -> Steps:
        try:
            yield Request("GET", "/a")
        finally:
            closed.append(True)

    refused = await World(answer(status)).caller.run(watched())
    assert isinstance(refused, Refused)
    assert isinstance(refused.verdict, kind)
    assert closed == [True]


async def test_an_operation_may_end_itself_with_a_verdict_of_its_own() -> None:
    def own() -> Steps:
        yield Request("GET", "/a")
        raise OperationError(Rejected("already closed"))

    assert await World(answer()).caller.run(own()) == Refused(
        Rejected("already closed"), 1, by_steps=True
    )


@pytest.mark.parametrize("error", [NotThereError(), MalformedError("data: no list")])
async def test_what_a_fetch_says_about_its_object_comes_through(error: Exception) -> None:
    def fetch() -> Steps:
        yield Request("GET", "/a")
        raise error

    with pytest.raises(type(error)):
        await World(answer()).caller.run(fetch())


async def test_a_fault_in_a_generator_is_an_answer_not_understood() -> None:
    def faulty() -> Steps:
        found = yield Request("GET", "/a")
        return found.json()["data"]

    refused = await World(answer(200)).caller.run(faulty())
    assert refused == Refused(Transient("answer not understood: TypeError", fault=True), 1)


async def test_a_generator_that_never_ends_is_stopped() -> None:
    def endless() -> Steps:
        while True:
            yield Request("GET", "/a")

    refused = await World(answer()).caller.run(endless())
    assert isinstance(refused, Refused)
    assert isinstance(refused.verdict, Rejected)
    assert refused.requests == REQUESTS_MAX


# ---- no answer ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sent", "idempotent", "unknown"),
    [(True, False, True), (True, True, False), (False, False, False)],
)
async def test_the_outcome_is_unknown_only_where_a_request_may_have_had_an_effect_that_adds_up(
    sent: bool, idempotent: bool, unknown: bool
) -> None:
    world = World(NoAnswerError(Transient("timeout"), sent=sent))
    refused = await world.caller.run(get(idempotent=idempotent))
    assert refused == Refused(Transient("timeout", outcome_unknown=unknown), 1)


# ---- tokens ------------------------------------------------------------------------------------------------------
async def test_many_calls_at_once_ask_for_one_token() -> None:
    world = World(answer(), tokens=(token("t1"),), auth=OAUTH)
    await asyncio.gather(*(world.caller.run(get()) for _ in range(10)))
    assert len(world.http.token_calls) == 1
    assert set(world.used_tokens()) == {"Bearer t1"}


async def test_a_401_is_tried_once_more_with_a_new_token() -> None:
    world = World(answer(401), answer(200), tokens=(token("t1"), token("t2")), auth=OAUTH)
    assert await world.caller.run(get()) == Finished(200, 1)
    assert world.used_tokens() == ["Bearer t1", "Bearer t2"]


async def test_a_second_401_means_misconfigured_and_stops_everything() -> None:
    world = World(answer(401), tokens=(token("t1"), token("t2")), auth=OAUTH)
    refused = await world.caller.run(get())
    assert isinstance(refused, Refused)
    assert isinstance(refused.verdict, Misconfigured)
    assert len(world.http.requests) == 2
    assert world.caller.breaker.stopped is not None


async def test_a_401_that_the_generator_expects_is_not_tried_again() -> None:
    world = World(answer(401), tokens=(token("t1"),), auth=OAUTH)
    assert await world.caller.run(get(expect=frozenset({401}))) == Finished(401, 1)


async def test_a_token_endpoint_that_refuses_us_is_a_misconfiguration() -> None:
    world = World(answer(), tokens=(answer(401, {"error": "invalid_client"}),), auth=OAUTH)
    refused = await world.caller.run(get())
    assert isinstance(refused, Refused)
    assert isinstance(refused.verdict, Misconfigured)
    assert world.http.requests == []


async def test_while_an_early_renewal_fails_the_old_token_goes_on() -> None:
    tokens = (token("t1", 100), answer(503), token("t2", 100))
    world = World(answer(), tokens=tokens, auth=OAUTH)
    await world.caller.run(get())
    world.time.passed_s += 60
    for _ in range(3):  # one of them tries to renew; then a pause
        assert await world.caller.run(get()) == Finished(200, 1)
    assert len(world.http.token_calls) == 2
    world.time.passed_s += 10
    await world.caller.run(get())
    assert world.used_tokens() == ["Bearer t1"] * 4 + ["Bearer t2"]


# ---- breaker -----------------------------------------------------------------------------------------------------
async def test_failures_in_a_row_open_the_breaker_and_a_good_probe_closes_it() -> None:
    world = World(answer(500), answer(500), answer(200))
    for _ in range(2):
        await world.caller.run(get())
    assert not world.caller.breaker.closed
    assert await world.caller.run(get()) == Finished(200, 1)
    assert sum(world.time.slept) == pytest.approx(4.0)
    assert world.caller.breaker.closed


async def test_refusals_of_records_and_throttling_do_not_open_the_breaker() -> None:
    world = World(answer(400), answer(429), answer(400), answer(429), answer(409))
    for _ in range(4):
        await world.caller.run(get())
    assert world.caller.breaker.closed


async def test_only_one_call_probes_a_platform_that_is_down() -> None:
    world = World(answer(500))
    for _ in range(2):
        await world.caller.run(get())
    world.http.hold = asyncio.Event()
    world.time.passed_s += 100
    tasks = [asyncio.create_task(world.caller.run(get())) for _ in range(5)]
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(world.http.requests) == 3
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_probe_that_is_cancelled_makes_room_for_the_next() -> None:
    world = World(answer(500), answer(500), answer(200))
    for _ in range(2):
        await world.caller.run(get())
    world.time.passed_s += 100
    world.http.hold = asyncio.Event()
    probe = asyncio.create_task(world.caller.run(get()))
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(world.http.requests) == 3
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    world.http.hold = None
    assert await world.caller.run(get()) == Finished(200, 1)


# ---- pace --------------------------------------------------------------------------------------------------------
async def test_a_429_makes_everybody_wait_as_long_as_the_platform_says() -> None:
    world = World(answer(429, headers={"retry-after": "7"}), answer(200))
    refused = await world.caller.run(get())
    assert refused == Refused(Transient("throttled", 7.0, throttled=True), 1)
    await world.caller.run(get())
    assert sum(world.time.slept) == pytest.approx(7.0)


async def test_a_budget_that_an_answer_names_is_kept() -> None:
    world = World(
        answer(), rate=lambda _answer, _now_s: RateAdvice(10, 0, 30.0), requests_per_s=100.0
    )
    await world.caller.run(get())
    await world.caller.run(get())
    assert sum(world.time.slept) == pytest.approx(30.0)


async def test_rate_headers_that_cannot_be_read_do_not_lose_the_answer() -> None:
    def broken(_answer: Response, _now_s: float) -> RateAdvice | None:
        raise KeyError("x")

    assert await World(answer(), rate=broken).caller.run(get()) == Finished(200, 1)


# ---- permit ------------------------------------------------------------------------------------------------------
class Permission:
    """Given after some waits; withdrawn on request."""

    def __init__(self, waits: int = 0) -> None:
        self.waits = waits
        self.withdrawn = False
        self.was_used = False

    def given(self) -> bool:
        if self.withdrawn:
            raise WithdrawnError
        return self.waits <= 0

    async def wait(self) -> None:
        while self.waits > 0:
            self.waits -= 1
            await asyncio.sleep(0)

    def used(self) -> None:
        self.was_used = True


async def test_nothing_is_sent_before_the_permit_is_given() -> None:
    world, permit = World(answer()), Permission(waits=3)
    assert await world.caller.run(get(), permit) == Finished(200, 1)
    assert permit.waits == 0
    assert permit.was_used


async def test_nothing_is_sent_once_the_permit_is_withdrawn() -> None:
    world, permit = World(answer()), Permission()
    permit.withdrawn = True
    with pytest.raises(WithdrawnError):
        await world.caller.run(get(), permit)
    assert world.http.requests == []
    assert not permit.was_used


async def test_a_permit_withdrawn_while_the_breaker_is_open_ends_the_wait() -> None:
    world, permit = World(answer(500)), Permission()
    for _ in range(2):
        await world.caller.run(get())
    task = asyncio.create_task(world.caller.run(get(), permit))
    await asyncio.sleep(0)
    permit.withdrawn = True
    with pytest.raises(WithdrawnError):
        await task
    assert len(world.http.requests) == 2
