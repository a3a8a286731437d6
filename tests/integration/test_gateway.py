"""The gateway on a real port before a real Kafka: what is acknowledged is in Kafka, whatever happens to it."""

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest
from prometheus_client import REGISTRY

from connectors.kit.auth import NoAuth
from connectors.kit.base.clock import SYSTEM
from connectors.kit.connector import Delivery, Intake, MalformedError, Platform, Route, Source
from connectors.kit.role import GatewayPart, Shared
from connectors.kit.settings import GatewaySettings
from connectors.kit.signatures import StandardWebhooks, whsec_key
from connectors.kit.verdicts import VerdictTable
from gridwire import kafka as clients
from gridwire.records import Notice
from gridwire.settings import KafkaSettings, Secret
from gridwire.topics import DEAD_LETTER_SOURCES, TRADING_GRID_NOTICES
from sandbox import kafka as local_kafka
from sandbox.core.webhooks import standard_webhook_headers
from tests.roles import Topics
from tests.waiting import until

SECRET = "whsec_" + "QUJDRA" * 8
CLIENTS = 16


def read(delivery: Delivery) -> Intake:
    """One notice per delivery."""
    body = delivery.body
    if not isinstance(body, dict) or "id" not in body:
        raise MalformedError("body.id: missing")
    notice = Notice(
        occurred_at=delivery.received_ms,
        platform="acme",
        resource="thread",
        resource_id=body["id"],
        key=body["id"],
        event_type="thread.updated",
    )
    return Intake(((TRADING_GRID_NOTICES, notice),))


def source() -> Source:
    platform = Platform(
        name="acme",
        base_url="http://127.0.0.1:1",
        auth=NoAuth(),
        verdict=VerdictTable(),
        rate=lambda _answer, _now_s: None,
        requests_per_s=1.0,
    )
    scheme = StandardWebhooks((whsec_key(Secret(SECRET)),))
    return Source(platform, (Route("hooks", "/acme/hooks", (scheme,), read),))


class Gateway:
    """A running gateway, and a sender that signs."""

    def __init__(self, part: GatewayPart) -> None:
        self.part = part
        url = f"http://127.0.0.1:{part.server.port}"
        self.client = httpx.AsyncClient(base_url=url, timeout=30)

    async def post(self, body: object) -> httpx.Response:
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = standard_webhook_headers(SECRET, uuid.uuid4().hex, SYSTEM.epoch_s(), raw)
        return await self.client.post("/acme/hooks", content=raw, headers=headers)


@asynccontextmanager
async def serving(settings: KafkaSettings, deadline_s: float = 10.0) -> AsyncIterator[Gateway]:
    shared = Shared(settings, SYSTEM)
    options = GatewaySettings(host="127.0.0.1", port=0, deadline_s=deadline_s)
    part = GatewayPart(shared, options, [source()])
    stop = asyncio.Event()
    task = asyncio.create_task(part.run(stop))
    await asyncio.to_thread(until, lambda: part.ready() is None, "the gateway is ready")
    gateway = Gateway(part)
    try:
        yield gateway
    finally:
        await gateway.client.aclose()
        stop.set()
        await task
        await shared.close()


@pytest.fixture
def settings(kafka: local_kafka.RunningBroker, registry: str) -> KafkaSettings:
    found = KafkaSettings(bootstrap=kafka.broker.bootstrap, registry_url=registry)
    clients.create_topics(found, [])
    return found


@pytest.fixture
def topics(settings: KafkaSettings) -> Iterator[Topics]:
    one = Topics(settings)
    yield one
    one.close()


def received(topics: Topics, prefix: str) -> list[str]:
    """Ids of notices in Kafka that begin with `prefix`."""
    found = [notice.resource_id for notice in topics.read(TRADING_GRID_NOTICES)]
    return [one for one in found if one.startswith(prefix)]


async def test_what_is_answered_200_is_in_kafka(settings: KafkaSettings, topics: Topics) -> None:
    prefix = uuid.uuid4().hex[:8]
    async with serving(settings) as gateway:
        answers = await asyncio.gather(*(gateway.post({"id": f"{prefix}-{n}"}) for n in range(200)))
        assert {answer.status_code for answer in answers} == {200}
        found = await asyncio.to_thread(received, topics, prefix)
    assert sorted(found) == sorted(f"{prefix}-{n}" for n in range(200))


async def test_malformed_json_is_answered_400_and_its_bytes_are_in_the_dead_letter_topic(
    settings: KafkaSettings, topics: Topics
) -> None:
    raw = b'{"id": x' + uuid.uuid4().hex.encode()  # hex digits alone may begin as a number does
    async with serving(settings) as gateway:
        answer = await gateway.post(raw)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]
    messages = await asyncio.to_thread(topics.messages, DEAD_LETTER_SOURCES.name)
    (letter,) = [message for message in messages if message.value() == raw]
    assert dict(letter.headers())["gridwire.flow"] == b"acme/hooks"


async def test_a_huge_malformed_body_is_kept_whole_in_parts(
    settings: KafkaSettings, topics: Topics
) -> None:
    raw = uuid.uuid4().hex.encode() * 100_000
    async with serving(settings) as gateway:
        assert (await gateway.post(raw)).status_code == 400
    messages = await asyncio.to_thread(topics.messages, DEAD_LETTER_SOURCES.name)
    parts = [message for message in messages if "gridwire.part" in dict(message.headers())]
    assert b"".join(part.value() for part in parts) == raw


async def test_an_upload_without_end_is_cut_off_and_counted_as_oversize(
    settings: KafkaSettings,
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)

    labels = {"platform": "acme", "route": "hooks", "outcome": "oversize"}
    before = REGISTRY.get_sample_value("gridwire_webhooks_total", labels) or 0
    async with serving(settings) as gateway:
        status = 413  # its answer may not be read: the connection closes while we still send
        with contextlib.suppress(httpx.ReadError, httpx.WriteError):
            status = (await gateway.client.post("/acme/hooks", content=endless())).status_code
        assert status == 413
        assert REGISTRY.get_sample_value("gridwire_webhooks_total", labels) == before + 1
        assert (await gateway.post({"id": "after"})).status_code == 200


async def test_a_sender_that_sends_no_body_holds_nothing_up(settings: KafkaSettings) -> None:
    async with serving(settings) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.part.server.port)
        writer.write(b"POST /acme/hooks HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        await writer.drain()
        assert (await gateway.post({"id": "meanwhile"})).status_code == 200
        writer.close()
        del reader


async def test_while_kafka_is_down_503_and_not_ready_and_nothing_acknowledged_is_lost(
    own_kafka: local_kafka.RunningBroker, registry: str
) -> None:
    settings = KafkaSettings(bootstrap=own_kafka.broker.bootstrap, registry_url=registry)
    clients.create_topics(settings, [])
    prefix = uuid.uuid4().hex[:8]
    acknowledged: list[str] = []
    refused = 0
    async with serving(settings, deadline_s=4.0) as gateway:
        stop = asyncio.Event()

        async def send(client: int) -> None:
            nonlocal refused
            number = 0
            while not stop.is_set():
                number += 1
                id_ = f"{prefix}-{client}-{number}"
                answer = await gateway.post({"id": id_})
                assert answer.status_code in (200, 503), answer.text
                if answer.status_code == 200:
                    acknowledged.append(id_)
                else:
                    refused += 1
                    assert answer.headers["retry-after"]

        senders = [asyncio.create_task(send(client)) for client in range(CLIENTS)]
        await asyncio.to_thread(until, lambda: len(acknowledged) > 200, "deliveries go through")
        await asyncio.to_thread(own_kafka.kill)
        await asyncio.to_thread(until, lambda: refused > CLIENTS, "deliveries are refused")
        await asyncio.to_thread(until, lambda: gateway.part.ready() is not None, "it is not ready")
        before = len(acknowledged)
        await asyncio.to_thread(own_kafka.restart)
        await asyncio.to_thread(until, lambda: gateway.part.ready() is None, "it is ready again")
        await asyncio.to_thread(
            until, lambda: len(acknowledged) > before + 100, "deliveries go through again"
        )
        stop.set()
        await asyncio.gather(*senders)
    topics = Topics(settings)
    found = set(await asyncio.to_thread(received, topics, prefix))
    topics.close()
    assert set(acknowledged) <= found


async def test_a_port_that_is_taken_ends_the_start_naming_the_setting(
    settings: KafkaSettings,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = GatewaySettings(host="127.0.0.1", port=taken.getsockname()[1])
        part = GatewayPart(Shared(settings, SYSTEM), options, [source()])
        with pytest.raises(Exception, match="GRIDWIRE_GATEWAY_PORT"):
            await part.run(asyncio.Event())
