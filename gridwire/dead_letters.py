"""Dead letters: the original bytes and key, why, and where they came from, in Kafka Connect's header names.

Header texts are fixed phrases, ids and class names: never anything out of the payload. Connect's stack trace is left
out for that reason: it quotes values.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from confluent_kafka import Message

from gridwire import metrics
from gridwire.headers import headers_of
from gridwire.kafka import MESSAGE_BYTES_MAX
from gridwire.replays import ATTEMPT, REPLAY_OF, Timer, replay_in
from gridwire.topics import DeadLetters

TOPIC = "__connect.errors.topic"
PARTITION = "__connect.errors.partition"
OFFSET = "__connect.errors.offset"
CONNECTOR_NAME = "__connect.errors.connector.name"  # the same as `gridwire.flow`
TASK_ID = "__connect.errors.task.id"  # a task of ours is a partition
STAGE = "__connect.errors.stage"
EXCEPTION_CLASS = "__connect.errors.exception.class.name"
EXCEPTION_MESSAGE = "__connect.errors.exception.message"
REASON = "gridwire.reason"
FLOW = "gridwire.flow"
TRACE_ID = "gridwire.trace-id"
FAILED_AT = "gridwire.failed-at-ms"
GROUP = "gridwire.group"  # the worker group whose leg gave it up
TIMER = "gridwire.timer"  # the timer that failed: <due, epoch ms>/<name>
PART = "gridwire.part"  # 1/3: the original bytes did not fit into one message
NO_FLOW = "-"  # said of letters that no flow or connector gave up: metrics, lists and filters
OURS = ("__connect.errors.", "gridwire.")

# Reasons of commands that the platform has, or may have, carried out nevertheless.
OUTCOME_UNKNOWN = "outcome unknown"
LEARNT_UNFIT = "learnt record does not fit its topic"
RECEIPT_UNFIT = "receipt does not fit its topic"
PERHAPS_DONE = frozenset({OUTCOME_UNKNOWN, LEARNT_UNFIT, RECEIPT_UNFIT})
OUR_FAULT = "fault of our own"  # again and again, while the record was handled

HEADER_CHARS_MAX = 500
HEADERS_KEPT_MAX = 50
ENVELOPE_BYTES = 20_000  # room for key, headers and framing beside the value
VALUE_BYTES_MAX = MESSAGE_BYTES_MAX - ENVELOPE_BYTES
KEY_BYTES_MAX = 10_000

Headers = list[tuple[str, bytes | None]]
# Connect's names of what was being done: reading bytes, running a flow, writing what came of it, carrying out a
# command, taking in what a platform told.
Stage = Literal["VALUE_CONVERTER", "TRANSFORMATION", "KAFKA_PRODUCE", "TASK_PUT", "TASK_POLL"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the original message stood; its own headers are kept."""

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """What went wrong. `reason`: a short fixed phrase (a metric label); `detail`: more, never out of the payload.

    `flow`: flow id/leg or connector. `error` gives its class, never its text; `error_class` where only that is known.
    `replay_of`: the letter that this record was before it was tried again.
    """

    reason: str
    flow: str
    detail: str = ""
    error: BaseException | None = None
    attempt: int = 0
    trace_id: str = ""
    error_class: str = ""
    stage: Stage | None = None
    group: str = ""
    replay_of: str = ""
    timer: Timer | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message for a dead-letter topic, ready to produce."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = field(default_factory=list)


def dead_letter(
    to: DeadLetters,
    why: Why,
    *,
    key: bytes | None,
    value: bytes | None,
    origin: Origin = Origin(),
) -> tuple[DeadLetter, ...]:
    """The dead letter of some original bytes; several parts where they exceed what a message may hold.

    Parts share their key, so that they stay in order; `gridwire.part` numbers them.
    """
    headers = [
        *_kept(origin.headers),
        *((name, text.encode()) for name, text in _facts(why, origin)),
    ]
    whole = DeadLetter(to.name, key if key is None else key[:KEY_BYTES_MAX], value, headers)
    return tuple(_parts(whole))


def of_message(to: DeadLetters, why: Why, message: Message) -> tuple[DeadLetter, ...]:
    """The dead letter of a consumed message. One that was a letter before says which."""
    kept = tuple(headers_of(message))
    before = replay_in(kept)
    if before is not None:
        why = replace(why, replay_of=before.letter)
    origin = Origin(message.topic(), message.partition(), message.offset(), kept)
    return dead_letter(to, why, key=message.key(), value=message.value(), origin=origin)


def count(to: DeadLetters, why: Why) -> None:
    """Counts one dead letter; call it once the letter is safely written."""
    metrics.DEAD_LETTERS.labels(to.name, why.flow, metrics.reason_label(why.reason)).inc()


def _kept(headers: Iterable[tuple[str, bytes | None]]) -> Headers:
    """The original's headers; those of an earlier dead letter give way to ours."""
    kept = [(name, value) for name, value in headers if not name.startswith(OURS)]
    fitting: Headers = []
    room = ENVELOPE_BYTES // 2
    for name, value in kept[:HEADERS_KEPT_MAX]:
        room -= len(name) + len(value or b"")
        if room < 0:
            break
        fitting.append((name, value))
    return fitting


def class_name(error: BaseException) -> str:
    """The name of an exception's class in full; its text may hold anything."""
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}"


def _facts(why: Why, origin: Origin) -> Iterator[tuple[str, str]]:
    """Connect's headers and ours. What is not known is left out, but for the few that every letter has."""
    yield from _place(why, origin)
    error_class = class_name(why.error) if why.error is not None else why.error_class
    if error_class:
        yield EXCEPTION_CLASS, error_class[:HEADER_CHARS_MAX]
    yield EXCEPTION_MESSAGE, (why.detail or why.reason)[:HEADER_CHARS_MAX]
    yield REASON, why.reason[:HEADER_CHARS_MAX]
    yield FLOW, why.flow[:HEADER_CHARS_MAX]
    yield ATTEMPT, str(why.attempt)
    yield TRACE_ID, why.trace_id[:HEADER_CHARS_MAX]
    yield FAILED_AT, str(time.time_ns() // 1_000_000)
    timer = str(why.timer) if why.timer else ""
    for name, text in ((GROUP, why.group), (REPLAY_OF, why.replay_of), (TIMER, timer)):
        if text:
            yield name, text[:HEADER_CHARS_MAX]


def _place(why: Why, origin: Origin) -> Iterator[tuple[str, str]]:
    if origin.topic is not None:
        yield TOPIC, origin.topic
        yield PARTITION, str(origin.partition)
        yield OFFSET, str(origin.offset)
        yield TASK_ID, str(origin.partition)
    if why.flow:
        yield CONNECTOR_NAME, why.flow[:HEADER_CHARS_MAX]
    if why.stage:
        yield STAGE, why.stage


def _parts(letter: DeadLetter) -> Iterator[DeadLetter]:
    value = letter.value
    if value is None or len(value) <= VALUE_BYTES_MAX:
        yield letter
        return
    total = -(-len(value) // VALUE_BYTES_MAX)
    for number in range(total):
        piece = value[number * VALUE_BYTES_MAX : (number + 1) * VALUE_BYTES_MAX]
        part = (PART, f"{number + 1}/{total}".encode())
        yield replace(letter, value=piece, headers=[*letter.headers, part])
