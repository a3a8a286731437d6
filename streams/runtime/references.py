"""Keeps full copies of reference tables up to date: own consumer, own thread, a ready gate.

What it reads waits in a bounded queue until the worker takes it between two rounds. A copy must not stand still
unseen: what Kafka refuses for good ends the reader, and with it the worker; all else is counted and told.
"""

import logging
import queue
import threading
import time
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from gridwire import kafka, metrics
from gridwire.settings import KafkaSettings
from streams.engine.plan import Plan
from streams.runtime.fatal import FatalError, refused

log = logging.getLogger(__name__)

QUEUE_MAX = 50_000
BATCH_MAX = 5_000
POLL_S = 0.2
STOP_S_MAX = 10.0
TELL_EVERY_S = 10.0  # errors of the client; all of them are counted
LOOK_EVERY_S = 30.0  # whether topics are there: of one that was deleted librdkafka says nothing
LOOK_S_MAX = 5.0
LOOKS_MAX = 10  # brokers that have just started may not know a topic yet
LOOK_PAUSE_S = 1.0
UNKNOWN = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 -- librdkafka's own codes begin so
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    }
)


@dataclass(frozen=True, slots=True)
class Update:
    """One message of a compacted topic; value None deletes."""

    table: str
    key: str
    value: bytes | None


class ReferenceReader:
    """Reads the compacted topics of all reference tables of a plan from their beginning, then follows them."""

    def __init__(self, settings: KafkaSettings, plan: Plan) -> None:
        self._settings = settings
        self._tables = {t.copy_of.name: t.name for t in plan.references if t.copy_of is not None}
        self._queue: queue.Queue[Update] = queue.Queue(QUEUE_MAX)
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="references", daemon=True)
        self._read: dict[str, set[int]] = {}  # partitions by topic
        self._told_at: float | None = None
        self.error: FatalError | None = None  # why nothing is read any more; the text names the fix

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(STOP_S_MAX)

    @property
    def ready(self) -> bool:
        """Everything that was there at the start has been put into the queue."""
        return self._ready.is_set()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def take(self, at_most: int) -> list[Update]:
        """Updates that came since the last take."""
        updates: list[Update] = []
        while len(updates) < at_most:
            try:
                updates.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return updates

    def _run(self) -> None:
        try:
            self._follow()
        except FatalError as error:  # the worker asks for it, and ends
            self.error = error
        except Exception as error:
            log.exception("reading reference tables failed")
            why = (
                error.args[0].name() if isinstance(error, KafkaException) else type(error).__name__
            )
            self.error = FatalError(
                f"reference tables cannot be read ({why}): start the worker again, nothing is lost; "
                "the log has the error"
            )

    def _follow(self) -> None:
        if not self._tables:
            self._ready.set()
            return
        counts = kafka.partition_counts(self._settings)
        ends = {
            (name, p): end
            for name in self._tables
            for p, end in kafka.end_offsets(
                self._settings, name, list(range(counts.get(name, 1)))
            ).items()
        }
        for topic, partition in ends:
            self._read.setdefault(topic, set()).add(partition)
        reader = kafka.reader(self._settings)
        assigned = [TopicPartition(name, p, 0) for name, p in ends]
        reader.assign(assigned)
        looked_at = time.monotonic()
        while not self._stop.is_set():
            for message in reader.consume(BATCH_MAX, POLL_S):
                error = message.error()
                if error is None:
                    self._take(message)
                else:
                    self._trouble(reader, error, message.topic() or "")
            if not self.ready and all(
                p.offset >= ends[p.topic, p.partition] or ends[p.topic, p.partition] == 0
                for p in reader.position(assigned)
            ):
                self._ready.set()
            if time.monotonic() - looked_at >= LOOK_EVERY_S:
                self._look(reader)
                looked_at = time.monotonic()
        reader.close()

    def _trouble(self, reader: Consumer, error: KafkaError, topic: str) -> None:
        """Raises FatalError where patience does not help."""
        table = self._tables.get(topic, "-")
        metrics.REFERENCE_READ_ERRORS.labels(table, error.name()).inc()
        now = time.monotonic()
        if self._told_at is None or now - self._told_at >= TELL_EVERY_S:
            self._told_at = now
            log.warning("reading reference tables: %s", error.name(), extra={"table": table})
        found = refused(error, f"{self._settings.group_prefix}.reader")
        if found is not None:
            raise FatalError(f"reference table {table}, topic {topic or '-'}: {found}")
        if error.code() in UNKNOWN and topic and self._gone(reader, topic):
            raise FatalError(
                f"reference table {table}: topic {topic} does not exist any more, or has lost partitions: create it "
                "(`gridwire topics --apply`) and have its rows written again, or restore it"
            )

    def _look(self, reader: Consumer) -> None:
        """Raises FatalError where a topic may not be read any more, or is gone."""
        for topic in self._read:
            try:
                error = self._fault(reader, topic)
            except KafkaException as unanswered:
                error = unanswered.args[0]
            if error is not None:
                self._trouble(reader, error, topic)

    def _fault(self, reader: Consumer, topic: str) -> KafkaError | None:
        """What brokers say against a topic, or that partitions of it are missing. Raises KafkaException."""
        found = reader.list_topics(topic, timeout=LOOK_S_MAX).topics[topic]
        if found.error is None and not self._read[topic] <= found.partitions.keys():
            return KafkaError(KafkaError._UNKNOWN_PARTITION)  # noqa: SLF001 -- its public name
        fault: KafkaError | None = found.error
        return fault

    def _gone(self, reader: Consumer, topic: str) -> bool:
        """Whether the brokers agree for a while that the topic, or a partition of it, is not there."""
        for _ in range(LOOKS_MAX):
            try:
                fault = self._fault(reader, topic)
            except KafkaException:
                return False  # no answer is another matter
            if fault is None or fault.code() not in UNKNOWN:
                return False
            if self._stop.wait(LOOK_PAUSE_S):
                return False
        return True

    def _take(self, message: Message) -> None:
        table = self._tables[message.topic() or ""]
        try:
            key = (message.key() or b"").decode()
        except UnicodeDecodeError:
            log.error("reference row with a key that is no text", extra={"table": table})  # noqa: TRY400
            return
        self._put(Update(table, key, message.value()))

    def _put(self, update: Update) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(update, timeout=POLL_S)
            except queue.Full:
                continue
            return
