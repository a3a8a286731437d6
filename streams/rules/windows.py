"""Windows with grace for folds, as pure rules: tumbling ones, which close and are amended, and sliding ones.

A fold keeps what a rule returns as its state, or as a part of it, sets the timers that come with it, and writes the
windows that changed. What is late is judged by when a record arrived (`produced_at`), not by when it is processed:
our own downtime makes nothing late. Times are epoch milliseconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from streams.flow import CancelTimer, Filtered, SetTimer

V = TypeVar("V")

CLOSE, AMEND, DROP, FORGET = "close", "amend", "drop", "forget"
LATE = Filtered("late")
TOO_MANY = Filtered("too many open windows")
TOO_MANY_EVENTS = Filtered("too many events in a window")


def window_start(at_ms: int, size_ms: int) -> int:
    """Start of the tumbling window that holds a time (before 1970 too)."""
    return at_ms - at_ms % size_ms


def counts_at(at_ms: int, arrived_ms: int, skew_ms: int) -> int:
    """When a record counts: as it says, but what claims to come from the future counts when it arrived.

    `arrived_ms`: 0 where it is not known.
    """
    return arrived_ms if arrived_ms and at_ms > arrived_ms + skew_ms else at_ms


# ---- tumbling ------------------------------------------------------------------------------------------------------
class Window(msgspec.Struct, Generic[V], frozen=True, array_like=True):
    """What one window holds. `amends_at`: when the next amendment is due, None: none is."""

    value: V
    closed: bool = False
    amendment: int = 0
    amends_at: int | None = None


class Windows(msgspec.Struct, Generic[V], frozen=True, array_like=True):
    """All windows of one key, by start. `dropped_end`: end of the last one that cannot be amended any more."""

    held: Mapping[int, Window[V]] = msgspec.field(default_factory=dict)
    dropped_end: int = 0


@dataclass(frozen=True, slots=True)
class Added(Generic[V]):
    """What to keep, and timers to set."""

    windows: Windows[V]
    timers: tuple[SetTimer, ...] = ()


@dataclass(frozen=True, slots=True)
class Due(Generic[V]):
    """What a timer of the window at `start_ms` asks for: keep `windows`, apply `timers`, write `write` if there is one.

    `write.amendment` is 0 when the window closes and counts up with what came late.
    """

    windows: Windows[V]
    start_ms: int
    write: Window[V] | None = None
    timers: tuple[CancelTimer, ...] = ()


@dataclass(frozen=True, slots=True)
class Tumbling:
    """Windows of `size_ms`, side by side. Each is written when it ends, and again when something came late.

    grace_ms: how long after its end what arrives still counts. retain_ms: how much longer it can be amended, for our
    own processing may lag. amend_delay_ms: amendments within it become one. forget_ms: after so long without a new
    window the key is forgotten. open_max: windows that one key may hold.
    """

    size_ms: int
    grace_ms: int
    retain_ms: int
    amend_delay_ms: int
    forget_ms: int
    open_max: int

    def add(
        self,
        windows: Windows[V],
        start_ms: int,
        change: Callable[[V | None], V],
        *,
        arrived_ms: int,
        now_ms: int,
    ) -> Added[V] | Filtered:
        """Changes the value of the window at `start_ms` (None: it has none yet); Filtered where it is too late for it.

        `now_ms`: when this is processed, for an amendment comes that much later.
        """
        end_ms = start_ms + self.size_ms
        if end_ms + self.grace_ms <= arrived_ms or end_ms <= windows.dropped_end:
            return LATE
        before = windows.held.get(start_ms)
        if before is None and len(windows.held) >= self.open_max:
            return TOO_MANY
        value = change(before.value if before else None)
        window = msgspec.structs.replace(before, value=value) if before else Window(value)
        timers = [] if before else self._timers(windows, start_ms)
        if window.closed and window.amends_at is None:
            amends_at = now_ms + self.amend_delay_ms
            window = msgspec.structs.replace(window, amends_at=amends_at)
            timers.append(SetTimer(f"{AMEND}/{start_ms}", amends_at))
        held = {**windows.held, start_ms: window}
        return Added(msgspec.structs.replace(windows, held=held), tuple(timers))

    def _timers(self, windows: Windows[V], start_ms: int) -> list[SetTimer]:
        """Those of a new window. The key is forgotten by its latest one."""
        end_ms = start_ms + self.size_ms
        ends = (start + self.size_ms for start in windows.held)
        latest_end_ms = max(end_ms, windows.dropped_end, *ends)
        return [
            SetTimer(f"{CLOSE}/{start_ms}", end_ms),
            SetTimer(f"{DROP}/{start_ms}", end_ms + self.grace_ms + self.retain_ms),
            SetTimer(f"{FORGET}/", latest_end_ms + self.forget_ms),
        ]

    def due(self, windows: Windows[V], timer: str) -> Due[V] | None:
        """What a timer set by `add` asks for; None: forget the key."""
        action, _, name = timer.partition("/")
        if action == FORGET:
            return None
        start_ms = int(name)
        window = windows.held.get(start_ms)
        if window is None:
            return Due(windows, start_ms)
        write = None
        if action != DROP or window.amends_at is not None:
            amendment = window.amendment + 1 if window.closed else 0
            write = Window(window.value, closed=True, amendment=amendment)
        if action == DROP:
            after = self._without(windows, start_ms)
            return Due(after, start_ms, write, (CancelTimer(f"{AMEND}/{start_ms}"),))
        held = {**windows.held, start_ms: write or window}
        return Due(msgspec.structs.replace(windows, held=held), start_ms, write)

    def _without(self, windows: Windows[V], start_ms: int) -> Windows[V]:
        held = {start: window for start, window in windows.held.items() if start != start_ms}
        return Windows(held, max(windows.dropped_end, start_ms + self.size_ms))


# ---- sliding -------------------------------------------------------------------------------------------------------
class Moment(msgspec.Struct, Generic[V], frozen=True, array_like=True):
    """One record of a sliding window."""

    at_ms: int
    value: V


class Recent(msgspec.Struct, Generic[V], frozen=True, array_like=True):
    """What sliding windows are made of, by time. `forgotten_ms`: what was at or before it is gone."""

    moments: tuple[Moment[V], ...] = ()
    forgotten_ms: int = 0


@dataclass(frozen=True, slots=True)
class Slid(Generic[V]):
    """What to keep, when to forget it, and the windows that changed: end → values in order of time, earliest end first.

    The first is the record's own window; later ones were written before and are amended by a record that came late.
    """

    recent: Recent[V]
    timer: SetTimer
    changed: Mapping[int, tuple[V, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sliding:
    """One window per record: it ends at the record's time (inclusive) and reaches `size_ms` back (exclusive).

    grace_ms: how long after its time a record may arrive. retain_ms: how far records may be processed out of the
    order in which they arrived. skew_ms: a record further ahead of its arrival counts when it arrived.
    events_max: records that one key may hold.
    """

    size_ms: int
    grace_ms: int
    retain_ms: int
    skew_ms: int
    events_max: int

    def add(
        self, recent: Recent[V], at_ms: int, value: V, *, arrived_ms: int
    ) -> Slid[V] | Filtered:
        """The windows that hold a record; Filtered where it is too late, or there are too many already."""
        at_ms = counts_at(at_ms, arrived_ms, self.skew_ms)
        if at_ms + self.grace_ms < arrived_ms or at_ms - self.size_ms < recent.forgotten_ms:
            return LATE
        forgotten_ms = max(recent.forgotten_ms, arrived_ms - self._kept_ms)
        kept = [moment for moment in recent.moments if moment.at_ms > forgotten_ms]
        if len(kept) >= self.events_max:
            return TOO_MANY_EVENTS
        moments = tuple(sorted((*kept, Moment(at_ms, value)), key=lambda moment: moment.at_ms))
        ends = {m.at_ms for m in moments if at_ms <= m.at_ms < at_ms + self.size_ms}
        return Slid(
            Recent(moments, forgotten_ms),
            SetTimer(f"{FORGET}/", moments[-1].at_ms + self._kept_ms),
            {end_ms: self._values(moments, end_ms) for end_ms in sorted(ends)},
        )

    @property
    def _kept_ms(self) -> int:
        """A record counts in windows that end within `size_ms` of it, and these may change for the grace period."""
        return self.size_ms + self.grace_ms + self.retain_ms

    def _values(self, moments: tuple[Moment[V], ...], end_ms: int) -> tuple[V, ...]:
        return tuple(m.value for m in moments if end_ms - self.size_ms < m.at_ms <= end_ms)
