"""What every command does that talks to Kafka: looks whether it answers, says in one line where it does not."""

import sys
from collections.abc import Callable

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from gridwire import kafka
from gridwire.codec import RegistryUnavailableError
from gridwire.logs import scrubbed
from gridwire.settings import KafkaSettings
from gridwire.shapes import shown

FAILED = 1
REACH_S_MAX = 5.0
# Of librdkafka's own lines only what is critical: all others come back as errors of calls, and are told once.
LOG_LEVEL = {"log_level": "2"}
REFUSED = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})  # noqa: SLF001 -- librdkafka's names
RIGHTS = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)


class AwayError(Exception):
    """Kafka does not answer; the message names the variable, its value and the fix."""


def guarded(
    settings: KafkaSettings, command: Callable[[KafkaSettings], int], *, at_once: bool = True
) -> int:
    """The command's exit status; 1, and why on stderr, where Kafka or the registry does not answer, or refuses.

    `at_once`: Kafka is looked for before the command starts; one that may do without it calls `require` itself.
    """
    quiet = msgspec.structs.replace(settings, security=LOG_LEVEL | settings.security)
    try:
        if at_once:
            require(quiet)
        return command(quiet)
    except AwayError as error:
        said = str(error)
    except RegistryUnavailableError as error:
        said = registry_away(settings, error)
    except KafkaException as error:
        said = kafka_failed(settings, error.args[0])
    print(said, file=sys.stderr)
    return FAILED


def require(settings: KafkaSettings, timeout_s: float = REACH_S_MAX) -> None:
    """Raises AwayError where no broker answers within `timeout_s`."""
    errors: list[KafkaError] = []
    admin = AdminClient(kafka.client_config(settings) | {"error_cb": errors.append})
    try:
        admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        admin.poll(0)  # the call itself only says that it took too long
        raise AwayError(_away(settings, [*errors, error.args[0]], timeout_s)) from error


def _away(settings: KafkaSettings, errors: list[KafkaError], timeout_s: float) -> str:
    refusal = next((one for one in errors if one.code() in REFUSED), None)
    where = f"KAFKA_BOOTSTRAP={shown(settings.bootstrap)}"
    if refusal is not None:
        return (
            f"{where}: the broker refuses the connection ({scrubbed(refusal.str())}): set GRIDWIRE_KAFKA_SECURITY to "
            "the properties that it wants"
        )
    return (
        f"{where}: no broker answers within {timeout_s:g} s ({scrubbed(errors[0].str())}): set KAFKA_BOOTSTRAP to the "
        "host:port of one that runs, or start one (`gridwire kafka up`)"
    )


def kafka_failed(settings: KafkaSettings, error: KafkaError) -> str:
    """What is said of a call that Kafka refused, or did not answer."""
    where = f"Kafka at KAFKA_BOOTSTRAP={shown(settings.bootstrap)}"
    if error.code() in RIGHTS:
        return (
            f"{where} refuses: {scrubbed(error.str())}; give the user of GRIDWIRE_KAFKA_SECURITY the right, or do it "
            "as one who has it"
        )
    return f"{where} does not answer as it should: {scrubbed(error.str())}; look at its logs, and try again"


def registry_away(settings: KafkaSettings, error: RegistryUnavailableError) -> str:
    """What is said of a registry that does not answer."""
    return (
        f"SCHEMA_REGISTRY_URL={shown(settings.registry_url)}: {error}: start the schema registry, or set "
        "SCHEMA_REGISTRY_URL to the URL of one that runs"
    )
