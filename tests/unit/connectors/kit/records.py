"""Entries without Kafka, and a feed that remembers what it is told."""

import asyncio
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Message

from connectors.kit.lanes.progress import Progress
from connectors.kit.lanes.work import Assigned, Entry, Settled


def assigned(partition: int = 0) -> Assigned:
    return Assigned("command.acme", partition, Progress(0))


def entry(
    offset: int,
    key: str | None = "k",
    *,
    of: Assigned | None = None,
    value: bytes = b"",
    record: Any = None,
    intended: bool = False,
    headers: Sequence[tuple[str, bytes | None]] = (),
) -> Entry:
    """A record as the Kafka thread hands it over."""
    home = of or assigned()
    raw_key = None if key is None else key.encode()
    message = Message(
        topic=home.topic,
        partition=home.partition,
        offset=offset,
        key=raw_key,
        value=value,
        headers=[*headers],
    )
    return Entry(home, message, offset, raw_key, intended, record)


class FakeFeed:
    """Confirms as it is told; keeps outcomes and intents."""

    def __init__(self) -> None:
        self.is_confirmed = True
        self.settled: list[Settled] = []
        self.intents: list[int] = []
        self.retracted: list[int] = []
        self.intent_error: Exception | None = None

    def confirmed(self) -> bool:
        return self.is_confirmed

    def settle(self, settled: Settled) -> None:
        self.settled.append(settled)

    def intend(self, entry: Entry) -> "asyncio.Future[None]":
        self.intents.append(entry.offset)
        future = asyncio.get_running_loop().create_future()
        if self.intent_error is None:
            future.set_result(None)
        else:
            future.set_exception(self.intent_error)
        return future

    def retract(self, entry: Entry) -> None:
        self.retracted.append(entry.offset)

    def offsets(self) -> list[int]:
        return [entry.offset for settled in self.settled for entry in settled.entries]


class FreePermit:
    """Always given."""

    def __init__(self) -> None:
        self.was_used = False

    def given(self) -> bool:
        return True

    async def wait(self) -> None:
        raise AssertionError("a given permit is not waited for")

    def used(self) -> None:
        self.was_used = True


async def turns(count: int = 30) -> None:
    """Lets every ready task go on."""
    for _ in range(count):
        await asyncio.sleep(0)


def offsets(entries: Sequence[Entry]) -> list[int]:
    return [one.offset for one in entries]
