"""What was sent is not sent again by a fault of ours, and nothing is sent for a partition that has left."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from connectors.kit.auth import ClientCredentials
from connectors.kit.base.permit import WithdrawnError
from connectors.kit.connector import (
    Delivered,
    RateAdvice,
    Rejected,
    Request,
    Response,
    Transient,
    Verdict,
)
from connectors.kit.http import tokens
from connectors.kit.http.breaker import BreakerPolicy
from connectors.kit.http.calls import Caller, Finished, Refused
from connectors.kit.http.client import NoAnswerError
from connectors.kit.http.rate import RateLimiter
from connectors.kit.lanes.lane import LanePermit
from connectors.kit.lanes.work import Assigned, Later, Settled
from connectors.kit.verdicts import VerdictTable
from gridwire.settings import Secret
from tests.unit.connectors.kit import bulks, test_delivery
from tests.unit.connectors.kit.clocks import FakeTime, HeldTime
from tests.unit.connectors.kit.platforms import Scripted, ScriptedHttp, answer, platform
from tests.unit.connectors.kit.records import FakeFeed, assigned, turns

OAUTH = ClientCredentials("https://id/token", "client", Secret("secret"))
ODD = Response(201, {}, b"[" * 100_000)
UNKNOWN = Transient("verdict failed: KeyError", outcome_unknown=True, fault=True)


def by_message(_request: Request, response: Response) -> Verdict:
    """Cannot judge an answer without a message."""
    return Rejected(response.json()["message"]) if response.status >= 400 else Delivered()


def faulty(_request: Request, _response: Response) -> Verdict:
    raise KeyError("message")


def send(*, idempotent: bool = False) -> Any:
    found = yield Request("POST", "/x", json={}, idempotent=idempotent)
    return found.status


def caller(*answers: Scripted, **changed: Any) -> tuple[Caller, ScriptedHttp]:
    http = ScriptedHttp(*answers)
    return Caller(replace(platform(), **changed), http, FakeTime().clock), http


# ---- faults after a request was sent -----------------------------------------------------------------------------
@pytest.mark.parametrize("idempotent", [False, True])
async def test_a_fault_in_a_verdict_leaves_the_outcome_unknown_unless_repeating_is_harmless(
    idempotent: bool,
) -> None:
    one, _ = caller(answer(201), verdict=faulty)
    refused = await one.run(send(idempotent=idempotent))
    assert refused == Refused(replace(UNKNOWN, outcome_unknown=not idempotent), 1)


@pytest.mark.parametrize(
    ("status", "unknown"), [(502, True), (504, True), (500, False), (503, False)]
)
async def test_a_gateway_without_an_answer_leaves_the_outcome_unknown(
    status: int, unknown: bool
) -> None:
    one, _ = caller(answer(status), verdict=VerdictTable(()))
    refused = await one.run(send())
    assert isinstance(refused, Refused)
    assert isinstance(refused.verdict, Transient)
    assert refused.verdict.outcome_unknown is unknown
    again, _ = caller(answer(status), verdict=VerdictTable(()))
    harmless = await again.run(send(idempotent=True))
    assert isinstance(harmless, Refused)
    assert harmless.verdict == replace(refused.verdict, outcome_unknown=False)


async def test_a_429_throttles_whatever_its_body() -> None:
    odd = Response(429, {"retry-after": "7"}, b"\xff")
    one, _ = caller(odd, verdict=by_message)
    refused = await one.run(send())
    reason = "verdict failed: TypeError"
    assert refused == Refused(Transient(reason, 7.0, throttled=True), 1)


async def test_a_fault_in_a_generator_counts_the_requests_that_went_out_before_it() -> None:
    def lookup_then_send(*, sends: bool) -> Any:
        found = yield Request("GET", "/x")
        if sends:
            found = yield Request("POST", "/x", json={}, idempotent=False)
        return found.json()["id"]

    for sends in (False, True):
        one, _ = caller(ODD)
        refused = await one.run(lookup_then_send(sends=sends))
        assert isinstance(refused, Refused)
        reason = "answer not understood: TypeError"
        assert refused.verdict == Transient(reason, outcome_unknown=sends, fault=True)


async def test_a_budget_that_cannot_be_kept_does_not_lose_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_given: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(RateLimiter, "learn", broken)
    one, _ = caller(answer(201), rate=lambda _answer, _now_s: RateAdvice(10, 9, 1.0))
    assert await one.run(send()) == Finished(201, 1)


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (answer(503), "platform unavailable: status 503"),
        (answer(403), "permission missing: status 403"),
        (NoAnswerError(Transient("cannot connect"), sent=False), "cannot connect"),
    ],
)
async def test_after_an_effect_nothing_that_refuses_a_later_request_has_all_done_again(
    second: Scripted, reason: str
) -> None:
    def two() -> Any:
        yield Request("POST", "/x", json={}, idempotent=False)
        yield Request("PUT", "/y", json={})

    one, _ = caller(answer(201), second)
    assert await one.run(two()) == Refused(Transient(reason, outcome_unknown=True), 2)


@pytest.mark.parametrize("odd", [ODD, Response(201, {}, b'{"id":"\xff"}')])
async def test_an_unsafe_command_that_got_its_success_is_sent_once_whatever_the_body(
    odd: Response,
) -> None:
    world = test_delivery.World(odd, safety="unsafe")
    assert world.receipt(await world.settled()).outcome == "unknown"
    assert len(world.http.requests) == 1


async def test_faults_keep_counting_while_the_breaker_is_open() -> None:
    world = test_delivery.World(answer(201))
    world.caller.platform = replace(world.caller.platform, verdict=faulty)
    world.caller.breaker._policy = BreakerPolicy(failures_max=1)
    one = world.entry()
    outcomes = [await world.handle(one) for _ in range(3)]
    assert not world.caller.breaker.closed
    assert [type(outcome) for outcome in outcomes] == [Later, Later, Settled]
    assert len(world.http.requests) == 3


# ---- tokens and permits ------------------------------------------------------------------------------------------
class Gate(ScriptedHttp):
    """Token requests wait at `gate`, from the token number `held` on."""

    def __init__(self, *answers: Scripted, held: int = 1) -> None:
        super().__init__(*answers)
        self.gate = asyncio.Event()
        self.held = held

    async def fetch_token(self, call: Any) -> Response:
        self.token_calls.append(call)
        if len(self.token_calls) >= self.held:
            await self.gate.wait()
        return answer(200, {"access_token": f"t{len(self.token_calls)}", "expires_in": 3_600})


class Sink:
    """A caller whose token takes long, and the permit of one partition's record."""

    def __init__(self, http: Gate) -> None:
        self.http = http
        self.time = HeldTime()
        self.caller = Caller(platform(auth=OAUTH), http, self.time.clock)
        self.feed = FakeFeed()
        self.assigned = assigned()

    def run(self) -> "asyncio.Task[Any]":
        permit = LanePermit(self.assigned, self.feed, self.time.clock)
        return asyncio.create_task(self.caller.run(send(), permit))


def lose(one: Assigned) -> None:
    one.lost = True


def drain(one: Assigned) -> None:
    one.draining = True


@pytest.mark.parametrize("leave", [lose, drain])
async def test_nothing_is_sent_for_a_partition_that_left_while_the_token_was_fetched(
    leave: Callable[[Assigned], None],
) -> None:
    sink = Sink(Gate(answer(200)))
    task = sink.run()
    await turns()
    leave(sink.assigned)
    sink.http.gate.set()
    with pytest.raises(WithdrawnError):
        await task
    assert sink.http.requests == []


async def test_a_request_is_not_repeated_after_a_401_for_a_partition_that_was_lost_meanwhile() -> (
    None
):
    sink = Sink(Gate(answer(401), answer(200), held=2))
    task = sink.run()
    await turns()
    assert len(sink.http.token_calls) == 2
    sink.assigned.lost = True
    sink.http.gate.set()
    with pytest.raises(WithdrawnError):
        await task
    assert len(sink.http.requests) == 1


async def test_a_request_waits_where_the_assignment_is_not_confirmed_after_the_token() -> None:
    sink = Sink(Gate(answer(200)))
    task = sink.run()
    await turns()
    sink.feed.is_confirmed = False
    sink.http.gate.set()
    await sink.time.advance(5.0)
    assert sink.http.requests == []
    sink.feed.is_confirmed = True
    await sink.time.advance(1.0)
    assert await task == Finished(200, 1)


async def test_who_waits_for_anothers_renewal_leaves_with_its_partition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tokens, "LOCK_LOOK_S", 0.01)
    sink = Sink(Gate(answer(200)))
    other = asyncio.create_task(sink.caller.run(send()))
    await turns()
    task = sink.run()
    await turns()
    sink.assigned.draining = True
    async with asyncio.timeout(10):
        with pytest.raises(WithdrawnError):
            await task
    sink.http.gate.set()
    assert await other == Finished(200, 1)
    assert len(sink.http.requests) == 1


async def test_a_token_that_could_not_be_had_leaves_no_outcome_unknown() -> None:
    http = ScriptedHttp(answer(200), tokens=(NoAnswerError(Transient("timeout"), sent=True),))
    one = Caller(platform(auth=OAUTH), http, FakeTime().clock)
    assert await one.run(send()) == Refused(Transient("timeout"), 1)
    assert http.requests == []


# ---- batches -----------------------------------------------------------------------------------------------------
class LateToken(bulks.Shop):
    """A shop whose token takes until `gate` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def fetch_token(self, call: Any) -> Response:
        await self.gate.wait()
        return answer(200, {"access_token": "t1", "expires_in": 3_600})


@pytest.mark.parametrize("all_leave", [False, True])
@pytest.mark.parametrize("leave", [lose, drain])
async def test_a_batch_goes_on_without_those_that_left_while_the_token_was_fetched(
    leave: Callable[[Assigned], None], all_leave: bool
) -> None:
    shop, time = LateToken(), HeldTime(chance=0.0)
    world = bulks.World(shop=shop, time=time, auth=OAUTH)
    homes: Sequence[Assigned] = (assigned(0), assigned(1))
    async with world.running():
        world.lanes.arrived([world.entry(n, of=homes[n % 2]) for n in range(6)])
        await time.advance(0.1)
        for home in homes if all_leave else homes[1:]:
            leave(home)
        shop.gate.set()
        await time.advance(10.0)
    assert shop.calls == ([] if all_leave else [bulks.ids(0, 2, 4)])
