"""All flows in one worker on a mixed load of all source topics: events a second, and for each core that it takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, TopicPartition

from bench import counting, mix, observing, workload
from bench.subjects import (
    RUN_S_MAX,
    SAID_MAX,
    STOP_S_MAX,
    Run,
    Started,
    Subject,
    figures_of,
    watch,
    worker_command,
)
from bench.workload import Encoded
from bench.world import READS, WRITES, Load, World, changelogs_of, written_by
from gridwire import kafka, topics
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTER_STREAMS
from sandbox.child import spawn
from streams.runtime.settings import StreamsSettings
from streams.tables import ORDERS

FLOWS = "all"
ANSWER_S = 10.0
GROUP = StreamsSettings().worker_group


def _command(world: World, group: str, load: Load) -> list[str]:
    return worker_command(world, FLOWS, reads=load.topic, group=group)


ALL_FLOWS = Subject(
    "mixed/all-flows", _command, lambda _group: written_by(FLOWS), changelogs_of(FLOWS)
)


class Committed:
    """How many source events a worker has committed, and what can be seen of its work besides.

    Raises KafkaException where Kafka does not say.
    """

    def __init__(self, settings: KafkaSettings, group: str, shows: Sequence[str]) -> None:
        # Not the admin client's listConsumerGroupOffsets: an answer with an error ends the process (librdkafka 2.16).
        self._client = Consumer(
            kafka.client_config(settings)
            | {"group.id": f"{group}.{GROUP}", "isolation.level": "read_uncommitted"}
        )
        partitions = range(settings.partitions)
        self._asked = [TopicPartition(name, p) for name in mix.TOPICS for p in partitions]
        self._shown = observing.StableEnds(settings.bootstrap, shows, settings.partitions)
        kafka.patiently(self)  # a fresh broker's coordinators are not there at once

    def __call__(self) -> tuple[int, int]:
        """(source events whose effects are committed, those and all messages that were written)."""
        places = self._client.committed(self._asked, timeout=ANSWER_S)
        done = sum(max(0, place.offset) for place in places)  # negative: nothing yet
        return done, done + self._shown()[1]

    def close(self) -> None:
        """It never joined the group."""
        self._client.close()


@dataclass(frozen=True, slots=True)
class Mixed:
    """A world whose source topics hold a mixed load."""

    world: World
    load: Sequence[Encoded]

    def engagement(self) -> list[Encoded]:
        """The events of which each has an enriched record."""
        return [one for one in self.load if one.topic == READS]


def prepare(world: World, count: int) -> Mixed:
    """Fills all source topics anew."""
    world.fresh(*mix.TOPICS)
    load = mix.encoded(world.codec, count, world.base_ms)
    workload.load(world.settings, None, load)
    world.dirty.update(mix.TOPICS)
    return Mixed(world, load)


def run(mixed: Mixed, group: str) -> Run:
    """All flows do all the work; then it is counted. Never raises for their faults."""
    try:
        return _run(mixed, group)
    except Exception as error:  # noqa: BLE001 -- a run that fails must not cost the others their figures
        return Run(ALL_FLOWS, len(mixed.load), faults=(f"{type(error).__name__}: {error}",))


def _run(mixed: Mixed, group: str) -> Run:
    world, count = mixed.world, len(mixed.load)
    shows = ALL_FLOWS.topics(group)
    world.fresh_but(*mix.TOPICS, changelogs=ALL_FLOWS.changelogs)
    world.dirty.update((*shows, DEAD_LETTER_STREAMS.name))
    work = Load(READS, mixed.load)
    ends = Committed(world.settings, group, shows)
    command = ALL_FLOWS.command(world, group, work)
    child = spawn(command, log=world.folder / f"{group}.log")
    started = Started(ALL_FLOWS, group, child, work, shows)
    try:
        span = observing.follow(watch(started, world, ends), count, RUN_S_MAX)
    except observing.UnfinishedError as error:
        return Run(ALL_FLOWS, count, faults=(str(error), child.said()[-SAID_MAX:]))
    finally:
        ends.close()
        child.stop(STOP_S_MAX)
    faults = _faults(mixed)
    return Run(ALL_FLOWS, count, faults=faults) if faults else figures_of(ALL_FLOWS, span, count)


def _faults(mixed: Mixed) -> tuple[str, ...]:
    """Each engagement event enriched once and rightly, every order in the table, no dead letter."""
    settings = mixed.world.settings
    found = list(counting.faults(settings, WRITES, mixed.engagement()))
    keys = {one.key for one in mixed.load if one.topic == topics.BIGCOMMERCE_ORDERS.name}
    held = set(counting.keys(settings, ORDERS.changelog.name))
    if held != keys:
        found.append(f"{len(keys - held)} orders not in the table, {len(held - keys)} of no order")
    dead = sum(kafka.end_offsets(settings, DEAD_LETTER_STREAMS.name, [0]).values())
    if dead:
        found.append(f"{dead} dead letters")
    return tuple(found)


def shares(load: Sequence[Encoded]) -> Mapping[str, int]:
    """How many events of each topic."""
    return {name: len(some) for name, some in mix.by_topic(load).items()}
