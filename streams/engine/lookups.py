"""Rows for a leg's function: partitioned tables of this partition, and full copies."""

from collections.abc import Mapping
from typing import Any

import msgspec

from streams.engine.references import References
from streams.engine.store import TableStore
from streams.flow import GoOn, Lookup, Missing, Rows, Table


class Found(msgspec.Struct, frozen=True, gc=False):
    """One argument per look-up, in order."""

    rows: tuple[Any, ...]


NOTHING = Found(())


class MissingRow(msgspec.Struct, frozen=True):
    """The first row that is missing and that the leg does not go on without."""

    table: str
    key: str
    missing: Missing


class Lookups(Rows):
    """All tables that this partition sees."""

    def __init__(self, tables: Mapping[str, TableStore], references: References) -> None:
        self._tables = tables
        self._references = references

    def get(self, table: Table[Any], key: str) -> Any:
        if table.copy_of is not None:
            return self._references[table].get(key)
        return self._tables[table.name].get(key)

    def where(self, table: Table[Any], index: str, key: str) -> tuple[Any, ...]:
        return self._references[table].where(index, key)

    def find(self, lookups: tuple[Lookup[Any, Any], ...], record: Any) -> Found | MissingRow:
        """The rows for one record, or the first that is missing."""
        if not lookups:
            return NOTHING
        rows: list[Any] = []
        for lookup in lookups:
            keys = lookup.keys(record)
            if lookup.mode == "row":
                key = next(iter(keys), None)
                row = None if key is None else self.get(lookup.table, key)
                if row is None and not isinstance(lookup.missing, GoOn):
                    return MissingRow(lookup.table.name, key or "", lookup.missing)
                rows.append(row)
            elif lookup.mode == "each":
                found = ((key, self.get(lookup.table, key)) for key in keys)
                rows.append({key: row for key, row in found if row is not None})
            else:
                rows.append({key: self.where(lookup.table, lookup.index, key) for key in keys})
        return Found(tuple(rows))
