"""Records that wait for a row: kept with their partition, released in arrival order, bounded in number and time.

Behind a record that waits, later records of the same leg and key wait too: order per key holds.
"""

import heapq
from collections import Counter, deque
from collections.abc import Iterator

import msgspec

from gridwire.headers import headers_of
from streams.engine.message import Headers, LocalMessage, Message
from streams.engine.settle import Limits, OutputError
from streams.engine.store import Store


class Parked(msgspec.Struct, frozen=True, array_like=True):
    """One waiting record: its original message, and the row that it waits for ("": only for those before it)."""

    leg: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    table: str
    row_key: str
    deadline_ms: int
    parked_at_ms: int

    @property
    def lane(self) -> tuple[str, bytes | None]:
        return self.leg, self.key

    def message(self) -> LocalMessage:
        """The original message again."""
        return LocalMessage(
            self.topic, self.partition, self.offset, self.key, self.value, self.headers
        )


Lane = tuple[str, bytes | None]


class Parking:
    """All waiting records of one partition."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._decoder = msgspec.msgpack.Decoder(Parked)
        self._encoder = msgspec.msgpack.Encoder()
        self._lanes: dict[Lane, deque[str]] = {}
        self._entries: dict[str, Parked] = {}
        self._waiting: dict[tuple[str, str], set[Lane]] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    def rebuild(self) -> list[tuple[str, bytes]]:
        """From the store, as restored or as it is after an abort.

        Entries (key, bytes) that cannot be read are taken out and returned: the others must not wait for them.
        """
        self._lanes, self._entries, self._waiting, self._deadlines = {}, {}, {}, []
        unreadable = []
        for key in sorted(self._store):
            raw = self._store.get(key) or b""
            try:
                number, entry = int(key, 16), self._decoder.decode(raw)
            except (ValueError, msgspec.DecodeError):
                unreadable.append((key, raw))
                continue
            self._index(key, entry)
            self._next = number + 1
        for key, _ in unreadable:
            self._store.put(key, None)
        return unreadable

    def _index(self, key: str, entry: Parked) -> None:
        self._entries[key] = entry
        self._lanes.setdefault(entry.lane, deque()).append(key)
        heapq.heappush(self._deadlines, (entry.deadline_ms, key))
        if entry.table:
            self._waiting.setdefault((entry.table, entry.row_key), set()).add(entry.lane)

    def by_leg(self) -> Counter[str]:
        """How many records of each leg wait."""
        found: Counter[str] = Counter()
        for (leg, _), keys in self._lanes.items():
            found[leg] += len(keys)
        return found

    def blocks(self, leg: str, key: bytes | None) -> bool:
        """An earlier record of this leg and key waits."""
        return (leg, key) in self._lanes

    def check(self, leg: str, message: Message, row_key: str) -> None:
        """Raises OutputError where there is no room for one more, or the message is too large to be kept."""
        lane, limits = self._lanes.get((leg, message.key()), ()), self._limits
        if len(self._entries) >= limits.parked_max or len(lane) >= limits.parked_per_key_max:
            raise OutputError("no room to park")
        self._check_size(message, row_key)

    def _check_size(self, message: Message, row_key: str) -> None:
        headers = sum(len(name) + len(value or b"") for name, value in headers_of(message))
        size = len(message.value() or b"") + len(message.key() or b"") + headers
        if size + len(row_key.encode()) > self._limits.output_bytes_max:
            raise OutputError("too large to park")

    def add(
        self, leg: str, message: Message, *, table: str, row_key: str, deadline_ms: int, now_ms: int
    ) -> None:
        """Parks a message; `table` and `row_key` name the row it waits for, or are empty behind another."""
        entry = Parked(
            leg=leg,
            topic=message.topic() or "",
            partition=message.partition() or 0,
            offset=message.offset() or 0,
            key=message.key(),
            value=message.value(),
            headers=headers_of(message),
            table=table,
            row_key=row_key,
            deadline_ms=deadline_ms,
            parked_at_ms=now_ms,
        )
        key = f"{self._next:016x}"
        self._next += 1
        self._store.put(key, self._encoder.encode(entry))
        self._index(key, entry)

    def lanes_for(self, table: str, row_key: str) -> list[Lane]:
        """Lanes of which some record waits for this row, in arrival order of their first record."""
        lanes = self._waiting.get((table, row_key), set())
        return sorted(
            (lane for lane in lanes if lane in self._lanes), key=lambda lane: self._lanes[lane][0]
        )

    def waited_for(self) -> list[tuple[str, str]]:
        """The rows (table, key) that records wait for."""
        return list(self._waiting)

    def head(self, lane: Lane) -> Parked | None:
        """The first waiting record of a lane."""
        keys = self._lanes.get(lane)
        return self._entries[keys[0]] if keys else None

    def pop(self, lane: Lane) -> Parked:
        """Takes the first waiting record of a lane out. KeyError where there is none."""
        keys = self._lanes[lane]
        key = keys.popleft()
        if not keys:
            del self._lanes[lane]
        return self._take(key)

    def wait_on(self, lane: Lane, table: str, row_key: str) -> None:
        """The first record of a lane turned out to wait for another row; its deadline stays.

        Raises OutputError where it would be too large with that row's key.
        """
        key = self._lanes[lane][0]
        self._check_size(self._entries[key].message(), row_key)
        self._unwait(self._entries[key])
        entry = msgspec.structs.replace(self._entries[key], table=table, row_key=row_key)
        self._entries[key] = entry
        self._store.put(key, self._encoder.encode(entry))
        self._waiting.setdefault((table, row_key), set()).add(lane)

    def _take(self, key: str) -> Parked:
        entry = self._entries.pop(key)
        self._store.put(key, None)
        self._unwait(entry)
        return entry

    def _unwait(self, entry: Parked) -> None:
        """Only the first record of a lane waits for a row by name; the others wait for it."""
        waiting = self._waiting.get((entry.table, entry.row_key))
        if waiting is not None:
            waiting.discard(entry.lane)
            if not waiting:
                del self._waiting[entry.table, entry.row_key]

    def expired(self, now_ms: int) -> Iterator[Lane]:
        """Lanes whose first record's deadline has passed. The caller pops it before it asks for the next."""
        while self._deadlines and self._deadlines[0][0] <= now_ms:
            _, key = heapq.heappop(self._deadlines)
            entry = self._entries.get(key)
            head = self.head(entry.lane) if entry else None
            if head is None or entry is None:
                continue
            if head is entry:
                yield entry.lane
            else:  # its turn comes when those before it have gone
                heapq.heappush(self._deadlines, (max(head.deadline_ms, now_ms + 1), key))

    def next_due_ms(self) -> int | None:
        """When the next deadline may pass; None where nothing waits."""
        return self._deadlines[0][0] if self._deadlines else None
