"""How far a resource has been polled, kept in Kafka: the checkpoint and the records of its page in one transaction.

Everything here blocks: pollers call it in a thread. There is one `transactional.id` per resource: opening it fences
whoever polled it before and settles what that one left open, so that the checkpoint read afterwards is the last.

A backfill has checkpoints and a `transactional.id` of its own: it neither moves a poller's nor fences it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from connectors.kit.output.commits import Committer, PlainCommitter, TransactionalCommitter
from connectors.kit.output.output import Output
from gridwire import kafka as clients
from gridwire.codec import Codec, CodecError
from gridwire.dead_letters import ENVELOPE_BYTES
from gridwire.kafka import MESSAGE_BYTES_MAX
from gridwire.records import Checkpoint
from gridwire.settings import KafkaSettings
from gridwire.topics import CHECKPOINTS

READ_S_MAX = 60.0
READ_MESSAGES = 1_000
READ_POLL_S = 0.5


class CheckpointError(Exception):
    """The checkpoints could not be read to their end; nothing may be polled without them."""


class Checkpoints:
    """The checkpoint of one resource, and the transactions that move it. `use`: poll or backfill."""

    def __init__(
        self,
        settings: KafkaSettings,
        codec: Codec,
        platform: str,
        resource: str,
        *,
        use: Literal["poll", "backfill"] = "poll",
    ) -> None:
        self._settings = settings
        self._codec = codec
        self._platform = platform
        self._resource = resource if use == "poll" else f"{use}/{resource}"
        self._committer = self._make_committer(
            f"{settings.group_prefix}.{use}.{platform}.{resource}"
        )

    def open(self) -> str | None:
        """Fences earlier pollers; returns the cursor, None at the very beginning.

        Raises KafkaException, CheckpointError, RegistryUnavailableError: nothing may be polled then.
        """
        self._committer.open()
        counts = clients.partition_counts(self._settings)
        ends = clients.end_offsets(
            self._settings, CHECKPOINTS.name, list(range(counts.get(CHECKPOINTS.name, 0)))
        )
        return self._newest({p: end for p, end in ends.items() if end > 0})

    def commit(self, outputs: Sequence[Output]) -> None:
        """Writes a page with its checkpoint: all or nothing. Raises CommitFailedError or ProducerBrokenError."""
        self._committer.commit(outputs, [], None)

    def close(self) -> None:
        """Lets go of what it holds."""
        self._committer.close()

    def record(self, cursor: str, now_ms: int) -> Checkpoint:
        """The checkpoint record for `cursor`."""
        return Checkpoint(
            occurred_at=now_ms,
            platform=self._platform,
            resource=self._resource,
            cursor=cursor,
        )

    def _make_committer(self, name: str) -> Committer:
        settings = self._settings
        size = MESSAGE_BYTES_MAX + ENVELOPE_BYTES
        exactly_once = settings.delivery == "exactly_once"
        make: Callable[[], Producer] = partial(
            clients.producer,
            settings,
            transactional_id=name if exactly_once else None,
            message_max_bytes=size,
        )
        return TransactionalCommitter(make) if exactly_once else PlainCommitter(make, None)

    def _newest(self, ends: dict[int, int]) -> str | None:
        """Reads to the read-uncommitted end offsets, so that no open transaction hides the last one."""
        if not ends:
            return None
        consumer = clients.consumer(self._settings, "checkpoints", enable_partition_eof=True)
        try:
            consumer.assign([TopicPartition(CHECKPOINTS.name, p, 0) for p in ends])
            return self._scan(consumer, ends)
        finally:
            consumer.close()

    def _scan(self, consumer: Consumer, ends: dict[int, int]) -> str | None:
        key = f"{self._platform}/{self._resource}".encode()
        last: dict[int, tuple[int, bytes | None]] = {}  # of each partition: when, and what it says
        deadline = time.monotonic() + READ_S_MAX
        while ends:
            if time.monotonic() > deadline:
                raise CheckpointError(
                    f"{CHECKPOINTS.name} was not read to its end in {READ_S_MAX:g} s"
                )
            for message in consumer.consume(READ_MESSAGES, READ_POLL_S):
                error = message.error()
                partition, offset = message.partition() or 0, message.offset() or 0
                if error is not None:
                    _reached(ends, partition, offset, error)
                    continue
                if message.key() == key:
                    last[partition] = (message.timestamp()[1], message.value())
        value = _latest(last)
        return None if value is None else self._cursor(value)

    def _cursor(self, value: bytes) -> str:
        try:
            return self._codec.of(CHECKPOINTS).decode(value).cursor
        except CodecError as error:
            raise CheckpointError(
                f"the checkpoint of {self._resource} cannot be read: {error}"
            ) from error


def _latest(last: Mapping[int, tuple[int, bytes | None]]) -> bytes | None:
    """The value of the newest checkpoint, given the last of each partition: a deleted one (no value) is none.

    Within a partition its place decides: clocks differ between replicas, and are set back. Only where the number of
    partitions was changed, and a key stands in two of them, time does.
    """
    return max(last.values(), key=lambda one: one[0])[1] if last else None


def _reached(ends: dict[int, int], partition: int, offset: int, error: KafkaError) -> None:
    """An end-of-partition event tells the position, control records included."""
    if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so
        raise KafkaException(error)
    if offset >= ends.get(partition, 0):
        ends.pop(partition, None)
