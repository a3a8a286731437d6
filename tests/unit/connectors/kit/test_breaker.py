"""The circuit breaker: what opens it, who may probe, what closes it."""

from connectors.kit.http.breaker import LOOK_AGAIN_S, Breaker, BreakerPolicy

POLICY = BreakerPolicy(
    failures_max=3,
    open_s_first=1.0,
    open_s_max=4.0,
    misconfigured_s_first=10.0,
    misconfigured_s_max=40.0,
)


def breaker() -> Breaker:
    return Breaker(POLICY, chance=lambda: 0.5)  # no jitter: the factor is exactly 1


def failed(one: Breaker, times: int, now: float) -> None:
    for _ in range(times):
        assert one.enter(now) == 0.0
        one.failed(now)


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not_let_them_count() -> None:
    one = breaker()
    failed(one, 2, 0.0)
    one.succeeded()
    failed(one, 2, 0.0)
    states = [one.closed]
    failed(one, 1, 0.0)
    states.append(one.closed)
    assert states == [True, False]
    assert one.enter(0.25) == 0.75


def test_one_probe_at_a_time_decides() -> None:
    one = breaker()
    failed(one, 3, 0.0)
    assert one.enter(1.0) == 0.0
    assert one.enter(1.0) == LOOK_AGAIN_S
    one.succeeded()
    assert one.closed
    assert one.enter(1.0) == 0.0


def test_each_failed_probe_doubles_the_wait_up_to_its_bound() -> None:
    one = breaker()
    failed(one, 3, 0.0)
    now, waits = 0.0, []
    for _ in range(4):
        wait = one.enter(now)
        waits.append(wait)
        now += wait
        assert one.enter(now) == 0.0
        one.failed(now)
    assert waits == [1.0, 2.0, 4.0, 4.0]


def test_failures_of_calls_that_were_under_way_do_not_lengthen_the_wait() -> None:
    one = breaker()
    failed(one, 3, 0.0)
    one.failed(0.9)
    assert one.enter(1.0) == 0.0


def test_a_probe_that_was_given_up_leaves_its_place_to_another() -> None:
    one = breaker()
    failed(one, 3, 0.0)
    assert one.enter(1.0) == 0.0
    one.left()
    assert not one.closed
    assert one.enter(1.0) == 0.0


def test_a_misconfiguration_opens_it_at_once_and_for_longer_and_says_why() -> None:
    one = breaker()
    assert one.enter(0.0) == 0.0
    one.misconfigured("credentials refused", 0.0)
    assert (one.stopped, one.closed) == ("credentials refused", False)
    assert one.enter(0.0) == 10.0
    assert one.enter(10.0) == 0.0
    one.misconfigured("credentials refused", 10.0)
    assert one.enter(10.0) == 20.0
    assert one.enter(30.0) == 0.0
    one.succeeded()
    assert (one.stopped, one.closed) == (None, True)


def test_calls_under_way_that_are_refused_too_do_not_lengthen_the_wait() -> None:
    one = breaker()
    one.misconfigured("permission missing", 0.0)
    one.misconfigured("permission missing", 5.0)
    assert one.enter(10.0) == 0.0
