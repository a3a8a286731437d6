"""Apache Kafka in KRaft mode on the machine's own Java; the jars come through Maven, once."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from sandbox.child import Child, Leash, spawn
from sandbox.claim import claim
from sandbox.kafka import single_node
from sandbox.kafka.broker import (
    Broker,
    KafkaStartError,
    UnavailableError,
    wait_until_it_answers,
)
from sandbox.kafka.folder import build_folder, new_run_folder
from sandbox.ports import free_port

JAVA_MIN = 17
POM = Path(__file__).with_name("pom.xml")
STAMP = "complete"
PROBE_TIMEOUT_S = 20
DOWNLOAD_TIMEOUT_S = 600
FORMAT_TIMEOUT_S = 60
JVM_OPTIONS = (
    *single_node.HEAP_OPTIONS,
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)
# One short-lived call: compiling it well costs more than it runs.
TOOL_OPTIONS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)


@dataclass(slots=True)
class JavaEngine:
    """A broker as a child process, with its folder of settings, data and log."""

    broker: Broker
    java: Path
    libraries: Path
    folder: Path
    lock: int
    leash: Leash
    disposable: bool
    child: Child | None = None
    container: str | None = None

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.child is not None and self.child.alive

    @property
    def pid(self) -> int | None:
        """The JVM."""
        return self.child.pid if self.child is not None else None

    def start(self) -> None:
        """Start the JVM on this engine's settings and data."""
        command = [str(self.java), *JVM_OPTIONS, "-cp", f"{self.libraries}/*", "kafka.Kafka"]
        command += [str(self.folder / "server.properties")]
        child = spawn(
            command, log=self.folder / "kafka.log", leash=self.leash, keep_open=(self.lock,)
        )
        self.child = child
        try:
            wait_until_it_answers(self.broker.bootstrap, alive=lambda: child.alive, said=child.said)
        except BaseException:
            child.kill()
            raise

    def stop(self) -> None:
        """Let it close its logs."""
        if self.child is not None:
            self.child.stop()

    def kill(self) -> None:
        """SIGKILL."""
        if self.child is not None:
            self.child.kill()

    def release(self) -> None:
        """Free the folder; remove it unless the caller named it."""
        os.close(self.lock)
        if self.disposable:
            shutil.rmtree(self.folder, ignore_errors=True)

    def let_go(self) -> None:
        """The process holds the folder's lock on its own."""
        if self.child is not None:
            self.child.let_go()
        os.close(self.lock)


def _find_java() -> Path:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if java is None:
        raise UnavailableError(f"no java on the PATH (install a JDK {JAVA_MIN} or later)")
    said = subprocess.run(
        [java, "-version"], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
    ).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < JAVA_MIN:
        raise UnavailableError(
            f"Kafka {single_node.VERSION} needs Java {JAVA_MIN} or later, {java} is: {said[:80]}"
        )
    return Path(java)


def _libraries() -> Path:
    """The folder of jars, filled by Maven when the POM is new. One process at a time fills it."""
    wanted = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    folder = build_folder() / f"libs-{wanted}"
    if (folder / STAMP).exists():
        return folder
    lock = claim(build_folder() / "libs-lock", wait=True)
    try:
        if not (folder / STAMP).exists():
            _download(folder)
    finally:
        if lock is not None:
            os.close(lock)
    return folder


def _download(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise UnavailableError("no mvn on the PATH to fetch Kafka's jars (install maven)")
    command = [maven, "--batch-mode", "--quiet", "--file", str(POM)]
    command += ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(
            f"Maven did not fetch Kafka's jars within {DOWNLOAD_TIMEOUT_S} s"
        ) from error
    if done.returncode != 0:
        said = next((line for line in done.stdout.splitlines() if "ERROR" in line), "nothing")
        raise UnavailableError(f"Maven could not fetch Kafka's jars: {said[:300]}")
    (folder / STAMP).touch()


def _cluster_id() -> str:
    """A random id in Kafka's form; its first bit is 0, or it could begin with '-' and be read as an option."""
    random = uuid.uuid4().bytes
    return base64.urlsafe_b64encode(bytes([random[0] & 0x7F]) + random[1:]).rstrip(b"=").decode()


def _format(java: Path, libraries: Path, folder: Path) -> None:
    command = [
        str(java),
        *TOOL_OPTIONS,
        "-cp",
        f"{libraries}/*",
        "kafka.tools.StorageTool",
        "format",
    ]
    command += ["--cluster-id", _cluster_id(), "--config", str(folder / "server.properties")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise KafkaStartError(
            f"Kafka could not format {folder / 'data'}: {(done.stderr or done.stdout)[-2000:]}"
        )


def _claimed(data_dir: Path | None) -> tuple[Path, int]:
    if data_dir is None:
        return new_run_folder()
    lock = claim(data_dir)
    if lock is None:
        raise KafkaStartError(f"another Kafka runs on {data_dir}: stop it, or name another folder")
    return data_dir.resolve(), lock


def find(data_dir: Path | None, leash: Leash, port: int | None = None) -> JavaEngine:
    """An engine ready to start. Raises UnavailableError without Java or, the first time, without Maven."""
    java, libraries = _find_java(), _libraries()
    folder, lock = _claimed(data_dir)
    try:
        port = port or free_port()
        values = single_node.settings(
            port=port,
            controller_port=free_port(but_not=port),
            listen_on="127.0.0.1",
            data=str(folder / "data"),
        )
        (folder / "server.properties").write_text(single_node.as_properties(values))
        if not (folder / "data" / "meta.properties").exists():
            _format(java, libraries, folder)
    except BaseException:
        os.close(lock)
        raise
    broker = Broker(f"127.0.0.1:{port}", "java", exactly_once=True, version=single_node.VERSION)
    return JavaEngine(broker, java, libraries, folder, lock, leash, disposable=data_dir is None)
