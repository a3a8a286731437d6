"""The Kafka Streams peer: fetched by Maven and compiled once, into build/bench; how it is started."""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.absent import AbsentError
from bench.world import Load, World
from gridwire import topics
from sandbox.child import PROJECT_ROOT

HOME = PROJECT_ROOT / "bench" / "peers" / "kafka_streams"
POM = HOME / "pom.xml"
BUILT = PROJECT_ROOT / "build" / "bench"
JAVA_RELEASE = 17
STAMP = "complete"
FETCH_S_MAX = 600
COMPILE_S_MAX = 120
COMMIT_INTERVAL_MS = 100  # as gridwire commits
PARTIALS = "stream.bench-partials"
JVM_OPTIONS = (
    "-Xms1g",
    "-Xmx1g",
    "-XX:+UseParallelGC",  # the fastest of G1, parallel and serial here
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
INSTALL = f"install a JDK {JAVA_RELEASE} or later, and Maven"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run it. `topology`: join or whole. `guarantee`: as Kafka Streams calls it."""

    topology: str
    guarantee: str
    threads: int = 1

    def topics(self, group: str) -> tuple[str, ...]:
        """Where its work shows; the first are the outputs."""
        writes = topics.ENRICHED_ENGAGEMENT.name
        if self.topology == "join":
            return (writes,)
        changelogs = (f"{group}-carts-changelog", f"{group}-windows-changelog")
        return (writes, PARTIALS, *changelogs)

    def own_topics(self, group: str) -> tuple[str, ...]:
        """Those that are no topics of gridwire."""
        return self.topics(group)[1:]

    def command(self, world: World, group: str, load: Load) -> list[str]:
        """Raises AbsentError."""
        asked: dict[str, object] = {
            "bootstrap": world.settings.bootstrap,
            "group": group,
            "state-dir": world.folder / group,
            "topology": self.topology,
            "guarantee": self.guarantee,
            "threads": self.threads,
            "commit-interval-ms": COMMIT_INTERVAL_MS,
            "reads": load.topic,
            "writes": topics.ENRICHED_ENGAGEMENT.name,
            "windows": topics.ENGAGEMENT_WINDOWS.name,
            "partials": PARTIALS,
            "partners": topics.TRADING_GRID_PARTNERS.name,
            "products": topics.PRODUCTS.name,
            "engagement-schema": world.schema_id(topics.BRAZE_ENGAGEMENT),
            "enriched-schema": world.schema_id(topics.ENRICHED_ENGAGEMENT),
            "window-schema": world.schema_id(topics.ENGAGEMENT_WINDOWS),
            "partner-schema": world.schema_id(topics.TRADING_GRID_PARTNERS),
            "product-schema": world.schema_id(topics.PRODUCTS),
        }
        words = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
        return [*_java(built()), "Main", *words]


def _java(folder: Path) -> list[str]:
    return ["java", *JVM_OPTIONS, "-cp", f"{folder / 'classes'}:{folder / 'libs'}/*"]


def sources() -> Sequence[Path]:
    """The program."""
    return sorted((HOME / "src").glob("*.java"))


def missing() -> str | None:
    """Why it cannot be measured here, or None."""
    try:
        built()
    except AbsentError as error:
        return str(error)
    return None


@cache
def built() -> Path:
    """The folder with its jars and classes; made when POM or sources are new. Raises AbsentError."""
    for name in ("java", "javac", "mvn"):
        if shutil.which(name) is None:
            raise AbsentError(f"no {name} on the PATH: {INSTALL}")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in (POM, *sources())))
    folder = BUILT / f"kafka-streams-{digest.hexdigest()[:12]}"
    if not (folder / STAMP).exists():
        libs, classes = folder / "libs", folder / "classes"
        maven = ["mvn", "--batch-mode", "--quiet", "--file", str(POM)]
        _call([*maven, "dependency:copy-dependencies", f"-DoutputDirectory={libs}"], FETCH_S_MAX)
        javac = ["javac", "--release", str(JAVA_RELEASE), "-cp", f"{libs}/*", "-d", str(classes)]
        _call([*javac, *map(str, sources())], COMPILE_S_MAX)
        (folder / STAMP).touch()
    return folder


def _call(command: list[str], seconds_max: float) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds_max, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise AbsentError(f"{command[0]} did not end within {seconds_max:.0f} s") from error
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-500:]
        raise AbsentError(f"{command[0]} failed ({said}): {INSTALL}")
