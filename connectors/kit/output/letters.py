"""Dead letters as outputs of a commit."""

from dataclasses import replace

from confluent_kafka import Message

from connectors.kit.output.output import Output
from gridwire.dead_letters import Why, dead_letter, of_message
from gridwire.topics import DEAD_LETTER_SINKS, DEAD_LETTER_SOURCES, DeadLetters


def letters_of(to: DeadLetters, why: Why, message: Message) -> list[Output]:
    """The dead letter of a consumed message."""
    if why.stage is None:
        why = replace(why, stage="TASK_PUT" if to is DEAD_LETTER_SINKS else "TASK_POLL")
    return [
        Output(one.topic, one.key, one.value, one.headers) for one in of_message(to, why, message)
    ]


def letters_of_raw(why: Why, key: str, raw: bytes) -> list[Output]:
    """The dead letter of bytes that a platform sent and we cannot read; `key` groups what belongs together."""
    known = replace(why, stage="VALUE_CONVERTER")
    found = dead_letter(DEAD_LETTER_SOURCES, known, key=key.encode(), value=raw)
    return [Output(one.topic, one.key, one.value, one.headers) for one in found]
