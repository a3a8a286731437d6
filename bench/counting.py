"""Event ids in, event ids out: a run that loses or doubles one is a failed run, however fast it was."""

import io
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import fastavro
from confluent_kafka import Consumer, KafkaException, TopicPartition

from gridwire import kafka
from gridwire.codec import HEADER, parse
from gridwire.settings import KafkaSettings

BATCH = 10_000
POLL_S = 0.5
EMPTY_POLLS_MAX = 40
# Every record begins alike, and Avro writes fields in order: what follows need not be read.
HEADER_SCHEMA = parse(
    """{"type": "record", "name": "Header", "fields": [
    {"name": "event_id", "type": "string"}, {"name": "occurred_at", "type": "long"},
    {"name": "produced_at", "type": "long"}, {"name": "source", "type": "string"},
    {"name": "version", "type": "long"}, {"name": "trace_id", "type": "string"},
    {"name": "causation_id", "type": ["null", "string"]}]}"""
)


@dataclass(frozen=True, slots=True)
class Tally:
    """How what came out compares with what went in; all zero but `right` is as it should be."""

    right: int
    missing: int
    doubled: int  # copies beyond the first
    foreign: int  # outputs of nothing that went in

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong, in words."""
        found = {"missing": self.missing, "doubled": self.doubled, "foreign": self.foreign}
        return tuple(f"{count} {what}" for what, count in found.items() if count)


def tally(went_in: Collection[str], came_out: Iterable[str | None]) -> Tally:
    """Compares the ids of the inputs with the ids that the outputs name as their cause."""
    counted = Counter(came_out)
    right = sum(1 for event_id in went_in if event_id in counted)
    doubled = sum(counted[event_id] - 1 for event_id in went_in if event_id in counted)
    return Tally(
        right=right,
        missing=len(went_in) - right,
        doubled=doubled,
        foreign=counted.total() - right - doubled,
    )


def cause_id(value: bytes) -> str | None:
    """The `causation_id` of an encoded record."""
    body = io.BytesIO(value)
    body.seek(HEADER.size)
    header = fastavro.schemaless_reader(body, HEADER_SCHEMA, None)
    found = header["causation_id"] if isinstance(header, dict) else None
    return found if isinstance(found, str) else None


def causes(settings: KafkaSettings, topic: str) -> list[str | None]:
    """The causes of everything in `topic`, read committed to the end. Raises RuntimeError where it has no end."""
    ends = kafka.end_offsets(settings, topic, list(range(settings.partitions)))
    client = kafka.reader(settings)
    assigned = [TopicPartition(topic, p, 0) for p, end in ends.items() if end > 0]
    client.assign(assigned)
    found: list[str | None] = []
    empty = 0
    try:
        while any(p.offset < ends[p.partition] for p in client.position(assigned)):
            batch = _values(client)
            empty = 0 if batch else empty + 1
            if empty > EMPTY_POLLS_MAX:
                raise RuntimeError(f"{topic} cannot be read to its end: is a transaction open?")
            found.extend(cause_id(value) for value in batch)
    finally:
        client.close()
    return found


def _values(client: Consumer) -> list[bytes]:
    values = []
    for message in client.consume(BATCH, POLL_S):
        error = message.error()
        if error is not None:
            raise KafkaException(error)
        values.append(message.value() or b"")
    return values
