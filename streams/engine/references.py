"""Full copies of reference tables. They change only between rounds, so a round sees one state of them."""

from collections.abc import Mapping
from typing import Any, TypeVar

from gridwire.codec import Codec, TopicCodec
from gridwire.records import Record
from streams.flow import Table

Row = TypeVar("Row", bound=Record)
FOUND_MAX = 50_000  # answers of an index that are kept; beyond it that cache starts anew


class Reference:
    """One table: rows encoded, decoded on use, indexed."""

    def __init__(self, table: Table[Any], codec: TopicCodec[Any]) -> None:
        self.table = table
        self._codec = codec
        self._raw: dict[str, bytes] = {}
        self._decoded: dict[str, Any] = {}
        self._indexes: dict[str, dict[str, set[str]]] = {name: {} for name in table.indexes}
        self._where: dict[tuple[str, str], tuple[Any, ...]] = {}

    def __len__(self) -> int:
        return len(self._raw)

    def apply(self, key: str, raw: bytes | None) -> bool:
        """One message of the compacted topic; False where a newer row is held already. Raises CodecError."""
        row = None if raw is None else self._codec.decode(raw)
        old = self.get(key)
        if row is not None and old is not None and row.version < old.version:
            return False
        self._unindex(key, old)
        if row is None or raw is None:
            self._raw.pop(key, None)
            self._decoded.pop(key, None)
            return True
        self._raw[key] = raw
        self._decoded[key] = row
        for name, index in self._indexes.items():
            for entry in self.table.indexes[name](row):
                index.setdefault(entry, set()).add(key)
                self._where.pop((name, entry), None)
        return True

    def _unindex(self, key: str, old: Any) -> None:
        for name, index in self._indexes.items():
            for entry in self.table.indexes[name](old) if old is not None else ():
                keys = index.get(entry, set())
                keys.discard(key)
                if not keys:
                    index.pop(entry, None)
                self._where.pop((name, entry), None)

    def get(self, key: str) -> Any:
        row = self._decoded.get(key)
        if row is None and (raw := self._raw.get(key)) is not None:
            row = self._decoded[key] = self._codec.decode(raw)
        return row

    def where(self, index: str, entry: str) -> tuple[Any, ...]:
        """Rows whose index holds `entry`, sorted by key."""
        found = self._where.get((index, entry))
        if found is not None:
            return found
        keys = self._indexes[index].get(entry)
        if not keys:  # what a stranger asks for is not remembered
            return ()
        if len(self._where) >= FOUND_MAX:
            self._where.clear()
        found = self._where[index, entry] = tuple(self.get(key) for key in sorted(keys))
        return found

    def rows(self) -> Mapping[str, Any]:
        return {key: self.get(key) for key in self._raw}


class References:
    """All reference tables of a worker."""

    def __init__(self, tables: tuple[Table[Any], ...], codec: Codec) -> None:
        self.by_name = {table.name: Reference(table, _codec_of(table, codec)) for table in tables}

    def __getitem__(self, table: Table[Any]) -> Reference:
        return self.by_name[table.name]


def _codec_of(table: Table[Any], codec: Codec) -> TopicCodec[Any]:
    if table.copy_of is None:
        raise ValueError(f"{table.name} is partitioned: it has no full copy")
    return codec.of(table.copy_of)
