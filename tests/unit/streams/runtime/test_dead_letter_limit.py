"""The limit of dead letters: a run of them, or too large a share of a leg's records, stops the worker."""

from collections.abc import Mapping

import pytest

from gridwire.settings import SettingsError
from streams.engine.counts import CountKey
from streams.engine.message import LocalMessage
from streams.engine.outbox import Dead
from streams.runtime.dead_letter_limit import DeadLetterLimit
from streams.runtime.fatal import FatalError

FLOW, LEG = "braze.case-notification", "tell"


def dead(count: int, flow: str = FLOW, leg: str = LEG) -> list[Dead]:
    message = LocalMessage("t", 0, 0, b"ann", b"v")
    return [Dead(message, flow, leg, "flow raised", "ValueError")] * count


def counts(
    flow: str = FLOW,
    leg: str = LEG,
    *,
    in_: int = 0,
    processed: int = 0,
    kept: int = 0,
    filtered: int = 0,
    parked: int = 0,
) -> Mapping[CountKey, int]:
    """What became of records."""
    return {
        (flow, leg, "in", ""): in_,
        (flow, leg, "processed", ""): processed,
        (flow, leg, "kept", ""): kept,
        (flow, leg, "filtered", "by its rules"): filtered,
        (flow, leg, "parked", ""): parked,
    }


def test_a_run_of_dead_letters_stops_the_worker_and_says_what_to_do() -> None:
    limit = DeadLetterLimit(10, 1.0, 1_000)
    limit.committed(counts(in_=9), dead(9))
    with pytest.raises(FatalError) as caught:
        limit.committed(counts(in_=1), dead(1))
    text = str(caught.value)
    assert "10 dead letters in a row" in text
    assert "gridwire dead-letters list --flow braze.case-notification --leg tell" in text
    assert "gridwire dead-letters replay --flow braze.case-notification --leg tell" in text
    assert "GRIDWIRE_DEAD_LETTERS_IN_A_ROW_MAX" in text
    assert "ann" not in text


def test_a_success_of_the_leg_ends_its_run_and_one_of_a_neighbour_does_not() -> None:
    limit = DeadLetterLimit(10, 1.0, 1_000)
    limit.committed(counts(in_=9), dead(9))
    limit.committed(counts(in_=1, processed=1), [])
    limit.committed(counts(in_=9), dead(9))
    limit.committed(counts(leg="other", in_=1, processed=1), [])
    assert limit._watches[FLOW, LEG]._in_a_row == 9
    with pytest.raises(FatalError):
        limit.committed(counts(in_=1), dead(1))


def test_a_leg_that_mostly_leaves_records_be_does_not_add_up_poison_over_weeks() -> None:
    limit = DeadLetterLimit(10, 1.0, 1_000)
    for _ in range(100):
        limit.committed(counts(in_=1), dead(1))
        limit.committed(counts(in_=5, filtered=5), [])
    assert limit._watches[FLOW, LEG]._in_a_row == 0


def test_too_large_a_share_stops_the_worker_though_no_run_is_long() -> None:
    limit = DeadLetterLimit(1_000, 0.2, 100)
    for _ in range(9):
        limit.committed(counts(in_=10, processed=7), dead(3))
    with pytest.raises(FatalError, match="30 dead letters among its last 100 records") as caught:
        limit.committed(counts(in_=10, processed=7), dead(3))
    assert "GRIDWIRE_DEAD_LETTERS_RATIO_MAX" in str(caught.value)


def test_fewer_records_than_the_window_are_not_judged() -> None:
    limit = DeadLetterLimit(1_000, 0.2, 100)
    limit.committed(counts(in_=99, processed=9), dead(90))
    limit.committed(counts(in_=1, processed=1), [])  # full now, but no letter came
    with pytest.raises(FatalError):
        limit.committed(counts(in_=1), dead(1))


def test_a_share_that_is_just_allowed_passes_for_ever() -> None:
    limit = DeadLetterLimit(1_000, 0.2, 100)
    for _ in range(500):
        limit.committed(counts(in_=10, processed=8), dead(2))
    assert limit._watches[FLOW, LEG]._window.dead == 20


def test_what_lies_long_ago_does_not_count() -> None:
    limit = DeadLetterLimit(1_000, 0.5, 100)
    limit.committed(counts(in_=60, processed=20), dead(40))
    for _ in range(30):
        limit.committed(counts(in_=10, processed=9), dead(1))
    assert limit._watches[FLOW, LEG]._window.dead == 10


def test_letters_whose_records_came_in_long_before_count_too() -> None:
    limit = DeadLetterLimit(1_000, 0.5, 100)
    limit.committed(counts(in_=100, parked=100), [])
    limit.committed(counts(parked=-50), dead(50))
    with pytest.raises(FatalError, match="51 dead letters among its last 100 records"):
        limit.committed(counts(parked=-1), dead(1))


def test_a_window_is_bounded_however_small_its_commits_are() -> None:
    limit = DeadLetterLimit(10_000, 0.9, 50)
    for _ in range(1_000):
        limit.committed(counts(in_=1, processed=1), [])
        limit.committed({}, dead(1)[:0])
    assert len(limit._watches[FLOW, LEG]._window._additions) <= 50


def test_bytes_that_are_no_records_have_a_limit_of_their_own() -> None:
    limit = DeadLetterLimit(1_000, 0.5, 100)
    with pytest.raises(FatalError, match="--unreadable"):
        limit.committed(counts(in_=40, processed=40), dead(60, "", ""))


def test_a_ratio_of_one_leaves_only_the_run() -> None:
    limit = DeadLetterLimit(1_000, 1.0, 10)
    limit.committed(counts(in_=100), dead(100))
    assert limit._watches[FLOW, LEG]._in_a_row == 100


@pytest.mark.parametrize("given", [(0, 0.5, 10), (10, 0.0, 10), (10, 0.5, 0)])
def test_a_limit_that_makes_no_sense_is_refused_with_the_variable(
    given: tuple[int, float, int],
) -> None:
    with pytest.raises(SettingsError, match="GRIDWIRE_DEAD_LETTERS_"):
        DeadLetterLimit(*given)
