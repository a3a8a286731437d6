"""Dead letters as outputs of a commit."""

from confluent_kafka import Message

from connectors.kit.work import Output
from gridwire.dead_letters import Why, dead_letter, of_message
from gridwire.topics import DEAD_LETTER_SOURCES, DeadLetters


def letters_of(to: DeadLetters, why: Why, message: Message) -> list[Output]:
    """The dead letter of a consumed message."""
    return [
        Output(one.topic, one.key, one.value, one.headers) for one in of_message(to, why, message)
    ]


def letters_of_raw(why: Why, key: str, raw: bytes) -> list[Output]:
    """The dead letter of bytes that a platform sent; `key` groups what belongs together."""
    found = dead_letter(DEAD_LETTER_SOURCES, why, key=key.encode(), value=raw)
    return [Output(one.topic, one.key, one.value, one.headers) for one in found]
