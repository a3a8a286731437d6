"""`gridwire lag`: how far consumer groups are behind, by their committed offsets; workers need not run.

Nothing joins a group or commits: the offsets are asked for by a client that bears the group's name and subscribes to
nothing. (AdminClient has calls for it; librdkafka crashes in them.)
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from gridwire import kafka
from gridwire.settings import KafkaSettings
from gridwire.topics import TOPICS
from streams.engine.plan import plan
from streams.feeds import FEEDS
from streams.flows import FLOWS
from streams.runtime.rounds import DEFAULT_GROUP
from streams.runtime.settings import StreamsSettings

ASK_S_MAX = 10.0  # per group, for offsets
READ_S_MAX = 10.0  # per group, for the oldest record of each partition
POLL_S = 0.2
READ_AHEAD_KB = 1_024
FETCH_BYTES = 65_536
HEAD = ("group", "topic", "partition", "committed", "end", "records", "seconds")
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Lag:
    """One partition of one group. `committed`: None where the group has never committed there.

    `end`: behind the last stable record. `records`: offsets between the two, markers of transactions among them; 0
    where no record is among them. `seconds`: age of the oldest of these records by its timestamp; None where it has
    none, or could not be read in time.
    """

    group: str
    topic: str
    partition: int
    committed: int | None
    end: int
    records: int
    seconds: float | None


def groups(streams: StreamsSettings) -> dict[str, tuple[str, ...]]:
    """Group, without the prefix → the topics that it reads. That of all flows, whichever are active here."""
    alone = streams.worker_group == DEFAULT_GROUP
    flows = [one for one in FLOWS if not streams.flows or one.id in streams.flows]
    found = {
        streams.worker_group: tuple(plan((*FEEDS, *flows), shared_streams=alone).by_topic),
    }
    for topic in TOPICS:
        if topic.kind == "command":
            found[f"sink.{topic.platform}"] = (topic.name,)
        if topic.name.endswith(".notices"):
            found[f"fetch.{topic.name.split('.')[1]}"] = (topic.name,)
    return found


def lag(settings: KafkaSettings, streams: StreamsSettings, *, as_json: bool) -> int:
    """Prints the lag of every partition that a group has read of, or could. Raises KafkaException."""
    rows = list(lags(settings, groups(streams)))
    print(json.dumps([asdict(row) for row in rows], indent=2) if as_json else _table(rows))
    return 0


def lags(settings: KafkaSettings, read: Mapping[str, Sequence[str]]) -> Iterator[Lag]:
    """Of the groups in `read`, by topic and partition. Raises KafkaException where Kafka does not answer in time."""
    counts = kafka.partition_counts(settings)
    for name, topics in read.items():
        places = [(t, p) for t in sorted(topics) for p in range(counts.get(t, 0))]
        if not places:
            continue
        rows = _by_offsets(settings, name, places)
        yield from _aged(settings, rows)


# ---- by offsets -----------------------------------------------------------------------------------------------------
def _by_offsets(settings: KafkaSettings, name: str, places: Sequence[Place]) -> list[Lag]:
    """Without those where nothing was ever committed and nothing is to be read."""
    committed = _committed(settings, name, places)
    reader = kafka.reader(settings)
    try:
        begins, ends = (_offsets(reader, places, which) for which in (OFFSET_BEGINNING, OFFSET_END))
    finally:
        reader.close()
    group = f"{settings.group_prefix}.{name}"
    rows = []
    for place in places:
        begin, end, at = begins[place], ends[place], committed[place]
        records = max(0, end - max(begin, at or 0))  # what retention has deleted is no lag any more
        if records or at is not None:
            rows.append(Lag(group, *place, at, end, records, 0.0 if not records else None))
    return rows


def _committed(
    settings: KafkaSettings, name: str, places: Sequence[Place]
) -> dict[Place, int | None]:
    # Read-uncommitted: else the answer waits for transactions that a dead worker left open.
    client = kafka.consumer(settings, name, isolation_level="read_uncommitted")
    try:
        found = client.committed([TopicPartition(*place) for place in places], timeout=ASK_S_MAX)
    finally:
        client.close()
    return {
        (one.topic, one.partition): one.offset if one.offset >= 0 else None
        for one in map(_told, found)
    }


def _offsets(client: Consumer, places: Sequence[Place], which: int) -> dict[Place, int]:
    asked = [TopicPartition(*place, which) for place in places]
    found = client.offsets_for_times(asked, timeout=ASK_S_MAX)
    return {(one.topic, one.partition): max(0, one.offset) for one in map(_told, found)}


def _told(one: TopicPartition) -> TopicPartition:
    if one.error is not None:
        raise KafkaException(one.error)
    return one


# ---- by timestamps --------------------------------------------------------------------------------------------------
def _aged(settings: KafkaSettings, rows: Sequence[Lag]) -> list[Lag]:
    """With seconds, and without lag where nothing but markers of transactions is left."""
    behind = {(row.topic, row.partition): row.committed or 0 for row in rows if row.records}
    oldest = _oldest(settings, behind) if behind else {}
    now_ms = time.time_ns() // 1_000_000
    return [_with_age(row, oldest, now_ms) for row in rows]


def _with_age(row: Lag, oldest: Mapping[Place, int | None], now_ms: int) -> Lag:
    place = (row.topic, row.partition)
    if place not in oldest:
        return row
    timestamp = oldest[place]
    if timestamp is None:
        return replace(row, records=0, seconds=0.0)
    return replace(row, seconds=max(0, now_ms - timestamp) / 1000) if timestamp > 0 else row


def _oldest(settings: KafkaSettings, positions: Mapping[Place, int]) -> dict[Place, int | None]:
    """Epoch ms of the first record at or behind each position, None where the end comes first.

    Without those that did not come within READ_S_MAX.
    """
    reader = kafka.reader(
        settings,
        enable_partition_eof=True,
        queued_min_messages=1,
        queued_max_messages_kbytes=READ_AHEAD_KB,
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    found: dict[Place, int | None] = {}
    deadline = time.monotonic() + READ_S_MAX
    try:
        reader.assign([TopicPartition(*place, at) for place, at in positions.items()])
        while len(found) < len(positions) and time.monotonic() < deadline:
            for message in reader.consume(len(positions), POLL_S):
                place = (message.topic() or "", message.partition() or 0)
                error = message.error()
                at_end = error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 -- that is its public name
                if place in found or (error is not None and not at_end):
                    continue
                found[place] = None if at_end else message.timestamp()[1]
                reader.pause([TopicPartition(*place)])
    finally:
        reader.close()
    return found


# ---- what is printed ------------------------------------------------------------------------------------------------
def _table(rows: Sequence[Lag]) -> str:
    if not rows:
        return "no group has read anything, and nothing is to be read"
    lines = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n < 2 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cells(row: Lag) -> tuple[str, ...]:
    committed = "-" if row.committed is None else str(row.committed)
    seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
    numbers = (str(row.partition), committed, str(row.end), str(row.records), seconds)
    return (row.group, row.topic, *numbers)
