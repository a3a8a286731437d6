"""One registry that stays until it is told to go, beside the Kafka of `gridwire kafka up`.

Its folder's lock is held by the registry's own process, so a stale file or a reused process id cannot mislead.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from sandbox.child import PROJECT_ROOT, ChildError, spawn, wait_for_file
from sandbox.claim import claim, is_held
from sandbox.ports import free_port, is_free
from sandbox.registry.process import START_TIMEOUT_S, RegistryStartError

VARIABLE = "SCHEMA_REGISTRY_URL"
PREFERRED_PORT = 18_081  # stable over down and up, so that an exported address stays right
STOP_TIMEOUT_S = 10.0
POLL_S = 0.05


class Standing(msgspec.Struct, frozen=True):
    """standing.json in the registry's folder."""

    url: str
    pid: int


def folder() -> Path:
    """Where its schemas are; they stay for the next one."""
    return PROJECT_ROOT / "build" / "registry-standing"


def up() -> str:
    """The URL of the registry that SCHEMA_REGISTRY_URL names, or of the standing one, started if it does not run.

    Raises RegistryStartError.
    """
    lock = claim(folder() / "standing-lock", wait=True)
    try:
        return status() or _start()
    finally:
        if lock is not None:
            os.close(lock)


def status() -> str | None:
    """The URL that SCHEMA_REGISTRY_URL names, or else that of the standing registry; None where there is neither."""
    named = os.environ.get(VARIABLE)
    if named:
        return named
    standing = _standing()
    return standing.url if standing is not None else None


def down() -> str | None:
    """Stops the standing registry and says which it was; None when none ran. Raises RegistryStartError."""
    standing = _standing()
    if standing is not None:
        _stop(standing)
    _file().unlink(missing_ok=True)
    return standing.url if standing is not None else None


def _file() -> Path:
    return folder() / "standing.json"


def _standing() -> Standing | None:
    if not _file().exists() or not is_held(folder()):
        return None
    return msgspec.json.decode(_file().read_bytes(), type=Standing)


def _start() -> str:
    port = PREFERRED_PORT if is_free(PREFERRED_PORT) else free_port()
    ready_file = folder() / "ready"
    ready_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "sandbox.registry", "--port", str(port)]
    command += ["--data", str(folder()), "--ready-file", str(ready_file)]
    child = spawn(command, log=folder() / "registry.log", leash="none")
    try:
        url = wait_for_file(child, ready_file, START_TIMEOUT_S)
    except BaseException as error:
        child.kill()
        if isinstance(error, ChildError):
            raise RegistryStartError(f"the schema registry did not start: {error}") from error
        raise
    child.let_go()
    _file().write_bytes(msgspec.json.encode(Standing(url, child.pid)))
    return url


def _stop(standing: Standing) -> None:
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(standing.pid, kind)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while time.monotonic() < deadline:
            if not is_held(folder()):
                return
            time.sleep(POLL_S)
    raise RegistryStartError(
        f"the registry with process id {standing.pid} does not end; see {_file()}"
    )
