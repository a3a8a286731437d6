"""What webhooks have brought to a topic: the ids of its records, read from Kafka up to its end at each question.

So a poll tells what webhooks have missed, on whichever replica they came in. Nothing but numbers depends on it:
a record that is written although it was known has the id that it had before, and streams drop it.
"""

import time
from collections import OrderedDict
from collections.abc import Collection
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from gridwire import kafka as clients
from gridwire.codec import Codec, CodecError
from gridwire.settings import KafkaSettings
from gridwire.topics import Topic

IDS_MAX = 200_000  # of the latest records; about 30 MB
APART_MS = 300_000  # between an event's time and Kafka's of its record
READ_S_MAX = 60.0
READ_MESSAGES = 1_000
READ_POLL_S = 0.5


class TopicIds:
    """Ids of the records of one topic, since the earliest time that was asked for. For one thread."""

    def __init__(self, settings: KafkaSettings, codec: Codec, topic: Topic[Any]) -> None:
        self._settings = settings
        self._codec = codec.of(topic)
        self._topic = topic.name
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._next: dict[int, int] = {}
        self._since_ms: int | None = None

    def among(self, ids: Collection[str], since_ms: int) -> set[str]:
        """Those of `ids` that the topic holds in records since then.

        Raises KafkaException, also where its end is not reached within READ_S_MAX.
        """
        if not ids:
            return set()
        consumer = clients.reader(self._settings, enable_partition_eof=True)
        try:
            if self._since_ms is None or since_ms < self._since_ms:
                self._next = self._places(consumer, since_ms - APART_MS)
                self._since_ms = since_ms
            self._read(consumer)
        finally:
            consumer.close()
        return {one for one in ids if one in self._ids}

    def _places(self, consumer: Consumer, since_ms: int) -> dict[int, int]:
        """Where each partition is read from."""
        count = clients.partition_counts(self._settings).get(self._topic, 0)
        asked = [TopicPartition(self._topic, p, max(0, since_ms)) for p in range(count)]
        found = clients.patiently(
            lambda: consumer.offsets_for_times(asked, timeout=clients.ADMIN_TIMEOUT_S)
        )
        ends = clients.end_offsets(self._settings, self._topic, list(range(count)))
        # -1: nothing since then.
        return {
            one.partition: one.offset if one.offset >= 0 else ends[one.partition] for one in found
        }

    def _read(self, consumer: Consumer) -> None:
        """To the end of every partition, as readers of committed records see it."""
        consumer.assign([TopicPartition(self._topic, p, at) for p, at in self._next.items()])
        left = set(self._next)
        deadline = time.monotonic() + READ_S_MAX
        while left:
            if time.monotonic() > deadline:
                raise KafkaException(
                    KafkaError(KafkaError._TIMED_OUT, f"{self._topic} was not read to its end")  # noqa: SLF001
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
            event_id = self._codec.decode(message.value()).event_id
        except CodecError:
            return  # whoever reads the topic dead-letters it
        self._ids[event_id] = None
        self._ids.move_to_end(event_id)
        if len(self._ids) > IDS_MAX:
            self._ids.popitem(last=False)
