"""Whether Kafka and the schema registry are there, and the topics are as configured. For `gridwire check --live`."""

import msgspec
from confluent_kafka import KafkaException
from confluent_kafka.schema_registry import SchemaRegistryError

from connectors.kit.http.live import Finding
from gridwire import kafka, partitions
from gridwire.codec import Registry, RegistryUnavailableError
from gridwire.commands.guard import LOG_LEVEL, AwayError, kafka_failed, registry_away, require
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTERS, LEDGERS, TOPICS

KAFKA, REGISTRY = "kafka", "registry"
DECLARED: tuple[kafka.Declared, ...] = (*TOPICS, *DEAD_LETTERS, *LEDGERS)


def reached(settings: KafkaSettings, changelogs: tuple[str, ...] = ()) -> list[Finding]:
    """Findings of the broker, its topics and the registry. Changes nothing; blocks, a few seconds at most each."""
    quiet = msgspec.structs.replace(settings, security=LOG_LEVEL | settings.security)
    return [*_broker(quiet, changelogs), _registry(quiet)]


def _broker(settings: KafkaSettings, changelogs: tuple[str, ...]) -> list[Finding]:
    try:
        require(settings)
        counts = kafka.partition_counts(settings)
    except AwayError as error:
        why = str(error)
    except KafkaException as error:
        why = kafka_failed(settings, error.args[0])
    else:
        return [Finding(KAFKA, "broker", "well"), _topics(settings, counts, changelogs)]
    return [Finding(KAFKA, "broker", "unanswered", why), Finding(KAFKA, "topics", "not asked")]


def _topics(
    settings: KafkaSettings, counts: dict[str, int], changelogs: tuple[str, ...]
) -> Finding:
    """Missing ones are wrong only where no role creates them."""
    wrong = partitions.differing(settings.partitions, counts, (*partitions.JOINED, *changelogs))
    if wrong:
        return Finding(KAFKA, "topics", "odd", wrong)
    declared = (*(one.name for one in DECLARED), *changelogs)
    missing = [one for one in declared if one not in counts]
    if not missing:
        return Finding(KAFKA, "topics", "well")
    text = f"not there yet: {partitions.named(missing)}"
    if settings.topic_creation == "none":
        return Finding(KAFKA, "topics", "odd", f"{text}; have an operator create them")
    fix = "`gridwire topics --apply` creates them, and so does a role that starts"
    return Finding(KAFKA, "topics", "well", f"{text}; {fix}")


def _registry(settings: KafkaSettings) -> Finding:
    registry = Registry(settings.registry_url)
    try:
        registry.level(None)
    except RegistryUnavailableError as error:
        why = registry_away(settings, error)
        return Finding(REGISTRY, "schemas", "unanswered", why)
    except SchemaRegistryError as error:
        why = f"the schema registry refuses with {error.http_status_code}: look at SCHEMA_REGISTRY_URL"
        return Finding(REGISTRY, "schemas", "refused", why)
    finally:
        registry.close()
    return Finding(REGISTRY, "schemas", "well")
