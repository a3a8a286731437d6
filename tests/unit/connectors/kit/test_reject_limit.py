"""Commands that are refused one after another: when an operation stops, what becomes of them, when it goes on."""

import pytest

from connectors.kit.sinks.reject_limit import (
    LOOK_AGAIN_S,
    PAUSE_S_FIRST,
    PAUSE_S_MAX,
    TRIES_MIN,
    TRY_S_MAX,
    RejectLimit,
)
from gridwire import metrics
from gridwire.limits import Limits
from tests.unit.connectors.kit.clocks import FakeTime

SET, PUT = "set_attributes", "put_insight"


class World:
    """A limit of five in a row, or more than half of the last ten."""

    def __init__(self, in_a_row: int = 5, ratio: float = 0.5) -> None:
        self.time = FakeTime()
        self.limit = RejectLimit("acme", Limits(in_a_row, ratio, 10), self.time.clock)

    def refused(self, times: int, operation: str = SET) -> list[float | None]:
        """Attempts that began before the operation stopped."""
        return [self.limit.refused(operation, object()) for _ in range(times)]

    def enter(self, operation: str = SET) -> float:
        """One more attempt asks."""
        return self.limit.enter(operation, object())

    def delivered(self) -> None:
        self.limit.delivered(SET, object())

    def tried(self) -> object:
        """The pause is over, and one command is tried: this one."""
        attempt = object()
        wait_s = self.limit.enter(SET, attempt)
        if wait_s > 0:
            self.time.passed_s += wait_s
            assert self.limit.enter(SET, attempt) == 0
        return attempt

    def stopped(self, operation: str = SET) -> float:
        metric = metrics.OPERATION_STOPPED.labels("acme", operation)
        return float(metric._value.get())

    def try_and(self, *, refuse: bool) -> None:
        attempt = self.tried()
        if refuse:
            self.limit.refused(SET, attempt)
        else:
            self.limit.delivered(SET, attempt)
        self.limit.left(SET, attempt)


def test_refusals_below_the_limit_become_dead_letters() -> None:
    world = World()
    assert world.refused(4) == [None] * 4
    world.delivered()
    assert world.refused(4) == [None] * 4
    assert (world.limit.problem, world.enter()) == (None, 0.0)


def test_the_refusal_that_reaches_the_limit_is_held_and_so_are_all_that_follow() -> None:
    world = World()
    *letters, held = world.refused(5)
    assert letters == [None] * 4
    assert held == PAUSE_S_FIRST + LOOK_AGAIN_S
    assert world.enter() == PAUSE_S_FIRST
    assert world.refused(1) == [PAUSE_S_FIRST + LOOK_AGAIN_S]  # it was in flight


def test_more_than_the_share_of_the_latest_commands_stops_it_though_none_are_in_a_row() -> None:
    world = World(in_a_row=5)
    held: list[float | None] = []
    for _ in range(4):
        world.delivered()
        held += world.refused(2)
    first = next(n for n, one in enumerate(held) if one is not None)
    assert first == 6  # of ten commands, three were delivered
    assert None not in held[first:]
    assert "among its last 10 records (GRIDWIRE_SINK_REJECTS_RATIO_MAX)" in str(world.limit.problem)


def test_a_stopped_operation_says_why_and_what_to_do_and_raises_its_metric() -> None:
    world = World()
    world.refused(5)
    problem = world.limit.problem or ""
    assert "5 commands refused in a row (GRIDWIRE_SINK_REJECTS_IN_A_ROW_MAX)" in problem
    assert "gridwire dead-letters list" in problem
    assert world.stopped() == 1


def test_other_operations_of_the_sink_go_on() -> None:
    world = World()
    world.refused(5)
    assert world.enter(PUT) == 0
    assert world.refused(1, PUT) == [None]


def test_after_the_pause_one_command_is_tried_at_a_time() -> None:
    world = World()
    world.refused(5)
    world.time.passed_s += PAUSE_S_FIRST
    assert [world.enter() for _ in range(3)] == [0.0, LOOK_AGAIN_S, LOOK_AGAIN_S]


def test_tries_that_are_delivered_one_after_another_set_all_free_and_counting_begins_anew() -> None:
    world = World()
    world.refused(5)
    for _ in range(TRIES_MIN):
        assert world.limit.problem is not None
        world.try_and(refuse=False)
    assert (world.limit.problem, world.enter(), world.stopped()) == (None, 0.0, 0)
    assert world.refused(4) == [None] * 4


def test_a_refusal_between_them_costs_a_pause_and_all_tries_again() -> None:
    world = World()
    world.refused(5)
    for _ in range(TRIES_MIN - 1):
        world.try_and(refuse=False)
    world.try_and(refuse=True)
    world.try_and(refuse=False)
    assert world.limit.problem is not None


def test_what_was_in_flight_when_it_stopped_does_not_set_it_free() -> None:
    world = World()
    world.refused(5)
    for _ in range(TRIES_MIN):
        world.delivered()
    assert world.enter() == PAUSE_S_FIRST


def test_a_try_that_is_refused_is_held_and_the_pause_doubles_up_to_its_bound() -> None:
    world = World()
    world.refused(5)
    pauses = []
    for _ in range(7):
        world.try_and(refuse=True)
        pauses.append(world.enter())
    assert pauses[:2] == [2 * PAUSE_S_FIRST, 4 * PAUSE_S_FIRST]
    assert pauses[-1] == PAUSE_S_MAX


@pytest.mark.parametrize("heard", [True, False])
def test_a_try_that_tells_nothing_lets_another_one_be_tried(heard: bool) -> None:
    world = World()
    world.refused(5)
    attempt = world.tried()
    if heard:
        world.limit.left(SET, attempt)
    else:
        world.time.passed_s += TRY_S_MAX
    assert world.enter() == 0


# ---- while one is tried, others end that began before the operation stopped --------------------------------------
def test_an_older_attempt_that_ends_does_not_end_the_try() -> None:
    world = World()
    world.refused(5)
    world.tried()
    world.limit.left(SET, object())
    assert world.enter() == LOOK_AGAIN_S


def test_older_attempts_that_are_delivered_do_not_count_for_the_tries() -> None:
    world = World()
    world.refused(5)
    for _ in range(TRIES_MIN - 1):
        world.try_and(refuse=False)
    attempt = world.tried()
    world.delivered()
    assert (world.limit.problem is not None, world.enter()) == (True, LOOK_AGAIN_S)
    world.limit.delivered(SET, attempt)
    assert world.limit.problem is None


def test_an_older_attempt_that_is_refused_costs_the_try_nothing() -> None:
    world = World()
    world.refused(5)
    for _ in range(TRIES_MIN - 1):
        world.try_and(refuse=False)
    attempt = world.tried()
    assert world.refused(1) == [LOOK_AGAIN_S]
    world.limit.delivered(SET, attempt)
    assert world.limit.problem is None


def test_a_try_that_took_too_long_does_not_end_the_one_that_took_its_place() -> None:
    world = World()
    world.refused(5)
    late = world.tried()
    world.time.passed_s += TRY_S_MAX
    world.tried()
    world.limit.left(SET, late)
    assert world.enter() == LOOK_AGAIN_S


def test_the_try_itself_may_enter_again() -> None:
    world = World()
    world.refused(5)
    attempt = world.tried()
    assert world.limit.enter(SET, attempt) == 0
    assert world.enter() == LOOK_AGAIN_S


def test_it_says_why_the_latest_try_was_refused_and_when_the_next_one_comes() -> None:
    world = World()
    for _ in range(5):
        world.limit.refused(SET, object(), "no such field")
    assert "no such field" in (world.limit.problem or "")
    assert f"Next try in {PAUSE_S_FIRST:.0f} s" in (world.limit.problem or "")
