"""A Kafka and a schema registry of our own, with the work in them; topics that a run wrote are made anew."""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench import workload
from bench.flows import flows
from bench.workload import Encoded
from gridwire import kafka, topics
from gridwire.codec import HEADER, Codec, Registry
from gridwire.settings import KafkaSettings
from gridwire.topics import Topic
from sandbox import kafka as local_kafka
from sandbox import registry as local_registry
from streams.engine.plan import plan

READS = topics.BRAZE_ENGAGEMENT.name
WRITES = topics.ENRICHED_ENGAGEMENT.name
OWN = "bench-"  # groups begin so, and what Kafka Streams calls after them
SHARES = (2, 4, 16)  # who would take too long gets one in so many events, the first ones
ADMIN_TIMEOUT_S = 30.0
GONE_S_MAX = 60.0
GONE_POLL_S = 0.05
# A broker that is not ours may hold somebody's topics of the same names.
OURS: tuple[local_kafka.Kind, ...] = ("docker", "java")


@dataclass(frozen=True, slots=True)
class Load:
    """Events and the topic that holds them."""

    topic: str
    events: Sequence[Encoded]


@dataclass(frozen=True, slots=True)
class World:
    """Where everything is, and what went in.

    `base_ms`: when the events happened (epoch milliseconds). `broker_pid`: None where it is no process of ours.
    `dirty`: topics that must be emptied before somebody else runs.
    """

    settings: KafkaSettings
    broker: str
    broker_pid: int | None
    folder: Path
    codec: Codec
    base_ms: int
    load: Sequence[Encoded]
    dirty: set[str] = field(default_factory=set)

    def load_of(self, share: int) -> Load:
        """The first part of the work: one in `share` events."""
        if share == 1:
            return Load(READS, self.load)
        return Load(_share_topic(share), self.load[: len(self.load) // share])

    def schema_id(self, topic: Topic[Any]) -> int:
        """Under which the topic's records are registered."""
        head = self.codec.of(topic).head
        return int(HEADER.unpack(head)[1])

    def fresh(self, *more: str, changelogs: Iterable[str] = ()) -> None:
        """Empties what runs have written, and `more`; makes what is missing, `changelogs` included.

        Raises RuntimeError where Kafka does not let go of a topic.
        """
        admin = AdminClient(kafka.client_config(self.settings))
        there = kafka.partition_counts(self.settings)
        own = {name for name in there if name.startswith(OWN)}
        unwanted = own | (set(there) & {*self.dirty, *more})
        if unwanted:
            for future in admin.delete_topics(sorted(unwanted)).values():
                _deleted(future)
        _until_gone(self.settings, unwanted)
        self.dirty.clear()
        kafka.create_topics(self.settings, list(changelogs))

    def fresh_but(self, *kept: str, changelogs: Iterable[str] = ()) -> None:
        """Empties what runs have written, but for `kept`."""
        self.dirty.difference_update(kept)
        self.fresh(changelogs=changelogs)
        self.dirty.update(kept)

    def create(self, *names: str) -> None:
        """Plain topics of as many partitions as the work has."""
        admin = AdminClient(kafka.client_config(self.settings))
        made = [
            NewTopic(name, self.settings.partitions, self.settings.replication) for name in names
        ]
        for future in admin.create_topics(made).values() if made else ():
            future.result(ADMIN_TIMEOUT_S)

    def write_load(self) -> None:
        """The events as a whole and the shares of them, each in its topic."""
        workload.load(self.settings, READS, self.load)
        for share in SHARES:
            part = self.load_of(share)
            self.create(part.topic)
            # Not compressed: stock Faust reads lz4 only with a library that gridwire does not need.
            workload.load(self.settings, part.topic, part.events, compression="none")


def _share_topic(share: int) -> str:
    return f"source.bench.engagement-{share}"


def _deleted(future: Future[None]) -> None:
    """Waits for a deletion; one that somebody was quicker with is as good."""
    try:
        future.result(ADMIN_TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise


def _until_gone(settings: KafkaSettings, names: set[str]) -> None:
    deadline = time.monotonic() + GONE_S_MAX
    while left := names & set(kafka.partition_counts(settings)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{', '.join(sorted(left))}: not deleted in {GONE_S_MAX:.0f} s")
        time.sleep(GONE_POLL_S)


@contextmanager
def world(events: int) -> Iterator[World]:
    """Starts everything and writes the work into it; stops it with the block.

    Raises NoKafkaError where none can be started.
    """
    with (
        tempfile.TemporaryDirectory(prefix="gridwire-bench-") as name,
        local_kafka.start(allow=OURS) as broker,
        local_registry.start(Path(name) / "registry") as registry,
        ExitStack() as closing,
    ):
        settings = KafkaSettings(
            bootstrap=broker.broker.bootstrap, registry_url=registry.url, group_prefix="bench"
        )
        asking = Registry(registry.url)
        closing.callback(asking.close)
        codec = Codec(asking)
        base_ms = workload.quiet_start_ms(time.time_ns() // 1_000_000)
        load = workload.encoded(codec, events, base_ms)
        made = World(settings, str(broker.broker), broker.pid, Path(name), codec, base_ms, load)
        made.fresh()
        workload.load_tables(settings, codec)
        made.write_load()
        yield made


def written_by(name: str, reads: str = READS) -> tuple[str, ...]:
    """Topics in which the work of these flows shows, the one that is counted first; no reference topics."""
    planned = plan(flows(name, reads))
    outputs = [topic for leg in planned.legs for topic in leg.outputs.values()]
    kept = [topic.name for topic in outputs if topic.kind != "reference"]
    return tuple(dict.fromkeys([WRITES, *kept, *planned.stores]))


def changelogs_of(name: str, reads: str = READS) -> tuple[str, ...]:
    """The changelogs of these flows."""
    return plan(flows(name, reads)).stores
