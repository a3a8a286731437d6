"""Each rule finds what it is against, and lets the right way pass."""

from collections.abc import Callable

import pytest

from tests.tidy import imports, shapes, words
from tests.tidy.sources import ROOT, Source

Rule = Callable[[Source], list[str]]
LONG = "def f() -> None:\n" + "    g()\n" * 70

WRONG: list[tuple[Rule, str, str]] = [
    (imports.banned_imports, "streams/flows/a.py", "import faust"),
    (imports.banned_imports, "gridwire/a.py", "from faust.types import TP"),
    (imports.banned_imports, "connectors/braze/a.py", "import httpx"),
    (imports.banned_imports, "gridwire/a.py", "from urllib import request"),
    (imports.banned_imports, "connectors/kit/a.py", "from streams import flow"),
    (imports.banned_imports, "streams/engine/a.py", "from connectors.kit.base import retry"),
    (imports.banned_imports, "connectors/kit/base/a.py", "from connectors.kit.http import calls"),
    (imports.banned_imports, "connectors/kit/output/a.py", "from connectors.kit.lanes import work"),
    (imports.banned_imports, "connectors/kit/lanes/a.py", "from connectors.kit.sinks import bulk"),
    (
        imports.banned_imports,
        "connectors/kit/sinks/a.py",
        "from connectors.kit.reads import poller",
    ),
    (imports.banned_imports, "connectors/kit/verdicts.py", "from connectors.kit.http import rate"),
    (imports.banned_imports, "sandbox/a.py", "import connectors.braze.wire"),
    (imports.banned_imports, "gridwire/a.py", "from streams.flow import Flow"),
    (imports.banned_imports, "gridwire/a.py", "from tests.waiting import until"),
    (imports.neighbours, "connectors/braze/a.py", "from connectors import mailchimp"),
    (imports.neighbours, "connectors/braze/a.py", "from ..mailchimp import wire"),
    (imports.neighbours, "connectors/kit/a.py", "from connectors.braze import wire"),
    (imports.neighbours, "connectors/kit/a.py", "from connectors import registry"),
    (imports.impure_flows, "streams/flows/braze/a.py", "import time"),
    (imports.impure_flows, "streams/rules/a.py", "from gridwire import metrics"),
    (imports.impure_flows, "streams/rules/a.py", "import pyarrow"),
    (imports.impure_flows, "streams/flows/a.py", "import datetime\ndatetime.datetime.now()"),
    (imports.unsafe_faust, "streams/runtime/a.py", "table = app.Table('t')"),
    (imports.unsafe_faust, "streams/runtime/a.py", "await self.topic.send(value=1)"),
    (imports.unsafe_faust, "streams/runtime/a.py", "await self._app.commit()"),
    (imports.unsafe_faust, "streams/runtime/a.py", "await super().commit()"),
    (imports.unsafe_faust, "streams/runtime/a.py", "faust.Record"),
    (imports.unsafe_faust, "streams/runtime/a.py", "await anything.send_soon(1)"),
    (imports.unsafe_faust, "streams/engine/a.py", "if self.service.is_leader(): pass"),
    (imports.unsafe_faust, "streams/runtime/a.py", "service.every(5, on_leader=True)"),
    (imports.faust_beyond_the_transport, "streams/runtime/a.py", "import faust"),
    (imports.faust_beyond_the_transport, "streams/runtime/transport.py", "from faust import Table"),
    (imports.faust_beyond_the_transport, "streams/runtime/worker.py", "import faust.tables"),
    (shapes.long_functions, "gridwire/a.py", LONG),
    (shapes.long_files, "gridwire/a.py", "a = 1\n" * 401),
    (shapes.nameless_modules, "gridwire/utils.py", ""),
    (shapes.nameless_modules, "connectors/common/wire.py", ""),
    (shapes.swallowed_errors, "gridwire/a.py", "try:\n    f()\nexcept OSError:\n    pass"),
    (shapes.swallowed_errors, "gridwire/a.py", "try:\n    f()\nexcept OSError:\n    ..."),
    (shapes.swallowed_errors, "gridwire/a.py", "try:\n    f()\nexcept:\n    g()"),
    (shapes.sleeping_tests, "tests/a.py", "import time\ntime.sleep(1)"),
    (shapes.sleeping_tests, "tests/a.py", "import asyncio\nawait asyncio.sleep(0.1)"),
    (shapes.empty_test_modules, "tests/unit/test_a.py", "A = 1"),
    (shapes.toothless_tests, "tests/a.py", "def test_it_starts_without_error():\n    start()"),
    (shapes.wordless_tests, "tests/a.py", "def test_codec():\n    assert f()"),
]

RIGHT: list[tuple[Rule, str, str]] = [
    (imports.banned_imports, "streams/runtime/a.py", "import faust"),
    (imports.banned_imports, "connectors/kit/a.py", "import httpx"),
    (imports.banned_imports, "gridwire/commands/a.py", "from connectors import registry"),
    (imports.banned_imports, "sandbox/core/a.py", "import httpx"),
    (imports.neighbours, "connectors/braze/a.py", "from connectors.kit.base import retry"),
    (imports.neighbours, "connectors/braze/a.py", "from . import wire"),
    (imports.neighbours, "connectors/registry.py", "from connectors.braze import sink"),
    (imports.impure_flows, "streams/flows/a.py", "from dataclasses import dataclass"),
    (imports.impure_flows, "streams/flows/a.py", "from gridwire.records import Order"),
    (imports.impure_flows, "streams/flows/a.py", "from gridwire import currencies"),
    (imports.impure_flows, "streams/flows/a_columns.py", "import pyarrow.compute as pc"),
    (imports.impure_flows, "streams/runtime/a.py", "import time"),
    (imports.unsafe_faust, "streams/runtime/a.py", "self.consumer.commit()"),
    (imports.unsafe_faust, "streams/runtime/a.py", "faust.App"),
    (imports.unsafe_faust, "streams/runtime/a.py", "self._ends.ask(1)"),
    (imports.faust_beyond_the_transport, "streams/runtime/worker.py", "import faust"),
    (shapes.long_functions, "gridwire/records/a.py", LONG),
    (shapes.long_files, "gridwire/a.py", "a = 1\n" * 400),
    (shapes.swallowed_errors, "gridwire/a.py", "try:\n    f()\nexcept OSError:\n    g()"),
    (shapes.sleeping_tests, "tests/waiting.py", "import time\ntime.sleep(1)"),
    (shapes.sleeping_tests, "tests/a.py", "import asyncio\nawait asyncio.sleep(0)"),
    (shapes.toothless_tests, "tests/a.py", "def test_it_is_so():\n    assert f()"),
    (shapes.toothless_tests, "tests/a.py", "def test_it_is():\n    with raises(E):\n        f()"),
]


def said(rule: Rule, path: str, text: str) -> list[str]:
    return rule(Source(path, text))


@pytest.mark.parametrize(("rule", "path", "text"), WRONG)
def test_what_a_rule_is_against_is_found_with_its_place(rule: Rule, path: str, text: str) -> None:
    found = said(rule, path, text)
    assert len(found) == 1
    assert found[0].startswith(path)


def test_who_imports_pyarrow_in_another_file_is_told_the_suffix() -> None:
    (found,) = said(imports.impure_flows, "streams/flows/a.py", "import pyarrow")
    assert "in files whose names end in _columns.py" in found


def test_the_suffix_of_files_of_columns_is_the_one_that_is_written_down() -> None:
    for page in ("ARCHITECTURE.md", "docs/adr/0009-columns-beside-records.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert f"files whose names end in `{imports.COLUMNS_FILE}`" in text, page


@pytest.mark.parametrize(("rule", "path", "text"), RIGHT)
def test_the_right_way_passes(rule: Rule, path: str, text: str) -> None:
    assert said(rule, path, text) == []


@pytest.mark.parametrize(
    "line",
    [
        "see https://pypi.org/project/x",
        "<url>https://repo.maven.apache.org/maven2</url>",
        "cd /work/main",
        "open('/root/x')",
        "# TODO: later",
        "simplified for now",
    ],
)
def test_an_unwanted_word_is_found(line: str) -> None:
    assert words.unwanted_words("a.md", f"first\n{line}")[0].startswith("a.md:2: ")


@pytest.mark.parametrize(
    "line", ["https://x.example/api/work/1", "the session timeout", "mvn -q", "root/x"]
)
def test_ordinary_words_pass(line: str) -> None:
    assert words.unwanted_words("a.md", line) == []
