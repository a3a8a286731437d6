"""What docs/adding-a-connector.md shows works as it stands there."""

import re
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

from connectors.kit.connector import (
    Done,
    Misconfigured,
    NotThereError,
    Rejected,
    Request,
    Transient,
)
from gridwire.records import BigCommerceOrderMessage, Notice
from gridwire.settings import Secret, load
from tests.contract.connectors.conformance.cases import APPLYING_MIN, CASES, applying
from tests.contract.connectors.conformance.stage import told
from tests.contract.connectors.conformance.value import Place
from tests.tidy.sources import ROOT
from tests.tidy.test_conformance import undeclared
from tests.unit.connectors.steps import answer, delivery, play

PAGE = (ROOT / "docs" / "adding-a-connector.md").read_text(encoding="utf-8")
SETTINGS = "connectors/acme/settings.py"
VERDICTS = "connectors/acme/verdicts.py"
SOURCE = "connectors/acme/source.py"
SINK = "connectors/acme/sink.py"
TESTS = "tests/unit/connectors/acme/test_sink.py"
CONFORMANCE = "tests/contract/connectors/conformance/acme.py"
FILES = (SETTINGS, VERDICTS, SOURCE, SINK, TESTS, CONFORMANCE)
ENVIRONMENT = {
    "ACME_BASE_URL": "https://acme.example",
    "ACME_API_KEY": "key",
    "ACME_WEBHOOK_SECRET": "whsec_" + "A" * 32,
}
TOOL_S_MAX = 60.0


def _blocks() -> dict[str, str]:
    """The Python of the page, by the file that it is for."""
    found = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return dict(zip(FILES, found, strict=True))


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The modules of the page, by their files."""
    package = ModuleType("connectors.acme")
    monkeypatch.setitem(sys.modules, "connectors.acme", package)
    found: dict[str, ModuleType] = {}
    for path, text in _blocks().items():
        name = path.removesuffix(".py").replace("/", ".")
        found[path] = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, found[path])
        setattr(package, name.rpartition(".")[2], found[path])
        exec(compile(text, path, "exec"), found[path].__dict__)
    return found


@pytest.mark.parametrize("path", FILES)
def test_the_page_says_for_which_file_each_block_is(path: str) -> None:
    head = PAGE.partition(_blocks()[path])[0]
    assert f"`{path}`" in head[head.rindex("\n\n", 0, -len("```python\n") - 2) :]


def test_the_tests_of_the_page_pass(acme: dict[str, ModuleType]) -> None:
    tests = [one for name, one in vars(acme[TESTS]).items() if name.startswith("test")]
    assert len(tests) == 1
    for test in tests:
        test()


def test_its_settings_make_a_source_and_a_sink(acme: dict[str, ModuleType]) -> None:
    settings: Any = load(acme[SETTINGS].AcmeSettings, ENVIRONMENT)
    assert isinstance(settings.api_key, Secret)
    source, sink = acme[SOURCE].source(settings), acme[SINK].sink(settings)
    assert sink.platform.name == source.platform.name == "acme"
    operation = sink.operations["set_inventory"]
    assert (operation.safety, operation.bulk.items_max) == ("natural", 100)


def test_its_value_in_the_conformance_suite_is_whole(acme: dict[str, ModuleType]) -> None:
    value = acme[CONFORMANCE].ACME
    environ = value.environ(Place("http://127.0.0.1:1"))
    settings = load(acme[SETTINGS].AcmeSettings, environ)
    source, sink = acme[SOURCE].source(settings), acme[SINK].sink(settings)
    assert {one.operation for one in value.writes} == set(sink.operations)
    assert {one.path for one in value.hooks} == {one.path for one in source.routes}
    assert {source.notices.name, sink.receipts.name} <= set(told(value, sink, source))
    assert undeclared(value) == []
    assert value.inapplicable.keys() <= {one.name for one in CASES} | {one.group for one in CASES}
    assert len(applying(value)) >= APPLYING_MIN


def test_its_operation_says_what_it_writes_over(acme: dict[str, ModuleType]) -> None:
    operation = acme[SINK].sink(load(acme[SETTINGS].AcmeSettings, ENVIRONMENT)).operations
    item = acme[TESTS].item("A", 3)
    assert operation["set_inventory"].writes(item.body) == {("stock", "A", "east")}


def test_its_webhook_becomes_a_notice_and_a_fetch_completes_it(acme: dict[str, ModuleType]) -> None:
    body = {"type": "message.written", "message_id": 7, "order_id": "o-1"}
    ((_, notice),) = acme[SOURCE].read_hook(delivery(body)).records
    assert isinstance(notice, Notice)
    message = {
        "id": 7,
        "order_id": "o-1",
        "version": 2,
        "written_at": "2026-01-01T00:00:00Z",
        "text": "Hello",
    }
    played = play(acme[SOURCE].fetch_message(notice), answer(200, message))
    assert [one.path for one in played.requests] == ["/messages/7"]
    ((_, record),) = played.value
    assert isinstance(record, BigCommerceOrderMessage)
    assert (record.order_ref, record.version, record.message) == ("o-1", 2, "Hello")
    with pytest.raises(NotThereError):
        play(acme[SOURCE].fetch_message(notice), answer(404))
    assert acme[SOURCE].read_hook(delivery(body | {"type": "x"})).unknown == {"x": 1}


def test_its_single_operation_writes_one_sku(acme: dict[str, ModuleType]) -> None:
    item = acme[TESTS].item("A", 3)
    played = play(acme[SINK].set_stock(item.command, item.body), answer(200, {}))
    assert [one.path for one in played.requests] == ["/stock/east/A"]
    assert played.value == Done("A")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (402, None, Misconfigured),
        (409, {"code": "counting"}, Transient),
        (409, {"code": "other"}, Rejected),
        (418, None, Transient),
    ],
)
def test_its_verdicts_are_what_the_page_says(
    acme: dict[str, ModuleType], status: int, body: Any, kind: type
) -> None:
    verdict = acme[VERDICTS].verdict(Request("PUT", "/stock/east"), answer(status, body))
    assert isinstance(verdict, kind)


def test_its_budget_is_read_from_headers(acme: dict[str, ModuleType]) -> None:
    headers = {"x-ratelimit-reset": "110", "x-ratelimit-limit": "60", "x-ratelimit-remaining": "5"}
    advice = acme[VERDICTS].rate(answer(200, None, headers), 100.0)
    assert (advice.limit, advice.remaining, advice.reset_s) == (60, 5, 10.0)
    assert acme[VERDICTS].rate(answer(200), 100.0) is None


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("tool", [("check",), ("format", "--check")])
def test_the_code_of_the_page_passes_ruff(tool: tuple[str, ...], path: str) -> None:
    place = str(ROOT / path.replace("acme", "braze"))  # a package that is there
    command = [sys.executable, "-m", "ruff", *tool, "--stdin-filename", place, "-"]
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
    named = re.findall(r"`((?:connectors|gridwire|tests)/[\w/]+(?:\.py)?)`", PAGE)
    there = [name for name in named if "acme" not in name]
    assert len(there) > 5
    assert [name for name in there if not (ROOT / name).exists()] == []
