"""Backfill: through the poll's own steps, to the end of its time, from where it was interrupted, and never for ever."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from connectors.kit.connector import MalformedError, Page, Poll, Request, Response
from connectors.kit.http.calls import Caller
from connectors.kit.output.commits import CommitFailedError, ProducerBrokenError
from connectors.kit.reads.backfill import (
    ATTEMPTS_MAX,
    Backfill,
    BackfillError,
    Progress,
    anew,
    begun,
)
from gridwire.records import Partner
from gridwire.topics import TRADING_GRID_PARTNERS
from tests.unit.connectors.kit.clocks import FakeTime
from tests.unit.connectors.kit.platforms import ScriptedHttp, answer, platform


def partner(number: int) -> tuple[Any, Partner]:
    """Changed at `number`."""
    record = Partner(
        event_id=f"e-{number}",
        occurred_at=number,
        partner_id=f"p-{number}",
        partner_code="",
        name="n",
        status="active",
    )
    return TRADING_GRID_PARTNERS, record


def step(cursor: str | None, _now_ms: int) -> Generator[Request, Response, Page]:
    """Two records a page, one every 10 ms, for ever."""
    at = int(cursor or 0)
    yield Request("GET", f"/partners?since={at}")
    return Page((partner(at), partner(at + 10)), str(at + 20), more=True)


POLL = Poll("acme.partners", 30.0, step, lambda since_ms, _until_ms: str(since_ms))


class World:
    def __init__(self, *answers: Any, poll: Poll = POLL) -> None:
        self.time = FakeTime()
        self.http = ScriptedHttp(*(answers or (answer(200),)))
        self.told: list[Progress] = []
        self.written: list[tuple[Page, str]] = []
        self.failures: list[Exception] = []
        self.poll = poll
        self.caller = Caller(platform(), self.http, self.time.clock)

    def write(self, page: Page, checkpoint: str) -> int:
        if self.failures:
            raise self.failures.pop(0)
        self.written.append((page, checkpoint))
        return len(page.records)

    async def run(self, at: Progress | None = None, *, dry_run: bool = False) -> Progress:
        write = None if dry_run else self.write
        run = Backfill(self.poll, self.caller, self.time.clock, self.told.append, write)
        return await run.run(at or anew(self.poll, 100, 145))

    def ids(self) -> list[str]:
        return [record.event_id for page, _ in self.written for _, record in page.records]


async def test_it_reads_from_one_time_to_another_and_leaves_out_what_is_later() -> None:
    world = World()
    end = await world.run()
    assert world.ids() == ["e-100", "e-110", "e-120", "e-130", "e-140"]
    assert (end.done, end.records, end.pages) == (True, 5, 4)
    assert [one.pages for one in world.told] == [1, 2, 3, 4]


async def test_a_dry_run_counts_the_same_and_writes_nothing() -> None:
    world = World()
    end = await world.run(dry_run=True)
    assert (end.records, world.written) == (5, [])


async def test_an_interrupted_one_goes_on_after_the_last_page_that_was_written() -> None:
    world = World()
    world.failures = [CommitFailedError("timed out")]
    first = World()
    first.failures = []
    await first.run()
    _, checkpoint = first.written[1]
    at = begun(checkpoint, 100, 145)
    assert at is not None
    end = await world_after(at)
    assert end.ids() == ["e-140"]
    with pytest.raises(BackfillError, match="run the same command again"):
        await world.run()
    assert world.written == []


async def world_after(at: Progress) -> World:
    world = World()
    end = await world.run(at)
    assert (end.records, end.pages) == (5, 4)
    return world


def test_what_is_gone_on_with_is_the_unfinished_one_of_the_same_time() -> None:
    at = Progress(since_ms=100, until_ms=145, cursor="120", pages=1, records=2)
    assert begun(at.encoded(), 100, 145) == at
    assert begun(at.encoded(), 100, None) == at  # up to the end that it was to have
    assert begun(at.encoded(), 99, 145) is None
    assert begun(at.encoded(), 100, 146) is None
    finished = Progress(since_ms=100, until_ms=145, cursor="120", done=True)
    assert begun(finished.encoded(), 100, 145) is None
    assert begun(None, 100, 145) is None
    assert begun("120", 100, 145) is None
    with pytest.raises(BackfillError, match="newer"):
        begun(Progress(since_ms=1, until_ms=2, cursor="", v=99).encoded(), 1, 2)


def test_what_is_not_listed_by_time_cannot_be_backfilled() -> None:
    with pytest.raises(BackfillError, match="not listed by time"):
        anew(replace(POLL, between=None), 100, 145)


async def test_a_platform_that_is_away_for_a_while_is_waited_for_and_then_given_up() -> None:
    world = World(*[answer(503)] * 3, answer(200))
    assert (await world.run()).done
    gone = World(answer(503))
    with pytest.raises(BackfillError, match="does not answer"):
        await gone.run()
    assert len(gone.http.requests) == ATTEMPTS_MAX


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_platform_that_refuses_is_not_asked_again(status: int) -> None:
    world = World(answer(status))
    with pytest.raises(BackfillError, match="refuses"):
        await world.run()
    assert len(world.http.requests) == 1


async def test_a_second_backfill_of_the_same_resource_ends_the_first_with_a_hint() -> None:
    world = World()
    world.failures = [ProducerBrokenError("_FENCED")]
    with pytest.raises(BackfillError, match="another backfill"):
        await world.run()


async def test_a_page_loop_ends_it() -> None:
    def looping(_cursor: str | None, _now_ms: int) -> Generator[Request, Response, Page]:
        yield Request("GET", "/partners")
        return Page((partner(100),), "100", more=True)

    with pytest.raises(BackfillError, match="page loop"):
        await World(poll=replace(POLL, step=looping)).run()


async def test_what_is_not_what_the_platform_promises_ends_it_with_the_reason() -> None:
    def malformed(_cursor: str | None, _now_ms: int) -> Generator[Request, Response, Page]:
        yield Request("GET", "/partners")
        raise MalformedError("list: not a list")

    with pytest.raises(BackfillError, match="not a list"):
        await World(poll=replace(POLL, step=malformed)).run()


async def test_its_pages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.kit.reads.backfill.PAGES_MAX", 2)
    with pytest.raises(BackfillError, match="2 pages are read, and there are more"):
        await World().run()
