"""The worker's consumer and producer, used from one thread only.

Rebalance callbacks run inside `consume`, that is between rounds: on revoke what is finished is committed with the group
metadata remembered at assignment; on loss it is aborted. Every method here blocks; the event loop calls it in the
Kafka thread.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from gridwire import kafka, metrics
from gridwire.settings import KafkaSettings
from streams.runtime.fatal import FatalError, refused
from streams.runtime.writer import COMMIT_TIMEOUT_S, AbortedError, Writer

log = logging.getLogger(__name__)

SEEK_TRIES_MAX = 50
SEEK_PAUSE_S = 0.1
REWIND_TRIES_MAX = 5
RENEW_S_MIN = 60.0
UNKNOWN = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})  # noqa: SLF001

TP = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Rebalanced:
    """What the worker does when partitions come and go; called in the Kafka thread, between rounds."""

    assigned: Callable[[list[TP]], None]
    revoked: Callable[[list[TP]], None]
    lost: Callable[[list[TP]], None]
    held: Callable[[], bool] = lambda: False  # nothing is to be read before `Broker.resume`


class Broker:
    """Group membership, reading, committing and going back. What is written goes by `writer`."""

    def __init__(self, settings: KafkaSettings, group: str, on: Rebalanced) -> None:
        self.settings = settings
        self._group = group
        self._on = on
        self._metadata: Any = None
        self._slot = f"{settings.group_prefix}.{group}.{settings.slot}"
        self._topics: list[str] = []
        self._owned: set[TP] = set()
        self._committed: dict[TP, int] = {}
        self._rebalances = 0
        self._renewed_at: float | None = None
        self.writer = Writer(settings, self._slot, group)
        self._consumer = self._make_consumer()

    def _make_consumer(self) -> Consumer:
        static = {"group_instance_id": self._slot} if self.writer.exactly_once else {}
        return kafka.consumer(self.settings, self._group, enable_partition_eof=True, **static)

    # -- group membership -------------------------------------------------------------------------------
    def subscribe(self, topics: Sequence[str]) -> None:
        self._topics = list(topics)
        self._consumer.subscribe(
            self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._metadata = consumer.consumer_group_metadata()
        self._owned.update((p.topic, p.partition) for p in partitions)
        # Stable offsets, before state is restored: a predecessor's open transaction has ended by then.
        self._committed = kafka.patiently(lambda: _committed(consumer, partitions))
        self._rebalances += 1
        self._on.assigned([(p.topic, p.partition) for p in partitions])
        # Nothing assigned rather than paused: a consumer that resumes takes up to a second to fetch again.
        consumer.assign([] if self._on.held() else partitions)

    def hold(self) -> None:
        """Reads nothing until `resume`; the group is polled all the same."""
        self._consumer.assign([])

    def resume(self) -> None:
        """State is there: records may come, from the committed offsets on."""
        self._consumer.assign([TopicPartition(topic, p) for topic, p in sorted(self._owned)])

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._rebalances += 1
        self._on.revoked([(p.topic, p.partition) for p in partitions])  # commits what is finished
        self._owned.difference_update((p.topic, p.partition) for p in partitions)

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._rebalances += 1
        self._owned.difference_update((p.topic, p.partition) for p in partitions)
        self._on.lost([(p.topic, p.partition) for p in partitions])

    # -- in ---------------------------------------------------------------------------------------------
    def consume(self, at_most: int, timeout_s: float) -> list[Message]:
        """Waits for one message, then takes what is there. End-of-partition marks are among them.

        Raises FatalError.
        """
        rebalances = self._rebalances
        first = self._consumer.poll(timeout_s)
        if first is None:
            return []
        messages = [first, *(self._consumer.consume(at_most - 1, 0) if at_most > 1 else ())]
        # Errors first: one that ends this consumer may come with a rebalance.
        for message in messages:
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 -- that is its public name
                self._consumer_error(error, message.topic())
        return messages if self._rebalances == rebalances else self._not_these()

    def _not_these(self) -> list[Message]:
        """What was read around a rebalance may be of partitions that went, or come once more for those that stayed."""
        if self._owned and not self._on.held():
            self.resume()
        return []

    def _consumer_error(self, error: KafkaError, topic: str | None) -> None:
        found = refused(error, f"{self.settings.group_prefix}.{self._group}")
        if found is not None:
            raise found
        if error.code() in UNKNOWN and topic is not None and self._gone(topic):
            raise FatalError(
                f"topic {topic} does not exist any more: create it (`gridwire topics --apply`) with "
                f"{self.settings.partitions} partitions, or restore it"
            )
        if error.code() in (KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID) or error.fatal():  # noqa: SLF001
            self._renew_consumer(error)
        else:
            log.warning("consumer: %s", error.name())

    def _gone(self, topic: str) -> bool:
        """Whether the brokers agree for a while that there is no such topic: after a restart they may not know yet."""
        for _ in range(SEEK_TRIES_MAX):
            try:
                found = self._consumer.list_topics(topic, timeout=COMMIT_TIMEOUT_S).topics[topic]
            except KafkaException:
                return False  # no answer is another matter
            if found.error is None or found.error.code() not in UNKNOWN:
                return False
            time.sleep(SEEK_PAUSE_S)
        return True

    def _renew_consumer(self, error: KafkaError) -> None:
        """A static member may fence itself when its coordinator dies while it joins: then a new consumer helps.

        Once in RENEW_S_MIN: two workers of one slot would take turns for ever.
        """
        now = time.monotonic()
        if self._renewed_at is not None and now - self._renewed_at < RENEW_S_MIN:
            raise FatalError(
                f"the consumer cannot go on ({error.name()}): is another worker running with "
                f"GRIDWIRE_SLOT={self.settings.slot}? Give every replica a slot of its own. If not, brokers "
                f"restarted twice within {RENEW_S_MIN:.0f} s: restart the worker, nothing is lost."
            )
        metrics.CLIENT_RENEWALS.labels(self._group, "consumer").inc()
        log.warning("consumer renewed: %s", error.name())
        self._renewed_at = now
        self._rebalances += 1
        if self._owned:
            self._on.lost(sorted(self._owned))
            self._owned.clear()
        self._consumer.close()
        self._consumer = self._make_consumer()
        self.subscribe(self._topics)

    # -- commit -----------------------------------------------------------------------------------------
    def commit(self, positions: Mapping[TP, int]) -> None:
        """Everything produced and these offsets, at once. Raises AbortedError, FatalError."""
        if self.writer.exactly_once:
            positions = {**self._anchors({p for _, p in positions}), **positions}
        offsets = [TopicPartition(topic, p, offset) for (topic, p), offset in positions.items()]
        self.writer.commit(offsets, self._metadata)
        if not self.writer.exactly_once and offsets:
            try:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            except KafkaException as error:
                raise AbortedError(error.args[0].name()) from error
        self._committed.update(positions)

    def _anchors(self, positioned: set[int]) -> dict[TP, int]:
        """An offset as it stands for each partition that has no position in this transaction.

        The broker checks the group's generation only with offsets, and who takes a partition over waits only for
        offsets that are pending. Without one, a worker that was frozen past its session would commit what its timers
        wrote beside its successor. Raises AbortedError where nothing is owned.
        """
        if not self._owned:
            raise AbortedError("no partition is owned")
        first: dict[int, TP] = {}
        for tp in sorted(self._owned, reverse=True):
            first[tp[1]] = tp
        return {tp: self._committed.get(tp, 0) for p, tp in first.items() if p not in positioned}

    def rewind(self) -> None:
        """Reads again from the committed offsets. Raises AbortedError where the broker does not say them: try again."""
        self.writer.renew()
        for _ in range(REWIND_TRIES_MAX):
            try:
                # Of all that is owned: after a commit of unknown outcome what was known here may be too old.
                owned = [TopicPartition(topic, p) for topic, p in sorted(self._owned)]
                self._committed = _committed(self._consumer, owned)
                for p in self._consumer.assignment():
                    offset = self._committed.get((p.topic, p.partition), OFFSET_BEGINNING)
                    self._consumer.seek(TopicPartition(p.topic, p.partition, offset))
            except KafkaException as error:
                log.warning("going back: %s", error.args[0].name())
                time.sleep(SEEK_PAUSE_S)
            else:
                return
        raise AbortedError("the committed offsets cannot be read")

    # -- the rest ---------------------------------------------------------------------------------------
    def committed(self, partitions: Sequence[TP]) -> dict[TP, int | None]:
        """What is committed of each, as known here; None where nothing ever was."""
        return {tp: self._committed.get(tp) for tp in partitions}

    def close(self) -> None:
        """Leaves the group (a static member keeps its place until its session ends)."""
        self._consumer.close()
        self.writer.close()


def _committed(consumer: Consumer, partitions: list[TopicPartition]) -> dict[TP, int]:
    """Stable offsets; nothing for partitions where none was ever committed.

    Raises KafkaException, also where one partition alone has no answer: taking that for none would read all again.
    """
    found: dict[TP, int] = {}
    for p in consumer.committed(partitions, timeout=COMMIT_TIMEOUT_S) if partitions else ():
        if p.error is not None:
            raise KafkaException(p.error)
        if p.offset >= 0:
            found[p.topic, p.partition] = p.offset
    return found
