"""What docs/adding-a-flow.md shows works as it stands there."""

import re
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings

from streams.engine.settle import Limits
from tests.tidy.imports import impure_flows
from tests.tidy.sources import ROOT, Source
from tests.unit.streams.columns import batches_of, columns_legs, differences, unreached, unsampled
from tests.unit.streams.flows import column_samples

PAGE = (ROOT / "docs" / "adding-a-flow.md").read_text(encoding="utf-8")
FLOW = "streams/flows/braze/purchases.py"
COLUMNS = "streams/flows/braze/purchases_columns.py"
TESTS = "tests/unit/streams/flows/braze/test_purchases.py"
SAMPLE = "SAMPLES"
TOOL_S_MAX = 60.0


def _blocks() -> dict[str, str]:
    """The Python of the page, by the file that it is for."""
    found = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return dict(zip((FLOW, COLUMNS, TESTS, SAMPLE), found, strict=True))


def _ran(path: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    name = path.removesuffix(".py").replace("/", ".")
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(_blocks()[path], path, "exec"), module.__dict__)
    return module


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The flow of the page."""
    _ran(COLUMNS, monkeypatch)
    return _ran(FLOW, monkeypatch).FLOW


@pytest.mark.parametrize("path", [FLOW, COLUMNS, TESTS])
def test_the_page_says_for_which_file_each_block_is(path: str) -> None:
    head = PAGE.partition(_blocks()[path])[0]
    assert f"`{path}`" in head[head.rindex("\n\n", 0, -len("```python\n") - 2) :]


@pytest.mark.usefixtures("flow")
def test_the_tests_of_the_page_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    tests = [one for name, one in vars(_ran(TESTS, monkeypatch)).items() if name.startswith("test")]
    assert len(tests) == 1
    for test in tests:
        test()


def test_the_columns_of_the_page_say_what_its_records_say(flow: Any) -> None:
    names: dict[str, Any] = dict(vars(column_samples))
    exec(compile(_blocks()[SAMPLE], SAMPLE, "exec"), names)
    (leg,), samples = tuple(columns_legs((flow,))), names["SAMPLES"]
    assert unsampled([leg], samples) == []
    assert unreached(leg, samples[leg.label]) == []

    @settings(deadline=None, max_examples=40)
    @given(batches_of(leg, samples[leg.label]))
    def compare(batches: list[list[Any]]) -> None:
        assert differences(leg, samples[leg.label], batches, Limits()) == []

    compare()


@pytest.mark.parametrize("path", [FLOW, COLUMNS])
def test_the_flow_of_the_page_keeps_the_rules_of_flows(path: str) -> None:
    assert impure_flows(Source(path, _blocks()[path])) == []


@pytest.mark.parametrize("path", [FLOW, COLUMNS, TESTS])
@pytest.mark.parametrize("tool", [("check",), ("format", "--check")])
def test_the_code_of_the_page_passes_ruff(tool: tuple[str, ...], path: str) -> None:
    command = [sys.executable, "-m", "ruff", *tool, "--stdin-filename", str(ROOT / path), "-"]
    done = subprocess.run(
        command,
        input=_blocks()[path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TOOL_S_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_files_that_the_page_names_are_there() -> None:
    tail = PAGE.partition("## A new shape of leg")[2]
    named = re.findall(r"`((?:streams|gridwire|tests)/[\w/]+(?:\.py)?)`", tail)
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []
