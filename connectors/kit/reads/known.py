"""What a topic holds already, whoever brought it and on whichever replica: read from Kafka up to its end when asked.

So a poll tells what webhooks have missed, and a sweep what has changed. Only volume and numbers depend on it: a record
that is written although it was known has the id that it had before, and streams drop it.
"""

import time
from collections import OrderedDict
from collections.abc import Collection
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.kit.connector import Poll
from connectors.kit.reads.pages import digest
from gridwire import kafka as clients
from gridwire.codec import Codec, CodecError
from gridwire.records import Record
from gridwire.settings import KafkaSettings
from gridwire.topics import Topic

IDS_MAX = 200_000  # of the latest records; about 30 MB
STATES_MAX = 200_000  # of the keys written last; of others a sweep does not know what was told
APART_MS = 300_000  # between an event's time and Kafka's of its record
READ_S_MAX = 60.0
READ_MESSAGES = 1_000
READ_POLL_S = 0.5
V = TypeVar("V")


class TopicHeld:
    """Records of one topic since the earliest time that was asked for: their ids, or the state of each key.

    `states`: which of the two is kept. For one thread.
    """

    def __init__(
        self, settings: KafkaSettings, codec: Codec, topic: Topic[Any], *, states: bool = False
    ) -> None:
        self._settings = settings
        self._codec = codec.of(topic)
        self._topic = topic
        self._by_state = states
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._states: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._next: dict[int, int] = {}
        self._since_ms: int | None = None

    def among(self, ids: Collection[str], since_ms: int) -> set[str]:
        """Those of `ids` that the topic holds in records since then.

        Raises KafkaException, also where its end is not reached within READ_S_MAX.
        """
        if not ids:
            return set()
        self._catch_up(since_ms)
        return {one for one in ids if one in self._ids}

    def states(self, keys: Collection[str], since_ms: int) -> dict[str, bytes]:
        """Digests of the newest versions that the topic holds under these keys since then. Raises as `among` does."""
        self._catch_up(since_ms)
        return {key: self._states[key][1] for key in keys if key in self._states}

    def _catch_up(self, since_ms: int) -> None:
        consumer = clients.reader(self._settings, enable_partition_eof=True)
        try:
            if self._since_ms is None or since_ms < self._since_ms:
                self._next = self._places(consumer, since_ms - APART_MS)
                self._since_ms = since_ms
            self._read(consumer)
        finally:
            consumer.close()

    def _places(self, consumer: Consumer, since_ms: int) -> dict[int, int]:
        """Where each partition is read from."""
        count = clients.partition_counts(self._settings).get(self._topic.name, 0)
        asked = [TopicPartition(self._topic.name, p, max(0, since_ms)) for p in range(count)]
        found = clients.patiently(
            lambda: consumer.offsets_for_times(asked, timeout=clients.ADMIN_TIMEOUT_S)
        )
        ends = clients.end_offsets(self._settings, self._topic.name, list(range(count)))
        # -1: nothing since then.
        return {
            one.partition: one.offset if one.offset >= 0 else ends[one.partition] for one in found
        }

    def _read(self, consumer: Consumer) -> None:
        """To the end of every partition, as readers of committed records see it."""
        consumer.assign([TopicPartition(self._topic.name, p, at) for p, at in self._next.items()])
        left = set(self._next)
        deadline = time.monotonic() + READ_S_MAX
        while left:
            if time.monotonic() > deadline:
                raise KafkaException(
                    KafkaError(KafkaError._TIMED_OUT, f"{self._topic.name} was not read to its end")  # noqa: SLF001
                )
            for message in consumer.consume(READ_MESSAGES, READ_POLL_S):
                error, partition = message.error(), message.partition() or 0
                if error is None:
                    self._take(message)
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so
                    left.discard(partition)
                else:
                    raise KafkaException(error)
                self._next[partition] = (message.offset() or 0) + (error is None)

    def _take(self, message: Message) -> None:
        try:
            record = self._codec.decode(message.value())
        except CodecError:
            return  # whoever reads the topic dead-letters it
        if self._by_state:
            self._told(record)
        else:
            _newest(self._ids, record.event_id, None, IDS_MAX)

    def _told(self, record: Record) -> None:
        """As tables do it: an older version does not count."""
        key = self._topic.key(record)
        known = self._states.get(key)
        if known is None or record.version >= known[0]:
            _newest(self._states, key, (record.version, digest(record)), STATES_MAX)


def _newest(held: OrderedDict[str, V], key: str, value: V, size_max: int) -> None:
    held[key] = value
    held.move_to_end(key)
    if len(held) > size_max:
        held.popitem(last=False)


def held_for(poll: Poll, settings: KafkaSettings, codec: Codec) -> TopicHeld | None:
    """What a poll compares itself with, if anything."""
    if poll.known is None:
        return None
    return TopicHeld(settings, codec, poll.known, states=poll.sweep)
