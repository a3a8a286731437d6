"""Event ids in, event ids out: a run that loses or doubles one is a failed run, however fast it was.

Of some outputs the content is looked at, too: who joins wrongly is no peer.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from bench import workload
from bench.peers import wire
from bench.workload import Encoded
from gridwire import kafka
from gridwire.codec import HEADER
from gridwire.settings import KafkaSettings
from gridwire.varint import read_length, read_long

BATCH = 10_000
POLL_S = 0.5
EMPTY_POLLS_MAX = 40
LOOKED_AT_MAX = 2_000
SAME = ("user_id", "kind", "channel", "sku", "quantity", "revenue_minor", "currency", "campaign_id")


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
    """The `causation_id` of an encoded record: every record begins alike, and Avro writes fields in order.

    Raises IndexError or UnfitError where it is no record.
    """
    length, at = read_length(value, HEADER.size)
    _, at = read_long(value, at + length)  # behind event_id: occurred_at
    _, at = read_long(value, at)  # produced_at
    length, at = read_length(value, at)
    _, at = read_long(value, at + length)  # behind source: version
    length, at = read_length(value, at)
    branch, at = read_long(value, at + length)  # behind trace_id
    if branch == 0:
        return None
    length, at = read_length(value, at)
    return value[at : at + length].decode()


def faults(settings: KafkaSettings, topic: str, events: Sequence[Encoded]) -> tuple[str, ...]:
    """What is wrong with the outputs of these events; nothing where each is there once, and right."""
    looked_at: list[bytes] = []
    causes = []
    for value in values(settings, topic):
        causes.append(cause_id(value))
        if len(looked_at) < LOOKED_AT_MAX:
            looked_at.append(value)
    ids = {event.event_id for event in events}
    return tally(ids, causes).faults or wrong(events, looked_at)


def wrong(events: Sequence[Encoded], outputs: Sequence[bytes]) -> tuple[str, ...]:
    """How many of these outputs are not what their events and partners make of them."""
    wanted = {cause_id(value): value for value in outputs}
    by_id = {event.event_id: event.value for event in events if event.event_id in wanted}
    bad = sum(not _right(by_id[str(cause)], value) for cause, value in wanted.items())
    return (f"{bad} of {len(wanted)} outputs are not right",) if bad else ()


def _right(source: bytes, output: bytes) -> bool:
    event = wire.decode(wire.ENGAGEMENT, source)
    found = wire.decode(wire.ENRICHED, output)
    partner = workload.partner_of(event["sku"])
    return found["partner_id"] == partner and all(found[name] == event[name] for name in SAME)


def values(settings: KafkaSettings, topic: str) -> Iterator[bytes]:
    """The values of everything in `topic`."""
    return (message.value() or b"" for message in messages(settings, topic))


def keys(settings: KafkaSettings, topic: str) -> Iterator[str]:
    """The keys of everything in `topic`."""
    return ((message.key() or b"").decode() for message in messages(settings, topic))


def messages(settings: KafkaSettings, topic: str) -> Iterator[Message]:
    """Everything in `topic`, read committed to the end. Raises RuntimeError where it has no end."""
    ends = kafka.end_offsets(settings, topic, list(range(settings.partitions)))
    client = kafka.reader(settings)
    assigned = [TopicPartition(topic, p, 0) for p, end in ends.items() if end > 0]
    client.assign(assigned)
    empty = 0
    try:
        while any(p.offset < ends[p.partition] for p in client.position(assigned)):
            batch = _batch(client)
            empty = 0 if batch else empty + 1
            if empty > EMPTY_POLLS_MAX:
                raise RuntimeError(f"{topic} cannot be read to its end: is a transaction open?")
            yield from batch
    finally:
        client.close()


def _batch(client: Consumer) -> list[Message]:
    found = client.consume(BATCH, POLL_S)
    for message in found:
        error = message.error()
        if error is not None:
            raise KafkaException(error)
    return found
