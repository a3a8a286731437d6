"""The official image on a Docker engine, through Docker's own command line."""

import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from sandbox.child import Child, Leash, spawn
from sandbox.kafka import single_node
from sandbox.kafka.broker import Broker, UnavailableError, wait_until_it_answers
from sandbox.kafka.folder import build_folder
from sandbox.ports import free_port

IMAGE = f"apache/kafka:{single_node.VERSION}"
DATA = "/tmp/kraft-combined-logs"  # noqa: S108 - inside the container: the image's own default
PROBE_TIMEOUT_S = 10
COMMAND_TIMEOUT_S = 60
PULL_TIMEOUT_S = 600  # `docker run` fetches the image when it is not there
# A container outlives the process that asked for it. This child of ours removes it when our end of the pipe is gone.
REMOVE_WHEN_PARENT_IS_GONE = 'while read -r _; do :; done; exec docker rm --force --volumes "$0"'


def _docker(*arguments: str, timeout_s: float = COMMAND_TIMEOUT_S) -> str:
    """Run docker; raises UnavailableError with what it said last."""
    try:
        done = subprocess.run(
            ["docker", *arguments],  # noqa: S607 - found by `find` before any call
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"`docker {arguments[0]}` took over {timeout_s:.0f} s") from error
    if done.returncode != 0:
        raise UnavailableError(f"`docker {arguments[0]}` failed: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()


def is_running(container: str) -> bool:
    """Whether a container of this name runs; False as well when no engine answers."""
    try:
        return _docker("inspect", "--format", "{{.State.Running}}", container) == "true"
    except (UnavailableError, FileNotFoundError):
        return False


def remove(container: str) -> None:
    """Stop a container in order and remove it with its data."""
    _docker("stop", container)
    _docker("rm", "--force", "--volumes", container)


@dataclass(slots=True)
class DockerEngine:
    """A broker in a container; its data is the container's and goes with it."""

    broker: Broker
    container: str
    port: int
    leash: Leash
    created: bool = False
    remover: Child | None = None
    pid: int | None = None
    folder: Path | None = None

    @property
    def alive(self) -> bool:
        """Whether the container runs."""
        return is_running(self.container)

    def _said(self) -> str:
        return _docker("logs", "--tail", "30", self.container)

    def start(self) -> None:
        """Create the container, or start it again."""
        if self.created:
            _docker("start", self.container)
        else:
            self._create()
        wait_until_it_answers(self.broker.bootstrap, alive=lambda: self.alive, said=self._said)

    def _create(self) -> None:
        values = single_node.settings(
            port=self.port,
            controller_port=free_port(but_not=self.port),
            listen_on="0.0.0.0",
            data=DATA,
        )
        environment = single_node.as_environment(values)
        environment["KAFKA_HEAP_OPTS"] = " ".join(single_node.HEAP_OPTIONS)
        command = ["run", "--detach", "--name", self.container]
        command += ["--publish", f"127.0.0.1:{self.port}:{self.port}"]
        for name, value in environment.items():
            command += ["--env", f"{name}={value}"]
        self._watch()
        _docker(*command, IMAGE, timeout_s=PULL_TIMEOUT_S)
        self.created = True

    def _watch(self) -> None:
        if self.leash != "none":
            command = ["/bin/sh", "-c", REMOVE_WHEN_PARENT_IS_GONE, self.container]
            self.remover = spawn(command, log=build_folder() / "docker.log", leash="pipe")

    def stop(self) -> None:
        """Let it close its logs."""
        if self.created:
            _docker("stop", self.container)

    def kill(self) -> None:
        """SIGKILL to the broker."""
        _docker("kill", self.container)

    def release(self) -> None:
        """Let the watching child remove the container."""
        if self.remover is not None and self.remover.process.stdin is not None:
            self.remover.process.stdin.close()
            self.remover.process.wait(COMMAND_TIMEOUT_S)

    def let_go(self) -> None:
        """The container has no folder of ours; it was started without a watching child."""


def find(_data_dir: Path | None, leash: Leash, port: int | None = None) -> DockerEngine:
    """An engine ready to start. Raises UnavailableError when no Docker engine answers."""
    if shutil.which("docker") is None:
        raise UnavailableError("no docker on the PATH")
    try:
        _docker("info", "--format", "{{.ServerVersion}}", timeout_s=PROBE_TIMEOUT_S)
    except UnavailableError as error:
        raise UnavailableError("no engine answers") from error
    port = port or free_port()
    broker = Broker(f"127.0.0.1:{port}", "docker", exactly_once=True, version=single_node.VERSION)
    return DockerEngine(broker, f"gridwire-kafka-{uuid.uuid4().hex[:8]}", port, leash)
