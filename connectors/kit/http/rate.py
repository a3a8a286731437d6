"""How fast to call: calls are paced, and the pace follows what the platform's own headers say about its budget.

Pure: whoever sends asks `wait_s(now)` until it is 0, takes its call with `take(now)`, and passes on what the answer
said. Nothing is promised ahead, so what an answer says holds from the next call on. Times are monotonic seconds.

Once an answer names a budget, the limiter mirrors it: so many calls are left until the platform's window ends, and they
are spread evenly over the rest of it, less a reserve; every answer corrects the mirror. Where a window begins is seen
best by the budget coming back. After two such moments its length is known, and what the platform says of its end, in
whole seconds or by a clock that goes wrong, is not needed. Where the budget comes back little by little, as a token
bucket's does, there are no windows: the pace follows what flows in, so that the bucket stays half full.

A 429 pauses everybody as advised and halves the pace, which then recovers.
"""

import math
from dataclasses import dataclass, replace

from connectors.kit.connector import RateAdvice, advised_s

BURST_S = 0.1  # calls may bunch by this much of the pace
RESERVE = 0.02  # of the platform's limit is never used: clocks differ, other clients share it
THROTTLED_PAUSE_S = 1.0  # after a 429 without advice
PENALTY_MIN = 1 / 64
RECOVERY_PER_S = 1.25  # the pace grows by this factor per second without a 429
SPREAD_S_MIN = 0.02  # what is left of a budget is spread over at least this
UNKNOWN_SPREAD_S_MIN = (
    0.2  # likewise, while windows are of unknown length: it may be a bucket, which is full soon
)
PER_S_ASSUMED = 1_000.0  # where we set no limit and a platform says that there is one
ROUNDED_S = (
    1.25  # by so much a platform may say its window's end too late: whole seconds, and the network
)
LENGTH_WEIGHT_MIN = 0.05  # of a new measurement of the window's length
EXACT_S = 0.3  # a said end that lies so closely before the measured one is taken for exact
LENGTH_S_MIN = SPREAD_S_MIN  # of a window: what comes back sooner is told by answers of one instant
UNSEEN_MAX = 2  # windows in a row that nobody saw begin: then their length is measured anew
SEEN_S, SEEN_SHARE = (
    0.15,
    0.05,
)  # of the window: its beginning was seen if answers before it came so shortly before
WHOLE = 0.4  # of the limit is left at least when a window begins, whatever others use
BACK_SHARE = 0.05  # of the limit: less that comes back may be noise
INFLOW_S, INFLOW_S_MAX = 0.5, 5.0  # over which the inflow of a bucket is measured
FULL = 0.8  # of the limit: with more left than this, what comes back is no inflow that we depend on
PROBE_S = 1.0  # after the end of a window of unknown length, between calls that find out
PROBE_SHARE = 0.05  # of a window that goes on longer than expected, likewise
EMPTY = 0.5  # share of the inflow that is used of an empty bucket; of a full one it is 1 more, of a half full one all


@dataclass(slots=True)
class _Budget:
    """Our mirror: `left` calls until `ends_at`, without the reserve and those under way.

    `seen`: what the answer to call `slot` said was left, given at `at`. `began_at`: when the budget was last seen to
    come back at once; `said_s`: how long its window was to last then; `length_s`: how long windows do last, the mean of
    so many `lengths`. `unseen`: windows since then that we only took to have begun, the last one when `rolled` calls
    had been made; `doubted`: an answer says that it has not. `unsure`: one call is to find out what there is.
    `inflow`: calls per second that come back little by little, measured since the answer `since` (slot, seen, at).
    """

    limit: float
    seen: int
    slot: int
    at: float
    ends_at: float
    left: float = 0.0
    began_at: float | None = None
    said_s: float = 0.0
    length_s: float | None = None
    lengths: int = 0
    unseen: int = 0
    unsure: bool = False
    doubted: bool = False
    rolled: int = 0
    inflow: float | None = None
    since: tuple[int, int, float] = (0, 0, 0.0)

    def reserve(self) -> int:
        """Calls that are not made."""
        return math.floor(self.limit * RESERVE)

    def interval_s(self, now: float) -> float:
        """Seconds between two calls."""
        if self.inflow is not None:
            return 1 / (self.inflow * (EMPTY + max(0.0, self.left) / self.limit))
        known = self.length_s is not None or self.left <= 1
        left_s = SPREAD_S_MIN if self.unsure else self.ends_at - now
        least_s = SPREAD_S_MIN if known else UNKNOWN_SPREAD_S_MIN
        return max(left_s, least_s) / max(1.0, self.left)

    def roll(self, now: float, slot: int) -> None:
        """Into the next window, where the last should be over; where we do not know, by one call to find out."""
        if now < self.ends_at or self.inflow is not None:
            return
        if self.length_s is None or self.doubted:
            self.left = max(self.left, 1.0)
            self.ends_at = now + (PROBE_S if self.length_s is None else PROBE_SHARE * self.length_s)
            self.unsure = True
            return
        self.ends_at += (int((now - self.ends_at) / self.length_s) + 1) * self.length_s
        self.left = self.limit - self.reserve()
        self.rolled = slot
        self.unseen += 1
        if self.unseen > UNSEEN_MAX:
            self.length_s = self.began_at = None

    def take_over(self, slot: int, advice: RateAdvice, at: float, under_way: int) -> None:
        """What an answer given `at` says. `under_way`: calls that it may not know of."""
        remaining, reset_s = advice.remaining or 0, advice.reset_s or 0.0
        back = remaining - self.seen + (slot - self.slot)
        if back > under_way + 1 + self.limit * BACK_SHARE and remaining >= self.limit * WHOLE:
            self._renewed(at, reset_s)
            self.since = (slot, remaining, at)
        elif slot <= self.rolled:
            self.at = max(self.at, at)
            return  # it speaks of the window before
        elif self.length_s and self.unseen and remaining < self.limit * WHOLE:
            self.doubted = True  # that window is not over yet
            self.ends_at = at + PROBE_SHARE * self.length_s
        elif self.unsure:
            self.ends_at = at + reset_s
        elif self.length_s is None or self.ends_at - at - reset_s < EXACT_S:
            self.ends_at = min(self.ends_at, at + reset_s)
        self.unsure = False
        self._measure_inflow(slot, remaining, at, under_way)
        self.seen, self.slot, self.at = remaining, slot, at
        self.left = remaining - under_way - self.reserve()

    def _renewed(self, at: float, reset_s: float) -> None:
        """The budget came back at once: a window begins, at `at` or since the answer before."""
        self.inflow, self.doubted = None, False
        gap_s = min(at - self.at, SEEN_SHARE * reset_s)
        seen = at - self.at <= max(SEEN_S, SEEN_SHARE * reset_s)
        at -= gap_s / 2 if self.reserve() else 0.0  # without one, rather late than early
        lasted_s = math.inf if self.began_at is None else at - self.began_at
        if lasted_s < max(self.said_s / 4, LENGTH_S_MIN):
            return  # the same beginning, told by answers that overtook one another
        if seen and abs(lasted_s - self.said_s) < ROUNDED_S:
            self._learn_length(lasted_s)
        self.unseen = 0
        self.began_at, self.said_s = (at if seen else None), reset_s
        measured_s = self.length_s or reset_s
        self.ends_at = at + (reset_s if 0 < measured_s - reset_s < EXACT_S else measured_s)

    def _learn_length(self, lasted_s: float) -> None:
        known = self.length_s
        if known is None or lasted_s < 0.8 * known:
            self.length_s, self.lengths = lasted_s, 1
        else:
            self.lengths += 1
            weight = max(LENGTH_WEIGHT_MIN, 1 / self.lengths)
            self.length_s = known + weight * (lasted_s - known)

    def _measure_inflow(self, slot: int, remaining: int, at: float, under_way: int) -> None:
        """Whether calls come back little by little, and how fast."""
        since_slot, since_seen, since_at = self.since
        took_s = at - since_at
        if took_s < INFLOW_S:
            return
        back = remaining - since_seen + (slot - since_slot)
        enough = under_way + 2 + self.limit * BACK_SHARE
        if back >= enough and (self.inflow is not None or remaining < self.limit * FULL):
            found = back / took_s
            self.inflow = found if self.inflow is None else (self.inflow + found) / 2
        elif self.inflow is not None:
            self.inflow = None
            self.ends_at = at
        elif under_way + 1 < back < enough and took_s < INFLOW_S_MAX:
            return  # let more come
        self.since = (slot, remaining, at)


class RateLimiter:
    """Paces calls at `per_s` requests per second (math.inf: without a limit of ours) until answers say otherwise.

    `most_per_s`: a ceiling that holds whatever answers say.
    """

    def __init__(self, per_s: float, most_per_s: float = math.inf) -> None:
        if per_s <= 0 or most_per_s <= 0:
            raise ValueError("requests_per_s must be above 0: it is the pace to start with")
        self._start = per_s
        self._interval_s_min = 1 / most_per_s
        self._budget: _Budget | None = None
        self._penalty = 1.0
        self._penalty_at = -math.inf
        self._taken_at = -math.inf  # when the last call was due
        self._blocked_until = -math.inf
        self._slots = 0
        self._under_way = 0

    def per_s(self, now: float) -> float:
        """The pace now, requests per second."""
        interval = self._interval_s(now)
        return math.inf if interval == 0 else 1 / interval

    def wait_s(self, now: float) -> float:
        """Seconds until the next call may be taken, as things stand now; 0: now."""
        budget = self._budget
        at = max(self._taken_at + self._interval_s(now), self._blocked_until)
        if budget is not None and budget.inflow is None and budget.left < 1:
            at = max(at, budget.ends_at)
        return max(0.0, at - now)

    def take(self, now: float) -> int:
        """Takes a call: its number, for `learn`. Say `done` once it is over, however it went."""
        self._slots += 1
        self._under_way += 1
        self._taken_at = max(self._taken_at + self._interval_s(now), now - BURST_S)
        if self._budget is not None:
            self._budget.left -= 1
        return self._slots

    def done(self) -> None:
        """A call is over."""
        self._under_way -= 1

    def blocked_s(self, now: float) -> float:
        """Seconds until the platform lets anybody call at all."""
        return max(0.0, self._blocked_until - now)

    def learn(self, slot: int, advice: RateAdvice, sent_at: float, now: float) -> None:
        """Takes over what the answer to the call `slot`, which is done, said. It may not count those under way.

        An end farther away than any advice is taken for (`advised_s`) is asked about then, by one call.
        """
        reset_s = advised_s(advice.reset_s)
        if advice.remaining is None or reset_s is None:
            return
        advice = replace(advice, remaining=max(0, advice.remaining), reset_s=reset_s)
        limit = float(max(1, advice.limit or advice.remaining or 1))
        at = (sent_at + now) / 2  # when it was written, about
        budget = self._budget
        if budget is None:
            ends_at = at + max(reset_s, SPREAD_S_MIN)
            budget = self._budget = _Budget(limit, advice.remaining or 0, slot, at, ends_at)
            budget.since = (slot, budget.seen, at)
        elif slot < budget.slot:
            return  # a later answer was quicker
        budget.limit = limit
        budget.roll(now, self._slots)
        budget.take_over(slot, advice, at, self._under_way)

    def throttled(self, sent_at: float, after_s: float | None, now: float) -> None:
        """A 429. Calls that were sent before the last one had slowed us down do not slow us again."""
        advice_s = advised_s(after_s)
        pause = THROTTLED_PAUSE_S if advice_s is None else advice_s
        self._blocked_until = max(self._blocked_until, now + pause)
        if sent_at < self._penalty_at:
            return
        self._penalty = max(PENALTY_MIN, self._recovered(now) / 2)
        self._penalty_at = now
        self._start = self._paced()

    def _paced(self) -> float:
        """The pace to start with, where there is one."""
        return PER_S_ASSUMED if math.isinf(self._start) else self._start

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
        budget = self._budget
        if budget is None:
            return 1 / self._start / self._recovered(now)
        budget.roll(now, self._slots)
        return budget.interval_s(now) / self._recovered(now)
