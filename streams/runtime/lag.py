"""How far behind each partition is, in records and in seconds, and since when it has not moved. Pure but for the lock.

Two sides tell it, from two threads: the round loop says what is committed, and an observer with a client of its own
says where the partitions end (`streams.runtime.observing`). A consumer that does not fetch any more, or a loop that
hangs, cannot hide: the ends go on.
"""

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streams.runtime.broker import TP

ENDS_KEPT_MAX = 1_000  # per partition; beyond it every second one is forgotten


@dataclass(frozen=True, slots=True)
class Stalled:
    """A partition that has records to commit and does not move. `seconds`: for how long."""

    topic: str
    partition: int
    position: int
    end: int
    seconds: float

    def __str__(self) -> str:
        place = f"{self.topic}/{self.partition} stands at {self.position} of {self.end}"
        return f"{place} for {self.seconds:.0f} s"


@dataclass(slots=True)
class Partition:
    """One assigned partition.

    `position`: all before it is committed; None where nothing ever was. `end`: behind the last stable record; None
    until it was asked for. `fine_s`: when it last moved, or had nothing to do (monotonic seconds). In epoch ms, 0 where
    not known: `read_ms`, the timestamp of the last committed record; `caught_ms`, when `position` was still the end.
    """

    position: int | None
    fine_s: float
    assigned_ms: int
    end: int | None = None
    read_ms: int = 0
    caught_ms: int = 0
    ends: deque[tuple[int, int]] = field(default_factory=deque)  # (end, when it still was the end)

    def moved(self, position: int, now_s: float) -> None:
        """`position` is reached. Going back (to an earlier commit) is no progress."""
        if self.position is None or position > self.position:
            self.fine_s = now_s
        self.position = position
        while self.ends and self.ends[0][0] <= position:
            self.caught_ms = max(self.caught_ms, self.ends.popleft()[1])

    def ended(self, end: int, now_s: float, now_ms: int) -> None:
        """The partition ended at `end` when it was asked, which was at `now_ms`."""
        self.end = end
        if not self.records:
            self.fine_s, self.caught_ms = now_s, now_ms
            self.ends.clear()
            return
        if self.ends and self.ends[-1][0] == end:
            self.ends.pop()
        elif len(self.ends) >= ENDS_KEPT_MAX:
            self.ends = deque(list(self.ends)[1::2])
        self.ends.append((end, now_ms))

    @property
    def records(self) -> int:
        """How many offsets are between position and end; 0 where either is not known."""
        return max(0, (self.end or 0) - self.position) if self.position is not None else 0

    def seconds(self, now_ms: int) -> float:
        """At most so old is the oldest record that is not committed; 0 where all is.

        It came after the last committed one, and after the partition still ended at `position`. Before either is
        known, it is at least as old as the assignment.
        """
        since_ms = max(self.read_ms, self.caught_ms) or self.assigned_ms
        return max(0, now_ms - since_ms) / 1000 if self.records else 0.0


class Lags:
    """All assigned partitions. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._partitions: dict[TP, Partition] = {}

    # -- the round loop's side --------------------------------------------------------------------------
    def assigned(self, committed: Mapping[TP, int | None], now_s: float, now_ms: int) -> None:
        """Partitions that came, with their committed offsets (None: nothing was ever committed)."""
        with self._lock:
            for tp, position in committed.items():
                self._partitions[tp] = Partition(position, now_s, now_ms)

    def removed(self, partitions: Iterable[TP]) -> None:
        """Partitions that went."""
        with self._lock:
            for tp in partitions:
                self._partitions.pop(tp, None)

    def committed(
        self, positions: Mapping[TP, int], newest_ms: Mapping[TP, int], now_s: float
    ) -> None:
        """A commit, with the timestamp of the newest record of each partition in it (epoch ms)."""
        with self._lock:
            for tp, position in positions.items():
                one = self._partitions.get(tp)
                if one is not None:
                    one.read_ms = max(0, newest_ms.get(tp, 0))
                    one.moved(position, now_s)

    def reached(self, positions: Mapping[TP, int], now_s: float) -> None:
        """Partitions that are read to their end with nothing left to commit: behind transaction markers, too."""
        with self._lock:
            for tp, position in positions.items():
                one = self._partitions.get(tp)
                if one is not None and (one.position is None or position > one.position):
                    one.moved(position, now_s)

    # -- the observer's side ----------------------------------------------------------------------------
    def partitions(self) -> list[tuple[TP, bool]]:
        """Each partition, and whether its position is known."""
        with self._lock:
            return [(tp, one.position is not None) for tp, one in self._partitions.items()]

    def ended(
        self, ends: Mapping[TP, int], begins: Mapping[TP, int], now_s: float, now_ms: int
    ) -> None:
        """Ends that were asked for at `now_ms`; `begins`: where partitions begin whose position is not known."""
        with self._lock:
            for tp, end in ends.items():
                one = self._partitions.get(tp)
                if one is None:
                    continue
                if one.position is None and tp in begins:
                    one.position = begins[tp]
                one.ended(end, now_s, now_ms)

    def waiting(self, partitions: Iterable[TP], now_s: float) -> None:
        """Partitions without a leader just now: whoever cannot read them is not stuck."""
        with self._lock:
            for tp in partitions:
                if tp in self._partitions:
                    self._partitions[tp].fine_s = now_s

    def stalled(self, since_s: float, now_s: float, seconds_max: float) -> list[Stalled]:
        """Partitions that lag and have not moved for longer than `seconds_max`; nothing counts before `since_s`."""
        with self._lock:
            found = [
                Stalled(tp[0], tp[1], one.position or 0, one.end or 0, now_s - since)
                for tp, one in self._partitions.items()
                if one.records and now_s - (since := max(one.fine_s, since_s)) > seconds_max
            ]
        return sorted(found, key=lambda one: (-one.seconds, one.topic, one.partition))

    def figures(self, now_ms: int) -> dict[TP, tuple[int, float]]:
        """Lag of each partition in records and in seconds; only where the end is known."""
        with self._lock:
            return {
                tp: (one.records, one.seconds(now_ms))
                for tp, one in self._partitions.items()
                if one.end is not None
            }
