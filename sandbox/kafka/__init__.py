"""A Kafka for demo and tests: found or started, in a fixed order, and always stopped again.

1. `external`: KAFKA_BOOTSTRAP names one (then nothing else is tried).
2. `docker`: an engine answers; the official apache/kafka image.
3. `java`: Java 17+ and, the first time, Maven; Apache Kafka in KRaft mode.
4. `mock`: librdkafka's in-process broker in a child process: at-least-once, see `sandbox.kafka.mock`.

`start()` ties it to this process: it ends with the block, with Ctrl-C, and when this process is killed.
`up()`, `down()` and `status()` manage one that stays, for the command line.
"""

from sandbox.kafka.broker import (
    ALL_KINDS,
    Broker,
    KafkaStartError,
    Kind,
    NoKafkaError,
    NotOursError,
    RunningBroker,
)
from sandbox.kafka.find import start
from sandbox.kafka.standing import down, status, up

__all__ = [
    "ALL_KINDS",
    "Broker",
    "KafkaStartError",
    "Kind",
    "NoKafkaError",
    "NotOursError",
    "RunningBroker",
    "down",
    "start",
    "status",
    "up",
]
