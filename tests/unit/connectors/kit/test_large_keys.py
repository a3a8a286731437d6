"""A record whose key and value together are more than Kafka takes: a dead letter, and its neighbours go on."""

from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from connectors.kit.base.clock import SYSTEM
from connectors.kit.connector import Page
from connectors.kit.lanes.work import Settled
from connectors.kit.output.messages import RECORD_BYTES_MAX, Messages
from connectors.kit.output.output import Output
from gridwire import dead_letters
from gridwire.codec import CodecError
from gridwire.dead_letters import ENVELOPE_BYTES, KEY_BYTES_MAX
from gridwire.kafka import MESSAGE_BYTES_MAX
from gridwire.records import Notice
from gridwire.topics import DEAD_LETTER_SINKS, DEAD_LETTER_SOURCES, TRADING_GRID_NOTICES
from tests.unit.connectors.kit import test_gateway, test_pages
from tests.unit.connectors.kit.platforms import answer
from tests.unit.connectors.kit.registry import Avro
from tests.unit.connectors.kit.test_delivery import COMMAND
from tests.unit.connectors.kit.test_delivery import World as SinkWorld

KEY_BYTES = 450_000  # twice that in a value fits


def notice(key: str, **changes: Any) -> Notice:
    fields = {"platform": "acme", "resource": "thread", "resource_id": "r", "event_type": "x"}
    return Notice(**{**fields, "event_id": "e", "occurred_at": 1, "key": key, **changes})


def producible(outputs: list[Output]) -> None:
    """Raises where librdkafka refuses one, as it would in service."""
    size = MESSAGE_BYTES_MAX + ENVELOPE_BYTES
    producer = Producer({"bootstrap.servers": "127.0.0.1:1", "message.max.bytes": size})
    for one in outputs:
        producer.produce(one.topic, one.value, one.key, headers=list(one.headers))
    producer.purge()


async def test_key_and_value_are_bounded_together() -> None:
    messages = Messages(Avro().codec, SYSTEM)
    bare = await messages.write(TRADING_GRID_NOTICES, notice(""))
    room = RECORD_BYTES_MAX - len(bare.value or b"") - 10  # the key stands in the value as well
    fitting = await messages.write(TRADING_GRID_NOTICES, notice("k" * (room // 2)))
    producible([fitting])
    with pytest.raises(CodecError, match="record too large"):
        await messages.write(TRADING_GRID_NOTICES, notice("k" * (room // 2 + 20)))


async def test_a_part_of_a_delivery_whose_key_is_too_large_is_kept_and_the_others_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(test_gateway, "BODY_BYTES_MAX", 5_000_000)
    world = test_gateway.World(bytes_max=5_000_000)
    body = msgspec.json.encode({"ids": ["good-1", "k" * KEY_BYTES, "good-2"]})
    answered = await world.client.post("/acme/plain", content=body, headers={"x-hook": "s3cret"})
    assert answered.status_code == 200
    assert [one.key for one in world.notices()] == ["good-1", "good-2"]
    kept = b"".join(one.value or b"" for one in world.letters())
    assert msgspec.json.decode(kept)["key"] == "k" * KEY_BYTES
    assert dict(world.letters()[0].headers)[dead_letters.REASON] == b"record too large"
    producible(world.writer.written)


def test_a_record_of_a_page_whose_key_is_too_large_is_kept_and_the_page_passes() -> None:
    world = test_pages.World()
    records = [notice(key, resource_id=key) for key in ("good-1", "k" * KEY_BYTES, "good-2")]
    page = Page(tuple((TRADING_GRID_NOTICES, one) for one in records), "1", more=False)
    assert world.writer.write(page) == 2
    (outputs,) = world.store.commits
    letters = [one for one in outputs if one.topic == DEAD_LETTER_SOURCES.name]
    assert msgspec.json.decode(b"".join(one.value or b"" for one in letters))["key"][0] == "k"
    producible(list(outputs))


@pytest.mark.parametrize("status", [200, 422])
async def test_a_receipt_too_large_goes_without_what_the_connector_put_into_it(status: int) -> None:
    world = SinkWorld(answer(status, {"id": "o" * 500_000}))
    outcome = await world.handle(world.entry(msgspec.structs.replace(COMMAND, lane="l" * 300_000)))
    assert isinstance(outcome, Settled)
    assert world.receipt(outcome).object_id is None
    producible(list(outcome.outputs))
    letters = [one for one in outcome.outputs if one.topic == DEAD_LETTER_SINKS.name]
    assert letters
    assert all(len(one.key or b"") == KEY_BYTES_MAX for one in letters)
