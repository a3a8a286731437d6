"""Everything that stands in the topics of a proof, read-committed, up to the read-uncommitted end."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from gridwire import dead_letters, kafka
from gridwire.settings import KafkaSettings
from tests.chaos.proof.oracle import Read
from tests.waiting import until

READ_MAX = 5_000
READ_S = 0.1
END_S_MAX = 60.0


def read_of(message: Message) -> Read:
    """A message without its client."""
    given: Any = message.headers() or ()
    headers = {
        str(name): value if isinstance(value, bytes) else str(value or "").encode()
        for name, value in given
    }
    topic, partition = message.topic() or "", message.partition() or 0
    key: Any = message.key()
    value: Any = message.value()
    return Read(topic, partition, message.offset() or 0, key, value, headers)


class Tail:
    """Follows topics from their beginning. `reads`: topic → partition → messages in offset order."""

    def __init__(self, settings: KafkaSettings, topics: Mapping[str, int]) -> None:
        self.reads: dict[str, dict[int, list[Read]]] = {
            name: {p: [] for p in range(count)} for name, count in topics.items()
        }
        self._settings = settings
        self._partitions = [
            TopicPartition(name, p, 0) for name, ps in self.reads.items() for p in ps
        ]
        self._consumer: Consumer = kafka.reader(settings)
        self._consumer.assign(self._partitions)

    def close(self) -> None:
        self._consumer.close()

    def look(self) -> None:
        """Takes what has come."""
        while True:
            messages = self._consumer.consume(READ_MAX, READ_S)
            for message in messages:
                if message.error() is None:
                    read = read_of(message)
                    self.reads[read.topic][read.partition].append(read)
            if not messages:
                return

    def to_the_end(self) -> None:
        """Reads up to what is now the end, open transactions included: so it waits until they have ended."""
        ends = {
            (name, p): end
            for name, ps in self.reads.items()
            for p, end in kafka.end_offsets(self._settings, name, list(ps)).items()
            if end > 0
        }

        def reached() -> bool:
            self.look()
            at = {(p.topic, p.partition): p.offset for p in self._position()}
            return all(at[place] >= end for place, end in ends.items())

        until(reached, "the last stable offset has reached the end", END_S_MAX)

    def _position(self) -> list[TopicPartition]:
        return self._consumer.position(self._partitions)

    def all(self, topic: str) -> list[Read]:
        """In offset order per partition."""
        return [read for reads in self.reads[topic].values() for read in reads]


@dataclass(slots=True)
class Observed:
    """What the worker made, decoded. Lists are in the order of the topic; ids are causation ids.

    `tables`: store → key → its last changelog entry, decoded. `wrong`: what contradicts itself already.
    """

    ids: list[str] = field(default_factory=list)  # event ids of all outputs
    joined: dict[str, list[tuple[str, str | None, int]]] = field(default_factory=dict)
    copied: dict[str, list[str]] = field(default_factory=dict)
    tallies: dict[str, list[tuple[str, int, int]]] = field(default_factory=dict)
    windows: dict[tuple[str, int], list[tuple[int, int, int]]] = field(
        default_factory=dict
    )  # amendment, count, units
    reminders: dict[str, list[tuple[str, int, int]]] = field(
        default_factory=dict
    )  # name, due, fired at
    rows: dict[str, list[tuple[str, int]]] = field(default_factory=dict)  # id, version seen
    noted: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    dead: list[tuple[tuple[str, int, int, str], tuple[bytes | None, bytes | None], str]] = field(
        default_factory=list
    )  # place and leg, key and value, reason
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


Decode = Callable[[Read], Any]


def observed(
    tail: Tail, outputs: Mapping[str, str], stores: Mapping[str, str], decode: Decode
) -> Observed:
    """`outputs`: name of a field → topic. `stores`: name of a table → changelog topic."""
    found = Observed()
    for name, topic in outputs.items():
        for read in tail.all(topic):
            record = decode(read)
            found.ids.append(record.event_id)
            key, value = _VIEWS[name](record)
            getattr(found, name).setdefault(key, []).append(value)
    for name, topic in stores.items():
        found.tables[name] = _table(found, tail.reads[topic], name, decode)
    return found


_VIEWS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "joined": lambda r: (r.user_id, (r.causation_id, r.partner_id, r.quantity)),
    "copied": lambda r: (r.user_id, r.causation_id),
    "tallies": lambda r: (r.user_id, (r.causation_id, r.quantity, r.at)),
    "windows": lambda r: (
        (r.partner_id, r.window_start),
        (r.amendment, r.counts["events"], r.units),
    ),
    "reminders": lambda r: (r.user_id, (r.sku, r.at, r.arrived_at)),
    "rows": lambda r: (r.order_ref, (r.causation_id, r.units_open)),
    "noted": lambda r: (r.order_ref, (r.causation_id, r.units_open)),
}


def _table(
    found: Observed, partitions: Mapping[int, Iterable[Read]], name: str, decode: Decode
) -> dict[str, Any]:
    """What a changelog amounts to; each key in one partition alone."""
    rows: dict[str, Any] = {}
    where: dict[str, int] = {}
    for partition, reads in partitions.items():
        last = {(read.key or b"").decode(): read for read in reads}
        for key, read in last.items():
            if name != "parked" and where.setdefault(key, partition) != partition:
                found.wrong.append(f"{name}: {key} in partitions {where[key]} and {partition}")
            if read.value is not None:
                row = decode(read) if name == "orders" else msgspec.msgpack.decode(read.value)
                rows[key if name != "parked" else f"{partition}/{key}"] = row
    return rows


def letters(found: Observed, reads: Iterable[Read], topics: Iterable[str]) -> None:
    """Adds the dead letters of these topics. Letters in parts are put together."""
    wanted = set(topics)
    parts: dict[tuple[str, int, int, str], bytes] = {}
    for read in reads:
        said = {name: value.decode() for name, value in read.headers.items()}
        if said.get(dead_letters.TOPIC) not in wanted:
            continue
        leg = said[dead_letters.FLOW].partition("/")[2]
        place = (
            *(said[dead_letters.TOPIC], int(said[dead_letters.PARTITION])),
            *(int(said[dead_letters.OFFSET]), leg),
        )
        value, part = read.value, said.get(dead_letters.PART)
        if part is not None and value is not None:
            parts[place] = value = parts.get(place, b"") + value
            number, _, total = part.partition("/")
            if number != total:
                continue
        found.dead.append((place, (read.key, value), said[dead_letters.REASON]))
