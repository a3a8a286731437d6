"""What a generator may yield beside requests, room for calls under way, and paces per budget."""

import asyncio
import math
from dataclasses import replace
from typing import Any

import pytest

from connectors.kit.base.permit import WithdrawnError
from connectors.kit.connector import (
    PAUSED,
    Pace,
    Pause,
    RateAdvice,
    Rejected,
    Request,
    Response,
    Transient,
)
from connectors.kit.exchange import PAUSE_S_MAX
from connectors.kit.http import calls
from connectors.kit.http.calls import Caller, Finished, Refused, Turn
from connectors.kit.http.drive import PAUSES_MAX
from connectors.kit.http.rate import RateLimiter
from tests.unit.connectors.kit.clocks import FakeTime, HeldTime
from tests.unit.connectors.kit.platforms import Scripted, ScriptedHttp, answer, platform
from tests.unit.connectors.kit.records import FreePermit, turns


class World:
    """A caller, its time and its platform."""

    def __init__(self, *answers: Scripted, time: FakeTime | None = None, **changed: Any) -> None:
        self.time = time or FakeTime()
        self.http = ScriptedHttp(*answers)
        self.caller = Caller(replace(platform(), **changed), self.http, self.time.clock)


def get(path: str = "/x") -> Any:
    found = yield Request("GET", path)
    return found.status


class Leaving(FreePermit):
    """Withdrawn on request."""

    def __init__(self) -> None:
        super().__init__()
        self.withdrawn = False

    def given(self) -> bool:
        if self.withdrawn:
            raise WithdrawnError
        return True


# ---- pauses ------------------------------------------------------------------------------------------------------
async def test_a_pause_waits_between_two_requests_and_sends_nothing() -> None:
    seen: list[Response] = []

    def submit_and_ask() -> Any:
        yield Request("POST", "/jobs")
        seen.append((yield Pause(2.5)))
        found = yield Request("GET", "/jobs/1")
        return found.status

    world = World(answer(202), answer(200))
    assert await world.caller.run(submit_and_ask()) == Finished(200, 2)
    assert sum(world.time.slept) == pytest.approx(2.5)
    assert seen == [PAUSED]


@pytest.mark.parametrize("seconds", [PAUSE_S_MAX + 0.1, math.inf, math.nan, -1.0])
def test_a_pause_out_of_its_bounds_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="yield several"):
        Pause(seconds)


async def test_the_longest_pause_is_waited_for_to_its_end() -> None:
    def long() -> Any:
        yield Pause(PAUSE_S_MAX)

    world = World(answer())
    await world.caller.run(long())
    assert sum(world.time.slept) == pytest.approx(PAUSE_S_MAX)


async def test_pauses_are_bounded_in_number() -> None:
    world = World(answer())

    def endless() -> Any:
        while True:
            yield Pause(0.0)

    refused = await world.caller.run(endless())
    assert refused == Refused(Rejected(f"more than {PAUSES_MAX} pauses for one record"), 0)


async def test_a_pause_ends_once_the_record_is_anothers() -> None:
    time, permit = HeldTime(), Leaving()
    world = World(answer(), time=time)

    def paused() -> Any:
        yield Pause(50.0)
        yield Request("GET", "/x")

    task = asyncio.create_task(world.caller.run(paused(), permit))
    await time.advance(3.0)
    permit.withdrawn = True
    await time.advance(1.0)
    with pytest.raises(WithdrawnError):
        await task
    assert world.http.requests == []


async def test_the_wait_for_a_slow_limit_ends_once_the_record_is_anothers() -> None:
    time, permit = HeldTime(), Leaving()
    world = World(answer(), time=time, requests_per_s=0.01)
    await world.caller.run(get())
    task = asyncio.create_task(world.caller.run(get(), permit))
    await time.advance(3.0)
    permit.withdrawn = True
    await time.advance(1.0)
    with pytest.raises(WithdrawnError):
        await task
    assert len(world.http.requests) == 1


# ---- turns -------------------------------------------------------------------------------------------------------
async def test_a_turn_is_waited_for_first_and_the_request_after_it_needs_no_other() -> None:
    world = World(answer(), requests_per_s=0.1)
    await world.caller.run(get())
    begun: list[float] = []

    def late() -> Any:
        yield Turn(Request("GET", "/x"))
        begun.append(world.time.passed_s)
        yield Request("GET", "/x")
        begun.append(world.time.passed_s)

    assert await world.caller.run(late()) == Finished(None, 1)
    assert begun == [pytest.approx(9.9), pytest.approx(9.9)]


async def test_a_turn_that_nobody_needs_leaves_room_for_others() -> None:
    world = World(answer(), concurrency=1)

    def none() -> Any:
        yield Turn(Request("GET", "/x"))

    for _ in range(3):
        assert await world.caller.run(none()) == Finished(None, 0)
    assert await asyncio.wait_for(world.caller.run(get()), 5.0) == Finished(200, 1)


# ---- room --------------------------------------------------------------------------------------------------------
async def test_no_more_calls_are_under_way_than_the_platform_may_have() -> None:
    world = World(answer(), concurrency=3)
    world.http.hold = asyncio.Event()
    tasks = [asyncio.create_task(world.caller.run(get())) for _ in range(10)]
    await turns()
    assert len(world.http.requests) == 3
    world.http.hold.set()
    assert await asyncio.gather(*tasks) == [Finished(200, 1)] * 10


async def test_room_is_given_back_by_a_call_that_is_cancelled() -> None:
    world = World(answer(), concurrency=1)
    world.http.hold = asyncio.Event()
    task = asyncio.create_task(world.caller.run(get()))
    await turns()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    world.http.hold = None
    assert await asyncio.wait_for(world.caller.run(get()), 5.0) == Finished(200, 1)


async def test_a_record_that_was_withdrawn_while_it_waited_for_room_is_not_sent() -> None:
    world, permit = World(answer(), concurrency=1), Leaving()
    world.http.hold = asyncio.Event()
    first = asyncio.create_task(world.caller.run(get()))
    await turns()
    second = asyncio.create_task(world.caller.run(get(), permit))
    await turns()
    permit.withdrawn = True
    world.http.hold.set()
    assert await first == Finished(200, 1)
    with pytest.raises(WithdrawnError):
        await second
    assert len(world.http.requests) == 1
    assert await asyncio.wait_for(world.caller.run(get()), 5.0) == Finished(200, 1)


async def test_while_there_is_no_room_a_record_that_was_withdrawn_leaves_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calls, "ROOM_S_MAX", 0.0)
    world, permit = World(answer(), concurrency=1), Leaving()
    world.http.hold = asyncio.Event()  # the first call is under way to the end
    first = asyncio.create_task(world.caller.run(get()))
    await turns()
    second = asyncio.create_task(world.caller.run(get(), permit))
    await turns()
    permit.withdrawn = True
    with pytest.raises(WithdrawnError):
        await asyncio.wait_for(second, 5.0)
    world.http.hold.set()
    assert await first == Finished(200, 1)
    assert await asyncio.wait_for(world.caller.run(get()), 5.0) == Finished(200, 1)


# ---- paces -------------------------------------------------------------------------------------------------------
def by_path(request: Request) -> str:
    return request.path


async def test_a_budget_may_have_a_pace_of_its_own() -> None:
    world = World(answer(), budget=by_path, paces={"/catalog": Pace(10 / 60)})
    for _ in range(4):
        await world.caller.run(get("/other"))
    assert world.time.passed_s == 0
    for _ in range(4):
        await world.caller.run(get("/catalog"))
    assert world.time.passed_s == pytest.approx(3 * 6.0, abs=0.2)


async def test_ten_calls_a_minute_hold_though_the_platforms_headers_promise_more() -> None:
    def generous(_answer: Response, _now_s: float) -> RateAdvice:
        return RateAdvice(16_000, 15_999, 60.0)

    paces = {"/catalog": Pace(10 / 60, 10 / 60)}
    world = World(answer(), budget=by_path, rate=generous, paces=paces)
    sent: list[float] = []
    for _ in range(61):
        await world.caller.run(get("/catalog"))
        sent.append(world.time.passed_s)
    for begin in sent:
        assert (
            sum(begin <= at < begin + 60 for at in sent) <= 10 + 1
        )  # it began with a call at once
    assert sent[-1] == pytest.approx(360.0, abs=1.0)


async def test_an_unknown_budget_starts_with_the_platforms_pace() -> None:
    world = World(answer(), budget=by_path, requests_per_s=0.5, paces={"/catalog": Pace(100.0)})
    await world.caller.run(get("/other"))
    await world.caller.run(get("/other"))
    assert world.time.passed_s == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize(("start", "most"), [(0.0, math.inf), (1.0, 0.0), (-1.0, 1.0)])
def test_a_pace_of_nothing_is_refused(start: float, most: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        RateLimiter(start, most)


async def test_an_operations_own_verdict_about_an_item_does_not_open_the_breaker() -> None:
    world = World(answer())
    for _ in range(50):
        world.caller.told(Transient("item busy"))
        world.caller.told(Rejected("item refused"))
    assert world.caller.breaker.closed
