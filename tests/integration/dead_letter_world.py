"""A Kafka of its own with the command line over it, and letters to put into it."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from gridwire import cli, dead_letters, topics
from gridwire import kafka as clients
from gridwire.dead_letters import Origin, Why
from gridwire.replays import REPLAY_OF
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTER_STREAMS, DeadLetters
from tests.roles import Topics

ENGAGEMENT = topics.BRAZE_ENGAGEMENT.name


@dataclass(slots=True)
class World:
    """A Kafka of its own, and the command line over it."""

    settings: KafkaSettings
    topics: Topics
    capture: pytest.CaptureFixture[str]

    def call(self, *words: str) -> tuple[int, str, str]:
        """Exit status, output and errors of `gridwire dead-letters`."""
        self.capture.readouterr()
        status = cli.main(["dead-letters", *words])
        said = self.capture.readouterr()
        return status, said.out, said.err

    def rows(self, *words: str) -> list[dict[str, Any]]:
        _, out, _ = self.call("list", "--json", *words)
        return [json.loads(line) for line in out.splitlines()]

    def written_back(self, topic: str = ENGAGEMENT) -> Counter[str]:
        """How often each letter stands in the topic that it goes back to, read-committed."""
        found: Counter[str] = Counter()
        for message in self.topics.messages(topic):
            headers = dict(message.headers() or [])
            if REPLAY_OF in headers:
                found[headers[REPLAY_OF].decode()] += 1
        return found


@contextmanager
def world_on(
    settings: KafkaSettings,
    monkeypatch: pytest.MonkeyPatch,
    capture: pytest.CaptureFixture[str],
) -> Iterator[World]:
    """Topics are there, and the environment says where."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP", settings.bootstrap)
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", settings.registry_url)
    clients.create_topics(settings, [])
    one = World(settings, Topics(settings), capture)
    try:
        yield one
    finally:
        one.topics.close()


def produce(
    settings: KafkaSettings,
    count: int,
    *,
    why: Why,
    to: DeadLetters = DEAD_LETTER_STREAMS,
    topic: str | None = ENGAGEMENT,
    value: bytes = b"v",
    noise_bytes: int = 0,
) -> None:
    """Letters as the roles write them, over all partitions of their topic."""
    producer = clients.producer(settings, message_max_bytes=2_000_000)
    for n in range(count):
        user = n % 50
        origin = Origin(topic, user % 4, n) if topic else Origin()
        key = f"user-{user}".encode()
        raw = os.urandom(noise_bytes) if noise_bytes else value
        for part in dead_letters.dead_letter(to, why, key=key, value=raw, origin=origin):
            producer.produce(part.topic, part.value, part.key, headers=[*part.headers])
            producer.poll(0)
    assert producer.flush(60) == 0
