"""Documents do not lie: what is there is in them, and what they name is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gridwire import metrics
from gridwire.cli import parser
from gridwire.commands import docs
from gridwire.commands.configuration import known_variables
from gridwire.records import SCHEMAS
from gridwire.topics import DEAD_LETTERS, TOPICS
from streams.engine.plan import plan
from streams.feeds import FEEDS
from streams.flow import Flow
from streams.flows import FLOWS
from streams.settings import variable
from tests.tidy.imports import imported
from tests.tidy.sources import ROOT, Source, files, python

README_LINES_MAX = 150
ADR_LINES_MAX = 60
FLOW_TESTS = "tests.unit.streams.flows"
ALL_FLOWS = "streams.flows.FLOWS"  # a test of all flows at once is no test of one
FENCE = re.compile(r"^(`{3,})[^\n]*\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
MAKE = re.compile(r"(?:^|[\s;&])make ([a-z][\w-]*)")
GRIDWIRE = re.compile(r"(?:^|(?<!from)[\s;&/])gridwire ((?:[a-z]|--?\w)[^\n`|;&#]*)")


def markdown() -> list[Path]:
    return [path for path in files() if path.suffix == ".md"]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# ---- what Markdown says ----------------------------------------------------------------------------------------------
def code_of(text: str) -> Iterator[str]:
    """Fenced blocks line by line, and code spans."""
    for _, block in FENCE.findall(text):
        yield from block.splitlines()
    yield from SPAN.findall(FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """What links into a page may end with: headings as a Git forge makes anchors of them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(FENCE.sub("", text))
    }


def broken_links(path: Path, text: str) -> list[str]:
    """Links to files and headings that are not there."""
    found = []
    for link in LINK.findall(SPAN.sub("", FENCE.sub("", text))):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists():
            found.append(f"{path}: {link}: no such file")
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            found.append(f"{path}: {link}: no such heading")
    return found


def unknown_commands(text: str) -> list[str]:
    """Calls of make and gridwire that would fail for what they are."""
    code = list(code_of(text))
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    made = {target for line in code for target in MAKE.findall(line)}
    called = {call.strip() for line in code for call in GRIDWIRE.findall(line)}
    return [
        *(f"make {target}" for target in sorted(made - targets)),
        *(f"gridwire {call}" for call in sorted(called) if not parses(call)),
    ]


def parses(call: str) -> bool:
    """Whether the command line takes it; a command may be named without its arguments."""
    words = shlex.split(call)
    if len(words) == 1 and words[0] in commands():
        return True
    try:
        parser().parse_args(words)
    except SystemExit as end:
        return end.code == 0
    return True


def commands() -> set[str]:
    """The first words of the command line."""
    actions: Any = parser()._subparsers
    return {name for action in actions._group_actions for name in action.choices}


# ---- what is there is in the documents -------------------------------------------------------------------------------
def test_generated_pages_are_what_the_code_says() -> None:
    assert list(docs.outdated()) == [], "make generate"


def test_every_flow_has_a_row_and_a_section() -> None:
    text = text_of("docs/flows.md")
    for flow in FLOWS:
        assert f"| [{flow.id}](" in text
        assert f"| [{flow.id}](docs/flows.md#" in text_of("README.md")
        assert f"\n## {flow.id}\n" in text
    for feed in FEEDS:
        assert f"\n### {feed.id}\n" in text


def modules_under_test() -> set[str]:
    """Modules that tests of single flows import, themselves or through what lies beside them."""
    beside = {one.module: one for one in python() if one.module.startswith(f"{FLOW_TESTS}.")}
    found: set[str] = set()
    for source in beside.values():
        names = {name for _, name in imported(source)}
        if not source.path.rsplit("/", 1)[1].startswith("test_") or ALL_FLOWS in names:
            continue
        helped = [beside[name.rpartition(".")[0]] for name in names if _of(name, beside)]
        found |= names | {name for helper in helped for _, name in imported(helper)}
    return found


def _of(name: str, beside: dict[str, Source]) -> bool:
    return name.rpartition(".")[0] in beside


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: str(flow.id))
def test_every_flow_has_unit_tests_of_its_own(flow: Flow[Any]) -> None:
    module = flow.legs.__module__
    assert any(name == module or name.startswith(f"{module}.") for name in modules_under_test()), (
        f"no module of {FLOW_TESTS} tests {module} alone"
    )


def test_every_metric_is_documented() -> None:
    text = text_of("docs/metrics.md")
    assert len(metrics.CATALOGUE) > 0
    for metric in metrics.CATALOGUE:
        facts = next(iter(metric.describe()))
        suffix = "_total" if facts.type == "counter" else ""
        assert f"| `{facts.name}{suffix}` | {facts.type} |" in text


def test_every_setting_is_documented() -> None:
    text = text_of("docs/settings.md")
    flows = (*FLOWS, *FEEDS)
    none = {variable(flow) for flow in flows if not msgspec.structs.fields(flow.settings)}
    for name in known_variables() - none:
        assert f"| `{name}` |" in text or f"\n### {name}\n" in text, name
    for flow in flows:
        for field in msgspec.structs.fields(flow.settings):
            assert f"| `{field.name}` |" in text


def test_every_topic_and_changelog_is_documented() -> None:
    text = text_of("docs/topics.md")
    names = [one.name for one in TOPICS] + [one.name for one in DEAD_LETTERS]
    for name in (*names, *plan((*FEEDS, *FLOWS)).stores):
        assert f"| `{name}` |" in text, name


def test_every_field_of_every_record_is_documented() -> None:
    head, *sections = text_of("docs/topics.md").partition("## Records")[2].split("\n### ")
    by_record = {section.partition("\n")[0]: section for section in sections}
    for record in SCHEMAS:
        for field in record.__struct_fields__:
            assert f"| `{field}` |" in head + by_record[record.__name__], (record, field)


# ---- what the documents name is there --------------------------------------------------------------------------------
def test_the_readme_fits_and_decisions_are_short() -> None:
    assert len(text_of("README.md").splitlines()) <= README_LINES_MAX
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert len(decisions) > 0
    for decision in decisions:
        assert len(decision.read_text().splitlines()) <= ADR_LINES_MAX, decision.name


def test_links_between_files_lead_somewhere() -> None:
    found = [one for path in markdown() for one in broken_links(path, path.read_text("utf-8"))]
    assert not found, "\n" + "\n".join(found)


def test_commands_in_documents_exist() -> None:
    found = {path.name: unknown_commands(path.read_text("utf-8")) for path in markdown()}
    assert not any(found.values()), found


def test_the_readme_names_every_command() -> None:
    text = text_of("README.md")
    for command in commands():
        assert f"`gridwire {command}" in text


# ---- and the checks bite ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("link", ["nowhere.md", "README.md#nowhere", "#nowhere", "docs/nowhere/"])
def test_a_link_to_nothing_is_found(link: str) -> None:
    assert len(broken_links(ROOT / "README.md", f"see [there]({link})")) == 1


@pytest.mark.parametrize("link", ["README.md#two-commands", "docs/adr", "https://x.example/y"])
def test_a_link_to_something_passes(link: str) -> None:
    assert broken_links(ROOT / "README.md", f"see [there]({link}), not `[here](nowhere.md)`") == []


@pytest.mark.parametrize(
    "line", ["make bread", "gridwire fly", "gridwire run nowhere", "gridwire flows --colour"]
)
def test_a_command_that_is_not_there_is_found(line: str) -> None:
    assert unknown_commands(f"call `{line}`") == [line]
    assert unknown_commands(f"```bash\ncd there && {line}  # so\n```") == [line]


def test_a_command_by_its_path_is_looked_at_too() -> None:
    assert unknown_commands("```bash\n.venv/bin/gridwire fly\n```") == ["gridwire fly"]


@pytest.mark.parametrize(
    "line",
    [
        "make test",
        "make demo ARGS=--keep",
        "gridwire run",
        "gridwire trace ID --json",
        "from gridwire import ids",
    ],
)
def test_a_command_that_is_there_passes(line: str) -> None:
    assert unknown_commands(f"call `{line}`, which makes sense") == []


def test_a_readme_without_its_marks_is_refused_with_the_fix() -> None:
    with pytest.raises(docs.BlockError, match="put them where the flows go"):
        docs.with_block("# gridwire\n", "| flow |")


def test_what_is_out_of_date_is_named_and_written_anew(tmp_path: Path) -> None:
    stale = text_of("README.md").replace(FLOWS[0].id, "no.flow")
    (tmp_path / "README.md").write_text(stale, encoding="utf-8")
    (tmp_path / "docs").mkdir()
    found = docs.outdated(tmp_path)
    assert set(found) == {"README.md", *docs.PAGES}
    for name, text in found.items():
        assert text == text_of(name)
