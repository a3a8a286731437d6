"""Commands that newer ones have overtaken: carried out now, they would put old values over new ones."""

from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import Message

from gridwire.codec import Codec, CodecError
from gridwire.commands.letters.letter import Letter
from gridwire.commands.letters.reading import ReadError, Span, letter_reader, messages, spans
from gridwire.dead_letters import OFFSET
from gridwire.headers import headers_of
from gridwire.replays import LetterId, replay_in
from gridwire.settings import KafkaSettings
from gridwire.topics import BY_NAME

LATE_MAX = 200_000
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Late:
    """A command that became a dead letter. `operation` is empty where it cannot be read."""

    letter: LetterId
    offset: int
    operation: str


def overtaken(
    settings: KafkaSettings, codec: Codec, letters: Iterable[Letter]
) -> frozenset[LetterId]:
    """Those of `letters` behind which a command of the same key and operation stands in their topic.

    Memory grows with `letters`, not with what the topics hold. Raises ReadError above LATE_MAX of them, and
    KafkaException.
    """
    waiting = _by_place(codec, letters)
    if not waiting:
        return frozenset()
    found: set[LetterId] = set()
    reader = letter_reader(settings)
    try:
        for there in spans(settings, reader, sorted({topic for topic, _ in waiting})):
            late = waiting.get((there.topic, there.partition), {})
            first = min((one.offset for many in late.values() for one in many), default=there.end)
            span = Span(there.topic, there.partition, max(there.start, first + 1), there.end)
            for message in messages(reader, span):
                found.update(_overtaken_by(message, late, codec))
    finally:
        reader.close()
    return frozenset(found)


def _by_place(
    codec: Codec, letters: Iterable[Letter]
) -> dict[Place, dict[bytes | None, list[Late]]]:
    """Commands by topic partition, then by key."""
    found: dict[Place, dict[bytes | None, list[Late]]] = {}
    for number, letter in enumerate(letters):
        if number == LATE_MAX:
            raise ReadError(f"more than {LATE_MAX} open commands match: narrow the search")
        topic, offset = BY_NAME.get(letter.topic), letter.number(OFFSET)
        if topic is None or topic.kind != "command" or offset is None:
            continue
        late = Late(letter.id, offset, _operation(codec, letter.topic, letter.value))
        keys = found.setdefault((letter.topic, letter.partition or 0), {})
        keys.setdefault(letter.key, []).append(late)
    return found


def _overtaken_by(
    message: Message, late: dict[bytes | None, list[Late]], codec: Codec
) -> list[LetterId]:
    """A letter that came back stands behind, too, and is no newer command for it."""
    ahead = [one for one in late.get(message.key(), ()) if one.offset < (message.offset() or 0)]
    if not ahead or replay_in(headers_of(message)) is not None:
        return []
    operation = _operation(codec, message.topic() or "", message.value())
    return [one.letter for one in ahead if operation and one.operation == operation]


def _operation(codec: Codec, topic: str, value: bytes | None) -> str:
    try:
        return str(getattr(codec.of(BY_NAME[topic]).decode(value), "operation", ""))
    except CodecError:
        return ""
