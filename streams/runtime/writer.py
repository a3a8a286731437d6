"""The worker's producer: one place that writes, commits and aborts. Used from the Kafka thread only."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from gridwire import kafka, metrics
from gridwire.bounded import SEND_OFFSETS_S_MAX, BoundedCalls, StuckError, abandon
from gridwire.settings import KafkaSettings
from streams.runtime.fatal import FatalError, refused

log = logging.getLogger(__name__)

INIT_TIMEOUT_S = 30.0
COMMIT_TIMEOUT_S = 10.0
COMMIT_TRIES_MAX = 3
PRODUCE_TRIES_MAX = 600
PRODUCE_PAUSE_S = 0.05
QUEUE_MAX = 1_000_000
QUEUE_HALF = QUEUE_MAX // 2
EXACTLY_ONCE = "exactly_once"
FENCED = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 -- librdkafka's own codes begin so
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
    }
)
# What a record can be at fault for; nothing else may ever cost one.
RECORDS_FAULT = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
    }
)


class AbortedError(Exception):
    """The transaction could not be written or committed; it was, or must be, aborted.

    `blames`: a record of the round may be the cause, so that it is worth looking for. `uncertain`: it may have been
    committed all the same.
    """

    def __init__(self, reason: str, *, blames: bool = False, uncertain: bool = False) -> None:
        super().__init__(reason)
        self.blames = blames
        self.uncertain = uncertain


@dataclass(frozen=True, slots=True)
class Write:
    """Messages for one topic: dicts as `produce_batch` takes them (`value`, `key`).

    `partition`: where all of them go; None: where their keys say. `stage`: without transactions, what has a higher
    one is written once all of lower ones is there.
    """

    topic: str
    messages: list[dict[str, Any]]
    partition: int | None = None
    stage: int = 0


@dataclass(frozen=True, slots=True)
class Single:
    """One message with headers: a dead letter."""

    topic: str
    key: str | bytes | None
    value: bytes | None
    headers: list[tuple[str, str | bytes | None]] = field(default_factory=list)


class Writer:
    """Writes into a transaction and commits it with offsets; or (at least once) flushes.

    A producer that cannot go on is left and a new one of the same slot is made when it is needed next: that fences
    the old one and aborts what it left open.
    """

    def __init__(self, settings: KafkaSettings, slot: str, group: str) -> None:
        self.exactly_once = settings.delivery == EXACTLY_ONCE
        self._settings = settings
        self._slot = slot
        self._group = group
        self._open = False
        self._failed = 0  # deliveries that failed since the last commit (at-least-once only)
        self._bounded = BoundedCalls("send-offsets")
        self._producer: Producer | None = None
        self._made()

    # -- the producer -----------------------------------------------------------------------------------
    def _made(self) -> Producer:
        """The producer, made anew where the last one was given up. Raises AbortedError, FatalError."""
        if self._producer is not None:
            return self._producer
        if not self.exactly_once:
            self._producer = kafka.producer(self._settings, on_delivery=self._delivered)
            return self._producer
        producer = kafka.producer(
            self._settings, transactional_id=self._slot, queue_buffering_max_messages=QUEUE_MAX
        )
        try:
            producer.init_transactions(INIT_TIMEOUT_S)
        except KafkaException as error:
            raise self._classified(error) from error
        self._producer = producer
        return producer

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        self._failed += error is not None

    def _give_up(self, why: str) -> None:
        metrics.CLIENT_RENEWALS.labels(self._group, "producer").inc()
        log.warning("producer given up: %s", why)
        self._producer = None
        self._open = False

    def _classified(self, error: KafkaException) -> Exception:
        cause: KafkaError = error.args[0]
        if cause.code() in FENCED:
            return FatalError(
                f"the producer was fenced ({cause.name()}): is another worker running with "
                f"GRIDWIRE_SLOT={self._settings.slot}? Give every replica a slot of its own. If not, this one was "
                f"held up for more than {kafka.TRANSACTION_TIMEOUT_MS // 1000} s: restart it, nothing is lost."
            )
        found = refused(cause, f"{self._settings.group_prefix}.{self._group}")
        if found is not None:
            return found
        if cause.fatal():
            self._give_up(cause.name())
        return AbortedError(cause.name(), blames=cause.code() in RECORDS_FAULT)

    # -- writing ----------------------------------------------------------------------------------------
    def produce(self, batches: Sequence[Write], singles: Sequence[Single]) -> None:
        """Writes into the open transaction (opens one). Raises AbortedError, FatalError."""
        producer = self._made()
        try:
            self._begin(producer)
            for single in singles:
                self._produce_single(producer, single)
            stage = 0
            for batch in sorted(batches, key=lambda batch: batch.stage):
                if batch.stage > stage and not self.exactly_once:
                    self._flush(producer)
                stage = batch.stage
                self._produce_batch(producer, batch)
            producer.poll(0)
        except KafkaException as error:
            raise self._classified(error) from error

    def _begin(self, producer: Producer) -> None:
        if not self._open and self.exactly_once:
            producer.begin_transaction()
        self._open = True

    @staticmethod
    def _produce_batch(producer: Producer, batch: Write) -> None:
        """`produce_batch` says in the dicts what it could not take. Any such message aborts the round.

        Offering the rest again would not do: a later message of a key may have been taken where an earlier was not.
        """
        _wait_for_room(producer)
        where: Any = {} if batch.partition is None else {"partition": batch.partition}
        taken = producer.produce_batch(batch.topic, batch.messages, **where)
        if taken == len(batch.messages):
            return
        errors = [m["_error"] for m in batch.messages if m.get("_error") is not None]
        why = errors[0].name() if errors else "no reason given"
        raise AbortedError(
            f"{why}: {len(batch.messages) - taken} messages for {batch.topic} not taken",
            blames=any(error.code() in RECORDS_FAULT for error in errors),
        )

    @staticmethod
    def _produce_single(producer: Producer, single: Single) -> None:
        for _ in range(PRODUCE_TRIES_MAX):
            try:
                producer.produce(single.topic, single.value, single.key, headers=single.headers)
            except BufferError:
                producer.poll(PRODUCE_PAUSE_S)
            else:
                return
        raise AbortedError(f"the producer's queue stayed full: {single.topic}")

    # -- commit and abort -------------------------------------------------------------------------------
    def commit(self, offsets: list[TopicPartition], metadata: Any) -> None:
        """Everything produced, and in a transaction these offsets with it, fenced by the group's metadata.

        Without transactions the offsets are the caller's to commit, afterwards. Raises AbortedError, FatalError.
        """
        producer = self._made()
        try:
            if not self.exactly_once:
                self._flush(producer)
            else:
                self._begin(producer)
                self._send_offsets(producer, offsets, metadata)
                self._commit(producer)
        except KafkaException as error:
            raise self._classified(error) from error
        self._open = False

    def _commit(self, producer: Producer) -> None:
        """What went wrong here, unless it asks for an abort, may have gone wrong after the commit."""
        try:
            _retried(lambda: producer.commit_transaction(COMMIT_TIMEOUT_S))
        except KafkaException as error:
            found = self._classified(error)
            if isinstance(found, AbortedError):
                found.uncertain = not error.args[0].txn_requires_abort()
            raise found from error

    def _send_offsets(
        self, producer: Producer, offsets: list[TopicPartition], metadata: Any
    ) -> None:
        def send() -> (
            None
        ):  # with the producer, offsets and metadata of now, however late it comes back
            producer.send_offsets_to_transaction(offsets, metadata, COMMIT_TIMEOUT_S)

        try:
            self._bounded.run(send, SEND_OFFSETS_S_MAX)
        except StuckError as error:
            if not abandon(producer):
                raise FatalError(
                    "producers get stuck again and again: restart the worker"
                ) from error
            self._give_up("stuck")
            raise AbortedError("offsets could not be sent in time") from error

    def _flush(self, producer: Producer) -> None:
        if producer.flush(COMMIT_TIMEOUT_S) or self._failed:
            self._failed = 0
            raise AbortedError("not everything was delivered")

    def abort(self) -> None:
        """Drops what was produced since the last commit. Raises FatalError."""
        producer = self._producer
        if not self._open or producer is None:
            return
        self._open = False
        if not self.exactly_once:
            producer.flush(COMMIT_TIMEOUT_S)
            self._failed = 0
            return
        try:
            _retried(lambda: producer.abort_transaction(COMMIT_TIMEOUT_S))
        except KafkaException as error:
            found = self._classified(error)
            if isinstance(found, FatalError):
                raise found from error
            self._give_up(f"abort failed ({found})")  # a new one aborts what this one left

    def renew(self) -> None:
        """Replaces a producer that was given up, which ends what it left open.

        Until then nobody can read the offsets that its transaction holds. Raises FatalError.
        """
        try:
            self._made()
        except AbortedError as error:
            log.warning("producer not replaced yet: %s", error)

    @property
    def queued(self) -> int:
        """Messages that wait to be sent or acknowledged."""
        return len(self._producer) if self._producer is not None else 0

    def close(self) -> None:
        self._bounded.close()


def _wait_for_room(producer: Producer) -> None:
    for _ in range(PRODUCE_TRIES_MAX):
        if len(producer) < QUEUE_HALF:
            return
        producer.poll(PRODUCE_PAUSE_S)
    raise AbortedError("the producer's queue stays full")


def _retried(call: Callable[[], None]) -> None:
    """Calls again what librdkafka says may be called again; the last error gets through."""
    for last in (*(False,) * (COMMIT_TRIES_MAX - 1), True):
        try:
            call()
        except KafkaException as error:
            if last or not error.args[0].retriable():
                raise
        else:
            return
