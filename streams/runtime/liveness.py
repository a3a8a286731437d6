"""Liveness is progress: of each partition, of the round loop, of a restore. Pure: the clock is an argument.

What is told to wait is not stuck. While something outside does not answer (Kafka, the schema registry) a restart would
only wait again: each time that is seen, all counting starts anew (`outage`). The same holds after the process was
frozen as a whole.
"""

import time
from collections.abc import Callable

from streams.runtime.lag import Lags, Stalled

TOLD_MAX = 5  # partitions in one reason


class Liveness:
    """Judges a worker. `stall_s_max`: how long something may stand still before only a restart helps. `thawed`: when
    the process last went on after it was frozen (`Health.thawed_at`).
    """

    def __init__(
        self,
        lags: Lags,
        stall_s_max: float,
        *,
        thawed: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lags = lags
        self.stall_s_max = stall_s_max
        self._thawed = thawed
        self._clock = clock
        self._turned_at = clock()
        self._began_at = clock()
        self._outage_at = clock()
        self._outage = ""
        self._phase = "start"
        self._aborting_at: float | None = None  # the first abort since the last commit

    def turned(self) -> None:
        """The round loop has come round, whether or not there was anything to do."""
        self._turned_at = self._clock()
        if self._phase:  # partitions that waited for it begin to count now
            self._phase, self._began_at = "", self._turned_at

    def advanced(self, phase: str) -> None:
        """What comes before rounds (`phase`, e.g. a restore) has begun, or has come further."""
        self._phase = phase
        self._turned_at = self._clock()

    def aborted(self) -> None:
        """A transaction was aborted, to be tried again."""
        if self._aborting_at is None:
            self._aborting_at = self._clock()

    def committed(self) -> None:
        """A transaction got through."""
        self._aborting_at = None

    def outage(self, what: str) -> None:
        """`what` does not answer just now, and is needed."""
        self._outage, self._outage_at = what, self._clock()

    def outage_seen(self, within_s: float) -> str | None:
        """What did not answer within the last so many seconds: a reason not to be ready."""
        fresh = bool(self._outage) and self._clock() - self._outage_at <= within_s
        return f"{self._outage} does not answer" if fresh else None

    def waits_for(self) -> str | None:
        """What the worker does before it runs rounds; None while it runs them."""
        return self._phase or None

    def over(self, what: str) -> None:
        """`what` answers again; whatever stood still for it counts from now."""
        if self._outage == what:
            self._outage, self._outage_at = "", self._clock()

    def stalled(self) -> list[Stalled]:
        """Partitions that stand still for too long, the longest first."""
        return self._lags.stalled(self._since(), self._clock(), self.stall_s_max)

    def _since(self) -> float:
        return max(self._thawed(), self._outage_at, self._began_at)

    def judge(self) -> str | None:
        """Why a restart would help; None while there is progress, or nothing to do."""
        stood_s = self._clock() - max(self._turned_at, self._since())
        too_long = stood_s > self.stall_s_max
        if self._phase:
            return f"{self._phase}: no progress for {stood_s:.0f} s" if too_long else None
        stalled = self.stalled()
        if stalled:
            more = f"; and {len(stalled) - TOLD_MAX} more" if len(stalled) > TOLD_MAX else ""
            return "; ".join(str(one) for one in stalled[:TOLD_MAX]) + more
        if self._aborting_at is not None:  # of timers, too, which no partition lags for
            aborting_s = self._clock() - max(self._aborting_at, self._since())
            if aborting_s > self.stall_s_max:
                return f"every transaction was aborted for {aborting_s:.0f} s"
        return f"no round for {stood_s:.0f} s" if too_long else None
