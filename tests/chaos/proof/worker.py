"""`python -m tests.chaos.proof.worker`: the real stream worker over the proofs' topology, with faults built in.

Everything that breaks is wrapped around the clients here; the product's code is as it ships, unless a mutation is
asked for: those show that the proofs can fail.
"""

import asyncio
import logging
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from gridwire import kafka, logs
from gridwire.bounded import abandoned
from gridwire.settings import KafkaSettings, load
from streams.runtime.settings import StreamsSettings
from streams.runtime.worker import run_streams
from tests.chaos.proof import topology
from tests.chaos.proof.faults import Breaking, Chosen
from tests.chaos.proof.mutations import MUTATIONS

SPACE, CHOSEN, SAID = "PROOF_SPACE", "PROOF_CHOSEN", "PROOF_SAID"
FETCH_BYTES_MAX = 8_000  # a little of every partition, so that a round holds several batches
FAILED = 1

log = logging.getLogger(__name__)


def _broken(make: Callable[..., Any], chosen: Chosen, said: Path) -> Callable[..., Any]:
    made = random.Random(chosen.seed)

    def producer(*arguments: Any, **more: Any) -> Any:
        return Breaking(make(*arguments, **more), chosen, said, random.Random(made.random()))

    return producer


def _small_fetches(make: Callable[..., Any]) -> Callable[..., Any]:
    def consumer(*arguments: Any, **more: Any) -> Any:
        return make(*arguments, **{"fetch_message_max_bytes": FETCH_BYTES_MAX, **more})

    return consumer


async def _until_signal() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    flow = topology.flow(topology.names(os.environ[SPACE]))
    await run_streams(load(KafkaSettings), load(StreamsSettings), [flow], {}, stop)


def main() -> int:
    """Runs until SIGTERM, as `gridwire run streams` does. Returns the exit status."""
    chosen = msgspec.json.decode(os.environ[CHOSEN], type=Chosen)
    kafka.producer = _broken(kafka.producer, chosen, Path(os.environ[SAID]))
    kafka.consumer = _small_fetches(kafka.consumer)
    if chosen.mutation:
        MUTATIONS[chosen.mutation]()
    logs.configure("streams", "INFO")
    try:
        uvloop.run(_until_signal())
    except Exception as error:
        log.exception("role ended", extra={"reason": str(error)})
        status = FAILED
    else:
        status = 0
    if abandoned():
        logging.shutdown()
        os._exit(status)
    return status


if __name__ == "__main__":
    sys.exit(main())
