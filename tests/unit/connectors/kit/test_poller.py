"""Polling: pages and checkpoints together, page loops, failures, shares of replicas."""

import asyncio
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from connectors.kit.connector import MalformedError, Page, Poll, Request, Response
from connectors.kit.http.calls import Caller
from connectors.kit.output.commits import CommitFailedError, ProducerBrokenError
from connectors.kit.output.messages import Messages
from connectors.kit.output.output import Output
from connectors.kit.reads.poller import PAGES_MAX, STOPPED_DELAY_S, Poller, Pollers
from gridwire import dead_letters
from gridwire.records import Checkpoint, Partner
from gridwire.topics import CHECKPOINTS, TRADING_GRID_PARTNERS
from tests.unit.connectors.kit.clocks import FakeTime
from tests.unit.connectors.kit.platforms import ScriptedHttp, answer, platform
from tests.unit.connectors.kit.registry import Avro

Step = Callable[[str | None, int], Generator[Request, Response, Page]]


class FakeStore:
    """Checkpoints in memory."""

    def __init__(self, cursor: str | None = None) -> None:
        self.cursor = cursor
        self.opened = 0
        self.commits: list[Sequence[Output]] = []
        self.failures: list[Exception] = []
        self.commit_held: threading.Event | None = None
        self.commit_begun = threading.Event()

    def open(self) -> str | None:
        self.opened += 1
        return self.cursor

    def commit(self, outputs: Sequence[Output]) -> None:
        self.commit_begun.set()
        if self.commit_held is not None:
            assert self.commit_held.wait(10)
        if self.failures:
            raise self.failures.pop(0)
        self.commits.append(outputs)

    def record(self, cursor: str, now_ms: int) -> Checkpoint:
        self.cursor = cursor  # committed with the page below
        return Checkpoint(occurred_at=now_ms, platform="acme", resource="partners", cursor=cursor)


def partner(number: int, **changes: Any) -> tuple[Any, Partner]:
    fields = {"partner_id": f"p-{number}", "partner_code": "c", "name": "n", "status": "active"}
    return (TRADING_GRID_PARTNERS, Partner(**{"version": number, **fields, **changes}))


def numbered(last: int) -> Step:
    """Pages 1 to `last`, one record each; the cursor is the page's number."""

    def step(cursor: str | None, _now_ms: int) -> Generator[Request, Response, Page]:
        number = int(cursor or 0) + 1
        yield Request("GET", f"/partners?page={number}")
        if number > last:
            return Page((), cursor or "0", more=False)
        return Page((partner(number),), str(number), more=number < last)

    return step


class World:
    """A poller that ends after `rounds` pauses."""

    def __init__(self, step: Step, *answers: Any, cursor: str | None = None) -> None:
        self.time = FakeTime()
        self.avro = Avro()
        self.store = FakeStore(cursor)
        self.http = ScriptedHttp(*(answers or (answer(200),)))
        self.caller = Caller(platform(), self.http, self.time.clock)
        self.poller = Poller(
            Poll("partners", 30.0, step),
            self.caller,
            Messages(self.avro.codec, self.time.clock),
            self.store,
            executor=ThreadPoolExecutor(1),
            clock=self.time.clock,
        )

    async def run(self, until: Callable[[], bool]) -> None:
        task = asyncio.create_task(self.poller.run())
        async with asyncio.timeout(10):
            while not until() and not task.done():  # noqa: ASYNC110 - bounded above
                await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def written(self, topic: str) -> list[Any]:
        return [
            self.avro.decoded(topic, output.value)
            for outputs in self.store.commits
            for output in outputs
            if output.topic == topic
        ]


async def test_each_page_is_written_in_one_transaction_with_its_checkpoint() -> None:
    world = World(numbered(3))
    await world.run(lambda: 30.0 in world.time.slept)
    assert [[output.topic for output in outputs] for outputs in world.store.commits] == [
        [TRADING_GRID_PARTNERS.name, CHECKPOINTS.name]
    ] * 3
    assert [one.cursor for one in world.written(CHECKPOINTS.name)] == ["1", "2", "3"]
    records = world.written(TRADING_GRID_PARTNERS.name)
    assert [one.partner_id for one in records] == ["p-1", "p-2", "p-3"]
    assert {one.source for one in records} == {"acme/poll"}


async def test_polling_goes_on_where_the_checkpoint_says() -> None:
    world = World(numbered(3), cursor="2")
    await world.run(lambda: 30.0 in world.time.slept)
    assert [one.cursor for one in world.written(CHECKPOINTS.name)] == ["3"]


async def test_a_page_that_brings_nothing_new_is_not_written() -> None:
    world = World(numbered(1), cursor="1")
    await world.run(lambda: world.time.slept.count(30.0) == 3)
    assert world.store.commits == []
    assert len(world.http.requests) >= 3


async def test_a_page_polled_twice_gives_the_same_ids() -> None:
    ids = []
    for _ in range(2):
        world = World(numbered(1))
        await world.run(lambda: bool(world.store.commits))  # noqa: B023 - ends before the next turn
        ids += [one.event_id for one in world.written(TRADING_GRID_PARTNERS.name)]
    assert ids[0] == ids[1]


async def test_a_platform_that_gives_the_same_cursor_for_ever_is_not_polled_for_ever() -> None:
    def looping(_cursor: str | None, _now_ms: int) -> Generator[Request, Response, Page]:
        yield Request("GET", "/partners")
        return Page((partner(1),), "same", more=True)

    world = World(looping)
    await world.run(lambda: world.poller.problem is not None)
    assert "page loop" in (world.poller.problem or "")
    assert len(world.http.requests) == 2


async def test_a_loop_over_several_cursors_stops_the_poll_with_the_long_pause_each_time() -> None:
    def cycling(cursor: str | None, _now_ms: int) -> Generator[Request, Response, Page]:
        yield Request("GET", "/partners")
        return Page((partner(1),), "b" if cursor == "a" else "a", more=True)

    world = World(cycling)
    problems = []
    pause = world.poller._clock.sleep

    async def noted(delay_s: float) -> None:
        problems.append((world.poller.problem, world.poller._failures))
        await pause(delay_s)

    world.poller._clock = replace(world.poller._clock, sleep=noted)
    await world.run(lambda: len(world.time.slept) >= 4)
    assert world.time.slept[:4] == [STOPPED_DELAY_S] * 4
    assert [failures for _, failures in problems[:4]] == [1, 2, 3, 4]
    assert all("page loop" in (problem or "") for problem, _ in problems[:4])


async def test_a_problem_is_told_until_a_whole_pass_went_through() -> None:
    told = []

    def once_looping(cursor: str | None, _now_ms: int) -> Generator[Request, Response, Page]:
        yield Request("GET", "/partners")
        told.append(world.poller.problem is not None)
        if len(told) < 4:
            return Page((partner(1),), "b" if cursor == "a" else "a", more=True)
        return Page((partner(1),), f"c{len(told)}", more=len(told) < 6)

    world = World(once_looping)
    await world.run(lambda: 30.0 in world.time.slept)
    assert told[:6] == [False, False, False, True, True, True]
    assert world.poller.problem is None


async def test_pages_without_end_pause_after_their_bound() -> None:
    world = World(numbered(10 * PAGES_MAX))
    await world.run(lambda: 30.0 in world.time.slept)
    assert len(world.store.commits) == PAGES_MAX


async def test_a_failed_step_is_tried_again_at_the_same_cursor() -> None:
    world = World(numbered(2), answer(200), answer(503), answer(200))
    await world.run(lambda: 30.0 in world.time.slept)
    assert [one.cursor for one in world.written(CHECKPOINTS.name)] == ["1", "2"]
    assert [request.path for request, _ in world.http.requests] == [
        "/partners?page=1",
        "/partners?page=2",
        "/partners?page=2",
    ]


@pytest.mark.parametrize(
    "failure",
    [
        CommitFailedError("timed out"),
        ProducerBrokenError("fenced"),
        KafkaException(KafkaError(KafkaError._TIMED_OUT)),
    ],
)
async def test_a_page_that_was_not_committed_is_fetched_again_after_reading_the_checkpoint(
    failure: Exception,
) -> None:
    world = World(numbered(1))
    world.store.failures = [failure]
    begin = world.store.cursor

    def record(cursor: str, now_ms: int) -> Checkpoint:
        world.store.cursor = cursor if not world.store.failures else begin
        return Checkpoint(occurred_at=now_ms, platform="acme", resource="partners", cursor=cursor)

    world.store.record = record  # type: ignore[method-assign]
    await world.run(lambda: 30.0 in world.time.slept)
    assert world.store.opened == 2
    assert len(world.written(CHECKPOINTS.name)) == 1


@pytest.mark.parametrize("status", [401, 400])
async def test_a_poll_that_is_refused_stops_says_so_and_is_tried_now_and_then(status: int) -> None:
    world = World(numbered(1), answer(status), answer(200))
    await world.run(lambda: world.poller.problem is not None)
    assert str(status) in (world.poller.problem or "")
    await world.run(lambda: world.poller.problem is None)
    assert len(world.written(CHECKPOINTS.name)) == 1


async def test_a_page_that_is_not_what_the_platform_promises_stops_the_poll_visibly() -> None:
    def malformed(_cursor: str | None, _now_ms: int) -> Generator[Request, Response, Page]:
        yield Request("GET", "/partners")
        raise MalformedError("data: no list")

    world = World(malformed)
    await world.run(lambda: world.poller.problem is not None)
    assert world.poller.problem == "data: no list"


async def test_a_broken_object_and_a_record_that_fits_no_topic_are_kept_while_the_rest_goes_on() -> (
    None
):
    def step(_cursor: str | None, _now_ms: int) -> Generator[Request, Response, Page]:
        yield Request("GET", "/partners")
        records = (partner(1), partner(2, name=7))
        return Page(records, "1", more=False, broken=((b'{"id":', "data[3]: truncated"),))

    world = World(step)
    await world.run(lambda: bool(world.store.commits))
    (outputs,) = world.store.commits
    letters = [output for output in outputs if output.topic == "dead-letter.sources"]
    reasons = [dict(one.headers)[dead_letters.REASON] for one in letters]
    assert reasons == [b"record does not fit its schema", b"object cannot be read"]
    assert letters[1].value == b'{"id":'
    assert [one.partner_id for one in world.written(TRADING_GRID_PARTNERS.name)] == ["p-1"]


async def test_a_poller_that_is_cancelled_in_a_commit_ends_only_after_it() -> None:
    world = World(numbered(1))
    world.store.commit_held = threading.Event()
    task = asyncio.create_task(world.poller.run())
    assert await asyncio.to_thread(world.store.commit_begun.wait, 10)
    task.cancel()
    for _ in range(200):
        await asyncio.sleep(0)
    assert not task.done()
    world.store.commit_held.set()
    with suppress(asyncio.CancelledError):
        await task
    assert len(world.store.commits) == 1


async def test_each_resource_is_polled_by_the_replica_that_holds_its_share() -> None:
    worlds = [World(numbered(0)) for _ in range(8)]
    for number, world in enumerate(worlds):
        world.poller.poll = Poll(f"r{number}", 30.0, numbered(0))
    replicas = [Pollers([world.poller for world in worlds]) for _ in range(2)]
    await replicas[0].gained({0, 1}, 4)
    await replicas[1].gained({2, 3}, 4)
    shares = [{poller.name for poller in replica._tasks} for replica in replicas]
    assert shares[0] | shares[1] == {world.poller.name for world in worlds}
    assert not shares[0] & shares[1]
    await replicas[0].gave_up({0, 1})
    assert not replicas[0]._tasks
    await replicas[1].gained({0, 1, 2, 3}, 4)
    assert len(replicas[1]._tasks) == 8
    await replicas[1].stop()
