"""Kafka's refusals that no patience helps against, each with what to do about it."""

from confluent_kafka import KafkaError

_SECURITY = "check the credentials in GRIDWIRE_KAFKA_SECURITY"
_FIXES: dict[int, str] = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: (
        "grant DESCRIBE and READ on the topics, changelogs and reference topics that `gridwire topics` lists, WRITE on "
        "those that flows write, on the changelogs and on dead-letter.streams"
    ),
    KafkaError.GROUP_AUTHORIZATION_FAILED: "grant READ and DESCRIBE on the consumer group {group}",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: (
        "grant WRITE and DESCRIBE on the transactional ids that begin with {group}"
    ),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: (
        "grant IDEMPOTENT_WRITE on the cluster, and CREATE where GRIDWIRE_TOPIC_CREATION=request"
    ),
    KafkaError.SASL_AUTHENTICATION_FAILED: _SECURITY,
    KafkaError._AUTHENTICATION: _SECURITY,  # noqa: SLF001 -- librdkafka's own codes begin so
    KafkaError._SSL: (  # noqa: SLF001
        "check ssl.ca.location and the other ssl properties in GRIDWIRE_KAFKA_SECURITY"
    ),
    KafkaError.UNSUPPORTED_SASL_MECHANISM: (
        "set sasl.mechanism in GRIDWIRE_KAFKA_SECURITY to one that the brokers offer"
    ),
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: (
        "another member of {group} uses another assignor or protocol: every member must use the range assignor of the "
        "classic protocol; stop it, or set another GRIDWIRE_GROUP_PREFIX"
    ),
    KafkaError.INVALID_TRANSACTION_TIMEOUT: (
        "raise transaction.max.timeout.ms of the brokers to 10000 at least"
    ),
    KafkaError.INVALID_SESSION_TIMEOUT: (
        "set GRIDWIRE_SESSION_TIMEOUT_MS between the brokers' group.min.session.timeout.ms and "
        "group.max.session.timeout.ms"
    ),
    KafkaError.GROUP_MAX_SIZE_REACHED: "raise group.max.size of the brokers, or run fewer workers",
    KafkaError.UNSUPPORTED_VERSION: (
        "use brokers of version 2.5 at least, or GRIDWIRE_DELIVERY=at_least_once"
    ),
    KafkaError._UNSUPPORTED_FEATURE: (  # noqa: SLF001
        "use brokers of version 2.5 at least, or GRIDWIRE_DELIVERY=at_least_once"
    ),
    KafkaError.INVALID_REPLICATION_FACTOR: (
        "set GRIDWIRE_REPLICATION to at most the number of brokers"
    ),
    KafkaError.POLICY_VIOLATION: (
        "the brokers' policy forbids the topics as gridwire creates them: let an operator create them "
        "(`gridwire topics` lists them) and set GRIDWIRE_TOPIC_CREATION=none"
    ),
}


class FatalError(Exception):
    """The process must end: another one has taken its place, or its clients cannot go on. The text names the fix."""


def refused(error: KafkaError, group_id: str) -> FatalError | None:
    """The refusal in words, with the fix; None where trying again may help. `group_id`: with its prefix."""
    fix = _FIXES.get(error.code())
    if fix is None:
        return None
    return FatalError(f"Kafka refuses ({error.name()}): {fix.format(group=group_id)}")
