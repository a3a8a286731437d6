"""What the demo reads off the roles' metrics, and what it says when numbers do not add up."""

import pytest

from sandbox.demo.figures import gaps
from sandbox.demo.report import numbers, sums
from sandbox.demo.scenario import under_way
from tests.unit.sandbox.demo.worlds import FLOW, figures, page, receipt, world


def test_numbers_that_add_up_leave_no_gap() -> None:
    counted = figures(page(10, processed=4, kept=2, filtered=2, parked=1, dead=1))
    assert gaps(counted.legs(FLOW)) == []


@pytest.mark.parametrize("fate", ["processed", "kept", "filtered", "parked", "dead"])
def test_a_record_that_vanished_or_was_made_up_is_told_with_its_leg(fate: str) -> None:
    for count in (1, 3):
        counted = figures(page(2, "tell", **{fate: count}))
        (gap,) = gaps(counted.legs(FLOW))
        assert "leg tell" in gap
        assert f"{count} {fate}" in gap


def test_legs_that_make_up_for_one_another_are_still_two_gaps() -> None:
    counted = figures(page(2, leg="one", processed=1), page(2, leg="two", processed=3))
    assert len(gaps(counted.legs(FLOW))) == 2
    assert counted.of(FLOW)["in"] == counted.of(FLOW)["processed"] == 4


def test_a_command_without_a_receipt_is_under_way_and_does_not_add_up() -> None:
    counted = figures(page(2, processed=2, commands=2))
    assert "2 commands were given and 1 have a receipt" in under_way(world(counted, receipt("a")))
    assert any("receipt" in wrong for wrong in sums(world(counted, receipt("a")), FLOW))
    whole = world(counted, receipt("a"), receipt("b"))
    assert under_way(whole) == ""
    assert sums(whole, FLOW) == []


def test_the_receipt_of_a_repeated_delivery_counts_once() -> None:
    counted = figures(page(1, processed=1, commands=1))
    assert numbers(world(counted, receipt("a"), receipt("a")), FLOW)["delivered"] == 1


def test_a_command_that_failed_is_no_happy_end() -> None:
    counted = figures(page(1, processed=1, commands=1))
    (wrong,) = sums(world(counted, receipt("a", "rejected")), FLOW)
    assert "not delivered" in wrong


def test_dead_letters_are_wrong_unless_the_story_has_them() -> None:
    counted = figures(page(1, dead=1))
    assert sums(world(counted), FLOW) == ["1 dead letters instead of 0"]
    assert sums(world(counted), FLOW, dead_letters=1) == []


def test_records_that_still_wait_are_wrong_at_the_end() -> None:
    counted = figures(page(1, parked=1))
    assert sums(world(counted), FLOW) == ["1 records still wait for a row"]


def test_lag_of_any_group_is_under_way() -> None:
    text = 'gridwire_consumer_lag_records{group="sink.braze",topic="t",partition="0"} 7\n'
    assert under_way(world(figures(text))) == "7 records are still to be read"
