"""Compatibility levels, and which earlier schemas each one looks at in which direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from avro.compatibility import (
    ReaderWriterCompatibilityChecker,
    SchemaCompatibilityType,
)
from avro.schema import Schema


@dataclass(frozen=True, slots=True)
class Level:
    """`new_reads`: the new schema must read old data; `old_reads`: old schemas must read new data."""

    new_reads: bool
    old_reads: bool
    transitive: bool


LEVELS: Final = {
    "NONE": Level(new_reads=False, old_reads=False, transitive=False),
    "BACKWARD": Level(new_reads=True, old_reads=False, transitive=False),
    "BACKWARD_TRANSITIVE": Level(new_reads=True, old_reads=False, transitive=True),
    "FORWARD": Level(new_reads=False, old_reads=True, transitive=False),
    "FORWARD_TRANSITIVE": Level(new_reads=False, old_reads=True, transitive=True),
    "FULL": Level(new_reads=True, old_reads=True, transitive=False),
    "FULL_TRANSITIVE": Level(new_reads=True, old_reads=True, transitive=True),
}
DEFAULT_LEVEL: Final = "FULL_TRANSITIVE"


def problems(level: str, new: Schema, earlier: Sequence[tuple[int, Schema]]) -> list[str]:
    """Why `new` may not follow `earlier` (version and schema, oldest first) at this level; empty when it may."""
    rule = LEVELS[level]
    looked_at = earlier if rule.transitive else earlier[-1:]
    found: list[str] = []
    for version, old in reversed(looked_at):
        if rule.new_reads:
            found += _cannot_read(new, old, f"the new schema cannot read data of version {version}")
        if rule.old_reads:
            found += _cannot_read(old, new, f"version {version} cannot read data of the new schema")
    return found


def _cannot_read(reader: Schema, writer: Schema, what: str) -> list[str]:
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # avro's constructor
    result = checker.get_compatibility(reader, writer)
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    where = ", ".join(sorted(result.locations)) or "/"
    kinds = ", ".join(sorted({kind.name for kind in result.incompatibilities}))
    return [f"{what}: {kinds} at {where}: {'; '.join(sorted(result.messages))}"]
