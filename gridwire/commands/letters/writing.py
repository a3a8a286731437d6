"""Writes letters back and marks them, in one transaction: all of it or nothing, however the command ends.

One `transactional.id` for all: a command that begins fences one that still runs, and settles what it left open,
before it reads which letters are open.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Producer

from gridwire import kafka
from gridwire.codec import Codec
from gridwire.commands.letters.letter import Letter
from gridwire.commands.letters.targets import RECORD_BYTES_MAX, Target
from gridwire.ids import derived
from gridwire.records import DeadLetterMark
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTER_MARKS

CHUNK_MAX = 100  # letters in one transaction
CHUNK_BYTES_MAX = 4_000_000
INIT_TIMEOUT_S = 30.0
COMMIT_TIMEOUT_S = 30.0
TRIES_MAX = 5
RETRY_S = 0.2
QUEUE_WAIT_S = 0.05
QUEUE_WAITS_MAX = 200
SOURCE = "gridwire/dead-letters"
FENCED = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 -- librdkafka's own codes begin so
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
    }
)


class WriteError(Exception):
    """What was asked for could not be written to its end; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Act:
    """What to do with one letter: write it to `target` and mark it replayed, or (None) mark it discarded."""

    letter: Letter
    target: Target | None

    @property
    def size(self) -> int:
        return self.target.size if self.target else 0


class Writer:
    """Carries out acts. Raises WriteError from all of its methods.

    At least once: records are flushed before their marks, so that a command that is killed in between writes them
    again; streams take the second one for a repeat.
    """

    def __init__(self, settings: KafkaSettings, codec: Codec) -> None:
        self._codec = codec.of(DEAD_LETTER_MARKS)
        self._exactly_once = settings.delivery == "exactly_once"
        name = f"{settings.group_prefix}.dead-letters" if self._exactly_once else None
        self._failed: KafkaError | None = None
        self._producer = kafka.producer(
            settings, transactional_id=name, message_max_bytes=RECORD_BYTES_MAX
        )
        if self._exactly_once:
            self._tried(lambda: self._producer.init_transactions(INIT_TIMEOUT_S))

    def carry_out(self, acts: Sequence[Act]) -> None:
        """All of them, with their marks, at once."""
        marks = [(str(act.letter.id), self._codec.encode(_mark(act))) for act in acts]
        targets = [act.target for act in acts if act.target is not None]
        self._commit(targets, marks)

    def forget(self, letters: Sequence[str]) -> None:
        """Deletes the marks of letters that are gone."""
        for start in range(0, len(letters), CHUNK_MAX):
            self._commit([], [(letter, None) for letter in letters[start : start + CHUNK_MAX]])

    def _commit(self, targets: Sequence[Target], marks: Sequence[tuple[str, bytes | None]]) -> None:
        producer = self._producer
        try:
            if self._exactly_once:
                producer.begin_transaction()
            for one in targets:
                self._produce(
                    one.topic, one.value, one.key, partition=one.partition, headers=one.headers
                )
            if not self._exactly_once:
                self._flush(producer)
            for letter, value in marks:
                self._produce(DEAD_LETTER_MARKS.name, value, letter.encode())
        except KafkaException as error:
            raise _write_error(error) from error
        if self._exactly_once:
            self._tried(lambda: producer.commit_transaction(COMMIT_TIMEOUT_S))
        else:
            self._flush(producer)

    def _produce(self, topic: str, value: bytes | None, key: bytes | None, **where: object) -> None:
        given: dict[str, object] = {**where, "on_delivery": self._delivered}
        for _ in range(QUEUE_WAITS_MAX):
            try:
                self._producer.produce(topic, value, key, **given)  # type: ignore[arg-type]
            except BufferError:
                self._producer.poll(QUEUE_WAIT_S)
            else:
                return
        raise WriteError(f"{topic}: Kafka takes no more messages; {AGAIN}")

    def _delivered(self, error: KafkaError | None, _message: object) -> None:
        self._failed = self._failed or error

    def _flush(self, producer: Producer) -> None:
        left = producer.flush(COMMIT_TIMEOUT_S)
        if left or self._failed is not None:
            why = self._failed.name() if self._failed else "no answer in time"
            raise WriteError(f"Kafka did not take everything ({why}); {AGAIN}")

    @staticmethod
    def _tried(call: Callable[[], None]) -> None:
        """Calls again what librdkafka says may be called again."""
        for left in reversed(range(TRIES_MAX)):
            try:
                call()
            except KafkaException as error:
                if left == 0 or not error.args[0].retriable():
                    raise _write_error(error) from error
                time.sleep(RETRY_S)
            else:
                return


AGAIN = "run the same command again: what was written is marked, and is not written twice"


def _write_error(error: KafkaException) -> WriteError:
    cause: KafkaError = error.args[0]
    if cause.code() in FENCED:
        return WriteError(
            "another `gridwire dead-letters` has begun meanwhile, so this one stops; when that one has ended, "
            f"{AGAIN}"
        )
    return WriteError(f"Kafka refuses ({cause.name()}: {cause.str()}); {AGAIN}")


def _mark(act: Act) -> DeadLetterMark:
    now_ms = time.time_ns() // 1_000_000
    letter, target = act.letter, act.target
    return DeadLetterMark(
        event_id=derived("dead-letter-mark", str(letter.id)),
        occurred_at=now_ms,
        produced_at=now_ms,
        source=SOURCE,
        trace_id=letter.trace_id,
        letter=str(letter.id),
        state="replayed" if target else "discarded",
        target=target.topic if target else None,
        flow=letter.label,
        reason=letter.reason,
    )
