"""Asks Kafka for what `streams.runtime.startup` judges, and waits for a Kafka that is not there yet. Blocks."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as NoAnswerError
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from gridwire import kafka
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTER_STREAMS
from streams.engine.plan import Plan
from streams.runtime import startup
from streams.runtime.fatal import FatalError, refused
from streams.runtime.startup import Facts, Needs, TopicFacts

log = logging.getLogger(__name__)

REACH_S_MAX = 5.0
ASK_S_MAX = 15.0
TOLD_S_MAX = 10.0  # below ASK_S_MAX, so that Kafka's own answer comes first
KEYS_PER_PARTITION_MAX = 5
KEYS_S_MAX = 10.0
SETTLED_S_MAX = 15.0  # for topics just created to be known everywhere
SETTLED_PAUSE_S = 0.5
CONFIGS = ("cleanup.policy", "max.message.bytes", "min.insync.replicas")


def needs_of(plan: Plan, changelogs: Sequence[str], partitions: int) -> Needs:
    """What a plan asks of Kafka."""
    written = {topic.name for leg in plan.legs for topic in leg.outputs.values()}
    references = {table.copy_of.name for table in plan.references if table.copy_of}
    return Needs(
        partitions=partitions,
        joined=tuple(plan.by_topic),
        changelogs=tuple(changelogs),
        references=tuple(sorted(references)),
        written=(*sorted(written), DEAD_LETTER_STREAMS.name),
    )


def reach(settings: KafkaSettings, group_id: str) -> None:
    """Raises KafkaException where Kafka does not answer, FatalError where it refuses the credentials."""
    refusals: list[KafkaError] = []
    admin = AdminClient(kafka.client_config(settings) | {"error_cb": refusals.append})
    try:
        admin.list_topics(timeout=REACH_S_MAX)
    except KafkaException:
        admin.poll(0)  # the call itself only says that it took too long
        for error in refusals:
            found = refused(error, group_id)
            if found is not None:
                raise found from None
        raise


def check(settings: KafkaSettings, needs: Needs, group_id: str) -> None:
    """Logs doubts. Raises FatalError with all that must be mended, KafkaException where Kafka does not answer."""
    try:
        facts = ask(settings, needs)
    except KafkaException as error:
        found = refused(error.args[0], group_id)
        if found is not None:
            raise found from error
        raise
    for doubt in startup.doubts(facts, needs):
        log.warning("set-up", extra={"doubt": doubt})
    wrong = startup.problems(facts, needs)
    if wrong:
        raise FatalError("the worker cannot start:\n" + "\n".join(f"  - {one}" for one in wrong))


def ask(settings: KafkaSettings, needs: Needs) -> Facts:
    """Raises KafkaException where Kafka does not answer."""
    admin = AdminClient(kafka.client_config(settings))
    topics, brokers = _topics(admin, needs)
    configs = _configs(admin, sorted(topics))
    return Facts(
        topics={
            name: TopicFacts(*counts, configs.get(name, {})) for name, counts in topics.items()
        },
        brokers=brokers,
        keys=_keys(settings, [(name, topics[name][0]) for name in needs.joined if name in topics]),
    )


def _topics(admin: AdminClient, needs: Needs) -> tuple[dict[str, tuple[int, int]], int]:
    """(partitions, replicas) of each topic that there is, and how many brokers."""
    deadline = time.monotonic() + SETTLED_S_MAX
    while True:
        metadata = admin.list_topics(timeout=ASK_S_MAX)
        found = {
            name: (len(one.partitions), min(len(p.replicas) for p in one.partitions.values()))
            for name in needs.all
            if (one := metadata.topics.get(name)) is not None and one.partitions
        }
        if len(found) == len(needs.all) or time.monotonic() > deadline:
            return found, len(metadata.brokers)
        time.sleep(SETTLED_PAUSE_S)


def _configs(admin: AdminClient, names: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """What matters of each topic's configuration; nothing where Kafka does not tell."""
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    found: dict[str, Mapping[str, str]] = {}
    ask = partial(admin.describe_configs, resources, request_timeout=TOLD_S_MAX)
    for resource, described in _told(ask, "configuration of topics").items():
        values = {name: described[name].value for name in CONFIGS if name in described}
        found[resource.name] = {name: text for name, text in values.items() if text is not None}
    return found


def _told(call: Callable[[], Mapping[Any, Any]], what: str) -> dict[Any, Any]:
    """The answers to an admin request. Without one (old brokers, no permission) the check is left out, and says so."""
    found = {}
    why = ""
    try:
        for resource, future in call().items():
            try:
                found[resource] = future.result(ASK_S_MAX)
            except NoAnswerError:
                why = "no answer"
            except KafkaException as error:
                why = error.args[0].name()
    except KafkaException as error:
        why = error.args[0].name()
    if why:
        log.warning("set-up not checked", extra={"what": what, "why": why})
    return found


def _keys(
    settings: KafkaSettings, topics: Sequence[tuple[str, int]]
) -> dict[str, list[tuple[bytes, int]]]:
    """(key, partition) of the latest few records of each partition, as far as they come in time."""
    own = {"group.id": f"{settings.group_prefix}.reader", "enable.partition.eof": True}
    rules = {"enable.auto.commit": False, "isolation.level": "read_committed"}
    reader = Consumer(kafka.client_config(settings) | own | rules)
    try:
        places = []
        for name, partitions in topics:
            for p in range(partitions):
                place = TopicPartition(name, p)
                low, high = reader.get_watermark_offsets(place, timeout=ASK_S_MAX)
                if high > low:
                    places.append(TopicPartition(name, p, max(low, high - KEYS_PER_PARTITION_MAX)))
        return _read_keys(reader, places)
    finally:
        reader.close()


def _read_keys(
    reader: Consumer, places: Sequence[TopicPartition]
) -> dict[str, list[tuple[bytes, int]]]:
    """From each place to the end of its partition: what lies there may be transaction markers."""
    found: dict[str, list[tuple[bytes, int]]] = {}
    left = {(place.topic, place.partition) for place in places}
    reader.assign(list(places))
    deadline = time.monotonic() + KEYS_S_MAX
    while left and time.monotonic() < deadline:
        for message in reader.consume(1_000, SETTLED_PAUSE_S):
            topic, partition, key = message.topic() or "", message.partition() or 0, message.key()
            if message.error() is not None:
                left.discard((topic, partition))  # its end
            elif key is not None:
                found.setdefault(topic, []).append((bytes(key), partition))
    return found
