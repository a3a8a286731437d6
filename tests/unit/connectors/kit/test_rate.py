"""The pace of calls, against simulated platforms with fixed windows: how much of a budget is used, how often 429."""

import heapq
import math
from dataclasses import dataclass

import pytest

from connectors.kit.connector import RateAdvice
from connectors.kit.rate import PENALTY_MIN, RateLimiter

SHARE_MIN = 0.95  # of what the platform allows
THROTTLED_MAX = 0.001


@dataclass
class Window:
    """A platform that allows `limit` calls per `length_s`, by the clock; `others` use some of it, too."""

    limit: int
    length_s: float
    others: float = 0.0
    whole_seconds: bool = False
    number: int = -1
    used: float = 0.0

    def call(self, at: float) -> tuple[bool, RateAdvice]:
        number = int(at // self.length_s)
        if number != self.number:
            self.number, self.used = number, self.limit * self.others
        taken = self.used + 1 <= self.limit
        self.used += taken
        reset_s = (number + 1) * self.length_s - at
        left = max(0, int(self.limit - self.used))
        return taken, RateAdvice(
            self.limit, left, math.ceil(reset_s) if self.whole_seconds else reset_s
        )


def played(
    window: Window, start_per_s: float, concurrency: int, latency_s: float, windows: int
) -> tuple[float, float]:
    """As many callers as `concurrency` call as fast as they may. Share of the budget used, and answers 429."""
    limiter = RateLimiter(start_per_s)
    begin = 10 * window.length_s
    end = begin + windows * window.length_s
    events: list[tuple[float, int, str, tuple[int, float]]] = [
        (begin, n, "want", (0, 0.0)) for n in range(concurrency)
    ]
    answers: dict[int, tuple[bool, RateAdvice]] = {}
    taken = throttled = 0
    while events and events[0][0] < end:
        now, caller, what, (slot, sent_at) = heapq.heappop(events)
        if what == "want":
            slot, wait_s = limiter.reserve(now)
            heapq.heappush(events, (now + wait_s, caller, "send", (slot, 0.0)))
        elif what == "send":
            blocked_s = limiter.blocked_s(now)
            then, next_step = (
                (now + blocked_s, "send") if blocked_s else (now + latency_s / 2, "serve")
            )
            heapq.heappush(events, (then, caller, next_step, (slot, now)))
        elif what == "serve":
            answers[caller] = window.call(now)
            heapq.heappush(events, (now + latency_s / 2, caller, "answer", (slot, sent_at)))
        else:
            ok, advice = answers.pop(caller)
            limiter.learn(slot, advice, sent_at, now)
            taken, throttled = taken + ok, throttled + (not ok)
            if not ok:
                limiter.throttled(sent_at, advice.reset_s, now)
            heapq.heappush(events, (now, caller, "want", (0, 0.0)))
    budget = window.limit * windows * (1 - window.others)
    return taken / budget, throttled / (taken + throttled)


@pytest.mark.parametrize("latency_s", [0.005, 0.05])
@pytest.mark.parametrize("whole_seconds", [False, True])
@pytest.mark.parametrize(
    ("allowed", "start_per_s", "concurrency"),
    [
        ((10, 1), 10, 8),
        ((150, 30), 5, 8),
        ((100, 1), 50, 16),
        ((100, 1), 500, 16),
        ((3_000, 3), 200, 64),
    ],
)
def test_almost_all_of_a_platforms_budget_is_used_and_almost_nothing_is_throttled(
    allowed: tuple[int, float],
    start_per_s: float,
    concurrency: int,
    latency_s: float,
    whole_seconds: bool,
) -> None:
    window = Window(*allowed, whole_seconds=whole_seconds)
    share, throttled = played(window, start_per_s, concurrency, latency_s, windows=40)
    assert share >= SHARE_MIN
    assert throttled <= THROTTLED_MAX


def test_what_other_clients_use_is_left_to_them() -> None:
    share, throttled = played(Window(100, 1.0, others=0.5), 100, 16, 0.02, windows=40)
    assert share >= 0.85
    assert throttled <= 0.01


def test_without_headers_the_configured_pace_is_kept_with_a_small_burst() -> None:
    limiter = RateLimiter(10.0)
    waits = [limiter.reserve(100.0)[1] for _ in range(12)]
    assert waits[:2] == [0.0, 0.0]
    assert waits[-1] == pytest.approx(1.0)
    assert limiter.reserve(200.0)[1] == 0.0


def test_without_any_limit_nobody_waits() -> None:
    limiter = RateLimiter(math.inf)
    assert [limiter.reserve(1.0)[1] for _ in range(1_000)] == [0.0] * 1_000
    assert limiter.per_s(1.0) == math.inf


def test_a_429_pauses_as_advised_and_halves_the_pace_which_recovers() -> None:
    limiter = RateLimiter(100.0)
    limiter.throttled(sent_at=9.9, after_s=3.0, now=10.0)
    assert limiter.blocked_s(11.0) == 2.0
    assert limiter.reserve(11.0)[1] == pytest.approx(2.0)
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
    slot, _ = limiter.reserve(0.0)
    limiter.learn(slot, RateAdvice(100, 0, 5.0), 0.0, 0.0)
    assert limiter.reserve(0.5)[1] == pytest.approx(4.5)


def test_a_pace_of_nothing_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="requests_per_s"):
        RateLimiter(0)
