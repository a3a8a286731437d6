"""Rows and due times of one store in a partition's database: how they are keyed, counted and walked."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from streams.engine.rows import Due

DECODED_MAX = 5_000  # rows per store that stay decoded in memory, beside the cache
PAGE = 1_000  # keys taken at once by a walk
_DUE = struct.Struct(">Q")
_DUE_ZERO = 1 << 63


class Database(Protocol):
    """What holds them (`streams.runtime.disk_home.DiskHome`). Everything raises StateError."""

    def get(self, key: bytes) -> bytes | None: ...

    def peek(self, key: bytes) -> bytes | None: ...

    def write(self, puts: Sequence[tuple[bytes, bytes]], deletes: Sequence[bytes]) -> None: ...

    def range(self, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]: ...


def prefix_of(store: str) -> bytes:
    return b"row\0" + store.encode() + b"\0"


def due_prefix_of(store: str) -> bytes:
    return b"due\0" + store.encode() + b"\0"


class DiskRows:
    """Rows of one store on disk. `peek` and `len` may come from other threads (see `streams.engine.rows.Rows`)."""

    decoded_max = DECODED_MAX

    def __init__(self, home: Database, store: str) -> None:
        self._home = home
        self._prefix = prefix_of(store)
        self._count: int | None = (
            None  # None: to be counted by the owner, before the rows are shown to anyone
        )

    def __len__(self) -> int:
        """Counts where a restore has written since; a commit keeps the number."""
        if self._count is None:
            self._count = sum(1 for _ in self._home.range(self._prefix, self._prefix))
        return self._count

    def recount(self) -> None:
        """Others have written."""
        self._count = None

    def get(self, key: str) -> bytes | None:
        return self._home.get(self._prefix + key.encode())

    def peek(self, key: str) -> bytes | None:
        return self._home.peek(self._prefix + key.encode())

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        count = len(self)
        for key, value in changes.items():
            there = self.get(key) is not None
            count += (value is not None) - there
        self._put(changes)
        self._count = count  # set at once: whoever asks meanwhile is told the number before

    def restore(self, changes: Mapping[str, bytes | None]) -> None:
        self._put(changes)
        self._count = None

    def _put(self, changes: Mapping[str, bytes | None]) -> None:
        prefix = self._prefix
        puts = [(prefix + k.encode(), v) for k, v in changes.items() if v is not None]
        deletes = [prefix + k.encode() for k, v in changes.items() if v is None]
        self._home.write(puts, deletes)

    def items(self) -> Iterator[tuple[str, bytes]]:
        cut = len(self._prefix)
        for key, value in self._home.range(self._prefix, self._prefix):
            yield key[cut:].decode(), value

    def walk(self) -> Iterator[str]:
        """Page by page: an iterator that stays open would keep files that are long replaced."""
        cut, start = len(self._prefix), self._prefix
        while True:
            page = []
            for key, _ in self._home.range(self._prefix, start):
                page.append(key)
                if len(page) >= PAGE:
                    break
            yield from (key[cut:].decode() for key in page)
            if len(page) < PAGE:
                return
            start = page[-1] + b"\0"


class DiskDues:
    """Due times of one store on disk, ordered as tuples are."""

    def __init__(self, home: Database, store: str) -> None:
        self._home = home
        self._prefix = due_prefix_of(store)

    def _key(self, entry: Due) -> bytes:
        """UTF-8 sorts as text does; a zero byte within a key is told from the one that ends it."""
        due, key, name = entry
        text = key.encode().replace(b"\0", b"\0\xff") + b"\0" + name.encode()
        return self._prefix + _DUE.pack(due + _DUE_ZERO) + text

    def write(self, added: Sequence[Due], removed: Sequence[Due]) -> None:
        puts = [(self._key(entry), msgspec.msgpack.encode(entry)) for entry in added]
        self._home.write(puts, [self._key(entry) for entry in removed])

    def page(self, after: Due | None, at_most: int) -> list[Due]:
        start = self._prefix if after is None else self._key(after)
        page: list[Due] = []
        for key, value in self._home.range(self._prefix, start):
            if after is not None and key == start:
                continue
            page.append(msgspec.msgpack.decode(value, type=Due))
            if len(page) >= at_most:
                break
        return page
