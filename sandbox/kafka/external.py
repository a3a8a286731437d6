"""A Kafka that is already there: KAFKA_BOOTSTRAP."""

import os
from dataclasses import dataclass
from pathlib import Path

from sandbox.kafka.broker import Broker, KafkaStartError, NotOursError, UnavailableError, answers

VARIABLE = "KAFKA_BOOTSTRAP"


@dataclass(slots=True)
class ExternalEngine:
    """Never started, never stopped."""

    broker: Broker
    pid: int | None = None
    container: str | None = None
    folder: Path | None = None

    @property
    def alive(self) -> bool:
        """Whether it answers."""
        return answers(self.broker.bootstrap)

    def start(self) -> None:
        """Refuse."""
        raise NotOursError(f"the Kafka of {VARIABLE} is not ours to start: unset {VARIABLE}")

    def stop(self) -> None:
        """Leave it as it is."""

    def kill(self) -> None:
        """Refuse."""
        raise NotOursError(f"the Kafka of {VARIABLE} is not ours to kill: unset {VARIABLE}")

    def release(self) -> None:
        """Nothing was taken."""

    def let_go(self) -> None:
        """Nothing is held."""


def find() -> ExternalEngine:
    """Raises UnavailableError when KAFKA_BOOTSTRAP is not set, KafkaStartError when nothing answers there."""
    bootstrap = os.environ.get(VARIABLE, "").strip()
    if not bootstrap:
        raise UnavailableError(f"{VARIABLE} is not set")
    if not answers(bootstrap):
        raise KafkaStartError(
            f"{VARIABLE}={bootstrap}, but no Kafka answers there: start it, or unset {VARIABLE} to get a local one"
        )
    return ExternalEngine(Broker(bootstrap, "external", exactly_once=True, version="(unknown)"))
