"""Reads ledgers back: which commands of newly assigned partitions had their effect before.

A ledger is read from its end backwards, window after window, until it is too old or enough: however much a topic
holds, what is read is in proportion to what is kept. It is read read-committed, up to the read-uncommitted end: so a
transaction that a killed sink left open is waited for. All of it happens in a thread of its own, while the Kafka thread
goes on polling and the partitions are paused.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.kit.lanes.effects import Chunk, Effects, Memory, steady_ms, unpacked
from connectors.kit.lanes.work import Assigned
from gridwire import kafka as clients
from gridwire.settings import KafkaSettings

WINDOW_OFFSETS = 4_096  # the last one of a ledger; each one before it is twice as long
READ_MESSAGES = 2_000
READ_POLL_S = 0.2
STALL_S_MAX = 60.0  # without a message or an end: longer than an abandoned transaction stays open
TELL_S = 5.0
log = logging.getLogger(__name__)


class LedgerError(Exception):
    """A ledger could not be read; nothing of its partition may be carried out without it."""


class CancelledError(Exception):
    """The partitions are gone meanwhile."""


@dataclass(frozen=True, slots=True)
class Place:
    """A partition of a ledger topic and the range that it holds: the first offset and the next one to be written."""

    topic: str
    partition: int
    first: int
    next: int


class LedgerReader:
    """Reads the ledger `topic` of the command topic `commands`; blocking. `now_ms`: epoch milliseconds."""

    def __init__(
        self,
        settings: KafkaSettings,
        commands: str,
        topic: str,
        memory: Memory,
        now_ms: Callable[[], int] = steady_ms,
    ) -> None:
        self.topic = topic
        self._commands = commands
        self.memory = memory
        self._settings = settings
        self._now_ms = now_ms

    def places(self, partitions: Sequence[int], cancelled: threading.Event) -> list[Place]:
        """Raises LedgerError where there are too few partitions; CancelledError, KafkaException."""
        counts = clients.partition_counts(self._settings)
        count, wanted = counts.get(self.topic, 0), counts.get(self._commands, 0)
        if not count and self._settings.topic_creation != "none":
            clients.create_ledger(self._settings, self.topic, wanted)
        elif count < wanted:
            raise LedgerError(
                f"{self.topic} has {count} partitions and {self._commands} {wanted}: give both the same number "
                "(kafka-topics.sh --create or --alter --partitions)"
            )
        asked = [(self.topic, number) for number in partitions]
        found = self._watermarks(asked, cancelled)
        return [Place(*place, *found[place]) for place in asked]

    def _watermarks(
        self, asked: Sequence[tuple[str, int]], cancelled: threading.Event
    ) -> dict[tuple[str, int], tuple[int, int]]:
        """Asks again while leaders are elsewhere, or nowhere: after a restart of Kafka, or a creation."""
        for left in reversed(range(clients.ASK_TRIES_MAX)):
            try:
                return clients.watermarks(self._settings, asked)
            except KafkaException:
                if left == 0:
                    raise
            if cancelled.wait(clients.ASK_PAUSE_S):
                break
        raise CancelledError

    def read(self, place: Place, cancelled: threading.Event) -> Effects:
        """What one partition holds. Raises LedgerError, CancelledError, KafkaException."""
        consumer = clients.reader(self._settings, enable_partition_eof=True)
        try:
            chunks = self._chunks(consumer, place, cancelled)
            return Effects(self.memory, chunks, self._now_ms)
        finally:
            consumer.close()

    def _chunks(self, consumer: Consumer, place: Place, cancelled: threading.Event) -> list[Chunk]:
        oldest_ms = self._now_ms() - self.memory.age_ms_max
        found: list[Chunk] = []
        held, before, length = 0, place.next, WINDOW_OFFSETS
        while before > place.first and held < self.memory.ids_max:
            begin = max(place.first, before - length)
            window = Window(place, begin, before, cancelled)
            chunks = list(window.chunks(consumer))
            found = chunks + found
            held += sum(len(chunk.ids) for chunk in chunks)
            if chunks and chunks[0].at_ms < oldest_ms:
                break
            before, length = begin, length * 2
        return [chunk for chunk in found if chunk.at_ms >= oldest_ms]


@dataclass(slots=True)
class Window:
    """The offsets of a ledger from `begin` to before `end`."""

    place: Place
    begin: int
    end: int
    cancelled: threading.Event
    _over: bool = False
    _unreadable: int = 0

    def chunks(self, consumer: Consumer) -> Iterator[Chunk]:
        """A chunk per message, in order. Raises LedgerError, CancelledError, KafkaException."""
        consumer.assign([TopicPartition(self.place.topic, self.place.partition, self.begin)])
        heard_at = time.monotonic()
        while not self._over:
            if self.cancelled.is_set():
                raise CancelledError
            first = consumer.poll(
                READ_POLL_S
            )  # `consume` alone would wait for as many as it may take
            messages = [] if first is None else [first, *consumer.consume(READ_MESSAGES, 0)]
            if any(message.error() is None for message in messages):
                heard_at = time.monotonic()
            elif time.monotonic() > heard_at + STALL_S_MAX:
                raise LedgerError(
                    f"{self.place.topic} was not read to its end: nothing came for {STALL_S_MAX:g} s"
                )
            for message in messages:
                yield from self._chunk(message)
        if self._unreadable:
            extra = {"topic": self.place.topic, "count": self._unreadable}
            log.warning("messages of a ledger are not ours", extra=extra)

    def _chunk(self, message: Message) -> Iterator[Chunk]:
        error, offset = message.error(), message.offset() or 0
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so
                raise KafkaException(error)
            self._over = self._over or offset >= self.end  # else an open transaction is in the way
            return
        if offset >= self.end - 1:
            self._over = True
        if self.begin <= offset < self.end:
            ids = unpacked(message.value())
            self._unreadable += ids is None
            if ids:
                yield Chunk(message.timestamp()[1], ids)


@dataclass(slots=True)
class Reading:
    """Partitions whose ledgers are being read."""

    waiting: tuple[Assigned, ...]
    cancelled: threading.Event = field(default_factory=threading.Event)
    future: "Future[dict[int, Effects]] | None" = None


class Ledgers:
    """Reads ledgers of a feed's partitions in a thread of its own. The Kafka thread calls all but `problem`."""

    def __init__(self, reader: LedgerReader, group: str) -> None:
        self._reader = reader
        self._group = group
        self._executor = ThreadPoolExecutor(1, f"ledger-{group}")
        self._readings: list[Reading] = []
        self._read = 0

    @property
    def problem(self) -> str | None:
        """Why partitions wait; None where none does."""
        waiting = sum(len(one.waiting) for one in self._readings)
        if not waiting:
            return None
        return (
            f"{self._reader.topic} is being read back for {waiting} partitions, {self._read} read"
        )

    def begin(self, partitions: Sequence[Assigned]) -> None:
        """These are new: `ready` names them once their ledgers are read. Until then nothing of them may be taken."""
        if not partitions:
            return
        reading = Reading(tuple(partitions))
        numbers = [one.partition for one in partitions]
        self._read = 0
        reading.future = self._executor.submit(self._all, numbers, reading.cancelled)
        self._readings.append(reading)

    def ready(self) -> list[Assigned]:
        """Partitions whose ledgers have been read since the last call. Raises LedgerError, KafkaException."""
        ready: list[Assigned] = []
        for reading in list(self._readings):
            if reading.future is None or not reading.future.done():
                continue
            self._readings.remove(reading)
            found = reading.future.result()
            for one in reading.waiting:
                one.effects = found[one.partition]
                ready.append(one)
        return ready

    def abandon(self, leaving: Sequence[Assigned]) -> None:
        """Partitions leave: what is being read for them is of no use, and the rest is read anew."""
        gone = set(leaving)
        for reading in list(self._readings):
            if gone & set(reading.waiting):
                reading.cancelled.set()
                self._readings.remove(reading)
                self.begin([one for one in reading.waiting if one not in gone])

    def close(self) -> None:
        for reading in self._readings:
            reading.cancelled.set()
        self._readings.clear()
        self._executor.shutdown(wait=False)

    # ---- the thread of its own -----------------------------------------------------------------------------------
    def _all(self, partitions: list[int], cancelled: threading.Event) -> dict[int, Effects]:
        begun = told = time.monotonic()
        found: dict[int, Effects] = {}
        for place in self._reader.places(partitions, cancelled):
            found[place.partition] = self._reader.read(place, cancelled)
            self._read = len(found)
            if time.monotonic() > told + TELL_S:
                told = time.monotonic()
                self._tell("ledger is being read", found, partitions, begun)
        self._tell("ledger read", found, partitions, begun)
        return found

    def _tell(self, what: str, found: dict[int, Effects], of: Sequence[int], begun: float) -> None:
        extra = {
            "group": self._group,
            "partitions": f"{len(found)}/{len(of)}",
            "ids": sum(len(one) for one in found.values()),
            "seconds": round(time.monotonic() - begun, 3),
        }
        log.info(what, extra=extra)
