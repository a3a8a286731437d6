"""The promise to readers: all versions of a subject's schema can read one another's data.

A registry keeps it only where it is told to, per subject: Confluent's own default (BACKWARD) lets through what breaks
readers that have not been upgraded.
"""

import logging
from collections.abc import Callable, Iterable, Iterator

from confluent_kafka.schema_registry import SchemaRegistryError

from gridwire.codec import Registry, RegistryUnavailableError
from gridwire.topics import TOPICS

LEVEL = "FULL_TRANSITIVE"
SUBJECTS = tuple(topic.subject for topic in TOPICS)
FIX = "`gridwire topics --apply` sets it"
log = logging.getLogger(__name__)


def ensure(registry: Registry, subjects: Iterable[str] = SUBJECTS) -> list[str]:
    """Sets LEVEL on each subject that has none, or another, of its own; returns these.

    Subjects without a schema, too: the first one is then registered under it. Raises SchemaRegistryError where the
    registry refuses, RegistryUnavailableError where nobody answers.
    """
    differing = [subject for subject in subjects if registry.level(subject) != LEVEL]
    for subject in differing:
        registry.set_level(subject, LEVEL)
    return differing


def weaker(
    registry: Registry, stopped: Callable[[], bool], subjects: Iterable[str] = SUBJECTS
) -> Iterator[tuple[str, str]]:
    """Subjects for which another level counts than LEVEL, with that level: their own, or else the registry's default.

    Asks one by one until `stopped`. Raises as `ensure` does.
    """
    default = registry.level(None)
    for subject in subjects:
        if stopped():
            return
        level = registry.level(subject) or default
        if level != LEVEL:
            yield subject, level or "unknown"


def warn(url: str, stopped: Callable[[], bool]) -> None:
    """Says once in the log which subjects readers cannot rely on. A registry that does not tell ends no role."""
    registry = Registry(url)
    try:
        found = dict(weaker(registry, stopped))
    except (RegistryUnavailableError, SchemaRegistryError) as error:
        log.warning("compatibility of subjects is not known", extra={"why": type(error).__name__})
        return
    finally:
        registry.close()
    if found:
        log.warning(
            "subjects whose schemas may change in ways that break readers",
            extra={"subjects": len(found), "levels": dict(sorted(found.items())), "fix": FIX},
        )
