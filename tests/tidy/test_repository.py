"""The invariants that can be read off the code. Each failure names the place and the fix."""

from collections.abc import Callable

import pytest

from tests.tidy import imports, shapes, words
from tests.tidy.sources import ROOT, Source, files, python

RULES: tuple[Callable[[Source], list[str]], ...] = (
    imports.banned_imports,
    imports.neighbours,
    imports.impure_flows,
    imports.unsafe_faust,
    imports.faust_beyond_the_transport,
    shapes.long_functions,
    shapes.long_files,
    shapes.nameless_modules,
    shapes.swallowed_errors,
    shapes.sleeping_tests,
    shapes.empty_test_modules,
    shapes.toothless_tests,
    shapes.wordless_tests,
)
# Patterns of the rules and samples against them.
OWN_WORDS = ("tests/tidy/",)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_code_keeps_the_rule(rule: Callable[[Source], list[str]]) -> None:
    found = [violation for source in python() for violation in rule(source)]
    assert not found, "\n" + "\n".join(found)


def test_no_committed_file_says_what_none_should() -> None:
    found = []
    for file in files():
        path = file.relative_to(ROOT).as_posix()
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        if not path.startswith(OWN_WORDS):
            found += words.unwanted_words(path, text)
    assert not found, "\n" + "\n".join(found)


def test_locked_requirements_are_exact_and_hashed() -> None:
    kinds = ("", "-otlp", "-dev", "-bench")
    for name in (f"requirements{kind}.txt" for kind in kinds):
        entries = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
        assert entries, f"{name} is empty: make lock"
        for entry in entries:
            assert "==" in entry, f"{name}: {entry[:60]} is not pinned: make lock"
            assert "--hash=sha256:" in entry, f"{name}: {entry[:60]} has no hash: make lock"


def test_make_lists_at_most_fifteen_targets() -> None:
    listed = [
        line
        for line in (ROOT / "Makefile").read_text().splitlines()
        if ": " in line and "## " in line
    ]
    assert 10 <= len(listed) <= 15
