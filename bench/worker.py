"""The real streams role as a child process, with some of the flows that are measured."""

import argparse
import asyncio
import signal
from typing import Any

from bench.flows import NAMES, flows
from gridwire import logs
from gridwire.settings import KafkaSettings
from streams.flow import Flow
from streams.runtime.settings import StreamsSettings
from streams.runtime.worker import run_streams

COMMIT_INTERVAL_MS = 100


async def _run(settings: KafkaSettings, chosen: tuple[Flow[Any], ...]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    streams = StreamsSettings(commit_interval_ms=COMMIT_INTERVAL_MS)
    await run_streams(settings, streams, chosen, {}, stop)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--registry", required=True)
    parser.add_argument("--group", required=True, help="the beginning of group ids")
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--reads", required=True, help="the topic of engagement events")
    parser.add_argument("--slot", type=int, default=0)
    parser.add_argument("--ops-port", type=int, default=0)
    parser.add_argument("flows", choices=NAMES)
    asked = parser.parse_args()
    logs.configure("streams")
    settings = KafkaSettings(
        bootstrap=asked.bootstrap,
        registry_url=asked.registry,
        group_prefix=asked.group,
        partitions=asked.partitions,
        slot=asked.slot,
        ops_host="127.0.0.1",
        ops_port=asked.ops_port,
    )
    asyncio.run(_run(settings, flows(asked.flows, asked.reads)))


if __name__ == "__main__":
    main()
