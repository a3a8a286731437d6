"""`python -m gridwire.commands.docs`: writes the generated pages of docs/ and the flow table of the README.

`--check` writes nothing and exits 1 where one is out of date.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from gridwire.commands.pages import flow_table, flows_page, metrics_page, settings_page
from gridwire.commands.sink_pages import sinks_page
from gridwire.commands.topic_pages import topics_page

ROOT = Path(__file__).parents[2]
README = "README.md"
BEGIN, END = "<!-- flows: written by `make generate` -->", "<!-- end of flows -->"
PAGES = {
    "docs/flows.md": flows_page,
    "docs/topics.md": topics_page,
    "docs/sinks.md": sinks_page,
    "docs/settings.md": settings_page,
    "docs/metrics.md": metrics_page,
}


class BlockError(Exception):
    """A file lacks the marks between which a generated block stands."""


def with_block(text: str, block: str) -> str:
    """`text` with `block` between its marks. Raises BlockError."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise BlockError(f"{README} lacks the lines {BEGIN} and {END}: put them where the flows go")
    return f"{head}{BEGIN}\n{block}\n{END}{tail}"


def rendered(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Path from the root → what the file should be. Raises BlockError."""
    yield from ((path, make()) for path, make in PAGES.items())
    yield README, with_block((root / README).read_text(encoding="utf-8"), flow_table("docs/"))


def outdated(root: Path = ROOT) -> dict[str, str]:
    """Files that are not what they should be, with what they should be. Raises BlockError."""
    return {path: text for path, text in rendered(root) if _read(root / path) != text}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gridwire.commands.docs", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 where a file is out of date"
    )
    check = parser.parse_args(arguments).check
    try:
        found = outdated()
    except BlockError as error:
        print(error, file=sys.stderr)
        return 1
    for path, text in found.items():
        if check:
            print(f"{path} is out of date: run `make generate`", file=sys.stderr)
        else:
            (ROOT / path).write_text(text, encoding="utf-8")
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
