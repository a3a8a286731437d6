"""What a leg reads, looks up and keeps: derived from its value."""

from typing import Any

from gridwire.topics import Topic
from streams.flow import Columns, Fold, Input, Leg, Lookup, Table


def inputs_of(leg: Leg) -> tuple[Input, ...]:
    """What a leg reads, uniformly. A columns leg has none of these: see `reads_of`."""
    if isinstance(leg, Fold):
        return leg.inputs
    return () if isinstance(leg, Columns) else (leg.input,)


def reads_of(leg: Leg) -> tuple[Topic[Any], ...]:
    """The topics that a leg reads."""
    return (leg.reads,) if isinstance(leg, Columns) else tuple(i.topic for i in inputs_of(leg))


def lookups_of(leg: Leg) -> tuple[Lookup[Any, Any], ...]:
    """All look-ups of a leg, timers' included."""
    found = [lookup for entry in inputs_of(leg) for lookup in entry.lookups]
    if isinstance(leg, Fold) and leg.on_timer:
        found.extend(leg.on_timer.lookups)
    return tuple(found)


def tables_of(leg: Leg) -> tuple[Table[Any], ...]:
    """The tables that a leg reads or keeps, each once."""
    tables = [lookup.table for lookup in lookups_of(leg)]
    if isinstance(leg, Columns):
        tables.extend(leg.tables)
    if isinstance(leg, Fold) and isinstance(leg.state, Table):
        tables.append(leg.state)
    return tuple(dict.fromkeys(tables))
