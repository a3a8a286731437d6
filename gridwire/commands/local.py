"""`gridwire kafka`, `sandbox` and `demo`: what runs on a developer's machine. Needs a source checkout."""

import json
import signal
import threading
import time

from sandbox import kafka as local_kafka
from sandbox import process
from sandbox.kafka import KafkaStartError, NoKafkaError

WATCH_S = 0.5
FAILED = 1


def kafka(action: str, *, as_json: bool) -> int:
    """Starts a local Kafka that stays, stops it, or tells about it. Exit status 1 where there is none."""
    try:
        act = {"up": local_kafka.up, "down": local_kafka.down, "status": local_kafka.status}[action]
        broker = act()
    except (NoKafkaError, KafkaStartError) as error:
        print(error)
        return FAILED
    if broker is None:
        print("{}" if as_json else "no local Kafka is running: `gridwire kafka up` starts one")
        return 0 if action == "down" else FAILED
    facts = {"bootstrap": broker.bootstrap, "kind": broker.kind, "version": broker.version}
    text = (
        f"stopped: {broker}"
        if action == "down"
        else f"running: {broker}\nexport KAFKA_BOOTSTRAP={broker.bootstrap}"
    )
    print(json.dumps(facts) if as_json else text)
    return 0


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
