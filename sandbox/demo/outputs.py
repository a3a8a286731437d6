"""Follows the topics that others read from: enriched records, commands, receipts, reference tables, dead letters."""

import threading
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from gridwire import dead_letters, kafka
from gridwire.codec import Codec, CodecError, Registry
from gridwire.records import Record
from gridwire.settings import KafkaSettings
from gridwire.topics import BY_NAME, DEAD_LETTERS, TOPICS
from sandbox.demo.world import DeadLetter

KINDS = ("enriched", "command", "receipt", "reference")
FOLLOWED = tuple(topic.name for topic in TOPICS if topic.kind in KINDS)
LETTERS = tuple(letters.name for letters in DEAD_LETTERS)
BATCH = 2_000
POLL_S = 0.2
STOP_S_MAX = 10.0
RECORDS_MAX = 1_000_000


class Outputs:
    """A thread with a read-committed consumer.

    `since_s`: epoch seconds, what is older is another run's; None: this broker has had no other (the mock does not
    look offsets up by time).
    """

    def __init__(self, settings: KafkaSettings, since_s: float | None) -> None:
        self._settings = settings
        self._since_s = since_s
        self._registry = Registry(settings.registry_url)
        self._codec = Codec(self._registry)
        self._records: dict[str, list[Record]] = {name: [] for name in FOLLOWED}
        self._letters: list[DeadLetter] = []
        self._held = 0
        self._stop = threading.Event()
        self._reader: Consumer = kafka.reader(settings)
        self._thread = threading.Thread(target=self._run, name="outputs", daemon=True)
        self.error: Exception | None = None

    def start(self) -> None:
        """The topics must exist. Raises KafkaException where the broker does not answer."""
        counts = kafka.partition_counts(self._settings)
        places = [
            TopicPartition(name, p, OFFSET_BEGINNING)
            for name in (*FOLLOWED, *LETTERS)
            for p in range(counts.get(name, 0))
        ]
        if self._since_s is not None:
            for place in places:
                place.offset = round(self._since_s * 1000)
            places = self._reader.offsets_for_times(places, timeout=kafka.ADMIN_TIMEOUT_S)
        self._reader.assign(places)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S_MAX)
        self._reader.close()
        self._registry.close()

    def records(self) -> dict[str, tuple[Record, ...]]:
        """Topic name → its records since the start, in each partition's order."""
        return {name: tuple(held) for name, held in self._records.items()}

    def letters(self) -> tuple[DeadLetter, ...]:
        return tuple(self._letters)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                for message in self._reader.consume(BATCH, POLL_S):
                    if message.error() is None:
                        self._take(message)
        except Exception as error:  # noqa: BLE001 - whoever looks at the world must hear of it
            self.error = error

    def _take(self, message: Message) -> None:
        if self._held >= RECORDS_MAX:
            raise RuntimeError(
                f"more than {RECORDS_MAX} records of output: play a smaller scenario"
            )
        self._held += 1
        topic = BY_NAME.get(message.topic() or "")
        if topic is None:
            self._letters.append(_letter(message))
            return
        try:
            self._records[topic.name].append(self._codec.of(topic).decode(message.value()))
        except CodecError as error:
            self._letters.append(DeadLetter(topic.name, f"unreadable: {error.reason}", "", b""))


def _letter(message: Message) -> DeadLetter:
    raw: Any = message.headers() or ()
    headers = {name: (value or b"").decode() for name, value in dict(raw).items()}
    return DeadLetter(
        message.topic() or "",
        headers.get(dead_letters.REASON, ""),
        headers.get(dead_letters.FLOW, ""),
        message.value() or b"",
    )
