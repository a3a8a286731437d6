"""Dead letters: the original bytes and key, why, and where they came from, in Kafka Connect's header names.

Header texts are fixed phrases, ids and class names: never anything out of the payload.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from confluent_kafka import Message

from gridwire import metrics
from gridwire.kafka import MESSAGE_BYTES_MAX
from gridwire.topics import DeadLetters

TOPIC = "__connect.errors.topic"
PARTITION = "__connect.errors.partition"
OFFSET = "__connect.errors.offset"
EXCEPTION_CLASS = "__connect.errors.exception.class.name"
EXCEPTION_MESSAGE = "__connect.errors.exception.message"
REASON = "gridwire.reason"
FLOW = "gridwire.flow"
ATTEMPT = "gridwire.attempt"
TRACE_ID = "gridwire.trace-id"
FAILED_AT = "gridwire.failed-at-ms"
PART = "gridwire.part"  # 1/3: the original bytes did not fit into one message
OURS = ("__connect.errors.", "gridwire.")

HEADER_CHARS_MAX = 500
HEADERS_KEPT_MAX = 50
ENVELOPE_BYTES = 20_000  # room for key, headers and framing beside the value
VALUE_BYTES_MAX = MESSAGE_BYTES_MAX - ENVELOPE_BYTES
KEY_BYTES_MAX = 10_000

Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the original message stood; its own headers are kept."""

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """What went wrong. `reason`: a short fixed phrase (a metric label); `detail`: more, never out of the payload."""

    reason: str
    flow: str
    detail: str = ""
    error: BaseException | None = None
    attempt: int = 0
    trace_id: str = ""


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
    """The dead letter of a consumed message."""
    original = message.headers()
    pairs = original.items() if isinstance(original, Mapping) else original or ()
    kept = tuple((name, v.encode() if isinstance(v, str) else v) for name, v in pairs)
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


def _facts(why: Why, origin: Origin) -> Iterator[tuple[str, str]]:
    if origin.topic is not None:
        yield TOPIC, origin.topic
        yield PARTITION, str(origin.partition)
        yield OFFSET, str(origin.offset)
    if why.error is not None:
        kind = type(why.error)
        yield EXCEPTION_CLASS, f"{kind.__module__}.{kind.__qualname__}"[:HEADER_CHARS_MAX]
    yield EXCEPTION_MESSAGE, (why.detail or why.reason)[:HEADER_CHARS_MAX]
    yield REASON, why.reason[:HEADER_CHARS_MAX]
    yield FLOW, why.flow[:HEADER_CHARS_MAX]
    yield ATTEMPT, str(why.attempt)
    yield TRACE_ID, why.trace_id[:HEADER_CHARS_MAX]
    yield FAILED_AT, str(time.time_ns() // 1_000_000)


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
