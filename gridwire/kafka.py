"""Kafka clients with the settings that keep our promises, and the creation of topics.

Every producer partitions with murmur2 (Java's default), or nothing that another client writes is co-partitioned.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTERS, LEDGERS, TOPICS, DeadLetters, Ledger, Topic

ADMIN_TIMEOUT_S = 30.0
WATERMARKS_S_MAX = 5.0
ASK_TRIES_MAX = 20
ASK_PAUSE_S = 0.5
T = TypeVar("T")
Declared = Topic[Any] | DeadLetters | Ledger
TRANSACTION_TIMEOUT_MS = (
    10_000  # a killed worker holds read-committed readers up no longer than this
)
MESSAGE_BYTES_MAX = 1_000_000
HEARTBEATS_PER_SESSION = 5
WAITING_KB = 16_384
FULL_QUEUE_PAUSE_MS = 5  # the default, a second, would be most of the time
READ_AHEAD_KB = 16_384  # a restore's memory is for rows, not for what waits to become rows
READ_AHEAD_MESSAGES = 20_000  # per partition
FETCH_BYTES = (
    524_288  # per partition and compressed: rows that compress well come out at many times that
)
POLL_INTERVAL_MS_MAX = 300_000
# Segments roll and compact often enough that a table restores in seconds.
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.bytes": "67108864",
    "segment.ms": "3600000",
    "min.cleanable.dirty.ratio": "0.2",
    "max.compaction.lag.ms": "3600000",
    "delete.retention.ms": "86400000",
}


def client_config(settings: KafkaSettings) -> dict[str, Any]:
    """What every client needs."""
    return {"bootstrap.servers": settings.bootstrap} | settings.security


def _properties(extra: dict[str, Any]) -> dict[str, Any]:
    """Names as librdkafka has them; callbacks (`on_delivery`, `error_cb` …) are the Python client's own."""
    return {
        n if n.startswith("on_") or n.endswith("_cb") else n.replace("_", "."): v
        for n, v in extra.items()
    }


def producer(
    settings: KafkaSettings, *, transactional_id: str | None = None, **extra: Any
) -> Producer:
    """An idempotent producer, acks=all; transactional where an id is given."""
    config: dict[str, Any] = client_config(settings) | {
        "enable.idempotence": True,
        "acks": "all",
        # With more, acknowledged messages can be lost: see docs/adr/0008-one-request-in-flight.md.
        "max.in.flight.requests.per.connection": 1,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        "batch.size": MESSAGE_BYTES_MAX,  # never above the smallest max.message.bytes
        "message.max.bytes": MESSAGE_BYTES_MAX,
        "retry.backoff.ms": 10,  # transactions back to back: the default adds 90 ms to each
    }
    if transactional_id:
        config |= {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        }
    return Producer(config | _properties(extra))


def consumer(settings: KafkaSettings, group: str, **extra: Any) -> Consumer:
    """A read-committed consumer that commits only what it is told to.

    `extra`: librdkafka properties with `_` for `.`.
    """
    config: dict[str, Any] = client_config(settings) | {
        "group.id": f"{settings.group_prefix}.{group}",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "range",
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": settings.session_timeout_ms // HEARTBEATS_PER_SESSION,
        "max.poll.interval.ms": POLL_INTERVAL_MS_MAX,
        "fetch.wait.max.ms": 50,
        # What waits here is taken in the order of its arrival: a topic with little to say waits for it all.
        "queued.max.messages.kbytes": WAITING_KB,
        "max.partition.fetch.bytes": FETCH_BYTES,
        "fetch.queue.backoff.ms": FULL_QUEUE_PAUSE_MS,
    }
    return Consumer(config | _properties(extra))


def reader(settings: KafkaSettings, isolation: str = "read_committed", **extra: Any) -> Consumer:
    """A consumer without a group, for assigned partitions: restores, checkpoints, command line.

    `extra`: librdkafka properties with `_` for `.`.
    """
    return Consumer(
        client_config(settings)
        | {
            "group.id": f"{settings.group_prefix}.reader",  # never joined, never committed
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": isolation,
            "fetch.wait.max.ms": 50,
            "queued.max.messages.kbytes": READ_AHEAD_KB,
            "queued.min.messages": READ_AHEAD_MESSAGES,
            "max.partition.fetch.bytes": FETCH_BYTES,
            "fetch.queue.backoff.ms": FULL_QUEUE_PAUSE_MS,
        }
        | _properties(extra)
    )


def end_offsets(settings: KafkaSettings, topic: str, partitions: list[int]) -> dict[int, int]:
    """Read-uncommitted end offsets: what a restore must reach, open transactions included.

    Raises KafkaException where the broker does not say them within ASK_TRIES_MAX tries.
    """
    client = reader(settings, "read_uncommitted")
    try:
        return {p: _end_offset(client, TopicPartition(topic, p)) for p in partitions}
    finally:
        client.close()


def watermarks(
    settings: KafkaSettings, places: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], tuple[int, int]]:
    """First and next offset of each (topic, partition), read-uncommitted: however many, two requests per broker.

    Asks once. Raises KafkaException where a broker does not answer, or a partition has no leader just now.
    """
    client = reader(settings, "read_uncommitted")
    try:
        firsts = _offsets(client, places, OFFSET_BEGINNING)
        nexts = _offsets(client, places, OFFSET_END)
    finally:
        client.close()
    return {place: (firsts[place], nexts[place]) for place in places}


def _offsets(
    client: Consumer, places: Sequence[tuple[str, int]], which: int
) -> dict[tuple[str, int], int]:
    """`which`, the first or the next offset, stands in the place of a time: as the protocol has it."""
    asked = [TopicPartition(topic, partition, which) for topic, partition in places]
    found = client.offsets_for_times(asked, timeout=WATERMARKS_S_MAX) if asked else []
    for one in found:
        if one.error is not None:
            raise KafkaException(one.error)
        if one.offset < 0:
            raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
    return {(one.topic, one.partition): one.offset for one in found}


def topic_ids(settings: KafkaSettings, topics: Sequence[str]) -> dict[str, str]:
    """The ids that topics got when they were created; one that was created anew has another. Without those that the
    broker does not tell.
    """
    admin = AdminClient(client_config(settings))
    futures = admin.describe_topics(TopicCollection(list(topics)), request_timeout=ADMIN_TIMEOUT_S)
    found = {}
    for name, future in futures.items():
        try:
            found[name] = str(future.result().topic_id)
        except KafkaException:
            continue
    return found


def _end_offset(client: Consumer, partition: TopicPartition) -> int:
    return patiently(lambda: client.get_watermark_offsets(partition, timeout=ADMIN_TIMEOUT_S))[1]


def patiently(ask: Callable[[], T]) -> T:
    """Asks a broker again while leaders are elsewhere, or nowhere, for a moment: after a restart or a creation.

    Raises KafkaException after ASK_TRIES_MAX tries.
    """
    for left in reversed(range(ASK_TRIES_MAX)):
        try:
            return ask()
        except KafkaException:
            if left == 0:
                raise
            time.sleep(ASK_PAUSE_S)
    raise AssertionError("unreachable: the last try returns or raises")


def partition_counts(settings: KafkaSettings) -> dict[str, int]:
    """Topics on the broker with their number of partitions."""
    metadata = AdminClient(client_config(settings)).list_topics(timeout=ADMIN_TIMEOUT_S)
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def new_topic(settings: KafkaSettings, topic: Declared) -> NewTopic:
    """How a topic is created."""
    compacted = isinstance(topic, Topic) and topic.compacted
    single = isinstance(topic, DeadLetters) or (
        isinstance(topic, Topic) and topic.kind == "reference"
    )
    return NewTopic(
        topic.name,
        num_partitions=1 if single else settings.partitions,
        replication_factor=settings.replication,
        config=dict(COMPACTED) if compacted else {"retention.ms": str(topic.retention_ms)},
    )


def changelog_topic(settings: KafkaSettings, name: str) -> NewTopic:
    """A compacted topic that holds partitioned state."""
    return NewTopic(name, settings.partitions, settings.replication, config=dict(COMPACTED))


def create_topics(settings: KafkaSettings, changelogs: list[str]) -> list[str]:
    """Creates what is missing; returns the names. Raises KafkaException where the broker refuses."""
    present = partition_counts(settings)
    declared: tuple[Declared, ...] = (*TOPICS, *DEAD_LETTERS, *LEDGERS)
    wanted = [new_topic(settings, topic) for topic in declared]
    wanted += [changelog_topic(settings, name) for name in changelogs]
    missing = [topic for topic in wanted if topic.topic not in present]
    _create(settings, missing)
    return [topic.topic for topic in missing]


def create_ledger(settings: KafkaSettings, name: str, partitions: int) -> None:
    """Creates the ledger of a command topic that is not among ours. Raises KafkaException."""
    ledger = new_topic(settings, Ledger(name, ""))
    _create(settings, [NewTopic(name, partitions, settings.replication, config=ledger.config)])


def _create(settings: KafkaSettings, missing: list[NewTopic]) -> None:
    """As the settings say; with `none` an operator does."""
    if missing and settings.topic_creation == "request":
        _request(settings, missing)
    elif missing and settings.topic_creation == "metadata":
        client = producer(settings)
        for topic in missing:
            client.list_topics(topic.topic, timeout=ADMIN_TIMEOUT_S)


def _request(settings: KafkaSettings, missing: list[NewTopic]) -> None:
    admin = AdminClient(client_config(settings))  # must outlive its futures
    futures = admin.create_topics(missing, operation_timeout=ADMIN_TIMEOUT_S)
    for future in futures.values():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
