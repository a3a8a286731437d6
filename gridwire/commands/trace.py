"""`gridwire trace ID`: from cause to effect over all topics."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Message, TopicPartition

from gridwire import dead_letters, kafka
from gridwire.codec import Codec, CodecError, Registry
from gridwire.headers import headers_of
from gridwire.records import PII, Record
from gridwire.settings import KafkaSettings
from gridwire.topics import BY_NAME, DEAD_LETTERS, TOPICS

BATCH = 2_000
POLL_S = 0.5
READ_S_MAX = 300.0  # each of the two times that topics are read
TRACES_MAX = 1_000  # of which an id may be part
ENTRIES_MAX = 10_000  # of a chain; they are shown in order, so they are held
NOT_FOUND = 3
# Facts worth a glance; none of them may hold personal data.
FACTS = (
    "flow",
    "operation",
    "outcome",
    "object_id",
    "reason",
    "letter",
    "state",
    "attempts",
    "kind",
    "status",
    "event_type",
    "resource",
)


def trace(settings: KafkaSettings, wanted: str, *, since_hours: float, as_json: bool) -> int:
    """Prints every record that belongs to an event id, command id or trace id, in order.

    Reads all topics from `since_hours` ago. Exit status 3 where nothing is found.
    """
    reading = Reading(settings, since_hours)
    found = sorted(_chain(reading, wanted), key=lambda entry: entry["produced_at"])
    if reading.cut:
        print(reading.cut, file=sys.stderr)
    if not found:
        print(
            f"nothing found for {wanted} in the last {since_hours:g} hours: try --since-hours with more"
        )
        return NOT_FOUND
    print(json.dumps(found, indent=2) if as_json else "\n".join(_text(entry) for entry in found))
    return 0


@dataclass(slots=True)
class Reading:
    """What is read, and why it is not all that there is: `cut`, empty where it is."""

    settings: KafkaSettings
    since_hours: float
    cut: str = ""

    def stop(self, why: str) -> None:
        """The first reason stands."""
        self.cut = self.cut or (
            f"this is not all: {why}. Look at a shorter time (--since-hours), or for an id of the trace itself"
        )


def _chain(reading: Reading, wanted: str) -> list[dict[str, Any]]:
    """First which trace is meant (an id may be of any record in it), then all of its records.

    Topics are read twice, so that only the ids of traces are held at first, and one chain afterwards.
    """
    traces: set[str] = set()
    for entry in _entries(reading):
        ids = (entry["event_id"], entry["trace_id"], entry["causation_id"])
        if entry["trace_id"] and wanted in ids:
            traces.add(entry["trace_id"])
        if len(traces) > TRACES_MAX:
            reading.stop(f"{wanted} is part of more than {TRACES_MAX} traces")
            break
    found: list[dict[str, Any]] = []
    for entry in _entries(reading) if traces else ():
        if entry["trace_id"] not in traces:
            continue
        if len(found) == ENTRIES_MAX:
            reading.stop(f"more than {ENTRIES_MAX} records belong to it")
            break
        found.append(entry)
    return found


def _entries(reading: Reading) -> Iterator[dict[str, Any]]:
    registry = Registry(reading.settings.registry_url)
    codec = Codec(registry)
    try:
        for message in _messages(reading):
            topic = BY_NAME.get(message.topic() or "")
            if topic is None:
                yield _dead(message)
                continue
            try:
                yield _entry(message, codec.of(topic).decode(message.value()))
            except CodecError:
                continue  # a tombstone, or a message that a flow has dead-lettered: it has no trace to show
    finally:
        registry.close()


def _messages(reading: Reading) -> Iterator[Message]:
    """All messages of all topics, for at most READ_S_MAX; `reading` says where that was not enough."""
    reader = kafka.reader(reading.settings)
    try:
        partitions = _from(reading.settings, reader, reading.since_hours)
        reader.assign([TopicPartition(p.topic, p.partition, p.offset) for p, _ in partitions])
        ends = {(p.topic, p.partition): end for p, end in partitions}
        deadline = time.monotonic() + READ_S_MAX
        asked = [p for p, _ in partitions]
        while any(p.offset < ends[p.topic, p.partition] for p in reader.position(asked)):
            if time.monotonic() > deadline:
                reading.stop(f"reading all topics takes longer than {READ_S_MAX:g} seconds")
                return
            yield from (m for m in reader.consume(BATCH, POLL_S) if m.error() is None)
    finally:
        reader.close()


def _from(
    settings: KafkaSettings, reader: Any, since_hours: float
) -> list[tuple[TopicPartition, int]]:
    """Where to read each partition from, and to which end."""
    since_ms = round((time.time() - since_hours * 3600) * 1000)
    counts = kafka.partition_counts(settings)
    declared = [t.name for t in TOPICS] + [t.name for t in DEAD_LETTERS]
    names = [name for name in declared if name in counts]
    wanted = [TopicPartition(name, p, since_ms) for name in names for p in range(counts[name])]
    starts = kafka.patiently(
        lambda: reader.offsets_for_times(wanted, timeout=kafka.ADMIN_TIMEOUT_S)
    )
    # -1: nothing since then. Where that is so everywhere, the broker cannot look up times (librdkafka's mock).
    no_times = all(start.offset < 0 for start in starts)
    found = []
    for start in starts:
        _, end = reader.get_watermark_offsets(start, timeout=kafka.ADMIN_TIMEOUT_S)
        offset = 0 if no_times else start.offset
        if 0 <= offset < end:
            found.append((TopicPartition(start.topic, start.partition, offset), end))
    return found


def _entry(message: Message, record: Record) -> dict[str, Any]:
    hidden = PII.get(type(record), ())
    facts = {
        name: getattr(record, name)
        for name in FACTS
        if hasattr(record, name) and name not in hidden
    }
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "produced_at": record.produced_at,
        "event_id": record.event_id,
        "causation_id": record.causation_id,
        "trace_id": record.trace_id,
        "source": record.source,
        "facts": {name: value for name, value in facts.items() if value not in (None, "")},
    }


def _dead(message: Message) -> dict[str, Any]:
    text = {
        name: (value or b"").decode(errors="replace")
        for name, value in headers_of(message)
        if name.startswith(dead_letters.OURS)
    }
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "produced_at": int(message.timestamp()[1]),
        "event_id": "",
        "causation_id": None,
        "trace_id": text.get(dead_letters.TRACE_ID, ""),
        "source": text.get(dead_letters.FLOW, ""),
        "facts": {"reason": text.get(dead_letters.REASON, "")},
    }


def _text(entry: dict[str, Any]) -> str:
    at = time.strftime("%H:%M:%S", time.gmtime(entry["produced_at"] / 1000))
    facts = " ".join(f"{name}={value}" for name, value in entry["facts"].items())
    place = f"{entry['topic']}[{entry['partition']}]@{entry['offset']}"
    return f"{at}.{entry['produced_at'] % 1000:03d}  {place:<48} {entry['event_id']:<36}  {facts}"
