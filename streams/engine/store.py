"""Encoded rows by key, with what is not committed yet kept apart, so that an abort can drop it.

A round changes rows any number of times; `drain` returns each changed key once (coalesced) for the changelog.
"""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from gridwire.codec import TopicCodec
from gridwire.records import Record

S = TypeVar("S", bound=msgspec.Struct)
DECODED_MAX = 50_000  # rows that stay decoded per store; beyond it the cache starts anew


class Store:
    """Rows of one store in one partition, encoded."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._committed: dict[str, bytes] = {}
        self._open: dict[str, bytes | None] = {}  # since the last commit
        self._round: set[str] = set()  # changed in the running round

    def __len__(self) -> int:
        return len(self._committed)

    def get(self, key: str) -> bytes | None:
        if self._open and key in self._open:
            return self._open[key]
        return self._committed.get(key)

    def put(self, key: str, value: bytes | None) -> None:
        """None deletes."""
        self._open[key] = value
        self._round.add(key)

    def __iter__(self) -> Iterator[str]:
        """Present keys, committed or not, in no particular order."""
        yield from (key for key, value in self._open.items() if value is not None)
        yield from (key for key in self._committed if key not in self._open)

    def restore(self, key: str, value: bytes | None) -> None:
        """One changelog entry."""
        if value is None:
            self._committed.pop(key, None)
        else:
            self._committed[key] = value

    def drain(self) -> dict[str, bytes | None]:
        """What the round changed, each key once."""
        changed = {key: self._open[key] for key in self._round}
        self._round = set()
        return changed

    def commit(self) -> None:
        for key, value in self._open.items():
            self.restore(key, value)
        self._open.clear()

    def abort(self) -> None:
        self._open.clear()
        self._round.clear()


class TableStore:
    """Rows of a partitioned table, Avro-encoded, decoded on use."""

    def __init__(self, store: Store, codec: TopicCodec[Any]) -> None:
        self.store = store
        self._codec = codec
        self._decoded: dict[str, Record] = {}

    def get(self, key: str) -> Any:
        """The row, or None."""
        row = self._decoded.get(key)
        if row is None and (raw := self.store.get(key)) is not None:
            row = self._codec.decode(raw)
            self._remember(key, row)
        return row

    def encode(self, row: Record) -> bytes:
        """Raises CodecError where the row does not fit."""
        return self._codec.encode(row)

    def put(self, key: str, row: Record | None, raw: bytes | None) -> None:
        self.store.put(key, raw)
        if row is None:
            self._decoded.pop(key, None)
        else:
            self._remember(key, row)

    def _remember(self, key: str, row: Record) -> None:
        if len(self._decoded) >= DECODED_MAX:
            self._decoded.clear()
        self._decoded[key] = row

    def abort(self) -> None:
        self.store.abort()
        self._decoded.clear()


class Held(msgspec.Struct, Generic[S], frozen=True, array_like=True):
    """A fold's state of one key with its timers (name → due, epoch ms) and what caused it last."""

    state: S
    timers: dict[str, int]
    trace_id: str
    cause_id: str
    occurred_at: int


_ENCODER = msgspec.msgpack.Encoder()


def encode_held(held: Held[Any]) -> bytes:
    """As it stands in the changelog."""
    return _ENCODER.encode(held)


class FoldStore:
    """Private states of a fold, msgpack-encoded, decoded on use."""

    def __init__(self, store: Store, state: type[msgspec.Struct]) -> None:
        self.store = store
        self._decoder: msgspec.msgpack.Decoder[Held[Any]] = msgspec.msgpack.Decoder(Held[state])  # type: ignore[valid-type]
        self._decoded: dict[str, Held[Any]] = {}

    def get(self, key: str) -> Held[Any] | None:
        held = self._decoded.get(key)
        if held is None and (raw := self.store.get(key)) is not None:
            held = self._decoder.decode(raw)
            self._remember(key, held)
        return held

    def put(self, key: str, held: Held[Any] | None, raw: bytes | None) -> None:
        """`raw`: the same, encoded; None deletes."""
        self.store.put(key, raw)
        if held is None:
            self._decoded.pop(key, None)
        else:
            self._remember(key, held)

    def __iter__(self) -> Iterator[str]:
        return iter(self.store)

    def drain(self) -> dict[str, bytes | None]:
        """What the round changed, each key once."""
        return self.store.drain()

    def _remember(self, key: str, held: Held[Any]) -> None:
        if len(self._decoded) >= DECODED_MAX:
            self._decoded.clear()
        self._decoded[key] = held

    def abort(self) -> None:
        self.store.abort()
        self._decoded.clear()
