"""Headers of messages, whoever wrote them.

Names are bytes on Kafka's wire and `str` here. One that is no UTF-8 makes `Message.headers()` of confluent_kafka fail:
the first call raises SystemError, every later one returns a list with a hole in it, and whoever looks into the hole
crashes the process. So headers are asked for here alone, and such a message is given new ones, none, on the spot.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

Pairs = list[tuple[str, bytes | None]]
Given = list[tuple[str, str | bytes | None]] | Mapping[str, str | bytes | None] | Pairs | None


class Headed(Protocol):
    """Any message."""

    def headers(self) -> Given: ...


def headers_of(message: Headed) -> Pairs:
    """A message's headers; none where one of them has a name that is no text: that must not cost the message."""
    try:
        given = message.headers()
    except (SystemError, UnicodeDecodeError):
        _without(message)
        return []
    if not given:
        return []
    pairs = given.items() if isinstance(given, Mapping) else given
    return [(name, v.encode() if isinstance(v, str) else v) for name, v in pairs]


def bare(messages: Iterable[Headed]) -> bool:
    """Whether none of these messages has headers: most have none, and this is the quick way to know."""
    for message in messages:
        try:
            if message.headers():
                return False
        except (SystemError, UnicodeDecodeError):
            _without(message)
            return False
    return True


def _without(message: Headed) -> None:
    """So that nobody finds the hole. Messages of our own have none, and no way to be given headers."""
    forget = getattr(message, "set_headers", None)
    if forget is not None:
        forget([])
