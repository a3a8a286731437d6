"""Timers that failed and come back as dead letters: once, on the state as it is now."""

from typing import Any

import pytest

from gridwire import records as r
from gridwire import topics
from gridwire.replays import ATTEMPT, REPLAY_OF
from streams.driver import Driver
from streams.engine.outbox import Dead
from streams.flow import Effects, Fired, Flow, Fold, Forget, Keep, SetTimer, on, on_timer
from streams.runtime.letters import letters_of
from tests.unit.streams.engine.flows import MINUTE_MS, Count, enriched, event, flow

ONE, TWO = "dead-letter.streams/0/1", "dead-letter.streams/0/2"
Faults = set[str]


def timed(faults: Faults) -> Flow[Any]:
    """Counts events per user and tells the count a minute later, unless its timer is among the faults."""

    def count(source: r.Engagement, state: Count | None) -> Effects:
        if source.sku == "forget":
            yield Forget()
            return
        yield Keep(Count((state.n if state else 0) + 1))
        if source.sku != "no timer":
            yield SetTimer("tell", source.occurred_at + MINUTE_MS)

    def tell(fired: Fired[Count]) -> Effects:
        if "timer" in faults:
            raise RuntimeError("not mended yet")
        yield enriched(event(fired.key, quantity=fired.state.n), None)

    return flow(
        Fold(
            name="count",
            state=Count,
            inputs=(on(topics.BRAZE_ENGAGEMENT, lambda e: e.user_id, count),),
            writes=(topics.ENRICHED_ENGAGEMENT,),
            on_timer=on_timer(tell),
        )
    )


def counted(driver: Driver) -> list[tuple[str, int]]:
    return [(e.user_id, e.quantity) for e in driver.out(topics.ENRICHED_ENGAGEMENT)]


def failed_timer(faults: Faults) -> tuple[Driver, Dead]:
    driver = Driver(timed(faults))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann"))
    driver.advance(minutes=2)
    [dead] = driver.dead_letters
    assert dead.reason == "timer failed"
    return driver, dead


def test_a_timer_comes_back_and_fires_once_on_the_state_as_it_is_now() -> None:
    faults = {"timer"}
    driver, dead = failed_timer(faults)
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann", "no timer"))
    faults.clear()
    driver.replay(dead, ONE)
    driver.restart()
    driver.replay(dead, ONE)
    assert counted(driver) == [("ann", 2)]


def test_a_timer_that_fails_again_is_a_new_letter() -> None:
    faults = {"timer"}
    driver, dead = failed_timer(faults)
    driver.replay(dead, ONE)
    again = driver.dead_letters[1]
    [letter] = letters_of(again, "streams")
    headers = dict(letter.headers)
    assert (headers[ATTEMPT], headers[REPLAY_OF]) == (b"2", ONE.encode())
    faults.clear()
    driver.replay(again, TWO)
    assert counted(driver) == [("ann", 1)]


def test_a_timer_whose_state_cannot_be_read_is_a_letter_again() -> None:
    faults = {"timer"}
    driver, dead = failed_timer(faults)
    states = driver._task.state.folds["test.flow/count"]
    states.store.put("ann", b"\xc1 no state")
    states._decoded.clear()
    driver.replay(dead, ONE)
    again = driver.dead_letters[1]
    assert (again.reason, again.timer) == ("state not readable", dead.timer)


@pytest.mark.parametrize(
    ("sku", "why"), [("forget", "its state is gone"), ("S1", "set anew meanwhile")]
)
def test_a_timer_whose_state_is_gone_or_that_was_set_anew_says_nothing(sku: str, why: str) -> None:
    faults = {"timer"}
    driver, dead = failed_timer(faults)
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann", sku))
    faults.clear()
    driver.replay(dead, ONE)
    assert counted(driver) == []
    assert driver.filtered["test.flow", "count", why] == 1
