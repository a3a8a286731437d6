"""What must come of an input, told in plain Python from the input topics alone.

Shares no code with the engine: it knows what the flows of `topology` mean, and reads each input partition in offset
order. Nothing here depends on where rounds, transactions or restarts fell.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.proof.workload import BROKER, BYTES, FATE, PARTNERS

WINDOW_MS, LATE_MS_MAX, REMIND_MS, FAR_MS = 5_000, 20_000, 4_000, 3_600_000


@dataclass(frozen=True, slots=True)
class Read:
    """One message as it stands in a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]

    @property
    def place(self) -> tuple[str, int, int]:
        return self.topic, self.partition, self.offset

    @property
    def fate(self) -> str:
        return self.headers.get(FATE, b"").decode()


@dataclass(slots=True)
class Window:
    count: int = 0
    units: int = 0


@dataclass(slots=True)
class User:
    """All that follows from one user's events. Lists are in the order of the source topic."""

    joined: list[tuple[str, str | None, int]] = field(default_factory=list)  # id, partner, quantity
    copied: list[str] = field(default_factory=list)
    tallies: list[tuple[str, int, int]] = field(default_factory=list)  # id, n, total
    windows: dict[int, Window] = field(default_factory=dict)
    newest: int = 0
    reminders: dict[str, int] = field(default_factory=dict)  # those that must fire: name → due
    far: dict[str, int] = field(default_factory=dict)  # those that still wait


@dataclass(slots=True)
class Order:
    """`versions`: of the row after each update, 0 where there is none; `updates`, `notes`: event ids."""

    versions: list[int] = field(default_factory=list)
    updates: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Expected:
    """`dead`: (topic, partition, offset, leg or "") of every dead letter, with key and value of its message."""

    users: dict[str, User] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    dead: dict[tuple[str, int, int, str], tuple[bytes | None, bytes | None]] = field(
        default_factory=dict
    )
    repeated: int = 0

    def bury(self, read: Read, leg: str) -> None:
        self.dead[(*read.place, leg)] = (read.key, read.value)


Decode = Callable[[Read], Any]


def expect(
    events: Iterable[Read], orders: Iterable[Read], notes: Iterable[Read], decode: Decode
) -> Expected:
    """Each input in offset order per partition."""
    found = Expected()
    for read, event in _genuine(found, events, decode):
        _event(found, read, event)
    for _, order in _genuine(found, orders, decode):
        _order(found.orders.setdefault(order.order_ref, Order()), order)
    for read, note in _genuine(found, notes, decode):
        if read.fate:
            found.bury(read, "ghosts")
        else:
            found.orders.setdefault(note.order_ref, Order()).notes.append(note.event_id)
    return found


def _genuine(found: Expected, reads: Iterable[Read], decode: Decode) -> Iterable[tuple[Read, Any]]:
    """Readable messages whose id is new; the others are dead letters or repeats."""
    ids: set[str] = set()
    for read in reads:
        if read.fate in BYTES or read.fate == BROKER:
            found.bury(read, "")
            continue
        record = decode(read)
        if record.event_id in ids:
            found.repeated += 1
            continue
        ids.add(record.event_id)
        yield read, record


def _event(found: Expected, read: Read, event: Any) -> None:
    user = found.users.setdefault(event.user_id, User())
    dead_in = read.fate.partition(":")[2]
    if dead_in:
        found.bury(read, dead_in)
    if dead_in != "join":
        number = int(event.sku[1:])
        partner = f"P-{event.sku}" if number < PARTNERS else None
        user.joined.append((event.event_id, partner, event.quantity))
    if dead_in != "copy":
        user.copied.append(event.event_id)
    if dead_in != "tally":
        n, total = user.tallies[-1][1:] if user.tallies else (0, 0)
        user.tallies.append((event.event_id, n + 1, total + event.quantity))
    if dead_in != "windows":
        _window(user, event)
    _remind(user, event)


def _window(user: User, event: Any) -> None:
    start = event.occurred_at // WINDOW_MS * WINDOW_MS
    if start + WINDOW_MS + LATE_MS_MAX <= user.newest:
        return
    window = user.windows.setdefault(start, Window())
    window.count += 1
    window.units += event.quantity
    user.newest = max(user.newest, event.occurred_at)


def _remind(user: User, event: Any) -> None:
    if event.kind == "checkout":
        user.reminders[f"soon:{event.event_id}"] = event.occurred_at + REMIND_MS
    elif event.kind == "cart_update":
        user.far[f"far:{event.event_id}"] = event.occurred_at + FAR_MS
    elif event.kind == "purchase":
        user.far.clear()


def _order(order: Order, update: Any) -> None:
    before = order.versions[-1] if order.versions else 0
    if update.event_type == "deleted":
        after = 0
    else:
        after = max(update.version, before)
    order.versions.append(after)
    order.updates.append(update.event_id)


def held_windows(user: User) -> dict[str, tuple[int, int]]:
    """The windows that a user's state still holds: start → count, units."""
    return {
        str(start): (w.count, w.units)
        for start, w in user.windows.items()
        if start + WINDOW_MS + LATE_MS_MAX > user.newest
    }
