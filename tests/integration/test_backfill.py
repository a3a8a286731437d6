"""`gridwire backfill` against a simulated platform, a real Kafka and its own past."""

import asyncio
import json
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.kit.base.clock import SYSTEM
from connectors.kit.connector import Page, Poll, Source
from connectors.kit.cursors import Chain
from connectors.kit.http.calls import Caller, Finished
from connectors.kit.http.client import HttpClient
from connectors.kit.output.messages import Messages
from connectors.kit.reads.checkpoints import Checkpoints
from connectors.kit.reads.pages import PageWriter
from connectors.registry import configured
from gridwire import cli
from gridwire import kafka as clients
from gridwire.codec import Codec
from gridwire.records import Partner
from gridwire.settings import KafkaSettings
from gridwire.topics import TRADING_GRID_PARTNERS
from sandbox import kafka as local_kafka
from sandbox import process
from tests.roles import Topics

pytestmark = pytest.mark.timeout(600)

PARTNERS = 450  # three pages
RESOURCE = "trading-grid.partners"
SINCE = "2020-01-01"


class Case:
    """A community with partners of this test, and what is in Kafka of them."""

    def __init__(self, settings: KafkaSettings, url: str) -> None:
        self.settings, self.url = settings, url
        self.mark = uuid.uuid4().hex[:8]
        self.topics = Topics(settings)
        self.partners = [
            {"id": f"pt_{self.mark}_{number:03d}", "name": f"P {number}", "status": "active"}
            for number in range(PARTNERS)
        ]
        self.control("configure", {"rate_limit": 1_000})
        self.control("seed", {"partners": self.partners})

    def control(self, what: str, body: Any) -> None:
        address = f"{self.url}/_sandbox/trading-grid/{what}"
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(address, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status < 300

    def records(self) -> list[Partner]:
        found = self.topics.read(TRADING_GRID_PARTNERS)
        return [one for one in found if one.partner_id.startswith(f"pt_{self.mark}")]

    def ids(self) -> Counter[str]:
        return Counter(one.event_id for one in self.records())

    @property
    def poll(self) -> Poll:
        (one,) = [one for one in self.source().polls if one.resource == RESOURCE]
        return one

    def source(self) -> Source:
        ((connector, settings),) = configured()
        return connector.source(settings)

    def messages(self) -> Messages:
        return Messages(Codec(self.topics.codec.registry), SYSTEM)

    async def polled(self) -> list[str]:
        """The ids that the poll itself gives."""
        platform = self.source().platform
        client = HttpClient(platform.base_url, platform.headers, platform.concurrency)
        caller, found = Caller(platform, client), []
        cursor: str | None = None
        more = True
        while more:
            result = await caller.run(self.poll.step(cursor, SYSTEM.epoch_ms()))
            assert isinstance(result, Finished)
            found += [record.event_id for _, record in result.value.records]
            cursor, more = result.value.cursor, result.value.more
        await client.close()
        return found

    def checkpoints(self) -> Checkpoints:
        """The running poller's."""
        codec = Codec(self.topics.codec.registry)
        return Checkpoints(self.settings, codec, "trading-grid", RESOURCE)


@pytest.fixture
def case(
    kafka: local_kafka.RunningBroker, registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Case]:
    monkeypatch.chdir(tmp_path)  # no .env of somebody
    with process.start() as sandbox:
        community = f"{sandbox.url}/trading-grid"
        variables = {
            "KAFKA_BOOTSTRAP": kafka.broker.bootstrap,
            "SCHEMA_REGISTRY_URL": registry,
            "GRIDWIRE_GROUP_PREFIX": f"t{uuid.uuid4().hex[:8]}",
            "TG_BASE_URL": f"{community}/api/active-community/v1",
            "TG_TOKEN_URL": f"{community}/oauth2/token",
            "TG_CLIENT_ID": "gridwire",
            "TG_CLIENT_SECRET": "gridwire-secret",
            "TG_COMMUNITY_ID": "community-1",
            "TG_WEBHOOK_SECRET": "whsec_" + "a2V5" * 11,
            "TG_REQUESTS_PER_S": "500",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings = KafkaSettings(
            bootstrap=kafka.broker.bootstrap,
            registry_url=registry,
            group_prefix=variables["GRIDWIRE_GROUP_PREFIX"],
        )
        clients.create_topics(settings, [])
        one = Case(settings, sandbox.url)
        yield one
        one.topics.close()


def backfill(*more: str, what: str = "trading-grid/partners") -> int:
    return cli.main(["backfill", what, "--since", SINCE, *more])


def test_a_dry_run_counts_and_writes_nothing(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backfill("--dry-run") == 0
    said = capsys.readouterr().out
    assert f"{RESOURCE}: {PARTNERS} records would be written, 3 pages" in said
    assert "only webhooks bring them" in said
    assert case.records() == []


def test_a_backfill_writes_what_the_poll_finds_and_leaves_the_running_poller_alone(
    case: Case,
) -> None:
    poller = case.checkpoints()
    poller.open()
    writer = PageWriter("trading-grid", case.poll, case.messages(), poller, clock=SYSTEM)
    at = Chain(since_ms=1_900_000_000_000).encoded()
    writer.write(Page((), at, more=False))
    assert backfill() == 0
    ids = case.ids()
    assert ids == Counter(asyncio.run(case.polled()))
    assert len(ids) == PARTNERS
    writer.write(Page((), at, more=False))  # it is not fenced
    assert case.checkpoints().open() == at
    assert backfill("--until", "2021-01-01") == 0  # nothing was changed then
    assert case.ids() == ids
    assert backfill() == 0
    assert set(case.ids()) == set(ids)  # the same again, under the same ids


def test_a_whole_source_is_read_resource_by_resource(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = {"kind": "order_exception", "subject": "Order 1", "partner_id": case.partners[0]["id"]}
    case.control("trigger/thread-opened", thread)
    assert backfill(what="trading-grid") == 0
    said = capsys.readouterr().out
    assert f"{RESOURCE}: {PARTNERS} records written" in said
    assert "trading-grid.threads: 1 records written" in said
    assert "trading-grid.availability: 0 records written" in said
    assert "trading-grid.events: 0 records found" in said  # its webhook still has time


def test_an_interrupted_backfill_goes_on_where_it_was(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as few:
        few.setattr("connectors.kit.reads.backfill.PAGES_MAX", 2)
        assert backfill() == 1
    assert "run the same command again" in capsys.readouterr().err
    assert len(case.ids()) == 400
    assert backfill() == 0
    said = capsys.readouterr().out
    assert "goes on after 2 pages" in said
    assert f"{PARTNERS} records written, 3 pages" in said
    assert set(case.ids().values()) == {1}
    assert len(case.ids()) == PARTNERS
