"""State from its changelog: read-committed, by position, up to the read-uncommitted end.

The read-committed end lies before records that exist while a transaction is open, and the record at the end may be a
control record that no consumer ever sees: so neither is waited for.
"""

import logging
import time
from collections.abc import Callable, Sequence

from confluent_kafka import TopicPartition

from gridwire import kafka
from gridwire.settings import KafkaSettings

log = logging.getLogger(__name__)

BATCH_MAX = 10_000
POLL_S = 0.2
RESTORE_S_MAX = 240.0  # below max.poll.interval.ms, or the group would have moved on


class RestoreError(Exception):
    """A changelog could not be read to its end."""


def restore(
    settings: KafkaSettings,
    changelogs: Sequence[str],
    partitions: Sequence[int],
    apply: Callable[[str, int, str, bytes | None], None],
) -> int:
    """Calls `apply(changelog, partition, key, value or None)` for every entry; returns how many there were.

    Raises RestoreError where a changelog is not read to its end in time.
    """
    started = time.monotonic()
    ends = {
        (name, p): end
        for name in changelogs
        for p, end in kafka.end_offsets(settings, name, list(partitions)).items()
        if end > 0
    }
    if not ends:
        return 0
    count = _read(settings, ends, apply, started + RESTORE_S_MAX)
    log.info(
        "restored",
        extra={
            "rows": count,
            "partitions": sorted(partitions),
            "seconds": round(time.monotonic() - started, 3),
        },
    )
    return count


def _read(
    settings: KafkaSettings,
    ends: dict[tuple[str, int], int],
    apply: Callable[[str, int, str, bytes | None], None],
    deadline: float,
) -> int:
    reader = kafka.reader(settings)
    count = 0
    try:
        assigned = [TopicPartition(name, p, 0) for name, p in ends]
        reader.assign(assigned)
        while _behind(reader.position(assigned), ends):
            if time.monotonic() > deadline:
                raise RestoreError(f"changelogs not read to their end within {RESTORE_S_MAX:.0f} s")
            for message in reader.consume(BATCH_MAX, POLL_S):
                if message.error():  # a broker that restarts; the deadline bounds how often
                    log.warning("restoring: %s", message.error())
                    continue
                key = message.key() or b""
                apply(
                    message.topic() or "", message.partition() or 0, key.decode(), message.value()
                )
                count += 1
    finally:
        reader.close()
    return count


def _behind(positions: list[TopicPartition], ends: dict[tuple[str, int], int]) -> bool:
    return any(p.offset < ends[p.topic, p.partition] for p in positions)
