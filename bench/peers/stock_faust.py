"""Faust as documented: an agent takes one event at a time and awaits its send; at-least-once."""

import sys
import tempfile
from typing import Any

import faust

from bench.peers import wire


def make_app(asked: wire.Asked, datadir: str) -> faust.App:
    """The app with its one agent."""
    app = faust.App(
        asked.group,
        broker=f"kafka://{asked.bootstrap}",
        store="memory://",
        datadir=datadir,
        web_enabled=False,
        topic_disable_leader=True,
        broker_commit_interval=wire.COMMIT_INTERVAL_S,
        consumer_auto_offset_reset="earliest",
    )
    reads = app.topic(asked.reads, key_serializer="raw", value_serializer="raw")
    writes = app.topic(asked.writes, key_serializer="raw", value_serializer="raw")
    partners, head = wire.partners_by_sku(asked), wire.output_head(asked)

    async def enrich(stream: Any) -> None:
        async for key, value in stream.items():
            event = wire.decode(wire.ENGAGEMENT, value)
            record = wire.enriched(event, partners.get(event["sku"]))
            await writes.send(key=key, value=wire.encode(head, wire.ENRICHED, record))

    app.agent(reads, name="enrich")(enrich)
    return app


def main() -> None:
    asked = wire.arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="stock-faust-") as datadir:
        app = make_app(asked, datadir)
        sys.exit(faust.Worker(app, loglevel="warning").execute_from_commandline())


if __name__ == "__main__":
    main()
