"""What must hold before the first round: topics, equal partitions, keeping, sizes, where keys lie.

A worker that starts where it does not would join records with nothing, lose rows to retention, or dead-letter what is
in order. Pure judgements over `Facts`; `streams.runtime.facts` asks Kafka for them. The group's assignor is checked by
Kafka itself when the worker joins (`streams.runtime.fatal`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gridwire.kafka import MESSAGE_BYTES_MAX
from gridwire.murmur2 import partition_of
from gridwire.partitions import differing, named

KEYS_MIN = 4  # fewer keys of a topic say nothing about its partitioner
APPLY = "create it with `gridwire topics --apply`, or let an operator do so"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a plan asks of Kafka. Names of topics; `joined` have `partitions` each."""

    partitions: int
    joined: tuple[str, ...]
    changelogs: tuple[str, ...]
    references: tuple[str, ...]
    written: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys((*self.joined, *self.changelogs, *self.references, *self.written))
        )


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """One topic as Kafka describes it. `config`: empty where the worker may not ask."""

    partitions: int
    replicas: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What Kafka says. `keys`: (key, partition) of the latest records of joined topics, as far as they have keys."""

    topics: Mapping[str, TopicFacts]
    brokers: int = 1
    keys: Mapping[str, Sequence[tuple[bytes, int]]] = field(default_factory=dict)


def problems(facts: Facts, needs: Needs) -> list[str]:
    """Why the worker must not start, each with its fix."""
    return [
        *_missing(facts, needs),
        *_partitions(facts, needs),
        *_compaction(facts, needs),
        *_sizes(facts, needs),
        *(text for text, wrong in _partitioners(facts) if wrong),
    ]


def doubts(facts: Facts, needs: Needs) -> list[str]:
    """What an operator should know, though the worker can run."""
    return [
        *_durability(facts, needs),
        *(text for text, wrong in _partitioners(facts) if not wrong),
    ]


def _present(facts: Facts, names: Sequence[str]) -> list[tuple[str, TopicFacts]]:
    return [(name, facts.topics[name]) for name in names if name in facts.topics]


def _missing(facts: Facts, needs: Needs) -> list[str]:
    missing = sorted(set(needs.all) - facts.topics.keys())
    return [f"topic {named(missing)} does not exist: {APPLY}"] if missing else []


def _partitions(facts: Facts, needs: Needs) -> list[str]:
    """A partition's state serves the partitions of that number of all joined topics."""
    counts = {name: topic.partitions for name, topic in facts.topics.items()}
    wrong = differing(needs.partitions, counts, (*needs.joined, *needs.changelogs))
    return [wrong] if wrong else []


def _compaction(facts: Facts, needs: Needs) -> list[str]:
    """State must stay: where anything but compaction deletes, rows vanish with their age."""
    wrong = [
        (name, topic.config["cleanup.policy"])
        for name, topic in _present(facts, (*needs.changelogs, *needs.references))
        if topic.config.get("cleanup.policy", "compact") != "compact"
    ]
    return [
        f"topic {name} has cleanup.policy={policy} and would lose rows: set it to compact "
        "(`kafka-configs.sh --alter --entity-type topics`)"
        for name, policy in wrong
    ]


def _sizes(facts: Facts, needs: Needs) -> list[str]:
    """Below it Kafka refuses whole batches, and good records would be blamed."""
    return [
        f"topic {name} takes no batch of {MESSAGE_BYTES_MAX} bytes: raise its max.message.bytes "
        f"from {topic.config['max.message.bytes']} to {MESSAGE_BYTES_MAX} at least"
        for name, topic in _present(facts, (*needs.written, *needs.changelogs))
        if int(topic.config.get("max.message.bytes", MESSAGE_BYTES_MAX)) < MESSAGE_BYTES_MAX
    ]


def _partitioners(facts: Facts) -> list[tuple[str, bool]]:
    """Topics with keys where murmur2 would not put them; True where most are, so that it is no mere stray."""
    found = []
    for name, keys in sorted(facts.keys.items()):
        count = facts.topics[name].partitions if name in facts.topics else 0
        if not count:
            continue
        astray = sum(partition_of(key, count) != partition for key, partition in keys)
        if astray and len(keys) >= KEYS_MIN and 2 * astray > len(keys):
            text = (
                f"topic {name} is not partitioned by murmur2 ({astray} of its last {len(keys)} keys lie "
                "elsewhere), so joins would miss: have its producer use murmur2 (librdkafka: "
                "partitioner=murmur2_random), and write its records anew"
            )
            found.append((text, True))
        elif astray:
            text = f"topic {name}: {astray} of its last {len(keys)} keys are not where murmur2 puts them"
            found.append((text, False))
    return found


def _durability(facts: Facts, needs: Needs) -> list[str]:
    """One sentence for all topics that one broker's end would stop or lose."""
    single, unsafe, blocked = [], [], []
    for name, topic in _present(facts, needs.all):
        acknowledged = int(topic.config.get("min.insync.replicas", topic.replicas))
        if topic.replicas < 2:
            single.append(name)
        elif "min.insync.replicas" in topic.config and acknowledged < 2:
            unsafe.append(name)
        elif "min.insync.replicas" in topic.config and acknowledged >= topic.replicas:
            blocked.append(name)
    said = []
    if single:
        fix = "raise GRIDWIRE_REPLICATION, or add brokers" if facts.brokers < 2 else "reassign them"
        said.append(f"not replicated, a broker's disk holds all of {named(single)}: {fix}")
    if unsafe:
        said.append(
            f"acknowledged by one replica alone: set min.insync.replicas=2 on {named(unsafe)}"
        )
    if blocked:
        said.append(
            "not written while any replica is down: set min.insync.replicas below the replication factor on "
            + named(blocked)
        )
    return said
