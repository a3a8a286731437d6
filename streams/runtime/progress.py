"""How far each partition has been read, and what time it is for its timers."""

import time
from collections.abc import Iterable, Sequence

from streams.runtime.broker import TP

DAY_MS = 86_400_000
AGE_MS_MAX = (
    90 * DAY_MS
)  # no topic of ours keeps records for longer: what claims to be older tells no time
AHEAD_MS_MAX = 3_600_000  # clocks differ, but not by more


def wall_clock_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def told_ms(newest_first: Iterable[int], wall_ms: int) -> int:
    """The time that messages tell by their timestamps: that of the newest whose timestamp can be true.

    Where none can (there is none, or its producer's clock is far off) nothing is held up for them: the wall clock.
    """
    for timestamp_ms in newest_first:
        if wall_ms - AGE_MS_MAX <= timestamp_ms <= wall_ms + AHEAD_MS_MAX:
            return timestamp_ms
    return wall_ms


class Progress:
    """The time of partitions.

    Timers must not run ahead of input that waits: after a pause they would close windows whose events are still to
    come. So a partition's time is the wall clock once all its inputs are read to their end, and otherwise the
    timestamp of the last message read from the input that is furthest behind. It never goes back by what is read.
    """

    def __init__(self) -> None:
        self._last_ms: dict[TP, int] = {}
        self._at_end: dict[TP, int | None] = {}  # the offset there; None: not read to its end

    def assigned(self, partitions: Sequence[TP]) -> None:
        """Partitions that are read from now on; also those that are read again."""
        for tp in partitions:
            self._last_ms[tp], self._at_end[tp] = 0, None

    def revoked(self, partitions: Sequence[TP]) -> None:
        for tp in partitions:
            self._last_ms.pop(tp, None)
            self._at_end.pop(tp, None)

    def read(self, tp: TP, timestamp_ms: int) -> None:
        """Messages up to this time were read; more may follow."""
        self._last_ms[tp] = max(timestamp_ms, self._last_ms.get(tp, 0))
        self._at_end[tp] = None

    def end(self, tp: TP, offset: int) -> None:
        """Everything there is was read, up to this offset."""
        if tp in self._at_end:
            self._at_end[tp] = offset

    def ends(self) -> dict[TP, int]:
        """Where partitions end that are read to their end: behind transaction markers, too."""
        return {tp: offset for tp, offset in self._at_end.items() if offset is not None}

    def time_ms(self, partition: int, wall_ms: int) -> int:
        """What time it is for a partition, by a wall clock that shows `wall_ms`."""
        behind = [
            self._last_ms[tp]
            for tp, end in self._at_end.items()
            if tp[1] == partition and end is None
        ]
        return min([wall_ms, *behind])
