"""Outputs and offsets, committed together: in one transaction, or (at least once) outputs first, then offsets.

Blocking; used by Kafka threads only. HTTP never happens in here: a transaction is opened when everything that goes
into it is known, and is over a few milliseconds later.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from connectors.kit.base.fatal import FatalKafkaError
from connectors.kit.output.output import Output
from gridwire.bounded import SEND_OFFSETS_S_MAX, BoundedCalls, StuckError, abandon

ANY_PARTITION = -1  # the key decides, as librdkafka has it
COMMIT_TIMEOUT_S = 15.0
QUEUE_FULL_WAIT_S = 0.05
QUEUE_FULL_WAITS_MAX = 200
RETRIES_MAX = 5
RETRY_S = 0.05
GROUP_LOST = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001 - librdkafka's own codes begin so
        KafkaError._STATE,  # noqa: SLF001
    }
)


class CommitFailedError(Exception):
    """Nothing was committed; the same may be tried again. `group_lost`: not by us, it seems."""

    def __init__(self, reason: str, *, group_lost: bool = False) -> None:
        super().__init__(reason)
        self.group_lost = group_lost


class ProducerBrokenError(Exception):
    """The producer is of no use any more, and whether the commit took place is not known. `open` makes a new one."""


def fatal(error: Exception, who: str) -> FatalKafkaError:
    """A producer that broke again right after it was renewed, in words."""
    return FatalKafkaError(
        f"{who} cannot write to Kafka ({error}). If it was fenced, another process uses the same slot: give each "
        "replica a GRIDWIRE_SLOT of its own (its StatefulSet ordinal)."
    )


def kafka_error(error: KafkaException) -> KafkaError:
    """The error that an exception carries."""
    carried: KafkaError = error.args[0]
    return carried


class Committer(Protocol):
    """Writes outputs and offsets. `commit` raises CommitFailedError, ProducerBrokenError or FatalKafkaError."""

    def open(self) -> None:
        """A fresh producer; finishes what an earlier one of this slot left open. Raises KafkaException."""

    def commit(
        self, outputs: Sequence[Output], offsets: list[TopicPartition], metadata: Any
    ) -> None: ...

    def close(self) -> None:
        """Lets go of what it holds."""


def _produce(producer: Producer, outputs: Sequence[Output], on_delivery: Any = None) -> None:
    for output in outputs:
        partition = ANY_PARTITION if output.partition is None else output.partition
        for _ in range(QUEUE_FULL_WAITS_MAX):
            try:
                producer.produce(
                    output.topic,
                    output.value,
                    output.key,
                    partition,
                    headers=list(output.headers) or None,
                    on_delivery=on_delivery,
                )
                break
            except BufferError:
                producer.poll(QUEUE_FULL_WAIT_S)
        else:
            raise CommitFailedError("producer queue stays full: Kafka does not take records")


class TransactionalCommitter:
    """Exactly once: outputs and offsets in one transaction, fenced by the group metadata."""

    def __init__(self, make: Callable[[], Producer]) -> None:
        self._make = make
        self._producer: Producer | None = None
        self._bounded: BoundedCalls | None = None

    def open(self) -> None:
        producer = self._make()
        producer.init_transactions(COMMIT_TIMEOUT_S)
        self._producer = producer

    def close(self) -> None:
        if self._bounded is not None:
            self._bounded.close()

    def _send_offsets(
        self, producer: Producer, offsets: list[TopicPartition], metadata: Any
    ) -> None:
        def send() -> None:
            _retried(producer.send_offsets_to_transaction, offsets, metadata, COMMIT_TIMEOUT_S)

        self._bounded = self._bounded or BoundedCalls("send-offsets")
        try:
            self._bounded.run(send, SEND_OFFSETS_S_MAX)
        except StuckError as error:
            self._producer = None
            if not abandon(producer):
                raise FatalKafkaError(
                    "too many Kafka calls are stuck: a new process is needed"
                ) from error
            raise ProducerBrokenError(f"offsets not sent: {error}") from error

    def commit(
        self, outputs: Sequence[Output], offsets: list[TopicPartition], metadata: Any
    ) -> None:
        producer = self._producer
        if producer is None:
            raise ProducerBrokenError("not open")
        try:
            producer.begin_transaction()
            _produce(producer, outputs)
            if offsets:
                self._send_offsets(producer, offsets, metadata)
        except (KafkaException, CommitFailedError) as raised:
            self._abort(producer, raised)
            raise _failure(raised) from raised
        try:
            _retried(producer.commit_transaction, COMMIT_TIMEOUT_S)
        except KafkaException as raised:
            if kafka_error(raised).txn_requires_abort():
                self._abort(producer, raised)
                raise _failure(raised) from raised
            raise ProducerBrokenError(_named(raised)) from raised

    @staticmethod
    def _abort(producer: Producer, cause: Exception) -> None:
        if isinstance(cause, KafkaException) and kafka_error(cause).fatal():
            raise ProducerBrokenError(_named(cause)) from cause
        try:
            _retried(producer.abort_transaction, COMMIT_TIMEOUT_S)
        except KafkaException as raised:
            raise ProducerBrokenError(_named(raised)) from raised


def _retried(call: Any, *arguments: Any) -> None:
    for attempt in range(RETRIES_MAX):
        try:
            call(*arguments)
            return
        except KafkaException as error:
            if not kafka_error(error).retriable() or attempt == RETRIES_MAX - 1:
                raise
            time.sleep(RETRY_S)


def _named(raised: KafkaException) -> str:
    error = kafka_error(raised)
    return f"{error.name()}: {error.str()}"


def _failure(raised: KafkaException | CommitFailedError) -> CommitFailedError:
    if isinstance(raised, CommitFailedError):
        return raised
    return CommitFailedError(_named(raised), group_lost=kafka_error(raised).code() in GROUP_LOST)


class PlainCommitter:
    """At least once: outputs are acknowledged by Kafka first, then the offsets are committed."""

    def __init__(self, make: Callable[[], Producer], consumer: Consumer | None) -> None:
        self._make = make
        self._consumer = consumer
        self._producer: Producer | None = None
        self._failed: KafkaError | None = None

    def open(self) -> None:
        producer = self._make()
        producer.list_topics(timeout=COMMIT_TIMEOUT_S)
        self._producer = producer

    def commit(
        self, outputs: Sequence[Output], offsets: list[TopicPartition], metadata: Any
    ) -> None:
        del metadata  # the consumer's own
        try:
            self._write(outputs)
            if offsets and self._consumer is not None:
                self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as raised:
            if kafka_error(raised).fatal():
                raise ProducerBrokenError(_named(raised)) from raised
            raise _failure(raised) from raised

    def _write(self, outputs: Sequence[Output]) -> None:
        if not outputs:
            return
        if self._producer is None:
            raise ProducerBrokenError("not open")
        self._failed = None
        _produce(self._producer, outputs, self._delivered)
        if self._producer.flush(COMMIT_TIMEOUT_S):
            raise CommitFailedError("Kafka did not acknowledge in time")
        if self._failed is not None:
            raise KafkaException(self._failed)

    def close(self) -> None:
        self._producer = None

    def _delivered(self, error: KafkaError | None, _message: Any) -> None:
        if error is not None:
            self._failed = error
