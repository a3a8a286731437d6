"""The worker's consumer and producer, used from one thread only.

Rebalance callbacks run inside `consume`, that is between rounds: on revoke what is finished is committed with the group
metadata remembered at assignment; on loss it is aborted. Every method here blocks; the event loop calls it in the
Kafka thread.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from gridwire import kafka
from gridwire.bounded import SEND_OFFSETS_S_MAX, BoundedCalls, StuckError, abandon
from gridwire.settings import KafkaSettings

log = logging.getLogger(__name__)

INIT_TIMEOUT_S = 60.0
COMMIT_TIMEOUT_S = 10.0
COMMIT_TRIES_MAX = 3
SEEK_TRIES_MAX = 50
SEEK_PAUSE_S = 0.1
PRODUCE_TRIES_MAX = 600
PRODUCE_PAUSE_S = 0.05
RENEW_S_MIN = 60.0
QUEUE_MAX = 1_000_000
QUEUE_HALF = QUEUE_MAX // 2
EXACTLY_ONCE = "exactly_once"

TP = tuple[str, int]


class FatalError(Exception):
    """The process must end: another one has taken its place, or its clients cannot go on. The text names the fix."""


class AbortedError(Exception):
    """The transaction could not be written or committed; it was, or must be, aborted."""


@dataclass(frozen=True, slots=True)
class Write:
    """Messages for one topic: dicts as `produce_batch` takes them (`value`, `key`).

    `partition`: where all of them go; None: where their keys say.
    """

    topic: str
    messages: list[dict[str, Any]]
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Single:
    """One message with a partition of its own, or with headers."""

    topic: str
    key: str | bytes | None
    value: bytes | None
    partition: int | None = None
    headers: list[tuple[str, str | bytes | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rebalanced:
    """What the worker does when partitions come and go; called in the Kafka thread, between rounds."""

    assigned: Callable[[list[TP]], None]
    revoked: Callable[[list[TP]], None]
    lost: Callable[[list[TP]], None]


class Broker:
    """Consume, produce, commit, abort: the one place for each."""

    def __init__(self, settings: KafkaSettings, group: str, on: Rebalanced) -> None:
        self.settings = settings
        self.exactly_once = settings.delivery == EXACTLY_ONCE
        self._group = group
        self._on = on
        self._metadata: Any = None
        self._open = False
        self._failed = 0  # deliveries that failed since the last commit (at-least-once only)
        self._slot = f"{settings.group_prefix}.{group}.{settings.slot}"
        self._topics: list[str] = []
        self._owned: set[TP] = set()
        self._renewed_at: float | None = None
        self._bounded = BoundedCalls("send-offsets")
        self._producer = self._make_producer()
        self._consumer = self._make_consumer(self._slot)

    def _make_producer(self) -> Producer:
        """A new producer of this slot; in transactions it fences and ends what the slot left open."""
        if not self.exactly_once:
            return kafka.producer(self.settings, on_delivery=self._delivered)
        producer = kafka.producer(
            self.settings, transactional_id=self._slot, queue_buffering_max_messages=QUEUE_MAX
        )
        producer.init_transactions(INIT_TIMEOUT_S)
        return producer

    def _make_consumer(self, slot: str) -> Consumer:
        static = {"group_instance_id": slot} if self.exactly_once else {}
        return kafka.consumer(self.settings, self._group, enable_partition_eof=True, **static)

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        self._failed += error is not None

    # -- group membership -------------------------------------------------------------------------------
    def subscribe(self, topics: Sequence[str]) -> None:
        self._topics = list(topics)
        self._consumer.subscribe(
            self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._metadata = consumer.consumer_group_metadata()
        self._owned.update((p.topic, p.partition) for p in partitions)
        self._on.assigned([(p.topic, p.partition) for p in partitions])
        consumer.assign(partitions)

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned.difference_update((p.topic, p.partition) for p in partitions)
        self._on.revoked([(p.topic, p.partition) for p in partitions])

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned.difference_update((p.topic, p.partition) for p in partitions)
        self._on.lost([(p.topic, p.partition) for p in partitions])

    # -- in ---------------------------------------------------------------------------------------------
    def consume(self, at_most: int, timeout_s: float) -> list[Message]:
        """Waits for one message, then takes what is there. End-of-partition marks are among them.

        Raises FatalError.
        """
        first = self._consumer.poll(timeout_s)
        if first is None:
            return []
        messages = [first, *(self._consumer.consume(at_most - 1, 0) if at_most > 1 else ())]
        for message in messages:
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 -- that is its public name
                self._consumer_error(error)
        return messages

    def _consumer_error(self, error: KafkaError) -> None:
        if error.code() in (KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID) or error.fatal():  # noqa: SLF001
            self._renew_consumer(error)
        else:
            log.warning("consumer: %s", error.name())

    def _renew_consumer(self, error: KafkaError) -> None:
        """A static member may fence itself when its coordinator dies while it joins: then a new consumer helps.

        Once in RENEW_S_MIN: two workers of one slot would take turns for ever.
        """
        now = time.monotonic()
        if self._renewed_at is not None and now - self._renewed_at < RENEW_S_MIN:
            raise FatalError(
                f"the consumer cannot go on ({error.name()}): is another worker running with "
                f"GRIDWIRE_SLOT={self.settings.slot}? Give every replica a slot of its own."
            )
        log.warning("consumer renewed: %s", error.name())
        self._renewed_at = now
        if self._owned:
            self._on.lost(sorted(self._owned))
            self._owned.clear()
        self._consumer.close()
        self._consumer = self._make_consumer(self._slot)
        self.subscribe(self._topics)

    # -- out --------------------------------------------------------------------------------------------
    def produce(self, batches: Sequence[Write], singles: Sequence[Single]) -> None:
        """Writes into the open transaction (opens one). Raises AbortedError, FatalError."""
        try:
            self._begin()
            # Without a transaction the state must not be ahead of the outputs: an id remembered as seen whose
            # output was never written would be lost for good.
            for batch in (b for b in batches if b.partition is None):
                self._produce_batch(batch)
            if not self.exactly_once:
                self._flush()
            for batch in (b for b in batches if b.partition is not None):
                self._produce_batch(batch)
            for single in singles:
                self._produce_single(single)
            self._producer.poll(0)
        except KafkaException as error:
            raise self._classified(error) from error

    def _begin(self) -> None:
        if not self._open and self.exactly_once:
            self._producer.begin_transaction()
        self._open = True

    def _produce_batch(self, batch: Write) -> None:
        """`produce_batch` says in the dicts what it could not take. Any such message aborts the round.

        Offering the rest again would not do: a later message of a key may have been taken where an earlier was not.
        """
        self._wait_for_room()
        where: Any = {} if batch.partition is None else {"partition": batch.partition}
        taken = self._producer.produce_batch(batch.topic, batch.messages, **where)
        if taken == len(batch.messages):
            return
        errors = [m["_error"].name() for m in batch.messages if m.get("_error") is not None]
        why = errors[0] if errors else "no reason given"
        raise AbortedError(f"{batch.topic}: {len(batch.messages) - taken} not taken ({why})")

    def _wait_for_room(self) -> None:
        for _ in range(PRODUCE_TRIES_MAX):
            if len(self._producer) < QUEUE_HALF:
                return
            self._producer.poll(PRODUCE_PAUSE_S)
        raise AbortedError("the producer's queue stays full")

    def _produce_single(self, single: Single) -> None:
        extra: dict[str, Any] = {} if single.partition is None else {"partition": single.partition}
        for _ in range(PRODUCE_TRIES_MAX):
            try:
                self._producer.produce(
                    single.topic, single.value, single.key, headers=single.headers, **extra
                )
            except BufferError:
                self._producer.poll(PRODUCE_PAUSE_S)
            else:
                return
        raise AbortedError(f"{single.topic}: the producer's queue stayed full")

    # -- commit and abort -------------------------------------------------------------------------------
    def commit(self, positions: Mapping[TP, int]) -> None:
        """Everything produced and these offsets, at once. Raises AbortedError, FatalError."""
        offsets = [TopicPartition(topic, p, offset) for (topic, p), offset in positions.items()]
        try:
            if self.exactly_once:
                self._commit_transaction(offsets)
            else:
                self._commit_flushed(offsets)
        except KafkaException as error:
            raise self._classified(error) from error
        self._open = False

    def _commit_transaction(self, offsets: list[TopicPartition]) -> None:
        self._begin()
        try:
            self._bounded.run(lambda: self._send_offsets(offsets), SEND_OFFSETS_S_MAX)
        except StuckError as error:
            self._replace_producer()
            raise AbortedError("offsets could not be sent in time") from error
        self._retried(lambda: self._producer.commit_transaction(COMMIT_TIMEOUT_S))

    def _send_offsets(self, offsets: list[TopicPartition]) -> None:
        self._retried(
            lambda: self._producer.send_offsets_to_transaction(
                offsets, self._metadata, COMMIT_TIMEOUT_S
            )
        )

    def _replace_producer(self) -> None:
        """A call is stuck in the old producer: a new one fences it, which aborts its transaction."""
        if not abandon(self._producer):
            raise FatalError("producers get stuck again and again: restart the worker")
        log.warning("producer stuck, replaced")
        self._open = False
        self._producer = self._make_producer()

    def _retried(self, call: Callable[[], None]) -> None:
        """Calls again what librdkafka says may be called again; the last error gets through."""
        for last in (*(False,) * (COMMIT_TRIES_MAX - 1), True):
            try:
                call()
            except KafkaException as error:
                if last or not error.args[0].retriable():
                    raise
            else:
                return

    def _commit_flushed(self, offsets: list[TopicPartition]) -> None:
        self._flush()
        if offsets:
            self._consumer.commit(offsets=offsets, asynchronous=False)

    def _flush(self) -> None:
        if self._producer.flush(COMMIT_TIMEOUT_S) or self._failed:
            self._failed = 0
            raise AbortedError("not everything was delivered")

    def _classified(self, error: KafkaException) -> Exception:
        cause: KafkaError = error.args[0]
        if cause.fatal():
            return FatalError(
                f"the producer cannot go on ({cause.name()}): is another worker running with "
                f"GRIDWIRE_SLOT={self.settings.slot}? Give every replica a slot of its own."
            )
        return AbortedError(cause.name())

    def abort(self) -> None:
        """Drops what was produced since the last commit. Raises FatalError."""
        if not self._open:
            return
        self._open = False
        if not self.exactly_once:
            self._producer.flush(COMMIT_TIMEOUT_S)
            self._failed = 0
            return
        try:
            self._retried(lambda: self._producer.abort_transaction(COMMIT_TIMEOUT_S))
        except KafkaException as error:
            found = self._classified(error)
            raise (
                found
                if isinstance(found, FatalError)
                else FatalError(
                    f"the transaction could not be aborted ({found}): restart the worker, it will read again"
                )
            ) from error

    def rewind(self) -> None:
        """Reads again from the committed offsets. Raises FatalError where the broker does not say them."""
        for _ in range(SEEK_TRIES_MAX):
            try:
                for p in self._consumer.committed(
                    self._consumer.assignment(), timeout=COMMIT_TIMEOUT_S
                ):
                    offset = p.offset if p.offset >= 0 else OFFSET_BEGINNING
                    self._consumer.seek(TopicPartition(p.topic, p.partition, offset))
            except KafkaException as error:
                log.warning("going back: %s", error.args[0].name())
                time.sleep(SEEK_PAUSE_S)
            else:
                return
        raise FatalError(
            "the committed offsets cannot be read: restart the worker, it will read again"
        )

    # -- the rest ---------------------------------------------------------------------------------------
    def lags(self, committed: Mapping[TP, int], *, idle: bool) -> dict[TP, int]:
        """Records behind the end per partition, from cached watermarks; only where both are known.

        `idle`: all that was read is committed. Then the consumer's own position counts: it lies behind the
        transaction marker that ends most partitions, which no record has and no committed offset passes.
        """
        reached = dict(committed)
        if idle:
            places = self._consumer.position(self._consumer.assignment())
            reached |= {(p.topic, p.partition): p.offset for p in places if p.offset >= 0}
        lags = {}
        for (topic, partition), position in reached.items():
            known = TopicPartition(topic, partition)
            marks: Any = self._consumer.get_watermark_offsets(known, cached=True)
            if marks is not None and marks[1] >= 0:
                lags[topic, partition] = max(0, marks[1] - position)
        return lags

    def close(self) -> None:
        """Leaves the group (a static member keeps its place until its session ends)."""
        self._consumer.close()
        self._bounded.close()
