"""Encoded rows by key, with what is not committed yet kept apart, so that an abort can drop it.

A round changes rows any number of times; `drain` returns each changed key once (coalesced) for the changelog.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from gridwire.codec import CodecError, TopicCodec
from gridwire.records import Record
from streams.engine.rows import MemoryRows, Rows

S = TypeVar("S", bound=msgspec.Struct)
log = logging.getLogger(__name__)
UNREADABLE_LOGGED_MAX = 10  # per store; all of them are counted
SAMPLE_MAX = (
    1_000  # states that are decoded after a restore, to see whether this version reads them
)


class Store:
    """Rows of one store in one partition, encoded."""

    def __init__(self, name: str, rows: Rows | None = None) -> None:
        self.name = name
        self.rows: Rows = MemoryRows() if rows is None else rows
        self._open: dict[str, bytes | None] = {}  # since the last commit, or since it was begun
        self._sealed: dict[str, bytes | None] | None = None  # what is being committed
        self._round: dict[str, None] = {}  # changed in the running round, in order

    def __len__(self) -> int:
        """Committed rows."""
        return len(self.rows)

    def get(self, key: str) -> bytes | None:
        if self._open and key in self._open:
            return self._open[key]
        if self._sealed and key in self._sealed:
            return self._sealed[key]
        return self.rows.get(key)

    def put(self, key: str, value: bytes | None) -> None:
        """None deletes."""
        self._open[key] = value
        self._round[key] = None

    def __iter__(self) -> Iterator[str]:
        """Present keys, committed or not, in no particular order."""
        changed = {**(self._sealed or {}), **self._open}
        yield from (key for key, value in changed.items() if value is not None)
        yield from (key for key, _ in self.rows.items() if key not in changed)

    def restore(self, key: str, value: bytes | None) -> None:
        """One changelog entry."""
        self.rows.restore({key: value})

    def restore_all(self, entries: Mapping[str, bytes | None]) -> None:
        """Changelog entries, of each key the last one."""
        self.rows.restore(entries)

    def drain(self) -> dict[str, bytes | None]:
        """What the round changed, each key once, in the order in which they were first put."""
        changed = {key: self._open[key] for key in self._round}
        self._round = {}
        return changed

    def seal(self) -> None:
        """What was put so far is being committed; what is put from now on belongs to the next transaction.

        Raises RuntimeError where it is sealed already: transactions follow one another.
        """
        if self._sealed is not None:
            raise RuntimeError(f"{self.name}: sealed twice without a commit or an abort")
        self._sealed, self._open = self._open, {}

    def commit(self) -> None:
        """What was sealed is committed; or all that was put, where nothing was."""
        if self._sealed is None:
            self.seal()
        if self._sealed:
            self.rows.write(self._sealed)
        self._sealed = None

    def abort(self) -> None:
        """Drops what is not committed, sealed or not."""
        self._open.clear()
        self._sealed = None
        self._round.clear()


class Unreadable:
    """Rows of one store that could not be decoded: counted by reason, and told of a few times without their values."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._logged = 0
        self._counts: Counter[str] = Counter()

    def note(self, reason: str) -> None:
        self._counts[reason] += 1
        if self._logged < UNREADABLE_LOGGED_MAX:
            self._logged += 1
            log.error("row not readable", extra={"store": self._store, "reason": reason})

    def take(self) -> Counter[str]:
        """How many since the last call, by reason."""
        counts, self._counts = self._counts, Counter()
        return counts


class TableStore:
    """Rows of a partitioned table, Avro-encoded, decoded on use."""

    def __init__(self, store: Store, codec: TopicCodec[Any]) -> None:
        self.store = store
        self.unreadable = Unreadable(store.name)
        self.codec = codec
        self._decoded: dict[str, Record] = {}

    def get(self, key: str) -> Any:
        """The row, or None. One that cannot be decoded is none: whoever writes it next mends it."""
        row = self._decoded.get(key)
        if row is None and (raw := self.store.get(key)) is not None:
            row = self.decode(raw)
            if row is not None:
                self._remember(key, row)
        return row

    def decode(self, raw: bytes) -> Any:
        """The row, or None where it cannot be decoded (counted)."""
        try:
            return self.codec.decode(raw)
        except CodecError as error:
            self.unreadable.note(error.reason)
            return None

    def put(self, key: str, row: Record | None, raw: bytes | None) -> None:
        self.store.put(key, raw)
        if row is None:
            self._decoded.pop(key, None)
        else:
            self._remember(key, row)

    def _remember(self, key: str, row: Record) -> None:
        if len(self._decoded) >= self.store.rows.decoded_max:
            self._decoded.clear()
        self._decoded[key] = row

    def abort(self) -> None:
        """Decoded rows may be of what is not committed. The store drops that itself."""
        self._decoded.clear()


class Held(msgspec.Struct, Generic[S], frozen=True, array_like=True):
    """A fold's state of one key with its timers (name → due, epoch ms) and what caused it last.

    `late`: which of the timers were due already when they were set, and when that was.
    """

    state: S
    timers: dict[str, int]
    trace_id: str
    cause_id: str
    occurred_at: int
    late: dict[str, int] = msgspec.field(default_factory=dict)


class _Timed(msgspec.Struct, frozen=True, array_like=True):
    """The timers of a `Held` whose state stays as it is: what a restore looks at."""

    state: msgspec.Raw
    timers: dict[str, int]


class UnreadableStateError(CodecError):
    """A fold's private state that this version cannot decode; its bytes stay where they are."""

    def __init__(self) -> None:
        super().__init__("state not readable")


_ENCODER = msgspec.msgpack.Encoder()
_TIMED = msgspec.msgpack.Decoder(_Timed)


def encode_held(held: Held[Any]) -> bytes:
    """As it stands in the changelog."""
    return _ENCODER.encode(held)


def timers_of(raw: bytes) -> dict[str, int]:
    """The timers of an encoded `Held`, whatever its state is. Raises UnreadableStateError."""
    try:
        return _TIMED.decode(raw).timers
    except msgspec.DecodeError as error:  # also ValidationError
        raise UnreadableStateError from error


class FoldStore:
    """Private states of a fold, msgpack-encoded, decoded on use."""

    def __init__(self, store: Store, state: type[msgspec.Struct]) -> None:
        self.store = store
        self.unreadable = Unreadable(store.name)
        self._decoder: msgspec.msgpack.Decoder[Held[Any]] = msgspec.msgpack.Decoder(Held[state])  # type: ignore[valid-type]
        self._decoded: dict[str, Held[Any]] = {}

    def get(self, key: str) -> Held[Any] | None:
        """The state, or None. Raises UnreadableStateError."""
        held = self._decoded.get(key)
        if held is None and (raw := self.store.get(key)) is not None:
            held = self.decode(raw)
            self._remember(key, held)
        return held

    def decode(self, raw: bytes) -> Held[Any]:
        """Raises UnreadableStateError."""
        try:
            return self._decoder.decode(raw)
        except msgspec.DecodeError as error:  # also ValidationError
            self.unreadable.note("state not readable")
            raise UnreadableStateError from error

    def timed(self) -> Iterator[tuple[str, dict[str, int]]]:
        """Committed keys with their timers; the states themselves are not decoded."""
        for key, raw in self.store.rows.items():
            try:
                timers = timers_of(raw)
            except UnreadableStateError:
                self.unreadable.note("state not readable")
                continue
            if timers:
                yield key, timers

    def sample(self) -> tuple[int, int]:
        """Of the first SAMPLE_MAX committed states: how many this version cannot decode, and of how many."""
        bad = seen = 0
        for _, raw in self.store.rows.items():  # noqa: PERF102 -- rows are no dict
            seen += 1
            try:
                self._decoder.decode(raw)
            except msgspec.DecodeError:
                bad += 1
            if seen >= SAMPLE_MAX:
                break
        return bad, seen

    def put(self, key: str, held: Held[Any] | None, raw: bytes | None) -> None:
        """`raw`: the same, encoded; None deletes."""
        self.store.put(key, raw)
        if held is None:
            self._decoded.pop(key, None)
        else:
            self._remember(key, held)

    def __iter__(self) -> Iterator[str]:
        return iter(self.store)

    def _remember(self, key: str, held: Held[Any]) -> None:
        if len(self._decoded) >= self.store.rows.decoded_max:
            self._decoded.clear()
        self._decoded[key] = held

    def abort(self) -> None:
        """Decoded states may be of what is not committed. The store drops that itself."""
        self._decoded.clear()
