"""Commands that newer ones have overtaken: carried out now, they would put old values over new ones.

What a command writes over, its operation says (`connectors.kit.connector.Operation.writes`): two commands concern one
another where they write over the same value, whatever their lanes and operations.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Message

from connectors.kit.connector import Operation, Written
from gridwire.codec import Codec, CodecError
from gridwire.commands.letters.letter import Letter
from gridwire.commands.letters.reading import ReadError, Span, letter_reader, messages, spans
from gridwire.commands.sink_pages import sample_sinks
from gridwire.dead_letters import OFFSET
from gridwire.headers import headers_of
from gridwire.replays import LetterId, replay_in
from gridwire.settings import KafkaSettings
from gridwire.topics import BY_NAME

LATE_MAX = 200_000
NOTHING: Written = frozenset()
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Late:
    """A command that became a dead letter."""

    letter: LetterId
    offset: int


# What is late of one partition, by what it writes over.
Waiting = dict[tuple[Any, ...], list[Late]]


class Writes:
    """What commands write over."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._operations: dict[str, Mapping[str, Operation]] = {
            sink.commands.name: sink.operations for sink in sample_sinks()
        }

    def of(self, topic: str, value: bytes | None) -> Written:
        """Nothing where the command cannot be read, or this version does not know its operation."""
        try:
            command = self._codec.of(BY_NAME[topic]).decode(value)
        except CodecError:
            return NOTHING
        return written(self._operations.get(topic, {}), command)


def written(operations: Mapping[str, Operation], command: Any) -> Written:
    """What one command writes over."""
    name = getattr(command, "operation", "")
    operation, body = operations.get(name), getattr(command, name, None)
    if operation is None or operation.writes is None or body is None:
        return NOTHING
    return operation.writes(body)


def overtaken(
    settings: KafkaSettings, codec: Codec, letters: Iterable[Letter]
) -> frozenset[LetterId]:
    """Those of `letters` behind which, in their partition, a command stands that wrote the same.

    Memory grows with `letters`, not with what the topics hold. Raises ReadError above LATE_MAX of them, and
    KafkaException.
    """
    writes = Writes(codec)
    waiting = _by_place(writes, letters)
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
                found.update(_overtaken_by(message, late, writes))
    finally:
        reader.close()
    return frozenset(found)


def _by_place(writes: Writes, letters: Iterable[Letter]) -> dict[Place, Waiting]:
    """Commands by topic partition, then by what they write over."""
    found: dict[Place, Waiting] = {}
    for number, letter in enumerate(letters):
        if number == LATE_MAX:
            raise ReadError(f"more than {LATE_MAX} open commands match: narrow the search")
        topic, offset = BY_NAME.get(letter.topic), letter.number(OFFSET)
        if topic is None or topic.kind != "command" or offset is None:
            continue
        late = Late(letter.id, offset)
        there = found.setdefault((letter.topic, letter.partition or 0), {})
        for one in writes.of(letter.topic, letter.value):
            there.setdefault(one, []).append(late)
    return found


def _overtaken_by(message: Message, late: Waiting, writes: Writes) -> list[LetterId]:
    """A letter that came back stands behind, too, and is no newer command for it."""
    if replay_in(headers_of(message)) is not None:
        return []
    offset = message.offset() or 0
    over = writes.of(message.topic() or "", message.value())
    return [one.letter for name in over for one in late.get(name, ()) if one.offset < offset]
