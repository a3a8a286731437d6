"""Which of the checkpoints that the topic holds is the last, without Kafka."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError

from connectors.kit.reads.checkpoints import Checkpoints
from gridwire.records import Checkpoint
from gridwire.settings import KafkaSettings
from gridwire.topics import CHECKPOINTS
from tests.unit.connectors.kit.registry import Avro

SETTINGS = KafkaSettings(bootstrap="127.0.0.1:1", registry_url="", group_prefix="t")
KEY = b"acme/orders"


class Stored:
    """A message of the checkpoint topic; without a value and key, the end of its partition."""

    def __init__(
        self, partition: int, offset: int, at_ms: int, value: bytes | None, *, end: bool = False
    ) -> None:
        self._place = (partition, offset)
        self._at_ms = at_ms
        self._value = value
        self._end = end

    def error(self) -> KafkaError | None:
        return KafkaError(KafkaError._PARTITION_EOF) if self._end else None

    def partition(self) -> int:
        return self._place[0]

    def offset(self) -> int:
        return self._place[1]

    def timestamp(self) -> tuple[int, int]:
        return 1, self._at_ms

    def key(self) -> bytes:
        return KEY

    def value(self) -> bytes | None:
        return self._value


class Topic:
    """Gives all messages, then the ends of its partitions."""

    def __init__(self, messages: Sequence[Stored]) -> None:
        self.ends = {one.partition(): one.offset() + 1 for one in messages}
        over = [Stored(number, end, 0, None, end=True) for number, end in self.ends.items()]
        self._batches = [list(messages), over]

    def consume(self, _count: int, _timeout_s: float) -> list[Stored]:
        return self._batches.pop(0)


# What the topic holds: partition, offset, timestamp (ms), cursor; and which cursor is the last.
HELD = {
    "the clock of a replica was behind": ([(0, 5, 2_000, "old"), (0, 6, 1_000, "new")], "new"),
    "the same time": ([(0, 5, 1_000, "old"), (0, 6, 1_000, "new")], "new"),
    "other partitions count now": ([(1, 90, 1_000, "old"), (0, 2, 2_000, "new")], "new"),
    "the last of each partition": (
        [(0, 1, 9_000, "older"), (0, 2, 1_000, "old"), (1, 0, 2_000, "new")],
        "new",
    ),
    "deleted since, by a clock behind": ([(0, 5, 2_000, "old"), (0, 6, 1_000, None)], None),
    "none": ([], None),
}


@pytest.mark.parametrize("held", HELD.values(), ids=list(HELD))
def test_within_a_partition_the_place_decides_and_between_partitions_the_time(
    held: tuple[list[tuple[int, int, int, str | None]], str | None],
) -> None:
    avro = Avro()
    places, last = held
    topic = Topic([Stored(p, at, ms, _value(avro, cursor)) for p, at, ms, cursor in places])
    store = Checkpoints(SETTINGS, avro.codec, "acme", "orders")
    assert store._scan(cast("Consumer", cast("Any", topic)), dict(topic.ends)) == last


def _value(avro: Avro, cursor: str | None) -> bytes | None:
    if cursor is None:
        return None
    return avro.encoded(
        CHECKPOINTS, Checkpoint(platform="acme", resource="orders", cursor=cursor, occurred_at=1)
    )
