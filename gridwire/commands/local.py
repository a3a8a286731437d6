"""`gridwire kafka`, `sandbox` and `demo`: what runs on a developer's machine. Needs a source checkout."""

import json
import signal
import threading
import time
from collections.abc import Iterator

from sandbox import kafka as local_kafka
from sandbox import process
from sandbox.kafka import Broker, KafkaStartError, NoKafkaError
from sandbox.registry import standing as registry
from sandbox.registry.process import RegistryStartError

WATCH_S = 0.5
FAILED = 1


def kafka(action: str, *, as_json: bool) -> int:
    """Starts a local Kafka and schema registry that stay, stops them, or tells about them.

    Exit status 1 where there is no Kafka.
    """
    act = {"up": local_kafka.up, "down": local_kafka.down, "status": local_kafka.status}[action]
    beside = {"up": registry.up, "down": registry.down, "status": registry.status}[action]
    try:
        broker = act()
        url = beside()
    except (NoKafkaError, KafkaStartError, RegistryStartError) as error:
        print(error)
        return FAILED
    if as_json:
        print(json.dumps(_facts(broker, url)))
    else:
        print("\n".join(_said(action, broker, url)))
    return 0 if broker is not None or action == "down" else FAILED


def _facts(broker: Broker | None, url: str | None) -> dict[str, str]:
    facts = {} if url is None else {"registry": url}
    if broker is None:
        return facts
    return facts | {
        "bootstrap": broker.bootstrap,
        "kind": broker.kind,
        "version": broker.version,
    }


def _said(action: str, broker: Broker | None, url: str | None) -> Iterator[str]:
    """What runs, with how to name it to gridwire; or what was stopped."""
    verb = "stopped" if action == "down" else "running"
    if broker is None:
        yield "no local Kafka is running: `gridwire kafka up` starts one"
    else:
        yield f"{verb}: {broker}"
    if url is not None:
        yield f"{verb}: schema registry at {url}"
    if action != "down" and broker is not None:
        yield f"export KAFKA_BOOTSTRAP={broker.bootstrap}"
    if action != "down" and url is not None:
        yield f"export SCHEMA_REGISTRY_URL={url}"


def sandbox(port: int) -> int:
    """Runs the simulated platforms until Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with process.start(port) as running:
        print(
            f"sandbox at {running.url} (control API at {running.url}/_sandbox/), Ctrl-C stops it",
            flush=True,
        )
        while not stop.is_set():
            time.sleep(WATCH_S)
    return 0
