"""Keeps full copies of reference tables up to date: own consumer, own thread, a ready gate.

What it reads waits in a bounded queue until the worker takes it between two rounds.
"""

import logging
import queue
import threading
from dataclasses import dataclass

from confluent_kafka import Message, TopicPartition

from gridwire import kafka
from gridwire.settings import KafkaSettings
from streams.engine.plan import Plan

log = logging.getLogger(__name__)

QUEUE_MAX = 50_000
BATCH_MAX = 5_000
POLL_S = 0.2
STOP_S_MAX = 10.0


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
        self.error: Exception | None = None

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
        except (
            Exception
        ) as error:  # the worker asks for it and ends: a table that stands still must not go unseen
            log.exception("reading reference tables failed")
            self.error = error

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
        reader = kafka.reader(self._settings)
        assigned = [TopicPartition(name, p, 0) for name, p in ends]
        reader.assign(assigned)
        while not self._stop.is_set():
            for message in reader.consume(BATCH_MAX, POLL_S):
                if message.error() is None:
                    self._take(message)
            if not self.ready and all(
                p.offset >= ends[p.topic, p.partition] or ends[p.topic, p.partition] == 0
                for p in reader.position(assigned)
            ):
                self._ready.set()
        reader.close()

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
