"""Demos as child processes of tests: on a chosen Kafka, whole or with a scenario of the test's own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sandbox.child import PROJECT_ROOT
from tests.waiting import until

WHOLE_S_MAX = 170.0
END_S_MAX = 60.0
# A scenario of one story, for what is not about stories. Its moon is never made of cheese.
SMALL = """
import sys
from pathlib import Path
from sandbox.demo import command, roles, scenario
from sandbox.demo.story import Story

async def play(stage):
    pass

story = Story("braze.case-notification", lambda cast: {}, play, lambda world: list(UNMET))
command.STORIES, command.CHECKS = (story,), ()
scenario.PLAY_S_MAX = 2.0
if BROKEN:
    roles.role_command = lambda role: [
        sys.executable, "-c", "raise SystemExit('no luck today')"
    ]
sys.exit(command.run(Path(sys.argv[1]), keep=KEEP))
"""


def small(*unmet: str, keep: bool = False, broken: bool = False) -> list[str]:
    """A demo with one story that ends with these sentences unmet; `broken`: its roles end at once."""
    facts = f"UNMET, KEEP, BROKEN = {unmet!r}, {keep!r}, {broken!r}\n"
    return ["-c", facts + SMALL]


def whole(report: Path) -> list[str]:
    """The demo as the command line runs it."""
    return ["-m", "gridwire.cli", "demo", "--json", str(report)]


def environ(folder: Path, *programs: str) -> dict[str, str]:
    """Ours, with these programs alone on the PATH: so it decides which Kafka is found."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    for program in programs:
        found = shutil.which(program)
        assert found is not None
        (bin_folder / program).symlink_to(found)
    unset = ("KAFKA_BOOTSTRAP", "JAVA_HOME", "SCHEMA_REGISTRY_URL")
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    return {**kept, "PATH": str(bin_folder), "PYTHONUNBUFFERED": "1"}


def played(arguments: list[str], env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """A demo from its beginning to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT_ROOT,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=WHOLE_S_MAX,
        check=False,
    )


class Demo:
    """A demo that is under way."""

    def __init__(self, process: "subprocess.Popen[str]", said: Path) -> None:
        self.process = process
        self._said = said

    def said(self) -> str:
        return self._said.read_text(encoding="utf-8")

    def wait_for(self, text: str) -> None:
        until(
            lambda: text in self.said() or self.process.poll() is not None,
            f"the demo says {text!r}",
            END_S_MAX,
        )
        assert text in self.said(), self.said()

    def ended(self) -> int:
        return self.process.wait(END_S_MAX)


@contextmanager
def under_way(arguments: list[str], env: Mapping[str, str], folder: Path) -> Iterator[Demo]:
    """A demo that runs while the block does; killed at its end."""
    said = folder / "said"
    with said.open("w", encoding="utf-8") as out:
        process = _popen(arguments, env, out)
        try:
            yield Demo(process, said)
        finally:
            process.kill()
            process.wait(END_S_MAX)


def _popen(arguments: list[str], env: Mapping[str, str], out: IO[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT_ROOT,
        env=dict(env),
        stdout=out,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def children(pid: int) -> list[int]:
    """Ids of the processes that a process has started and that still run (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(folder.name))
    return found


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie (Linux)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def adds_up(flow: Mapping[str, Any]) -> bool:
    """Whether each record that came into a flow has one fate."""
    fates = ("processed", "kept", "filtered", "parked", "dead")
    return bool(flow["in"] == sum(flow[fate] for fate in fates))
