"""An engine whose lanes break ends, so that supervision starts it again."""

import asyncio
from typing import Any

import pytest

from connectors.kit.lanes import engine
from connectors.kit.lanes.engine import Engine
from connectors.kit.lanes.lanes import LanesBrokenError
from connectors.kit.lanes.work import Entry, Settled
from gridwire.settings import KafkaSettings, load
from tests.unit.connectors.kit.records import FakeFeed, assigned, entry


class LoopFeed(FakeFeed):
    """A feed without Kafka that can be started and stopped."""

    def __init__(self, *_parts: Any) -> None:
        super().__init__()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Nothing comes of itself."""

    async def stop(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


class Foreign:
    """Settles a record that is not in its lane."""

    feed: Any = None

    async def handle(self, *_asked: Any) -> Settled:
        return Settled((entry(99),))

    def give_up(self, entry: Entry) -> Settled:
        return Settled((entry,))


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    monkeypatch.setattr(engine, "KafkaFeed", LoopFeed)
    nowhere = {"KAFKA_BOOTSTRAP": "127.0.0.1:1", "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1"}
    return load(KafkaSettings, nowhere)


async def test_a_worker_that_ends_by_a_fault_ends_the_engine_with_its_cause(
    settings: KafkaSettings,
) -> None:
    one = Engine(settings, "sink.acme", "command.acme", Foreign(), concurrency=1)
    running = asyncio.create_task(one.run(asyncio.Event()))
    await asyncio.sleep(0)
    one.lanes.arrived([entry(1, of=assigned())])
    with pytest.raises(LanesBrokenError, match="ValueError") as caught:
        await asyncio.wait_for(running, 10.0)
    assert isinstance(caught.value.__cause__, ValueError)


async def test_an_engine_that_is_stopped_ends_without_a_fault(settings: KafkaSettings) -> None:
    one = Engine(settings, "sink.acme", "command.acme", Foreign(), concurrency=1)
    stop = asyncio.Event()
    running = asyncio.create_task(one.run(stop))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(running, 10.0)
    assert not one.lanes.broken.done()
