"""When to try again and when to give up."""

import math

import pytest

from connectors.kit.base.retry import RetryPolicy
from connectors.kit.connector import ADVICE_S_MAX, Transient

POLICY = RetryPolicy(delay_s_first=1.0, delay_s_max=8.0, attempts_max=5, age_s_max=100.0)


def longest() -> float:
    return 1.0


@pytest.mark.parametrize(("attempt", "delay_s"), [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (99, 8)])
def test_delays_double_up_to_their_bound(attempt: int, delay_s: float) -> None:
    assert POLICY.delay_s(attempt, Transient("down"), longest) == delay_s


def test_jitter_takes_from_nothing_to_all_of_a_delay() -> None:
    assert POLICY.delay_s(3, Transient("down"), lambda: 0.0) == 0.0
    assert POLICY.delay_s(3, Transient("down"), lambda: 0.5) == 2.0


def test_the_platforms_advice_goes_first_with_a_little_on_top() -> None:
    advised = Transient("throttled", after_s=30.0, throttled=True)
    assert POLICY.delay_s(1, advised, lambda: 0.0) == 30.0
    assert POLICY.delay_s(1, advised, longest) == pytest.approx(33.0)


def test_a_record_is_given_up_after_its_attempts_or_its_age() -> None:
    assert not POLICY.exhausted(4, 99.0)
    assert POLICY.exhausted(5, 0.0)
    assert POLICY.exhausted(0, 100.0)


@pytest.mark.parametrize(
    ("told_s", "followed_s"),
    [(1e7, ADVICE_S_MAX), (math.inf, ADVICE_S_MAX), (-5.0, 0.0), (math.nan, 8.0)],
)
def test_advice_is_followed_within_its_bounds_and_only_where_it_is_a_number(
    told_s: float, followed_s: float
) -> None:
    chance = longest if math.isnan(told_s) else lambda: 0.0  # without advice: the usual delay
    assert POLICY.delay_s(4, Transient("down", after_s=told_s), chance) == followed_s
