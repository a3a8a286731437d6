"""Reads dead-letter topics: read-committed, one partition at a time, up to the end as it was when reading began."""

import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from gridwire import dead_letters, kafka
from gridwire.commands.letters.letter import Filter, Letter
from gridwire.headers import headers_of
from gridwire.replays import LetterId
from gridwire.settings import KafkaSettings

BATCH_MAX = 50  # messages held at once; each may have a megabyte
AHEAD_KB = 4_096
FETCH_BYTES = 1_000_000  # compressed; a broker gives at least one batch
POLL_S = 0.1
STALL_S_MAX = 30.0
UNFINISHED_MAX = 20  # letters of which parts are still to come; the oldest is given up above it


def letter_reader(settings: KafkaSettings) -> Consumer:
    """Reads little ahead: letters are large, and many of them must not take much memory."""
    return kafka.reader(
        settings,
        queued_max_messages_kbytes=AHEAD_KB,
        queued_min_messages=BATCH_MAX,
        max_partition_fetch_bytes=FETCH_BYTES,
    )


class ReadError(Exception):
    """A topic could not be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets of one partition: from `start` up to, not including, `end`."""

    topic: str
    partition: int
    start: int
    end: int


def spans(settings: KafkaSettings, reader: Consumer, topics: Sequence[str]) -> list[Span]:
    """What there is now of these topics; those that do not exist are left out."""
    counts = kafka.partition_counts(settings)
    found = []
    for name in topics:
        for partition in range(counts.get(name, 0)):
            place = TopicPartition(name, partition)
            low, high = _watermarks(reader, place)
            found.append(Span(name, partition, low, high))
    return found


def _watermarks(reader: Consumer, place: TopicPartition) -> tuple[int, int]:
    def ask() -> tuple[int, int]:
        return reader.get_watermark_offsets(place, timeout=kafka.ADMIN_TIMEOUT_S)

    return kafka.patiently(ask)


def messages(reader: Consumer, span: Span) -> Iterator[Message]:
    """The messages of a span. Raises ReadError where nothing comes for STALL_S_MAX."""
    if span.start >= span.end:
        return
    place = TopicPartition(span.topic, span.partition, span.start)
    reader.assign([place])
    moved_at, position = time.monotonic(), -1
    while True:
        batch = _batch(reader)
        yield from (m for m in batch if m.error() is None and (m.offset() or 0) < span.end)
        reached = reader.position([place])[0].offset
        if reached >= span.end:
            break
        if reached != position:
            moved_at, position = time.monotonic(), reached
        elif time.monotonic() - moved_at > STALL_S_MAX:
            raise ReadError(
                f"{span.topic}/{span.partition}: Kafka gives nothing from offset {max(reached, span.start)} on: "
                "look whether its brokers are up, then try again"
            )
    reader.unassign()


def _batch(reader: Consumer) -> list[Message]:
    """Waits for one message, then takes what is there: `consume` alone would wait until it has all of them."""
    first = reader.poll(POLL_S)
    return [] if first is None else [first, *reader.consume(BATCH_MAX - 1, 0)]


def letters(settings: KafkaSettings, wanted: Filter) -> Iterator[Letter]:
    """The letters that match, in the order in which they were written per topic. Reads lazily: stop when it is enough.

    Raises ReadError, KafkaException.
    """
    reader = letter_reader(settings)
    missing = set(wanted.letters)
    try:
        for span in _chosen(reader, spans(settings, reader, wanted.dead_letter_topics), wanted):
            assembly = Assembly()
            for message in messages(reader, span):
                letter = assembly.add(message)
                if letter is not None and wanted.matches(letter):
                    missing.discard(letter.id)
                    yield letter
                if wanted.letters and not missing:
                    return
            yield from (letter for letter in assembly.unfinished() if wanted.matches(letter))
    finally:
        reader.close()


def _chosen(reader: Consumer, there: Sequence[Span], wanted: Filter) -> Iterator[Span]:
    """Only what may hold a match: from the first letter that is named, or from a time on."""
    for span in there:
        start = span.start
        if wanted.letters:
            named = [
                one.offset
                for one in wanted.letters
                if (one.topic, one.partition) == (span.topic, span.partition)
            ]
            start = max(start, min(named, default=span.end))
        elif wanted.since_ms is not None:
            start = max(start, _first_since(reader, span, wanted.since_ms))
        yield Span(span.topic, span.partition, start, span.end)


def _first_since(reader: Consumer, span: Span, since_ms: int) -> int:
    """The first offset from a time on; the beginning where the broker does not say (librdkafka's mock does not)."""
    asked = [TopicPartition(span.topic, span.partition, since_ms)]
    try:
        [found] = reader.offsets_for_times(asked, timeout=kafka.ADMIN_TIMEOUT_S)
    except KafkaException:
        return span.start
    return found.offset if found.offset >= 0 else span.start


@dataclass(slots=True)
class Part:
    """A letter of which parts are still to come."""

    first: Message
    total: int
    values: list[bytes] = field(default_factory=list)


class Assembly:
    """Puts letters in parts together again. Parts are in order; those of several letters may be mixed."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[object, ...], Part] = OrderedDict()
        self._given_up: list[Letter] = []

    def add(self, message: Message) -> Letter | None:
        """The letter that this message completes."""
        headers = _headers(message)
        number, total = _numbered(headers)
        if total == 1:
            return _letter(message, headers, message.value())
        rest = tuple(pair for pair in headers if pair[0] != dead_letters.PART)
        identity = (message.key(), rest)
        if number == 1:
            self._open[identity] = Part(message, total)
        part = self._open.get(identity)
        if part is None:
            return None  # its beginning is not there any more, or lies before what is read
        part.values.append(message.value() or b"")
        if len(part.values) < part.total:
            self._make_room()
            return None
        del self._open[identity]
        return _letter(part.first, rest, b"".join(part.values))

    def _make_room(self) -> None:
        if len(self._open) > UNFINISHED_MAX:
            _, oldest = self._open.popitem(last=False)
            self._given_up.append(_unfinished(oldest))

    def unfinished(self) -> Iterator[Letter]:
        """What is left at the end."""
        yield from self._given_up
        yield from (_unfinished(part) for part in self._open.values())


def _unfinished(part: Part) -> Letter:
    value = b"".join(part.values)
    missing = part.total - len(part.values)
    return _letter(part.first, _headers(part.first), value, missing)


def _headers(message: Message) -> tuple[tuple[str, bytes | None], ...]:
    return tuple(headers_of(message))


def _numbered(headers: tuple[tuple[str, bytes | None], ...]) -> tuple[int, int]:
    text = next((v or b"" for name, v in headers if name == dead_letters.PART), b"1/1")
    number, _, total = text.decode(errors="replace").partition("/")
    return (int(number), int(total)) if number.isdecimal() and total.isdecimal() else (1, 1)


def _letter(
    message: Message,
    headers: tuple[tuple[str, bytes | None], ...],
    value: bytes | None,
    parts_missing: int = 0,
) -> Letter:
    place = LetterId(message.topic() or "", message.partition() or 0, message.offset() or 0)
    written_ms = int(message.timestamp()[1])
    return Letter(place, message.key(), value, headers, written_ms, parts_missing)
