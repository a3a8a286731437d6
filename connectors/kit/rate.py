"""How fast to call: calls are paced, and the pace follows what the platform's own headers say about its budget.

Pure: whoever sends takes a slot with `reserve(now)`, waits until it, and passes on what the answer said. Times are
monotonic seconds.

Once an answer names a budget, the limiter mirrors the platform's window: so many calls are left until it ends, and
they are spread evenly over the rest of it, less a reserve. Every answer corrects the mirror; where a window ends
without one, the next is assumed to be like it. A 429 pauses everybody as advised and halves the pace, which then
recovers.
"""

import math
from dataclasses import dataclass

from connectors.kit.connector import RateAdvice

BURST_S = 0.1  # calls may bunch by this much of the pace
RESERVE = 0.02  # of the platform's limit is never used: clocks differ, other clients share it
THROTTLED_PAUSE_S = 1.0  # after a 429 without advice
PENALTY_MIN = 1 / 64
RECOVERY_PER_S = 1.25  # the pace grows by this factor per second without a 429
SPREAD_S_MIN = 0.02  # what is left of a budget is spread over at least this
PER_S_ASSUMED = 1_000.0  # where we set no limit and a platform says that there is one


@dataclass(slots=True)
class _Window:
    """Our mirror of the platform's budget: `left` calls until `ends_at` that are not promised to a slot yet."""

    limit: float
    length_s: float
    left: float
    ends_at: float
    remaining: int  # as last seen in an answer

    def interval_s(self) -> float:
        return self.length_s / self.limit

    def roll(self, now: float, next_at: float) -> None:
        """Into the window of `now`. Slots up to `next_at` are promised already."""
        if now < self.ends_at:
            return
        passed = int((now - self.ends_at) / self.length_s) + 1
        self.ends_at += passed * self.length_s
        promised = max(0.0, next_at - now) / self.interval_s()
        self.left = self.limit - math.floor(self.limit * RESERVE) - promised
        self.remaining = 0


class RateLimiter:
    """Paces calls at `per_s` requests per second (math.inf: without a limit of ours) until answers say otherwise.

    `most_per_s`: a ceiling that holds whatever answers say.
    """

    def __init__(self, per_s: float, most_per_s: float = math.inf) -> None:
        if per_s <= 0 or most_per_s <= 0:
            raise ValueError("requests_per_s must be above 0: it is the pace to start with")
        self._start = per_s
        self._interval_s_min = 1 / most_per_s
        self._window: _Window | None = None
        self._penalty = 1.0
        self._penalty_at = -math.inf
        self._next_at = -math.inf
        self._blocked_until = -math.inf
        self._slots = 0

    def per_s(self, now: float) -> float:
        """The pace now, requests per second."""
        interval = self._interval_s(now)
        return math.inf if interval == 0 else 1 / interval

    def reserve(self, now: float) -> tuple[int, float]:
        """Takes the next free slot: its number, and the seconds until it."""
        self._slots += 1
        window = self._window
        interval = self._interval_s(now)
        at = max(self._next_at, now - BURST_S, self._blocked_until)
        if window is not None and window.left < 1:
            at = max(at, window.ends_at)
        if window is not None and at < window.ends_at:
            window.left -= 1
        self._next_at = at + interval
        return self._slots, max(0.0, at - now)

    def blocked_s(self, now: float) -> float:
        """Seconds until the platform lets anybody call at all."""
        return max(0.0, self._blocked_until - now)

    def learn(self, slot: int, advice: RateAdvice, sent_at: float, now: float) -> None:
        """Takes over what the answer to the call of `slot` said. Later slots are not counted in it: they come off."""
        if advice.remaining is None or advice.reset_s is None:
            return
        later = self._slots - slot
        limit = float(advice.limit or max(1, advice.remaining))
        # The answer has been on its way since it was written: for about half the time that the call took.
        reset_s = max(advice.reset_s - (now - sent_at) / 2, SPREAD_S_MIN)
        window = self._window
        if window is None:
            window = self._window = _Window(limit, reset_s, 0.0, now + reset_s, advice.remaining)
        window.roll(now, self._next_at)
        if sent_at < window.ends_at - window.length_s and advice.remaining < limit / 2:
            return  # sent before this window began: it speaks of the one before
        # Some platforms round the reset up to whole seconds: within one window the earliest end seen is the best.
        fresh = advice.remaining > window.remaining + later
        window.ends_at = now + reset_s if fresh else min(window.ends_at, now + reset_s)
        window.limit = limit
        window.length_s = max(window.length_s, reset_s)
        window.remaining = advice.remaining
        beyond = math.floor(max(0.0, self._next_at - window.ends_at) / window.interval_s())
        window.left = advice.remaining - max(0, later - beyond) - math.floor(limit * RESERVE)

    def throttled(self, sent_at: float, after_s: float | None, now: float) -> None:
        """A 429. Calls that were sent before the last one had slowed us down do not slow us again."""
        pause = THROTTLED_PAUSE_S if after_s is None else after_s
        self._blocked_until = max(self._blocked_until, now + pause)
        if sent_at < self._penalty_at:
            return
        self._penalty = max(PENALTY_MIN, self._recovered(now) / 2)
        self._penalty_at = now
        if math.isinf(self._start):
            self._start = PER_S_ASSUMED

    def _recovered(self, now: float) -> float:
        if self._penalty < 1.0:
            # From the end of the pause on: while nothing is sent, nothing has gone well.
            quiet_s = max(0.0, now - max(self._penalty_at, self._blocked_until))
            return min(1.0, self._penalty * math.pow(RECOVERY_PER_S, quiet_s))
        return 1.0

    def _interval_s(self, now: float) -> float:
        """Seconds between two calls."""
        return max(self._interval_s_min, self._told_s(now))

    def _told_s(self, now: float) -> float:
        """Seconds between two calls by what we started with, or what the platform says."""
        window = self._window
        if window is None:
            return 1 / self._start / self._recovered(now)
        window.roll(now, self._next_at)
        open_s = window.ends_at - max(now, self._next_at)  # slots before that are promised already
        if window.left < 1 or open_s <= 0:
            return window.interval_s() / self._recovered(now)
        return max(open_s, SPREAD_S_MIN) / window.left / self._recovered(now)
