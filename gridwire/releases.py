"""`python -m gridwire.releases`: keeps the schemas of the version that is about to be released, by subject.

What stands in `schemas/released` is what readers may have: a test compares today's schemas with all of it. A version
that the changelog calls released is never written again.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from gridwire import __version__
from gridwire.records import SCHEMAS
from gridwire.topics import TOPICS

ROOT = Path(__file__).parent.parent
RELEASED = ROOT / "schemas" / "released"
CHANGELOG = ROOT / "CHANGELOG.md"
FAILED = 1


def current() -> dict[str, str]:
    """Subject → its schema as it is in this version."""
    return {topic.subject: SCHEMAS[topic.record] for topic in TOPICS}


def released(folder: Path = RELEASED) -> dict[str, dict[str, str]]:
    """Version → subject → schema, of all versions that were kept."""
    return {
        version.name: {
            path.stem: path.read_text(encoding="utf-8") for path in sorted(version.glob("*.avsc"))
        }
        for version in sorted(folder.iterdir())
        if version.is_dir()
    }


def is_out(version: str, changelog: str) -> bool:
    """Whether the changelog has a section of this version."""
    return re.search(rf"^## \[{re.escape(version)}\]", changelog, re.MULTILINE) is not None


def keep(folder: Path, schemas: Mapping[str, str]) -> None:
    """Writes one file per subject, and removes those of subjects that are not there any more."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.avsc"):
        if path.stem not in schemas:
            path.unlink()
    for subject, text in schemas.items():
        pretty = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        (folder / f"{subject}.avsc").write_text(f"{pretty}\n", encoding="utf-8")


def main() -> int:
    if is_out(__version__, CHANGELOG.read_text(encoding="utf-8")):
        print(
            f"{__version__} is released and its schemas stay as they are: raise __version__ first",
            file=sys.stderr,
        )
        return FAILED
    keep(RELEASED / __version__, current())
    print(f"schemas of {len(current())} subjects are in {RELEASED.relative_to(ROOT)}/{__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
