"""The sandbox as a child process, for tests and the demo.

with start() as sandbox:
    base_url = sandbox.url + "/trading-grid/api/active-community/v1"
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0
POLL_S = 0.02
PROJECT_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class SandboxProcess:
    """`url` without a trailing slash, e.g. http://127.0.0.1:40123."""

    url: str
    pid: int


def _wait_ready(child: subprocess.Popen[bytes], ready_file: Path, log: Path) -> str:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if ready_file.exists():
            return ready_file.read_text(encoding="utf-8").strip()
        if child.poll() is not None:
            break
        time.sleep(POLL_S)
    said = log.read_text(encoding="utf-8", errors="replace")[-2_000:]
    raise RuntimeError(f"the sandbox did not start (exit {child.poll()}); it said: {said}")


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@contextmanager
def start(port: int = 0) -> Iterator[SandboxProcess]:
    """Run the sandbox in its own process until the block ends.

    The child holds the read end of a pipe as its stdin and leaves when the parent is gone,
    however it went. Raises RuntimeError when it is not ready within READY_TIMEOUT_S.
    """
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        ready_file, log = Path(folder) / "ready", Path(folder) / "log"
        command = [sys.executable, "-m", "sandbox", "--port", str(port)]
        command += ["--ready-file", str(ready_file), "--exit-with-stdin"]
        with log.open("wb") as output:
            child = subprocess.Popen(
                command,
                cwd=PROJECT_ROOT,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        try:
            yield SandboxProcess(_wait_ready(child, ready_file, log), child.pid)
        finally:
            _stop(child)
            if child.stdin is not None:
                child.stdin.close()
