"""At least once, on librdkafka's in-process broker: what the demo runs on where there is no Kafka."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from connectors.kit.base.clock import SYSTEM
from connectors.kit.output.messages import Messages
from connectors.kit.reads.checkpoints import Checkpoints
from connectors.kit.role import run_sinks
from gridwire import kafka as clients
from gridwire.settings import KafkaSettings
from gridwire.topics import CHECKPOINTS
from sandbox import kafka as local_kafka
from tests.integration.acme import Acme, World, acme
from tests.roles import Topics, free_port
from tests.waiting import until


@pytest.fixture
def topics(registry: str, tmp_path: Path) -> Iterator[Topics]:
    with local_kafka.start(tmp_path / "kafka", allow=("mock",)) as running:
        one = Topics(
            KafkaSettings(
                bootstrap=running.broker.bootstrap,
                registry_url=registry,
                delivery="at_least_once",
                topic_creation="metadata",
                group_prefix=f"t{uuid.uuid4().hex[:8]}",
                ops_host="127.0.0.1",
                ops_port=free_port(),
            )
        )
        clients.create_topics(one.settings, [])
        yield one
        one.close()


@asynccontextmanager
async def delivering(settings: KafkaSettings, world: World) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run_sinks(settings, [world.sink()], stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def test_commands_are_delivered_with_receipts_over_a_restart(
    topics: Topics, tmp_path: Path
) -> None:
    with acme(tmp_path) as platform:
        world = World(topics.settings.group_prefix, platform.url)
        for name in (world.commands.name, world.receipts.name):
            clients.producer(topics.settings).list_topics(name, timeout=10)  # creates it
        await asyncio.to_thread(
            topics.write, world.commands, [world.command(n) for n in range(200)]
        )
        for share in (80, 200):
            async with delivering(topics.settings, world):
                await asyncio.to_thread(until, partial(_took, platform, share), "it delivers")
                await asyncio.to_thread(
                    until, lambda: _receipts(topics, world) != {}, "receipts come"
                )
        async with delivering(topics.settings, world):
            await asyncio.to_thread(
                until, lambda: len(_receipts(topics, world)) == 200, "every command has a receipt"
            )
        taken = Counter(id_ for id_, _, _ in platform.taken())
    assert len(taken) == 200
    assert sum(taken.values()) == 200  # stopped in order: nothing is sent twice even at least once


def _took(platform: Acme, count: int) -> bool:
    return len(platform.taken()) >= count


def _receipts(topics: Topics, world: World) -> Counter[str]:
    return Counter(receipt.command_id for receipt in topics.read(world.receipts))


async def test_checkpoints_are_kept_without_transactions(topics: Topics) -> None:
    messages = Messages(topics.codec, SYSTEM)
    store = Checkpoints(topics.settings, topics.codec, "acme", "orders")
    assert store.open() is None
    for cursor in ("1", "2"):
        record = messages.stamped(store.record(cursor, 1), source="acme/poll", seed=cursor)
        store.commit([await messages.write(CHECKPOINTS, record)])
    assert Checkpoints(topics.settings, topics.codec, "acme", "orders").open() == "2"
