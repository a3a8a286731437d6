"""Fetches against a real Kafka: notices in, records out, once each, whatever happens on the way."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.kit.auth import NoAuth
from connectors.kit.base.clock import SYSTEM
from connectors.kit.base.retry import RetryPolicy
from connectors.kit.connector import (
    Fetched,
    NotThereError,
    Platform,
    Request,
    Response,
    Source,
)
from connectors.kit.http.calls import Caller
from connectors.kit.lanes.engine import Engine
from connectors.kit.output.messages import Messages
from connectors.kit.reads.completion import Completions
from connectors.kit.verdicts import VerdictTable
from gridwire import kafka as clients
from gridwire.records import Notice, Partner
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTER_SOURCES, Topic
from sandbox import kafka as local_kafka
from tests.roles import Topics
from tests.waiting import until

CONCURRENCY = 4


class Partners:
    """A platform of partners in memory: `missing` ones are not there yet."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.missing: set[str] = set()

    def reached(self, calls: int) -> bool:
        return len(self.calls) >= calls

    async def exchange(self, request: Request, _headers: object) -> Response:
        await asyncio.sleep(0)
        id_ = request.path.rpartition("/")[2]
        self.calls.append(id_)
        return Response(404 if id_ in self.missing else 200, {}, b"{}")

    async def fetch_token(self, call: object) -> Response:
        raise AssertionError("needs no token")


class Case:
    """Topics and parts of one test."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics
        name = topics.settings.group_prefix
        self.partners = Partners()
        self.notices = Topic(
            f"source.{name}.notices", Notice, lambda one: one.key, "internal", "A test's notices."
        )
        self.records = Topic(
            f"source.{name}.partners", Partner, lambda one: one.partner_id, "source", "Its records."
        )
        admin = AdminClient({"bootstrap.servers": topics.settings.bootstrap})
        wanted = [NewTopic(one.name, 4, 1) for one in (self.notices, self.records)]
        for created in admin.create_topics(wanted).values():
            created.result(30)

    def fetch(self, notice: Notice) -> Generator[Request, Response, Fetched]:
        answer = yield Request("GET", f"/partners/{notice.resource_id}", expect=frozenset({404}))
        if answer.status == 404:
            raise NotThereError
        record = Partner(
            partner_id=notice.resource_id,
            partner_code="c",
            name=notice.event_type,
            status="active",
            version=notice.version,
        )
        return ((self.records, record),)

    def write(self, notices: Sequence[tuple[str, int]]) -> None:
        """Notices for (partner id, version), produced now."""
        now_ms = SYSTEM.epoch_ms()
        self.topics.write(
            self.notices,
            [
                Notice(
                    event_id=uuid.uuid4().hex,
                    occurred_at=now_ms,
                    produced_at=now_ms,
                    platform="acme",
                    resource="partner",
                    resource_id=id_,
                    key=id_,
                    event_type=f"updated-{version}",
                    version=version,
                )
                for id_, version in notices
            ],
        )

    @asynccontextmanager
    async def fetching(self) -> AsyncIterator[Engine]:
        platform = Platform(
            name="acme",
            base_url="http://127.0.0.1:1",
            auth=NoAuth(),
            verdict=VerdictTable(),
            rate=lambda _answer, _now_s: None,
            requests_per_s=float("inf"),
        )
        source = Source(platform, (), self.notices, {"partner": self.fetch})
        policy = RetryPolicy(delay_s_first=0.2, delay_s_max=1.0, attempts_max=4, age_s_max=60.0)
        caller = Caller(platform, self.partners)
        messages = Messages(self.topics.codec, SYSTEM)
        handler = Completions(source, caller, messages, policy, SYSTEM)
        engine = Engine(
            self.topics.settings,
            "fetch.acme",
            self.notices.name,
            handler,
            concurrency=CONCURRENCY,
        )
        stop = asyncio.Event()
        task = asyncio.create_task(engine.run(stop))
        try:
            yield engine
        finally:
            stop.set()
            await task

    async def fetched(self, count: int) -> list[Partner]:
        """All records, once there are at least `count`."""
        await asyncio.to_thread(
            until,
            lambda: len(self.topics.read(self.records)) >= count,
            f"{count} records are there",
        )
        return await asyncio.to_thread(self.topics.read, self.records)


@pytest.fixture
def case(kafka: local_kafka.RunningBroker, registry: str) -> Iterator[Case]:
    settings = KafkaSettings(
        bootstrap=kafka.broker.bootstrap,
        registry_url=registry,
        group_prefix=f"t{uuid.uuid4().hex[:8]}",
        session_timeout_ms=6_000,
    )
    clients.create_topics(settings, [])
    topics = Topics(settings)
    yield Case(topics)
    topics.close()


async def test_each_notice_becomes_its_record_in_order_per_key(case: Case) -> None:
    case.write([(f"p-{n % 10}", n) for n in range(200)])
    async with case.fetching():
        found = await case.fetched(200)
    assert sorted(record.version for record in found) == list(range(200))
    for partner in {record.partner_id for record in found}:
        versions = [one.version for one in found if one.partner_id == partner]
        assert versions == sorted(versions)


async def test_identical_notices_cost_one_fetch(case: Case) -> None:
    case.write([("p-1", 7)] * 50)
    async with case.fetching() as engine:
        await case.fetched(1)
        await asyncio.to_thread(
            until,
            lambda: all(not a.buffered for a in engine.feed._assigned.values()),
            "all are settled",
        )
        assert len(case.partners.calls) < 50
        assert len(await case.fetched(1)) == len(case.partners.calls)


async def test_an_object_that_comes_late_is_fetched_late_and_its_neighbours_do_not_wait(
    case: Case,
) -> None:
    case.partners.missing = {"late"}
    case.write([("late", 1), ("late", 2), *((f"p-{n}", n) for n in range(20))])
    async with case.fetching():
        assert len(await case.fetched(20)) == 20
        case.partners.missing = set()
        found = await case.fetched(22)
    assert sorted(one.version for one in found if one.partner_id == "late") == [1, 2]


async def test_an_object_that_never_comes_becomes_a_dead_letter_and_nothing_is_left_behind(
    case: Case,
) -> None:
    case.partners.missing = {"never"}
    case.write([("never", 1)])

    def letters() -> list[dict[str, bytes]]:
        headers = [dict(m.headers()) for m in case.topics.messages(DEAD_LETTER_SOURCES.name)]
        own = case.notices.name.encode()
        return [one for one in headers if one.get("__connect.errors.topic") == own]

    async with case.fetching():
        await asyncio.to_thread(until, lambda: len(letters()) == 1, "it is a dead letter")
    assert letters()[0]["gridwire.reason"] == b"given up"
    assert letters()[0]["gridwire.attempt"] == b"4"
    assert case.partners.calls == ["never"] * 4


async def test_stopped_and_started_again_nothing_is_fetched_twice(case: Case) -> None:
    case.write([(f"p-{n}", n) for n in range(150)])
    reached = case.partners.reached
    for share in (40, 90, 150):
        async with case.fetching():
            await asyncio.to_thread(until, partial(reached, share), "it fetches")
    async with case.fetching():
        found = await case.fetched(150)
    assert sorted(record.version for record in found) == list(range(150))
    assert len(case.partners.calls) == 150
