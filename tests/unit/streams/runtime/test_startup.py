"""What keeps a worker from starting, and what it only says: judged over facts, each with its fix."""

from collections.abc import Mapping
from typing import Any

import pytest
from confluent_kafka import KafkaError

from gridwire.murmur2 import partition_of
from streams.runtime import startup
from streams.runtime.fatal import refused
from streams.runtime.startup import Facts, Needs, TopicFacts

NEEDS = Needs(
    partitions=4,
    joined=("source.a", "source.b"),
    changelogs=("table.orders",),
    references=("reference.partners",),
    written=("enriched.c", "dead-letter.streams"),
)
SAFE = {"cleanup.policy": "delete", "max.message.bytes": "1048588", "min.insync.replicas": "2"}
KEPT = SAFE | {"cleanup.policy": "compact"}
GOOD: dict[str, TopicFacts] = {
    "source.a": TopicFacts(4, 3, SAFE),
    "source.b": TopicFacts(4, 3, SAFE),
    "table.orders": TopicFacts(4, 3, KEPT),
    "reference.partners": TopicFacts(1, 3, KEPT),
    "enriched.c": TopicFacts(4, 3, SAFE),
    "dead-letter.streams": TopicFacts(1, 3, SAFE),
}


def facts(*missing: str, topics: Mapping[str, TopicFacts] | None = None, **other: Any) -> Facts:
    found = {name: one for name, one in (GOOD | dict(topics or {})).items() if name not in missing}
    return Facts(topics=found, brokers=3, **other)


def keys(count: int, *, astray: int) -> list[tuple[bytes, int]]:
    found = []
    for n in range(count):
        key = f"key-{n}".encode()
        found.append((key, (partition_of(key, 4) + (n < astray)) % 4))
    return found


def test_a_kafka_that_has_what_the_flows_need_is_no_problem() -> None:
    fine = facts(keys={"source.a": keys(20, astray=0)})
    assert startup.problems(fine, NEEDS) == []
    assert startup.doubts(fine, NEEDS) == []


def test_a_missing_topic_is_named_with_the_command_that_creates_it() -> None:
    (problem,) = startup.problems(facts("table.orders"), NEEDS)
    assert "topic table.orders does not exist" in problem
    assert "gridwire topics --apply" in problem


@pytest.mark.parametrize("name", ["source.b", "table.orders"])
def test_joined_topics_and_changelogs_of_other_partition_counts_are_named(name: str) -> None:
    (problem,) = startup.problems(facts(topics={name: TopicFacts(12, 3)}), NEEDS)
    assert f"{name} has 12" in problem
    assert "GRIDWIRE_PARTITIONS" in problem


@pytest.mark.parametrize("name", ["reference.partners", "table.orders"])
@pytest.mark.parametrize("policy", ["delete", "compact,delete"])
def test_state_that_retention_would_delete_is_a_problem(name: str, policy: str) -> None:
    there = GOOD[name]
    config = KEPT | {"cleanup.policy": policy}
    changed = {name: TopicFacts(there.partitions, 3, config)}
    (problem,) = startup.problems(facts(topics=changed), NEEDS)
    assert f"topic {name} has cleanup.policy={policy}" in problem


def test_a_topic_that_takes_no_full_batch_is_a_problem() -> None:
    small = TopicFacts(4, 3, SAFE | {"max.message.bytes": "100000"})
    (problem,) = startup.problems(facts(topics={"enriched.c": small}), NEEDS)
    assert "raise its max.message.bytes from 100000 to 1000000" in problem


def test_a_topic_with_another_partitioner_is_a_problem() -> None:
    (problem,) = startup.problems(facts(keys={"source.b": keys(20, astray=15)}), NEEDS)
    assert "source.b is not partitioned by murmur2" in problem
    assert "partitioner=murmur2_random" in problem


@pytest.mark.parametrize(("count", "astray"), [(20, 3), (3, 3)])
def test_a_few_keys_astray_are_only_told(count: int, astray: int) -> None:
    strays = facts(keys={"source.b": keys(count, astray=astray)})
    assert startup.problems(strays, NEEDS) == []
    (doubt,) = startup.doubts(strays, NEEDS)
    assert f"source.b: {astray} of its last {count} keys" in doubt


def test_topics_that_one_broker_may_stop_or_lose_are_told() -> None:
    single = {name: TopicFacts(one.partitions, 1, one.config) for name, one in GOOD.items()}
    (doubt,) = startup.doubts(facts(topics=single), NEEDS)
    assert "not replicated" in doubt
    assert doubt.count("source.") == 2
    assert "and 1 more" in doubt
    weak = SAFE | {"min.insync.replicas": "1"}
    strict = SAFE | {"min.insync.replicas": "3"}
    said = startup.doubts(
        facts(topics={"source.a": TopicFacts(4, 3, weak), "source.b": TopicFacts(4, 3, strict)}),
        NEEDS,
    )
    assert any("min.insync.replicas=2 on source.a" in one for one in said)
    assert any("below the replication factor on source.b" in one for one in said)


def test_without_permission_to_read_configurations_nothing_is_made_up() -> None:
    unknown = {name: TopicFacts(one.partitions, 3) for name, one in GOOD.items()}
    assert startup.problems(facts(topics=unknown), NEEDS) == []
    assert startup.doubts(facts(topics=unknown), NEEDS) == []


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "grant DESCRIBE and READ"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "consumer group gw.streams"),
        (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "begin with gw.streams"),
        (KafkaError._AUTHENTICATION, "GRIDWIRE_KAFKA_SECURITY"),
        (KafkaError.INCONSISTENT_GROUP_PROTOCOL, "range assignor"),
        (KafkaError.INVALID_TRANSACTION_TIMEOUT, "transaction.max.timeout.ms"),
    ],
)
def test_a_refusal_says_what_to_grant_or_change(code: int, fix: str) -> None:
    assert fix in str(refused(KafkaError(code), "gw.streams"))


@pytest.mark.parametrize(
    "code", [KafkaError._TRANSPORT, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError._TIMED_OUT]
)
def test_what_may_pass_is_no_refusal(code: int) -> None:
    assert refused(KafkaError(code), "gw.streams") is None
