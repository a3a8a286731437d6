"""Child processes that never outlive their parent, however it goes.

Two leashes, because each covers what the other cannot: on Linux the kernel kills the child when its parent dies
(a JVM needs this, it does not know us), and every child's stdin is a pipe that ends with the parent (for children
of ours, on any platform, which are asked to leave when it does).
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# kernel: both leashes; pipe: only the end of its stdin tells it; none: it outlives us.
Leash = Literal["kernel", "pipe", "none"]

STOP_TIMEOUT_S = 20.0
KILL_TIMEOUT_S = 10.0
POLL_S = 0.02
LOG_TAIL_BYTES = 4_000
PROJECT_ROOT = Path(__file__).resolve().parent.parent

# A process object that is dropped while its process runs is complained about.
_LET_GO: "list[subprocess.Popen[bytes]]" = []
# The kernel ties a child to the *thread* that made it: this one lives as long as the process does.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


class ChildError(Exception):
    """A child process did not do what it was started for; the message carries what it said last."""


@dataclass(slots=True)
class Child:
    """A running process of ours and the file that takes its output."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        """The process id: that of the command itself, not of a wrapper."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def said(self) -> str:
        """The end of its output."""
        return tail(self.log)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Ask it to end, and end it when it has not within `timeout_s`. Harmless when it is gone."""
        self.process.terminate()
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(KILL_TIMEOUT_S)
        self._close()

    def kill(self) -> None:
        """SIGKILL: it gets no chance to tidy up."""
        self.process.kill()
        self.process.wait(KILL_TIMEOUT_S)
        self._close()

    def let_go(self) -> None:
        """Leave it running when we end; until then it is reaped should it end first."""
        _LET_GO.append(self.process)

    def _close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()


def tail(log: Path) -> str:
    """The last LOG_TAIL_BYTES of a log file, or that there is none."""
    if not log.exists():
        return "(no output)"
    with log.open("rb") as output:
        output.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        return output.read().decode(errors="replace").strip() or "(no output)"


def spawn(
    command: list[str],
    *,
    log: Path,
    leash: Leash = "kernel",
    keep_open: tuple[int, ...] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path = PROJECT_ROOT,
) -> Child:
    """Start `command` in its own process group, output appended to `log`; `env` replaces ours.

    Ctrl-C in a terminal does not reach it: its owner stops it, in its order. The file
    descriptors in `keep_open` stay open in the child.
    """
    return _SPAWNER.submit(_spawn, command, log, leash, keep_open, env, cwd).result()


def _spawn(  # noqa: PLR0917 -- an executor passes them by position
    command: list[str],
    log: Path,
    leash: Leash,
    keep_open: tuple[int, ...],
    env: Mapping[str, str] | None,
    cwd: Path,
) -> Child:
    if leash == "kernel" and sys.platform == "linux":
        wrapper = str(Path(__file__).with_name("leash.py"))
        command = [sys.executable, "-I", "-S", wrapper, str(os.getpid()), *command]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL if leash == "none" else subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=keep_open,
        )
    return Child(process, log)


def wait_for_file(child: Child, ready_file: Path, timeout_s: float) -> str:
    """What a child writes into its ready file. Raises ChildError when it ends or is not ready in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if ready_file.exists():
            return ready_file.read_text(encoding="utf-8").strip()
        if not child.alive:
            raise ChildError(f"it ended with {child.process.returncode} and said: {child.said()}")
        time.sleep(POLL_S)
    raise ChildError(f"it was not ready within {timeout_s:.0f} s and said: {child.said()}")


def write_ready_file(ready_file: Path, text: str) -> None:
    """Tell the parent, in one step: it never reads half of it."""
    partial = ready_file.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(ready_file)
