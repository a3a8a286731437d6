"""Messages by partition, against the plain way of sorting them."""

from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.arrivals import by_partition

END, OTHER = KafkaError._PARTITION_EOF, KafkaError._TRANSPORT


@dataclass(frozen=True)
class Arrived:
    """A message, or an error in the place of one."""

    place: tuple[str, int]
    at: int
    code: int | None = None

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.at

    def error(self) -> KafkaError | None:
        return None if self.code is None else KafkaError(self.code)


places = st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 1))
arrived = st.builds(
    Arrived, places, st.integers(0, 9), st.sampled_from([None, None, None, END, OTHER])
)


def plainly(messages: list[Arrived]) -> tuple[dict[Any, Any], dict[Any, int]]:
    found: dict[Any, Any] = {}
    ended: dict[Any, int] = {}
    for message in messages:
        if message.code is None:
            found.setdefault(message.place, []).append(message)
            ended.pop(message.place, None)
        elif message.code == END:
            ended[message.place] = message.at
    return found, ended


@given(st.lists(arrived, max_size=30))
def test_messages_and_ends_are_told_apart_as_one_by_one(messages: list[Arrived]) -> None:
    given_: Any = messages
    assert by_partition(given_) == plainly(messages)
