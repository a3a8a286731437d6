"""The pace of calls, against simulated platforms: how much of a budget is used, and how often they answer 429."""

import heapq
import math
import random
from dataclasses import dataclass
from itertools import count
from typing import Literal, get_args

import pytest

from connectors.kit.connector import ADVICE_S_MAX, RateAdvice
from connectors.kit.http.rate import PENALTY_MIN, THROTTLED_PAUSE_S, RateLimiter

SHARE_MIN = 0.95  # of what the platform allows
THROTTLED_MAX = 0.001


Rounding = Literal["exact", "whole seconds left", "whole epoch seconds"]
EPOCH_S = 0.61  # what the platform's clock shows at our second 0
LOOK_S = 0.05  # how often who waits looks again


@dataclass
class Window:
    """A platform that allows `limit` calls per `length_s`; `others` use some of it, too."""

    limit: int
    length_s: float
    others: float = 0.0
    rounding: Rounding = "exact"
    phase_s: float = 0.37  # no window begins with a second
    skew_s: float = 0.0  # by how much its clock is ahead of ours
    number: int = -1
    used: float = 0.0

    def call(self, at: float) -> tuple[bool, RateAdvice]:
        number = int((at - self.phase_s) // self.length_s)
        if number != self.number:
            self.number, self.used = number, self.limit * self.others
        taken = self.used + 1 <= self.limit
        self.used += taken
        end = (number + 1) * self.length_s + self.phase_s
        left = max(0, int(self.limit - self.used))
        return taken, RateAdvice(self.limit, left, rounded(self.rounding, end, at) + self.skew_s)


@dataclass
class Bucket:
    """A platform that allows calls while there are tokens in a bucket of `limit`, filled within `length_s`."""

    limit: int
    length_s: float
    rounding: Rounding = "exact"
    others: float = 0.0
    phase_s: float = 0.0
    tokens: float | None = None
    at: float = 0.0

    def call(self, at: float) -> tuple[bool, RateAdvice]:
        per_s = self.limit / self.length_s
        held = self.limit if self.tokens is None else self.tokens + (at - self.at) * per_s
        self.tokens, self.at = min(float(self.limit), held), at
        taken = self.tokens >= 1
        self.tokens -= taken
        full_at = at + (self.limit - self.tokens) / per_s
        advice = RateAdvice(self.limit, int(self.tokens), rounded(self.rounding, full_at, at))
        return taken, advice


def rounded(rounding: Rounding, end: float, at: float) -> float:
    """The seconds until `end` as a platform says them."""
    match rounding:
        case "whole seconds left":
            return math.ceil(end - at)
        case "whole epoch seconds":
            return math.ceil(end + EPOCH_S) - EPOCH_S - at
    return end - at


class Played:
    """Callers in one line, `concurrency` of them under way at once; a call takes `latency_s`, or a third more."""

    def __init__(
        self, platform: Window | Bucket, start_per_s: float, concurrency: int, latency_s: float
    ) -> None:
        self.platform = platform
        self.limiter = RateLimiter(start_per_s)
        self.taken = self.throttled = 0
        self._free = concurrency
        self._latency_s = latency_s
        self._dice = random.Random(1)
        self._events: list[tuple[float, int, str, int, float]] = []
        self._answers: dict[int, tuple[bool, RateAdvice]] = {}
        self._numbers = count()
        self._waiting = False

    def run(self, windows: int) -> tuple[float, float]:
        """Share of the budget used, and of the calls answered 429."""
        platform = self.platform
        begin = 10 * platform.length_s + platform.phase_s
        end = begin + windows * platform.length_s
        self._later(begin, "look", 0, 0.0)
        while self._events[0][0] < end:
            now, _, what, slot, sent_at = heapq.heappop(self._events)
            if what == "serve":
                self._answers[slot] = platform.call(now)
                self._later(now + self._way_s(), "answer", slot, sent_at)
                continue
            if what == "answer":
                self._answered(slot, sent_at, now)
            else:
                self._waiting = False
            self._send(now)
        budget = platform.limit * windows * (1 - platform.others)
        return self.taken / budget, self.throttled / (self.taken + self.throttled)

    def _send(self, now: float) -> None:
        while self._free and not self._waiting:
            wait_s = self.limiter.wait_s(now)
            if wait_s > 0:
                self._later(now + min(wait_s, LOOK_S), "look", 0, 0.0)
                self._waiting = True
                return
            self._free -= 1
            self._later(now + self._way_s(), "serve", self.limiter.take(now), now)

    def _answered(self, slot: int, sent_at: float, now: float) -> None:
        ok, advice = self._answers.pop(slot)
        self.limiter.done()
        self.limiter.learn(slot, advice, sent_at, now)
        self._free += 1
        self.taken += ok
        self.throttled += not ok
        if not ok:
            self.limiter.throttled(sent_at, advice.reset_s, now)

    def _way_s(self) -> float:
        return self._latency_s * (1 + self._dice.random() / 3) / 2

    def _later(self, at: float, what: str, slot: int, sent_at: float) -> None:
        heapq.heappush(self._events, (at, next(self._numbers), what, slot, sent_at))


@pytest.mark.parametrize("latency_s", [0.005, 0.05])
@pytest.mark.parametrize("rounding", get_args(Rounding))
@pytest.mark.parametrize(
    ("allowed", "start_per_s", "concurrency"),
    [
        ((10, 1), 10, 8),
        ((150, 30), 5, 8),
        ((450, 30), 10, 8),
        ((100, 1), 500, 16),
        ((300, 3), 10, 60),
        ((3_000, 3), 200, 80),
    ],
)
def test_almost_all_of_a_platforms_budget_is_used_and_almost_nothing_is_throttled(
    allowed: tuple[int, float],
    start_per_s: float,
    concurrency: int,
    latency_s: float,
    rounding: Rounding,
) -> None:
    window = Window(*allowed, rounding=rounding)
    share, throttled = Played(window, start_per_s, concurrency, latency_s).run(windows=40)
    assert share >= SHARE_MIN
    assert throttled <= THROTTLED_MAX


@pytest.mark.parametrize("latency_s", [0.005, 0.05])
@pytest.mark.parametrize("rounding", get_args(Rounding))
@pytest.mark.parametrize("allowed", [(50, 1), (200, 1), (300, 3), (450, 30)])
def test_a_token_bucket_is_kept_neither_full_nor_empty(
    allowed: tuple[int, float], rounding: Rounding, latency_s: float
) -> None:
    share, throttled = Played(Bucket(*allowed, rounding=rounding), 10, 60, latency_s).run(20)
    assert share >= SHARE_MIN
    assert throttled <= THROTTLED_MAX


@pytest.mark.parametrize("latency_s", [0.05, 0.2])
def test_a_platform_whose_clock_is_ahead_of_ours_is_used_by_what_we_see_of_its_windows(
    latency_s: float,
) -> None:
    window = Window(300, 3.0, rounding="whole epoch seconds", skew_s=1.2)
    share, throttled = Played(window, 10, 100, latency_s).run(windows=40)
    assert share >= 0.9
    assert throttled <= THROTTLED_MAX


def test_what_other_clients_use_is_left_to_them() -> None:
    share, throttled = Played(Window(100, 1.0, others=0.5), 100, 16, 0.02).run(windows=40)
    assert share >= 0.85
    assert throttled <= 0.01


def taken_at(limiter: RateLimiter, now: float, calls: int) -> list[float]:
    """When calls that are wanted at once may be made."""
    times = []
    for _ in range(calls):
        now += limiter.wait_s(now)
        limiter.take(now)
        times.append(now)
    return times


def test_without_headers_the_configured_pace_is_kept_with_a_small_burst() -> None:
    limiter = RateLimiter(10.0)
    assert taken_at(limiter, 100.0, 3) == pytest.approx([100.0, 100.0, 100.1])
    assert taken_at(limiter, 100.1, 10)[-1] == pytest.approx(101.1)
    assert limiter.wait_s(200.0) == 0.0


def test_without_any_limit_nobody_waits() -> None:
    limiter = RateLimiter(math.inf)
    assert taken_at(limiter, 1.0, 1_000) == [1.0] * 1_000
    assert limiter.per_s(1.0) == math.inf


def test_a_429_pauses_as_advised_and_halves_the_pace_which_recovers() -> None:
    limiter = RateLimiter(100.0)
    limiter.throttled(sent_at=9.9, after_s=3.0, now=10.0)
    assert limiter.blocked_s(11.0) == 2.0
    assert limiter.wait_s(11.0) == pytest.approx(2.0)
    assert limiter.per_s(13.0) == pytest.approx(50.0)
    assert limiter.per_s(14.0) == pytest.approx(62.5)
    assert limiter.per_s(60.0) == pytest.approx(100.0)


def test_several_429_of_calls_sent_together_slow_down_once() -> None:
    limiter = RateLimiter(100.0)
    for _ in range(10):
        limiter.throttled(sent_at=9.9, after_s=0.0, now=10.0)
    assert limiter.per_s(10.0) == pytest.approx(50.0)


def test_the_pace_never_falls_below_its_floor() -> None:
    limiter = RateLimiter(64.0)
    for second in range(100):
        limiter.throttled(sent_at=second + 0.5, after_s=1.0, now=second + 0.6)
    assert limiter.per_s(100.0) >= 64.0 * PENALTY_MIN


def test_an_unlimited_pace_that_meets_a_429_gets_a_limit() -> None:
    limiter = RateLimiter(math.inf)
    limiter.throttled(sent_at=1.0, after_s=0.0, now=1.0)
    assert limiter.per_s(1.0) < 1_000


def test_an_answer_without_a_budget_changes_nothing() -> None:
    limiter = RateLimiter(10.0)
    limiter.learn(1, RateAdvice(100, None, None), 0.0, 0.1)
    assert limiter.per_s(0.1) == pytest.approx(10.0)


def test_a_used_up_budget_waits_for_the_next_window() -> None:
    limiter = RateLimiter(100.0)
    slot = limiter.take(0.0)
    limiter.done()
    limiter.learn(slot, RateAdvice(100, 0, 5.0), 0.0, 0.0)
    assert limiter.wait_s(0.5) == pytest.approx(4.5)


def test_a_pace_of_nothing_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="requests_per_s"):
        RateLimiter(0)


@pytest.mark.parametrize(
    ("told_s", "paused_s"),
    [
        (1e7, ADVICE_S_MAX),
        (math.inf, ADVICE_S_MAX),
        (-5.0, 0.0),
        (math.nan, THROTTLED_PAUSE_S),
        (None, THROTTLED_PAUSE_S),
    ],
)
def test_a_429_pauses_everybody_within_the_bounds_of_advice(
    told_s: float | None, paused_s: float
) -> None:
    limiter = RateLimiter(10.0)
    limiter.throttled(sent_at=0.0, after_s=told_s, now=1.0)
    assert limiter.blocked_s(1.0) == paused_s


@pytest.mark.parametrize(
    "told_s", [30_000.0, 1_800_000_030.0, 86_460.0, math.inf], ids=["ms", "epoch", "a day", "never"]
)
def test_a_budget_is_never_silent_for_longer_than_any_advice_is_taken_for(told_s: float) -> None:
    limiter, now = RateLimiter(100.0), 1_000.0
    for _ in range(3):  # each time one call finds out what there is
        slot = limiter.take(now)
        limiter.done()
        limiter.learn(slot, RateAdvice(100, 0, told_s), now, now)
        assert ADVICE_S_MAX - 1.0 <= limiter.wait_s(now) <= ADVICE_S_MAX
        now += ADVICE_S_MAX
        assert limiter.wait_s(now) == 0.0
        assert limiter.per_s(now) > 0.0
    slot = limiter.take(now)
    limiter.done()
    limiter.learn(slot, RateAdvice(100, 90, 10.0), now, now)
    assert limiter.wait_s(now + 1.0) == 0.0


def test_an_end_that_is_no_number_changes_nothing() -> None:
    limiter = RateLimiter(10.0)
    limiter.learn(limiter.take(1.0), RateAdvice(100, 0, math.nan), 1.0, 1.0)
    assert limiter.wait_s(2.0) == 0.0


@pytest.mark.parametrize("seed", range(200))
def test_whatever_answers_say_there_is_a_pace(seed: int) -> None:
    """Answers of one instant, windows of no length, figures below zero."""
    dice = random.Random(seed)
    limiter, now = RateLimiter(100.0), 1_000.0
    under_way: list[tuple[int, float]] = []
    for _ in range(120):
        now += dice.choice([0.0, 0.0, 0.001, 0.01, 0.5, 2.0])
        if limiter.wait_s(now) == 0:
            under_way.append((limiter.take(now), now))
        if under_way and dice.random() < 0.7:
            slot, sent_at = under_way.pop(dice.randrange(len(under_way)))
            limiter.done()
            limit, left = dice.choice([10, 20, 0, -5]), dice.choice([0, 1, 5, 9, 10, 19, 20, -3])
            limiter.learn(slot, RateAdvice(limit, left, dice.choice([0.0, 0.0, 1.0])), sent_at, now)
    assert limiter.wait_s(now + ADVICE_S_MAX) == 0.0
