"""A Kafka and a schema registry of our own, with the work in them; topics that a run wrote are made anew."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench import workload
from bench.gridwire_rows import FLOWS
from bench.workload import Encoded
from gridwire import kafka, topics
from gridwire.codec import Codec, Registry
from gridwire.settings import KafkaSettings
from sandbox import kafka as local_kafka
from sandbox import registry as local_registry
from streams.engine.plan import plan

SAMPLE_TOPIC = "bench.engagement-sample"  # the beginning of the work, for who would take too long
READS = topics.BRAZE_ENGAGEMENT.name
WRITES = topics.ENRICHED_ENGAGEMENT.name
ADMIN_TIMEOUT_S = 30.0
GONE_S_MAX = 30.0
GONE_POLL_S = 0.05
# A broker that is not ours may hold somebody's topics of the same names.
OURS: tuple[local_kafka.Kind, ...] = ("docker", "java")


@dataclass(frozen=True, slots=True)
class World:
    """Where everything is, and what went in.

    `base_ms`: when the events happened (epoch milliseconds). `broker_pid`: None where it is no process of ours.
    """

    settings: KafkaSettings
    broker: str
    broker_pid: int | None
    folder: Path
    base_ms: int
    load: list[Encoded]

    @property
    def changelogs(self) -> tuple[str, ...]:
        """Of both flows that are measured."""
        stores = [store for flow in FLOWS.values() for store in plan((flow,)).stores]
        return tuple(dict.fromkeys(stores))

    @property
    def written(self) -> tuple[str, ...]:
        """Every topic that a subject writes."""
        legs = [leg for flow in FLOWS.values() for leg in plan((flow,)).legs]
        outputs = [topic.name for leg in legs for topic in leg.outputs.values()]
        return tuple(dict.fromkeys([WRITES, *outputs, *self.changelogs]))

    def fresh(self, *more: str) -> None:
        """Empties every topic that a subject writes, and `more`.

        Raises RuntimeError where Kafka does not let go of one.
        """
        admin = AdminClient(kafka.client_config(self.settings))
        present = set(kafka.partition_counts(self.settings)) & {*self.written, *more}
        if present:
            for future in admin.delete_topics(sorted(present)).values():
                future.result(ADMIN_TIMEOUT_S)
        _until_gone(self.settings, present)
        kafka.create_topics(self.settings, list(self.changelogs))

    def sample(self, count: int) -> None:
        """Writes the first `count` events into SAMPLE_TOPIC."""
        admin = AdminClient(kafka.client_config(self.settings))
        topic = NewTopic(SAMPLE_TOPIC, self.settings.partitions, self.settings.replication)
        for future in admin.create_topics([topic]).values():
            future.result(ADMIN_TIMEOUT_S)
        # Not compressed: stock Faust reads lz4 only with a library that gridwire does not need.
        workload.load(self.settings, SAMPLE_TOPIC, self.load[:count], compression="none")


def _until_gone(settings: KafkaSettings, names: set[str]) -> None:
    deadline = time.monotonic() + GONE_S_MAX
    while left := names & set(kafka.partition_counts(settings)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{', '.join(sorted(left))}: not deleted in {GONE_S_MAX:.0f} s")
        time.sleep(GONE_POLL_S)


@contextmanager
def world(events: int, sample: int) -> Iterator[World]:
    """Starts everything and writes the work into it; stops it with the block.

    Raises NoKafkaError where none can be started.
    """
    with (
        tempfile.TemporaryDirectory(prefix="gridwire-bench-") as name,
        local_kafka.start(allow=OURS) as broker,
        local_registry.start(Path(name) / "registry") as registry,
    ):
        settings = KafkaSettings(
            bootstrap=broker.broker.bootstrap, registry_url=registry.url, group_prefix="bench"
        )
        codec = Codec(Registry(registry.url))
        base_ms = workload.quiet_start_ms(time.time_ns() // 1_000_000)
        load = workload.encoded(codec, events, base_ms)
        made = World(settings, str(broker.broker), broker.pid, Path(name), base_ms, load)
        made.fresh()
        workload.load_tables(settings, codec)
        workload.load(settings, READS, load)
        made.sample(sample)
        yield made


def of_flow(flow: str) -> Sequence[str]:
    """Topics in which the work of a flow shows, the one that is counted first."""
    planned = plan((FLOWS[flow],))
    outputs = [topic.name for leg in planned.legs for topic in leg.outputs.values()]
    return tuple(dict.fromkeys([WRITES, *outputs, *planned.stores]))
