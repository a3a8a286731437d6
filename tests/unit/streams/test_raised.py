"""Faults of flows under the driver: none is hidden that a worker would get over."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pytest

from gridwire import topics
from gridwire.records import CartActivity, Engagement
from streams.driver import Driver
from streams.flow import (
    Caused,
    Columns,
    Effect,
    Filtered,
    Flow,
    Fold,
    Keep,
    Leg,
    NoSettings,
    Outputs,
    Rows,
    SetTimer,
    map_leg,
    on,
    on_timer,
)
from streams.raised import DriverError
from tests.unit.streams.making import event

READS, WRITES = topics.BRAZE_ENGAGEMENT, (topics.CART_ACTIVITY,)


class Broken(Exception):
    """What a flow under test raises."""


def cart(one: Engagement) -> CartActivity:
    return CartActivity(
        user_id=one.user_id, ordered=False, quantity=1, at=1, arrived_at=1, region=""
    )


def rows(records: Sequence[Engagement], _: Rows) -> Iterator[Effect]:
    for one in records:
        if one.quantity == 13:
            raise Broken("thirteen")
        yield Caused(one, cart(one))


def raising(*_: Any) -> Iterator[Effect]:
    raise Broken("of the developer's own words")


def nameless(batch: Any, _: Rows) -> Iterator[Effect]:
    yield Outputs(CartActivity, batch.column("user_id"), {"nothing": batch.column("sku")})


def driver_of(*legs: Leg, **more: Any) -> Driver:
    made: tuple[Leg, ...] = legs
    return Driver(Flow("test.flow", "To test.", (), NoSettings, lambda _: made), **more)


def columns(batches: Callable[..., Any]) -> Columns:
    return Columns("whole", READS, (), rows, WRITES, batches)


@pytest.mark.parametrize("batches", [raising, nameless])
def test_columns_that_fail_where_records_do_not_are_an_error_with_its_cause(batches: Any) -> None:
    with pytest.raises(DriverError, match=r"test.flow/whole: `batches` failed") as refused:
        driver_of(columns(batches)).send(READS, event(), event(user="user-2"))
    assert refused.value.__cause__ is not None
    assert refused.value.__cause__.__traceback__ is not None


@pytest.mark.parametrize("mode", ["arrow", "rows"])
def test_records_step_in_for_columns_where_the_test_says_so(mode: Any) -> None:
    driver = driver_of(columns(raising), columns=mode)
    driver.send(READS, event())
    assert len(driver.take(topics.CART_ACTIVITY)) == 1
    fallbacks = [count for key, count in driver.counts.items() if key[2] == "columns fallback"]
    assert fallbacks == ([1] if mode == "arrow" else [])


def test_poison_and_records_at_fault_are_no_fault_of_the_columns() -> None:
    driver = driver_of(columns(raising))
    driver.send_raw(READS, ("k", b"no avro at all"))
    driver.send(READS, event(), event(quantity=13))
    assert [dead[2] for dead in driver.dead][1:] == ["flow raised"]
    assert [(one.label, str(one.error)) for one in driver.errors] == [
        ("test.flow/whole", "thirteen")
    ]


def test_what_a_leg_raised_is_kept_and_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    driver = driver_of(map_leg(name="one", reads=READS, emits=raising, writes=WRITES))
    driver.send(READS, event(user="ann"))
    (kept,) = driver.errors
    assert isinstance(kept.by, Engagement)
    assert (kept.by.user_id, type(kept.error)) == ("ann", Broken)
    assert kept.error.__traceback__ is not None
    (said,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert said.exc_info is not None
    assert said.exc_info[1] is kept.error


class Count(msgspec.Struct, frozen=True):
    """A state."""


def test_what_a_timer_raised_is_kept_too() -> None:
    def begin(one: Engagement, _: Count | None) -> Iterator[Effect]:
        yield Keep(Count())
        yield SetTimer("t", one.occurred_at)

    begins = on(READS, lambda one: one.user_id, begin)
    fold = Fold("later", Count, (begins,), WRITES, on_timer(raising))
    driver = driver_of(fold)
    driver.send(READS, event())
    driver.advance(minutes=1)
    assert [str(one.error) for one in driver.errors] == ["of the developer's own words"]


def test_a_leg_that_does_not_raise_leaves_no_errors() -> None:
    ends = map_leg(name="one", reads=READS, emits=lambda _: iter((Filtered("so"),)), writes=WRITES)
    driver = driver_of(ends)
    driver.send(READS, event())
    assert driver.errors == []
