"""Whether topics that hold state are compacted as they must be: found out, repaired, or said loudly.

Only what makes things worse counts: an operator may well have chosen smaller segments or a shorter lag.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from gridwire import kafka
from gridwire.settings import KafkaSettings

log = logging.getLogger(__name__)

LOOKS_MAX = 10
LOOK_AGAIN_S = 0.3
POLICY = "cleanup.policy"
AT_MOST = ("segment.bytes", "segment.ms", "min.cleanable.dirty.ratio", "max.compaction.lag.ms")
AT_LEAST = ("delete.retention.ms",)


@dataclass(frozen=True, slots=True)
class Difference:
    """A property of a topic that is worse than it should be."""

    topic: str
    name: str
    found: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.name}={self.found}, should be {self.wanted}"


def worse(topic: str, found: Mapping[str, str]) -> list[Difference]:
    """Where `found` is worse than what topics with state are created with."""
    wrong = []
    for name, wanted in kafka.COMPACTED.items():
        value = found.get(name, "")
        if name == POLICY:
            bad = value != wanted  # with `delete` beside it rows would go after a while
        elif name in AT_MOST:
            bad = float(value or "inf") > float(wanted)
        else:
            bad = name in AT_LEAST and float(value or 0) < float(wanted)
        if bad:
            wrong.append(Difference(topic, name, value or "unknown", wanted))
    return wrong


def differences(settings: KafkaSettings, topics: Sequence[str]) -> list[Difference]:
    """Of those topics that exist. Raises KafkaException where the broker does not tell."""
    present = kafka.partition_counts(settings)
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in topics if name in present]
    if not asked:
        return []
    admin = AdminClient(kafka.client_config(settings))
    futures = admin.describe_configs(asked, request_timeout=kafka.ADMIN_TIMEOUT_S)
    found = []
    for resource, future in futures.items():
        entries = {name: entry.value or "" for name, entry in future.result().items()}
        found += worse(resource.name, entries)
    return sorted(found, key=str)


def repair(settings: KafkaSettings, wrong: Sequence[Difference]) -> None:
    """Sets each property as it should be. Raises KafkaException where the broker refuses."""
    resources = []
    for topic in sorted({one.topic for one in wrong}):
        changes = [
            ConfigEntry(one.name, one.wanted, incremental_operation=AlterConfigOpType.SET)
            for one in wrong
            if one.topic == topic
        ]
        resources.append(ConfigResource(ResourceType.TOPIC, topic, incremental_configs=changes))
    admin = AdminClient(kafka.client_config(settings))
    futures = admin.incremental_alter_configs(resources, request_timeout=kafka.ADMIN_TIMEOUT_S)
    for future in futures.values():
        future.result()


def ensure(settings: KafkaSettings, topics: Sequence[str]) -> list[Difference]:
    """Compares, and repairs where GRIDWIRE_TOPIC_CREATION=request; else says it loudly. Returns what differed."""
    if settings.topic_creation == "metadata":
        return []  # such a broker has no configuration to compare
    try:
        wrong = differences(settings, topics)
    except KafkaException as error:
        log.warning("configuration of changelogs not known", extra={"reason": error.args[0].name()})
        return []
    if wrong and settings.topic_creation == "request" and _repaired(settings, wrong):
        return wrong
    for one in wrong:
        log.error("changelog configured otherwise", extra={"difference": str(one)})
    return wrong


def remaining(settings: KafkaSettings, topics: Sequence[str]) -> list[Difference]:
    """What still differs once brokers have had time to hear of a repair. Raises KafkaException."""
    for _ in range(LOOKS_MAX):
        left = differences(settings, topics)
        if not left:
            return []
        time.sleep(LOOK_AGAIN_S)
    return differences(settings, topics)


def _repaired(settings: KafkaSettings, wrong: Sequence[Difference]) -> bool:
    try:
        repair(settings, wrong)
    except KafkaException as error:
        log.error("changelog not repaired", extra={"reason": error.args[0].name()})  # noqa: TRY400
        return False
    for one in wrong:
        log.warning("changelog repaired", extra={"difference": str(one)})
    return True
