"""One Kafka that stays until it is told to go: `gridwire kafka up|down|status`.

Its folder's lock is held by the broker's own process, so a stale file or a reused process id cannot mislead.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

import msgspec

from sandbox.claim import claim, is_held
from sandbox.kafka import docker, external
from sandbox.kafka.broker import (
    ALL_KINDS,
    Broker,
    KafkaStartError,
    Kind,
    UnavailableError,
)
from sandbox.kafka.find import launch
from sandbox.kafka.folder import build_folder
from sandbox.ports import is_free

PREFERRED_PORT = 19_092  # stable over down and up, so that an exported KAFKA_BOOTSTRAP stays right
STOP_TIMEOUT_S = 30.0
POLL_S = 0.05


class Standing(msgspec.Struct, frozen=True):
    """build/kafka/broker.json."""

    broker: Broker
    pid: int | None
    container: str | None
    data: str | None


def _file() -> Path:
    return build_folder() / "broker.json"


def _data(kind: Kind) -> Path:
    return build_folder() / f"standing-{kind}"


def up(*, allow: tuple[Kind, ...] = ALL_KINDS) -> Broker:
    """The standing Kafka, started if it does not run. Raises NoKafkaError or KafkaStartError."""
    lock = claim(build_folder() / "standing-lock", wait=True)
    try:
        return status() or _start(allow)
    finally:
        if lock is not None:
            os.close(lock)


def _start(allow: tuple[Kind, ...]) -> Broker:
    port = PREFERRED_PORT if is_free(PREFERRED_PORT) else None
    running = launch(_data("java"), allow, "none", port)
    running.let_go()
    if running.broker.kind != "external":
        data = str(running.folder) if running.folder is not None else None
        standing = Standing(running.broker, running.pid, running.container, data)
        _file().write_bytes(msgspec.json.encode(standing))
    return running.broker


def status() -> Broker | None:
    """The Kafka of KAFKA_BOOTSTRAP, or else the standing one; None when there is neither."""
    with contextlib.suppress(UnavailableError):
        return external.find().broker
    standing = _standing()
    return standing.broker if standing is not None else None


def _standing() -> Standing | None:
    if not _file().exists():
        return None
    standing = msgspec.json.decode(_file().read_bytes(), type=Standing)
    return standing if _runs(standing) else None


def _runs(standing: Standing) -> bool:
    if standing.container is not None:
        return docker.is_running(standing.container)
    return standing.data is not None and is_held(Path(standing.data))


def down() -> Broker | None:
    """Stop the standing Kafka and say which it was; None when none ran. A Java broker's data stays for the next."""
    standing = _standing()
    if standing is not None:
        _stop(standing)
    _file().unlink(missing_ok=True)
    return standing.broker if standing is not None else None


def _stop(standing: Standing) -> None:
    if standing.container is not None:
        docker.remove(standing.container)
        return
    for kind in (signal.SIGTERM, signal.SIGKILL):
        if standing.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(standing.pid, kind)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while time.monotonic() < deadline:
            if not _runs(standing):
                return
            time.sleep(POLL_S)
    raise KafkaStartError(f"the Kafka with process id {standing.pid} does not end; see {_file()}")
