"""Reading what a connector wrote: receipts, dead letters, records; only what came since the case began."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import TopicPartition

from gridwire import kafka as clients
from gridwire.codec import Codec, Registry
from gridwire.records import Receipt, Record
from gridwire.settings import KafkaSettings
from gridwire.topics import Topic
from tests.waiting import until

R = TypeVar("R", bound=Record)
LOOK_S = 0.05
READ_MAX = 10_000
ASK_S = 10.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter."""

    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes | None]

    @property
    def reason(self) -> str:
        return (self.headers.get("gridwire.reason") or b"").decode()


class Tail:
    """Follows topics to their ends; `messages` is what came since `forget`."""

    def __init__(self, settings: KafkaSettings, names: Iterable[str]) -> None:
        counts = clients.partition_counts(settings)
        self._assigned = [TopicPartition(n, p, 0) for n in names for p in range(counts[n])]
        self._reader = clients.reader(settings)
        self._reader.assign(self._assigned)
        self._ends = clients.reader(
            settings, "read_uncommitted"
        )  # what is not committed yet will be
        self._registry = Registry(settings.registry_url)
        self.codec = Codec(self._registry)
        self._seen: dict[str, list[Any]] = {}

    def close(self) -> None:
        self._reader.close()
        self._ends.close()
        self._registry.close()

    def forget(self) -> None:
        """A case begins: what came before is not its own."""
        self.to_end()
        self._seen.clear()

    def look(self, wait_s: float = LOOK_S) -> None:
        """Takes what has come."""
        for message in self._reader.consume(READ_MAX, wait_s):
            if message.error() is None:
                self._seen.setdefault(str(message.topic()), []).append(message)

    def to_end(self) -> None:
        """Takes everything that is there now: then what has not been seen was not written."""
        ends = {
            (one.topic, one.partition): self._ends.get_watermark_offsets(one, ASK_S)[1]
            for one in self._assigned
        }

        def reached() -> bool:
            self.look()
            at = {
                (one.topic, one.partition): one.offset
                for one in self._reader.position(self._assigned)
            }
            return all(end == 0 or at[where] >= end for where, end in ends.items())

        until(reached, "all topics are read to their ends")

    # ---- what has come -------------------------------------------------------------------------
    def records(self, topic: Topic[R]) -> list[R]:
        codec = self.codec.of(topic)
        return [codec.decode(one.value()) for one in self._seen.get(topic.name, [])]

    def receipts(self, topic: Topic[Receipt], command_id: str) -> list[Receipt]:
        return [one for one in self.records(topic) if one.command_id == command_id]

    def letters(self, name: str) -> list[Letter]:
        return [
            Letter(one.key(), one.value(), dict(one.headers() or []))
            for one in self._seen.get(name, [])
        ]
