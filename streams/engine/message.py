"""The one shape of message that the engine reads: confluent_kafka's, or a local one of the driver."""

from dataclasses import dataclass, field
from typing import Protocol

Headers = list[tuple[str, bytes | None]]


class Message(Protocol):
    """What the engine needs of `confluent_kafka.Message`."""

    def topic(self) -> str | None: ...
    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> Headers | None: ...


@dataclass(frozen=True, slots=True)
class LocalMessage:
    """A message that is not (or no longer) on a broker's wire."""

    topic_: str
    partition_: int
    offset_: int
    key_: bytes | None
    value_: bytes | None
    headers_: Headers = field(default_factory=list)

    def topic(self) -> str:
        return self.topic_

    def partition(self) -> int:
        return self.partition_

    def offset(self) -> int:
        return self.offset_

    def key(self) -> bytes | None:
        return self.key_

    def value(self) -> bytes | None:
        return self.value_

    def headers(self) -> Headers:
        return self.headers_
