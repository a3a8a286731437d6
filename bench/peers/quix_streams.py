"""Quix Streams as documented: `topic → apply → to_topic`, exactly once. Runs in an environment of its own."""

import tempfile
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]  # see bench/quix.py

from bench.peers import wire

POLL_S = 0.05


def make_app(asked: wire.Asked, state_dir: str) -> Any:
    """The application with its one stream."""
    app = Application(
        broker_address=asked.bootstrap,
        consumer_group=asked.group,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=wire.COMMIT_INTERVAL_S,
        consumer_poll_timeout=POLL_S,
        consumer_extra_config={"fetch.wait.max.ms": 50},
        producer_extra_config={
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": 5,
            "partitioner": "murmur2_random",
            "retry.backoff.ms": 10,  # transactions back to back: the default adds 90 ms to each
        },
        state_dir=state_dir,
        auto_create_topics=False,
        loglevel="WARNING",
    )
    plain = {"key_deserializer": "bytes", "value_deserializer": "bytes"}
    reads = app.topic(asked.reads, **plain)
    writes = app.topic(asked.writes, key_serializer="bytes", value_serializer="bytes")
    partners, head = wire.partners_by_sku(asked), wire.output_head(asked)

    def enrich(value: bytes) -> bytes:
        event = wire.decode(wire.ENGAGEMENT, value)
        record = wire.enriched(event, partners.get(event["sku"]))
        return wire.encode(head, wire.ENRICHED, record)

    app.dataframe(reads).apply(enrich).to_topic(writes)
    return app


def main() -> None:
    asked = wire.arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="quix-") as state_dir:
        make_app(asked, state_dir).run()


if __name__ == "__main__":
    main()
