"""The roles as a whole, in this process: health and metrics tell the truth, a broken connector stops alone."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.kit.auth import Bearer
from connectors.kit.base.clock import SYSTEM
from connectors.kit.connector import (
    Delivery,
    Fetched,
    Intake,
    Page,
    Platform,
    Poll,
    Request,
    Response,
    Route,
    Sink,
    Source,
)
from connectors.kit.role import run_sinks, run_sources
from connectors.kit.signatures import StandardWebhooks, whsec_key
from gridwire import kafka as clients
from gridwire.records import Notice, Partner
from gridwire.settings import KafkaSettings, Secret, SettingsError
from gridwire.topics import Topic
from sandbox import kafka as local_kafka
from sandbox.core.webhooks import standard_webhook_headers
from tests.integration.acme import TOKEN, Acme, World, acme
from tests.roles import Topics, free_port
from tests.waiting import until

SECRET = "whsec_" + "QUJDRA" * 8


@pytest.fixture
def topics(kafka: local_kafka.RunningBroker, registry: str) -> Iterator[Topics]:
    settings = KafkaSettings(
        bootstrap=kafka.broker.bootstrap,
        registry_url=registry,
        group_prefix=f"t{uuid.uuid4().hex[:8]}",
        session_timeout_ms=6_000,
        ops_host="127.0.0.1",
        ops_port=free_port(),
    )
    clients.create_topics(settings, [])
    one = Topics(settings)
    yield one
    one.close()


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Acme]:
    with acme(tmp_path) as one:
        yield one


def created(settings: KafkaSettings, *names: str) -> None:
    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    for one in admin.create_topics([NewTopic(name, 4, 1) for name in names]).values():
        one.result(30)


class Ops:
    """The ops server of a role, asked as Kubernetes and Prometheus would."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.url = f"http://127.0.0.1:{settings.ops_port}"

    def problems(self) -> dict[str, str] | None:
        """None: ready."""
        try:
            answer = httpx.get(f"{self.url}/readyz")
        except httpx.TransportError:
            return {"ops": "does not answer"}
        found: dict[str, str] = answer.json()["problems"]
        return None if answer.status_code == 200 else found

    def ready(self) -> bool:
        return self.problems() is None

    def says(self, part: str, text: str) -> bool:
        return text in (self.problems() or {}).get(part, "")

    def metric(self, line: str) -> float:
        """The value of a sample, e.g. `gridwire_breaker_open{platform="acme"}`."""
        for one in httpx.get(f"{self.url}/metrics").text.splitlines():
            name, _, value = one.rpartition(" ")
            if name == line:
                return float(value)
        return 0.0


@asynccontextmanager
async def running(role: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.ensure_future(role(stop))
    try:
        yield
    finally:
        stop.set()
        await task


# ---- sinks -------------------------------------------------------------------------------------------------------
class Receipts:
    """What a world's receipts say."""

    def __init__(self, topics: Topics, world: World) -> None:
        self._topics = topics
        self._world = world

    def count(self) -> int:
        return len(self._topics.read(self._world.receipts))

    def complete(self, count: int) -> bool:
        return self.count() == count


def renamed(sink: Sink, name: str) -> Sink:
    """The same sink for a platform with another name."""
    platform = Platform(
        name=name,
        base_url=sink.platform.base_url,
        auth=Bearer(Secret("wrong")),
        verdict=sink.platform.verdict,
        rate=sink.platform.rate,
        requests_per_s=1_000.0,
        concurrency=4,
    )
    return Sink(platform, sink.commands, sink.receipts, sink.operations)


async def test_a_connector_with_wrong_credentials_stops_alone_alerts_and_dead_letters_nothing(
    topics: Topics, platform: Acme
) -> None:
    platform.set(token=TOKEN)
    prefix = topics.settings.group_prefix
    good, bad = World(prefix + "a", platform.url), World(prefix + "b", platform.url)
    created(topics.settings, *(t.name for w in (good, bad) for t in (w.commands, w.receipts)))
    for world in (good, bad):
        await asyncio.to_thread(topics.write, world.commands, [world.command(n) for n in range(60)])
    ops, sinks = Ops(topics.settings), [good.sink(), renamed(bad.sink(), "other")]
    async with running(partial(run_sinks, topics.settings, sinks)):
        complete = partial(Receipts(topics, good).complete, 60)
        await asyncio.to_thread(until, complete, "the good one delivers")
        stopped = partial(ops.says, "sink.other", "stopped: credentials refused")
        await asyncio.to_thread(until, stopped, "the other says why it has stopped")
        problems = await asyncio.to_thread(ops.problems)
        metric = partial(ops.metric, 'gridwire_connector_stopped{kind="sink",platform="other"}')
        alert = await asyncio.to_thread(metric)
    assert set(problems or {}) == {"sink.other"}
    assert alert == 1.0
    assert Receipts(topics, bad).count() == 0
    letters = [dict(m.headers()) for m in topics.messages("dead-letter.sinks")]
    assert bad.commands.name.encode() not in {one["__connect.errors.topic"] for one in letters}


# ---- sources -----------------------------------------------------------------------------------------------------
class AcmeSource:
    """Webhooks that name a partner, a fetch that completes them, a poll of what Acme has seen."""

    def __init__(self, url: str, prefix: str) -> None:
        self.notices = Topic(
            f"source.{prefix}.notices", Notice, lambda one: one.key, "internal", "A test's notices."
        )
        self.partners = Topic(
            f"source.{prefix}.partners", Partner, lambda one: one.partner_id, "source", "Fetched."
        )
        self.polled = Topic(
            f"source.{prefix}.polled", Partner, lambda one: one.partner_id, "source", "Polled."
        )
        self._url = url
        self._prefix = prefix

    def source(self) -> Source:
        platform = Platform(
            name="acme",
            base_url=self._url,
            auth=Bearer(Secret(TOKEN)),
            verdict=World("x", self._url).platform().verdict,
            rate=lambda _answer, _now_s: None,
            requests_per_s=1_000.0,
        )
        scheme = StandardWebhooks((whsec_key(Secret(SECRET)),))
        return Source(
            platform,
            (Route("hooks", "/acme/hooks", (scheme,), self._read),),
            self.notices,
            {"partner": self._fetch},
            (Poll(f"log-{self._prefix}", 0.2, self._poll),),
        )

    def _read(self, delivery: Delivery) -> Intake:
        notice = Notice(
            occurred_at=delivery.received_ms,
            platform="acme",
            resource="partner",
            resource_id=delivery.body["id"],
            key=delivery.body["id"],
            event_type="partner.updated",
        )
        return Intake(((self.notices, notice),))

    def _fetch(self, notice: Notice) -> Generator[Request, Response, Fetched]:
        item = {"id": notice.resource_id, "lane": notice.key, "n": 1}
        yield Request("POST", "/items", json=item)
        return ((self.partners, _partner(notice.resource_id, 1)),)

    def _poll(self, cursor: str | None, _now_ms: int) -> Generator[Request, Response, Page]:
        answer = yield Request("GET", "/_log")
        seen: list[Any] = answer.json()
        begin = int(cursor or 0)
        new = seen[begin : begin + 10]
        records = tuple((self.polled, _partner(one[0], n)) for n, one in enumerate(new, begin))
        return Page(records, str(begin + len(new)), more=begin + len(new) < len(seen))


def _partner(id_: str, version: int) -> Partner:
    return Partner(partner_id=id_, partner_code="c", name="n", status="active", version=version)


async def test_a_webhook_is_fetched_and_what_the_platform_has_seen_is_polled_once(
    topics: Topics, platform: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("GRIDWIRE_GATEWAY_HOST", "127.0.0.1")
    monkeypatch.setenv("GRIDWIRE_GATEWAY_PORT", str(port))
    acme_source = AcmeSource(platform.url, topics.settings.group_prefix)
    names = (acme_source.notices.name, acme_source.partners.name, acme_source.polled.name)
    created(topics.settings, *names)
    ops, ids = Ops(topics.settings), [f"p-{n}" for n in range(40)]
    async with running(partial(run_sources, topics.settings, [acme_source.source()])):
        await asyncio.to_thread(until, ops.ready, "the role is ready")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            for id_ in ids:
                raw = msgspec.json.encode({"id": id_})
                headers = standard_webhook_headers(SECRET, id_, SYSTEM.epoch_s(), raw)
                answer = await client.post("/acme/hooks", content=raw, headers=headers)
                assert answer.status_code == 200

        def polled() -> list[str]:
            return [one.partner_id for one in topics.read(acme_source.polled)]

        await asyncio.to_thread(until, lambda: len(polled()) >= len(ids), "all are polled")
        accepted = 'gridwire_webhooks_total{outcome="accepted",platform="acme",route="hooks"}'
        assert await asyncio.to_thread(ops.metric, accepted) >= len(ids)
    fetched = [one.partner_id for one in topics.read(acme_source.partners)]
    assert sorted(fetched) == sorted(ids)
    assert sorted(polled()) == sorted(ids)


async def test_a_setting_that_is_wrong_ends_the_start_naming_it(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDWIRE_GATEWAY_PORT", "many")
    with pytest.raises(SettingsError, match="GRIDWIRE_GATEWAY_PORT='many' is not valid"):
        await run_sources(topics.settings, [], asyncio.Event())
