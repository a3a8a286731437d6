"""The driver finds flows that would not find their state where there are several partitions."""

from collections.abc import Callable
from typing import Any

import pytest

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.flow import Effects, Fired, Fold, GoOn, Keep, SetTimer, join, on, on_timer
from streams.placement import PlacementError
from streams.tables import ORDERS
from tests.unit.streams.engine.flows import Count, event, flow, order


def _count(_event: r.Engagement, state: Count | None) -> Effects:
    yield Keep(Count(n=(state.n if state else 0) + 1))


def _by_sku(name: str) -> Fold:
    return Fold(name, Count, (on(topics.BRAZE_ENGAGEMENT, lambda e: e.sku, _count),), ())


def _nothing(*_given: Any) -> Effects:
    return iter(())


def test_a_state_that_records_of_two_keys_reach_is_an_error_that_names_leg_and_keys() -> None:
    driver = Driver(flow(_by_sku("wrong")))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann", "SKU-1"))
    with pytest.raises(PlacementError, match=r"test\.flow/wrong.*b'ann'.*b'bob'"):
        driver.send(topics.BRAZE_ENGAGEMENT, event("bob", "SKU-1"))


def test_a_state_whose_key_says_more_than_the_topics_is_right() -> None:
    leg = Fold(
        "right", Count, (on(topics.BRAZE_ENGAGEMENT, lambda e: f"{e.user_id}/{e.sku}", _count),), ()
    )
    driver = Driver(flow(leg))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann", "SKU-1"), event("bob", "SKU-1"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann", "SKU-2"))
    assert not driver.dead_letters


def test_a_wrong_key_is_still_found_after_a_restart() -> None:
    driver = Driver(flow(_by_sku("wrong")))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann", "SKU-1"))
    driver.restart()
    with pytest.raises(PlacementError):
        driver.send(topics.BRAZE_ENGAGEMENT, event("bob", "SKU-1"))


@pytest.mark.parametrize("row_first", [True, False])
def test_a_look_up_of_a_row_that_lies_in_another_partition_is_an_error(row_first: bool) -> None:
    leg = join(
        name="wrong",
        reads=topics.BRAZE_ENGAGEMENT,
        lookups=(ORDERS.by(lambda e: e.order_ref, GoOn()),),
        emits=_nothing,
        writes=(),
    )
    driver = Driver(flow(leg))
    looking = r.Engagement(
        **{
            **{n: getattr(event("ann"), n) for n in event("ann").__struct_fields__},
            "order_ref": "o",
        }
    )
    steps: list[Callable[[], None]] = [
        lambda: driver.row(ORDERS, order("o")),
        lambda: driver.send(topics.BRAZE_ENGAGEMENT, looking),
    ]
    first, second = steps if row_first else steps[::-1]
    first()
    with pytest.raises(PlacementError, match=r"table\.orders\['o'\]"):
        second()


def test_a_timer_that_looks_up_a_row_of_another_partition_is_an_error() -> None:
    def later(given: r.Engagement, state: Count | None) -> Effects:
        yield from _count(given, state)
        yield SetTimer("t", given.occurred_at + 1_000)

    def of(_fired: Fired[Count]) -> str:
        return "o"

    leg = Fold(
        "wrong",
        Count,
        (on(topics.BRAZE_ENGAGEMENT, lambda e: e.user_id, later),),
        (),
        on_timer(_nothing, (ORDERS.by(of, GoOn()),)),
    )
    driver = Driver(flow(leg))
    driver.row(ORDERS, order("o"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann"))
    with pytest.raises(PlacementError, match=r"a timer of test\.flow/wrong"):
        driver.advance(seconds=2)


def test_what_is_overdue_fires_at_the_end_of_the_round_that_sets_it() -> None:
    fired: list[int] = []

    def overdue(given: r.Engagement, state: Count | None) -> Effects:
        yield from _count(given, state)
        yield SetTimer("t", given.occurred_at - 1)

    def note(one: Fired[Count]) -> Effects:
        fired.append(one.now_ms)
        return iter(())

    inputs = (on(topics.BRAZE_ENGAGEMENT, lambda e: e.user_id, overdue),)
    driver = Driver(flow(Fold("late", Count, inputs, (), on_timer(note))))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann"))
    assert fired == [driver.now_ms]
