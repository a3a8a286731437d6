"""Dead letters as they come from Kafka."""

from confluent_kafka import Message

from gridwire.commands.letters.letter import Letter
from gridwire.commands.letters.reading import Assembly
from gridwire.dead_letters import DeadLetter, Origin, Why, dead_letter
from gridwire.topics import DEAD_LETTER_STREAMS, DeadLetters

AT_MS = 1_767_225_600_000
ORIGIN = Origin("source.braze.engagement", 2, 41, (("traceparent", b"00-ab"),))


def message(one: DeadLetter, offset: int) -> Message:
    return Message(
        topic=one.topic,
        partition=0,
        offset=offset,
        key=one.key,
        value=one.value,
        headers=list(one.headers),
        timestamp=(1, AT_MS),
    )


def letter(
    why: Why,
    *,
    to: DeadLetters = DEAD_LETTER_STREAMS,
    origin: Origin = ORIGIN,
    key: bytes | None = b"ann",
    value: bytes | None = b"v",
    offset: int = 7,
) -> Letter:
    """The letter that `why` gives, read back."""
    assembly = Assembly()
    found = None
    for n, part in enumerate(dead_letter(to, why, key=key, value=value, origin=origin)):
        found = assembly.add(message(part, offset + n))
    assert found is not None
    return found
