"""The registry as a child process."""

import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.child import PROJECT_ROOT, Child, ChildError, spawn, wait_for_file
from sandbox.ports import free_port

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0


class RegistryStartError(Exception):
    """The registry did not start; the message carries what it said."""


class RunningRegistry:
    """A running registry. A context manager: leaving the block stops it, what it remembers stays in its folder."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self._data_dir = data_dir
        self._port = port
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Without a trailing slash; the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    def stop(self) -> None:
        """Stop it. Harmless when done twice."""
        if self._child is not None:
            self._child.stop(STOP_TIMEOUT_S)

    def kill(self) -> None:
        """SIGKILL, for chaos tests."""
        if self._child is not None:
            self._child.kill()

    def restart(self) -> None:
        """Stop it if it runs and start it again on the same port and data. Raises RegistryStartError."""
        self.stop()
        self._data_dir.mkdir(parents=True, exist_ok=True)
        ready_file = self._data_dir / "ready"
        ready_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "sandbox.registry", "--exit-with-stdin"]
        command += ["--port", str(self._port), "--data", str(self._data_dir)]
        command += ["--ready-file", str(ready_file)]
        self._child = spawn(command, log=self._data_dir / "registry.log")
        try:
            wait_for_file(self._child, ready_file, START_TIMEOUT_S)
        except BaseException as error:
            self._child.kill()
            if isinstance(error, ChildError):
                raise RegistryStartError(f"the schema registry did not start: {error}") from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start(data_dir: Path | None = None) -> RunningRegistry:
    """Start a registry and return when it serves; its data is in `data_dir` (default: build/registry).

    Raises RegistryStartError, also when another registry runs on that folder.
    """
    running = RunningRegistry(
        (data_dir or PROJECT_ROOT / "build" / "registry").resolve(), free_port()
    )
    running.restart()
    return running
