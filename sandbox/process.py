"""The sandbox as a child process, for tests and the demo.

with start() as sandbox:
    base_url = sandbox.url + "/trading-grid/api/active-community/v1"
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.child import spawn, wait_for_file

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class SandboxProcess:
    """`url` without a trailing slash, e.g. http://127.0.0.1:40123."""

    url: str
    pid: int


@contextmanager
def start(port: int = 0) -> Iterator[SandboxProcess]:
    """Run the sandbox in its own process until the block ends, or this process does.

    Raises ChildError when it is not ready within READY_TIMEOUT_S.
    """
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        ready_file = Path(folder) / "ready"
        command = [sys.executable, "-m", "sandbox", "--port", str(port)]
        command += ["--ready-file", str(ready_file), "--exit-with-stdin"]
        child = spawn(command, log=Path(folder) / "log")
        try:
            yield SandboxProcess(wait_for_file(child, ready_file, READY_TIMEOUT_S), child.pid)
        finally:
            child.stop(STOP_TIMEOUT_S)
