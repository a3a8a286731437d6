"""What the README says to type works as it stands there."""

import ast
import base64
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.child import PROJECT_ROOT, Child, spawn
from sandbox.demo.calls import call
from tests.waiting import until

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
DEMO_S_MAX = 90.0
STEP_S_MAX = 60.0
LAST_WORDS = "gridwire trace ID"
EXPORT = re.compile(r"^ +export (\w+)=(.+)$", re.MULTILINE)
METRICS = re.compile(r"metrics of streams +(\S+)")
DUPLICATE = 'gridwire_duplicate_records_total{topic="source.braze.engagement"} 1.0'
# The demo with one story that needs nothing but a partner; what is to be shown here comes after it.
DEMO = """
import sys
from pathlib import Path
from sandbox.demo import command
from sandbox.demo.story import Story

def seed(cast):
    partner = {"id": "pt-readme", "name": "Readme", "status": "active", "roles": ["supplier"]}
    return {"trading-grid": {"partners": [{**partner, "skus": ["README-1"]}]}}

async def play(stage):
    pass

command.STORIES = (Story("braze.case-notification", seed, play, lambda world: []),)
command.CHECKS = ()
sys.exit(command.run(Path(sys.argv[1]), keep=True))
"""


def block(language: str, word: str) -> str:
    """The one fenced block of the README in this language that has this word in it."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (one,) = [text for text in found if word in text]
    return str(one)


def run(command: list[str], env: Mapping[str, str], cwd: Path = PROJECT_ROOT) -> str:
    """What the command says; it must succeed."""
    done = subprocess.run(
        command,
        env=dict(env),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=STEP_S_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shell(text: str, env: Mapping[str, str], cwd: Path = PROJECT_ROOT) -> str:
    """Runs a block as a shell does, with the Python and the gridwire of these tests."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash on the PATH: install bash")
    return run([bash, "-eu", "-c", text.replace(".venv/bin/python", sys.executable)], env, cwd)


def written(log: Path) -> str:
    return log.read_text(encoding="utf-8") if log.exists() else ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A demo that keeps running: the environment of "another terminal", and the metrics of its streams role.

    `in_memory`: its broker is the mock, which looks nothing up by time, so that nothing can be traced.
    """

    env: Mapping[str, str]
    metrics: str
    in_memory: bool

    def knows_a_duplicate(self) -> bool:
        return DUPLICATE in call("GET", self.metrics).text


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """`gridwire demo --keep` when its story is through."""
    if shutil.which("curl") is None:
        pytest.skip("no curl on the PATH: install curl")
    log = tmp_path / "demo.log"
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", DEMO, str(tmp_path / "demo.json")]
    demo = spawn(command, log=log, env=env)
    try:
        until(lambda: _through(demo, log), "the demo keeps running", DEMO_S_MAX)
        (metrics,) = METRICS.findall(written(log))
        env = {**os.environ, **dict(EXPORT.findall(written(log)))}
        yield Kept(env, metrics, "(mock," in written(log))
    finally:
        demo.stop()


def _through(demo: Child, log: Path) -> bool:
    assert demo.alive, written(log)
    return LAST_WORDS in written(log)


def test_an_event_that_is_posted_as_the_readme_says_is_read_back_as_it_says(kept: Kept) -> None:
    post, read = block("bash", "curl -i"), block("python", "AvroDeserializer")
    (event_id,) = re.findall(r'"id": "([0-9a-f-]{36})"', post)
    post = post.replace(event_id, str(uuid.uuid4()))  # on a Kafka that stays it may be known
    assert "HTTP/1.1 200" in shell(post, kept.env)
    printed = run([sys.executable, "-c", read], kept.env)
    event = ast.literal_eval(re.sub(r"datetime\.datetime\([^()]*\)", "0", printed))
    assert (event["sku"], event["partner_id"]) == ("README-1", "pt-readme")
    assert (event["kind"], event["region"]) == ("product_view", "DE-BE")
    assert "HTTP/1.1 200" in shell(post, kept.env)
    until(kept.knows_a_duplicate, "the event is known when it comes again")
    if kept.in_memory:
        return
    traced = run([sys.executable, "-m", "gridwire.cli", "trace", event["event_id"]], kept.env)
    assert traced.count("source.braze.engagement[") == 2
    assert traced.count("enriched.engagement[") == 1


def test_the_readmes_configuration_is_valid_as_soon_as_its_secrets_are_there(
    tmp_path: Path,
) -> None:
    text = block("bash", "gridwire check")
    key = "whsec_" + base64.b64encode(bytes(32)).decode()
    for name in re.findall(r"_FILE=(\S+)", text):
        (tmp_path / name).write_text(key)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    said = shell(text, {"PATH": path}, tmp_path)
    assert said.startswith("configuration is valid; platforms: braze, trading-grid; active flows: ")
