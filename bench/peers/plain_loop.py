"""The loop that one would write by hand: consume, decode, look up, encode, produce; at-least-once.

Offsets are committed after what follows from them has been delivered, as often as gridwire commits.
"""

import signal
import time
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer

from bench.peers import wire

CONSUME_MAX = 1_000
CONSUME_S = 0.05
FLUSH_S = 30.0
QUEUE_POLL_S = 0.05


class Loop:
    """Runs until it is told to end. Raises KafkaException where Kafka refuses something."""

    def __init__(self, asked: wire.Asked) -> None:
        self._asked = asked
        self._partners = wire.partners_by_sku(asked)
        self._head = wire.output_head(asked)
        self._consumer = Consumer(
            {
                "bootstrap.servers": asked.bootstrap,
                "group.id": asked.group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
            }
        )
        self._producer = Producer(
            {
                "bootstrap.servers": asked.bootstrap,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": 5,
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 1_000_000,
                "on_delivery": self._delivered,
                "delivery.report.only.error": True,  # a call for each message would only slow it
            }
        )
        self._refused = 0
        self._stopping = False

    def _delivered(self, error: Any, _message: Message) -> None:
        self._refused += error is not None

    def stop(self, *_signal: Any) -> None:
        self._stopping = True

    def run(self) -> None:
        self._consumer.subscribe([self._asked.reads])
        committed_at = time.monotonic()
        dirty = False
        while not self._stopping:
            messages = self._consumer.consume(CONSUME_MAX, CONSUME_S)
            for message in messages:
                self._one(message)
            self._producer.poll(0)
            dirty = dirty or bool(messages)
            if dirty and time.monotonic() - committed_at >= wire.COMMIT_INTERVAL_S:
                self._commit()
                committed_at, dirty = time.monotonic(), False
        if dirty:
            self._commit()
        self._consumer.close()

    def _one(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            raise KafkaException(error)
        event = wire.decode(wire.ENGAGEMENT, message.value() or b"")
        record = wire.enriched(event, self._partners.get(event["sku"]))
        value = wire.encode(self._head, wire.ENRICHED, record)
        while True:
            try:
                self._producer.produce(self._asked.writes, value, message.key())
            except BufferError:
                self._producer.poll(QUEUE_POLL_S)
            else:
                return

    def _commit(self) -> None:
        if self._producer.flush(FLUSH_S) or self._refused:
            raise RuntimeError("not everything was delivered: start again from the last commit")
        self._consumer.commit(asynchronous=True)


def main() -> None:
    loop = Loop(wire.arguments(__doc__))
    signal.signal(signal.SIGTERM, loop.stop)
    loop.run()


if __name__ == "__main__":
    main()
