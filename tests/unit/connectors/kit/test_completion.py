"""Fetching what notices name: completed, coalesced, parked, given up."""

from collections.abc import Generator, Iterator
from typing import Any

import msgspec
import pytest

from connectors.kit.base.retry import RetryPolicy
from connectors.kit.connector import (
    Fetched,
    MalformedError,
    NotThereError,
    Request,
    Response,
    Source,
)
from connectors.kit.http.breaker import BreakerPolicy
from connectors.kit.http.calls import Caller
from connectors.kit.lanes.work import Entry, Later, Settled
from connectors.kit.output.messages import Messages
from connectors.kit.reads.completion import Completions
from gridwire import dead_letters
from gridwire.records import Notice, Partner
from gridwire.replays import ATTEMPT, Replay
from gridwire.topics import TRADING_GRID_NOTICES, TRADING_GRID_PARTNERS
from tests.unit.connectors.kit.clocks import EPOCH_S, FakeTime
from tests.unit.connectors.kit.platforms import Scripted, ScriptedHttp, answer, platform
from tests.unit.connectors.kit.records import FakeFeed, FreePermit, assigned, entry, offsets
from tests.unit.connectors.kit.registry import Avro

NOW_MS = int(EPOCH_S * 1_000)
NOTICE = Notice(
    event_id="n-1",
    occurred_at=NOW_MS - 50,
    produced_at=NOW_MS - 10,
    source="acme/hooks",
    version=7,
    trace_id="b" * 32,
    platform="acme",
    resource="partner",
    resource_id="p-1",
    key="p-1",
    event_type="partner.updated",
)


def fetch(notice: Notice) -> Generator[Request, Response, Fetched]:
    found = yield Request("GET", f"/partners/{notice.resource_id}", expect=frozenset({404}))
    if found.status == 404:
        raise NotThereError
    body = found.json()
    if body == "broken":
        raise MalformedError("data: not an object")
    return _records(body)


def _records(body: Any) -> Iterator[tuple[Any, Partner]]:
    """Lazily, as a connector may: faults come up while it is read."""
    partner = Partner(
        partner_id=body["id"], partner_code="c", name=body["name"], status="active", version=8
    )
    yield TRADING_GRID_PARTNERS, partner


class World:
    """The fetches of one source with everything around them."""

    def __init__(self, *answers: Scripted) -> None:
        self.time = FakeTime(chance=1.0)
        self.avro = Avro()
        self.http = ScriptedHttp(*answers)
        target = platform()
        source = Source(target, (), TRADING_GRID_NOTICES, {"partner": fetch})
        policy = BreakerPolicy(failures_max=2, open_s_first=1.0)
        self.caller = Caller(target, self.http, self.time.clock, policy)
        self.completions = Completions(
            source,
            self.caller,
            Messages(self.avro.codec, self.time.clock),
            RetryPolicy(delay_s_first=2.0, delay_s_max=300.0, attempts_max=4, age_s_max=600.0),
            self.time.clock,
        )
        self.completions.feed = FakeFeed()
        self.home = assigned()

    def entry(self, offset: int = 1, **changes: Any) -> Entry:
        notice = msgspec.structs.replace(NOTICE, **changes)
        value = self.avro.encoded(TRADING_GRID_NOTICES, notice)
        return entry(offset, notice.key, of=self.home, value=value)

    async def handle(self, *entries: Entry) -> Settled | Later:
        return await self.completions.handle(entries[0], entries, FreePermit())

    async def settled(self, *entries: Entry) -> Settled:
        outcome = await self.handle(*(entries or (self.entry(),)))
        assert isinstance(outcome, Settled)
        return outcome


PARTNER = answer(200, {"id": "p-1", "name": "Partner"})


async def test_a_notice_becomes_the_records_of_its_object_with_trace_and_cause() -> None:
    world = World(PARTNER)
    settled = await world.settled()
    (output,) = settled.outputs
    record = world.avro.decoded(TRADING_GRID_PARTNERS.name, output.value)
    assert (output.key, record.name, record.version) == ("p-1", "Partner", 8)
    assert (record.causation_id, record.trace_id) == ("n-1", "b" * 32)
    assert (record.source, record.occurred_at) == ("acme/fetch", NOW_MS - 50)
    again = await World(PARTNER).settled()
    assert again.outputs[0].value == output.value


async def test_identical_notices_that_wait_are_settled_by_one_fetch() -> None:
    world = World(PARTNER)
    entries = [
        world.entry(1),
        world.entry(2, event_id="n-2"),
        world.entry(3, event_id="n-3", event_type="partner.deleted"),
        world.entry(4, event_id="n-4", detail={"previous_status": "x"}),
        world.entry(5, event_id="n-5", resource_id="p-2"),
        world.entry(6, event_id="n-6", not_before=NOW_MS + 1),
        world.entry(7, event_id="n-7"),
    ]
    settled = await world.settled(*entries)
    assert offsets(settled.entries) == [1, 2, 7]
    assert len(world.http.requests) == 1


async def test_an_object_that_is_not_there_is_parked_at_the_end_of_the_topic() -> None:
    world = World(answer(404))
    settled = await world.settled()
    (output,) = settled.outputs
    assert output.topic == TRADING_GRID_NOTICES.name
    parked = world.avro.decoded(output.topic, output.value)
    assert (parked.fetch_attempt, parked.not_before) == (1, NOW_MS + 2_000)
    assert (parked.event_id, parked.produced_at) == (NOTICE.event_id, NOTICE.produced_at)


async def test_a_parked_notice_rests_aside_until_its_time() -> None:
    world = World(PARTNER)
    one = world.entry(fetch_attempt=1, not_before=NOW_MS + 2_000)
    assert await world.handle(one) == Later(2.0, aside=True)
    world.time.passed_s += 2.0
    assert (await world.settled(one)).outputs[0].topic == TRADING_GRID_PARTNERS.name


@pytest.mark.parametrize(
    "changes", [{"fetch_attempt": 3}, {"fetch_attempt": 1, "produced_at": NOW_MS - 600_000}]
)
async def test_a_notice_is_given_up_after_its_attempts_or_its_age(changes: Any) -> None:
    world = World(answer(404))
    one = world.entry(**changes)
    (letter,) = (await world.settled(one)).outputs
    headers = dict(letter.headers)
    assert letter.topic == "dead-letter.sources"
    assert headers[dead_letters.REASON] == b"given up"
    assert headers[dead_letters.EXCEPTION_MESSAGE] == b"given up: not there"
    assert letter.value == one.message.value()


@pytest.mark.parametrize("changes", [{"fetch_attempt": 3}, {"resource": "planet"}])
async def test_a_letter_that_came_back_and_fails_again_has_a_higher_attempt(changes: Any) -> None:
    world = World(*[answer(404)] * 3)
    attempts: list[int] = []
    headers: tuple[tuple[str, bytes | None], ...] = ()
    for _ in range(3):
        value = world.avro.encoded(TRADING_GRID_NOTICES, msgspec.structs.replace(NOTICE, **changes))
        one = entry(1, NOTICE.key, of=world.home, value=value, headers=headers)
        (letter,) = (await world.settled(one)).outputs
        attempts.append(int(dict(letter.headers)[ATTEMPT] or b""))
        headers = tuple(Replay("dead-letter.sources/0/1", attempt=attempts[-1]).headers())
    first = 1 + changes.get("fetch_attempt", 0)
    assert attempts == [first, first + 1, first + 2]


async def test_a_platform_that_answers_badly_parks_the_notice_while_it_is_well_otherwise() -> None:
    world = World(answer(500), PARTNER)
    (output,) = (await world.settled()).outputs
    assert world.avro.decoded(output.topic, output.value).fetch_attempt == 1


async def test_during_an_outage_notices_wait_and_use_up_no_attempts() -> None:
    world = World(answer(500))
    one = world.entry()
    await world.handle(world.entry(2, key="other"))
    for _ in range(10):
        assert isinstance(await world.handle(one), Later)


async def test_being_throttled_uses_up_no_attempts() -> None:
    world = World(answer(429, headers={"retry-after": "5"}))
    outcome = await world.handle(world.entry())
    assert isinstance(outcome, Later)
    assert outcome.delay_s >= 5.0


async def test_a_misconfiguration_gives_nothing_up() -> None:
    world = World(answer(401))
    assert isinstance(await world.handle(world.entry()), Later)
    assert world.caller.breaker.stopped is not None


@pytest.mark.parametrize(
    ("scripted", "detail"),
    [(answer(200, "broken"), "data: not an object"), (answer(400), "refused: status 400")],
)
async def test_an_object_that_cannot_be_read_or_had_becomes_a_dead_letter(
    scripted: Response, detail: str
) -> None:
    (letter,) = (await World(scripted).settled()).outputs
    assert letter.topic == "dead-letter.sources"
    assert dict(letter.headers)[dead_letters.EXCEPTION_MESSAGE] == detail.encode()


async def test_a_fault_while_records_are_made_is_bounded_like_any_failure() -> None:
    world = World(answer(200, {"no": "id"}))
    outcomes = [(await world.settled(world.entry(fetch_attempt=n))).outputs[0] for n in range(4)]
    assert [one.topic for one in outcomes] == [TRADING_GRID_NOTICES.name] * 3 + [
        "dead-letter.sources"
    ]


async def test_a_notice_for_a_resource_that_nobody_fetches_becomes_a_dead_letter() -> None:
    world = World(PARTNER)
    (letter,) = (await world.settled(world.entry(resource="planet"))).outputs
    assert dict(letter.headers)[dead_letters.REASON] == b"no fetch for this resource"
    assert world.http.requests == []


async def test_an_unreadable_notice_becomes_a_dead_letter_with_its_bytes() -> None:
    (letter,) = (await World(PARTNER).settled(entry(1, value=b"\x00\x00\x00\x00\x63x"))).outputs
    assert (letter.topic, letter.value) == ("dead-letter.sources", b"\x00\x00\x00\x00\x63x")
