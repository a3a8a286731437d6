"""Dead letters that come back: to their leg alone, each once, on the state as it is now."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gridwire import records as r
from gridwire import topics
from gridwire.codec import HEADER, Codec
from gridwire.records import SCHEMAS
from gridwire.replays import ATTEMPT, REPLAY_OF, Replay
from streams.driver import Driver, LocalRegistry, replay_of
from streams.engine.message import LocalMessage
from streams.engine.outbox import Dead
from streams.engine.plan import plan
from streams.engine.references import References
from streams.engine.replays import runs
from streams.engine.settle import Limits
from streams.engine.task import Task
from streams.flow import (
    Columns,
    Effects,
    Flow,
    map_leg,
)
from streams.runtime.letters import letters_of
from streams.tables import ORDERS
from tests.unit.streams.engine.flows import (
    ORDER_FEED,
    WAITING,
    enriched,
    event,
    flow,
    shop_order,
    thread,
)

ONE, TWO = "dead-letter.streams/0/1", "dead-letter.streams/0/2"
Faults = set[str]


def faulty(faults: Faults, name: str, leg: str = "copy") -> Flow[Any]:
    """A flow that raises while its name is among the faults: mend it by taking it out."""

    def copy(source: r.Engagement) -> Effects:
        if name in faults:
            raise RuntimeError("not mended yet")
        yield enriched(source, name)

    reads, writes = topics.BRAZE_ENGAGEMENT, (topics.ENRICHED_ENGAGEMENT,)
    return flow(map_leg(name=leg, reads=reads, emits=copy, writes=writes), flow_id=f"test.{name}")


def written(driver: Driver) -> list[tuple[str, str | None]]:
    return [(e.user_id, e.partner_id) for e in driver.out(topics.ENRICHED_ENGAGEMENT)]


def outcomes(driver: Driver) -> dict[str, int]:
    """What became of replays."""
    return {why: n for (_, _, what, why), n in driver.counts.items() if what == "replay"}


# ---- its leg alone, once -----------------------------------------------------------------------------------------
def test_a_letter_comes_back_to_the_leg_that_failed_and_to_no_other() -> None:
    faults = {"bad"}
    driver = Driver(faulty(faults, "good"), faulty(faults, "bad"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann"))
    assert written(driver) == [("ann", "good")]
    [dead] = driver.dead_letters
    faults.clear()
    driver.replay(dead, ONE)
    assert written(driver) == [("ann", "good"), ("ann", "bad")]


def test_the_output_has_the_id_that_it_would_have_had() -> None:
    faults = {"bad"}
    driver, well = Driver(faulty(faults, "bad")), Driver(faulty(set(), "bad"))
    for one in (driver, well):
        one.send(topics.BRAZE_ENGAGEMENT, event("ann", event_id="e-1"))
    faults.clear()
    driver.replay(driver.dead_letters[0], ONE)
    [found], [wanted] = driver.out(topics.ENRICHED_ENGAGEMENT), well.out(topics.ENRICHED_ENGAGEMENT)
    assert found.event_id == wanted.event_id
    assert found.trace_id == wanted.trace_id


@pytest.mark.parametrize("restarted", [False, True])
def test_a_letter_that_comes_back_twice_has_its_effect_once(restarted: bool) -> None:
    faults = {"bad"}
    driver = Driver(faulty(faults, "bad"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann"))
    [dead] = driver.dead_letters
    faults.clear()
    driver.replay(dead, ONE)
    if restarted:
        driver.restart()
    driver.replay(dead, ONE)
    assert written(driver) == [("ann", "bad")]
    assert outcomes(driver) == {"taken": 1, "repeated": 1}


def test_the_platforms_own_redelivery_is_still_a_duplicate() -> None:
    faults = {"bad"}
    driver = Driver(faulty(faults, "bad"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann", event_id="e-1"))
    faults.clear()
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann", event_id="e-1"))
    assert written(driver) == []
    driver.replay(driver.dead_letters[0], ONE)
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann", event_id="e-1"))
    assert written(driver) == [("ann", "bad")]


def test_what_is_not_mended_yet_is_a_new_letter_that_says_what_it_was_before() -> None:
    faults = {"bad"}
    driver = Driver(faulty(faults, "bad"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann"))
    driver.replay(driver.dead_letters[0], ONE)
    again = driver.dead_letters[1]
    [letter] = letters_of(again, "streams")
    headers = dict(letter.headers)
    assert (headers[ATTEMPT], headers[REPLAY_OF]) == (b"2", ONE.encode())
    faults.clear()
    driver.replay(again, TWO)
    assert written(driver) == [("ann", "bad")]


def test_the_numbers_of_a_leg_add_up_with_letters_that_came_back() -> None:
    faults = {"bad"}
    driver = Driver(faulty(faults, "bad"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann"))
    faults.clear()
    driver.replay(driver.dead_letters[0], ONE)
    found = {what: n for (name, _, what, _), n in driver.counts.items() if name == "test.bad"}
    assert found == {"in": 2, "dead": 1, "processed": 1}


def test_a_leg_on_columns_takes_its_letter_too() -> None:
    faults = {"bad"}

    def batch(events: Any, _rows: Any) -> Effects:
        for source in events:
            if source.user_id in faults:
                raise RuntimeError("somewhere in the batch")
            yield enriched(source, None)

    reads, writes = topics.BRAZE_ENGAGEMENT, (topics.ENRICHED_ENGAGEMENT,)
    driver = Driver(flow(Columns(name="b", reads=reads, tables=(), rows=batch, writes=writes)))
    driver.send(topics.BRAZE_ENGAGEMENT, event("good"), event("bad"), event("fine"))
    [dead] = driver.dead_letters
    faults.clear()
    driver.replay(dead, ONE)
    driver.replay(dead, ONE)
    assert sorted(user for user, _ in written(driver)) == ["bad", "fine", "good"]


def test_a_letter_among_other_records_is_processed_in_its_place() -> None:
    faults = {"bad"}
    driver = Driver(faulty(faults, "bad"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann"))
    faults.clear()
    [dead] = driver.dead_letters
    headers = replay_of(dead, ONE).headers()
    codec = driver._codec.of(topics.BRAZE_ENGAGEMENT)
    batch: list[Any] = [
        LocalMessage("t", 0, n, b"k", codec.encode(event(user, event_id=f"e{n}")))
        for n, user in enumerate(("bob", "cyd"), 10)
    ]
    batch.insert(1, LocalMessage("t", 0, 99, b"k", dead.message.value(), headers))
    assert [(again is not None, len(run)) for again, run in runs(batch)] == [
        (False, 1),
        (True, 1),
        (False, 1),
    ]
    driver._task.process(topics.BRAZE_ENGAGEMENT, batch, driver.now_ms)
    driver._settle()
    assert [user for user, _ in written(driver)] == ["bob", "ann", "cyd"]


# ---- bytes that nobody could read --------------------------------------------------------------------------------
def unknown_to(registry: LocalRegistry, record: r.Engagement) -> tuple[bytes, Callable[[], int]]:
    """A message of a schema that the registry does not have yet, and how it gets it."""
    codec = Codec(registry).of(topics.BRAZE_ENGAGEMENT)
    body = codec.encode(record)[HEADER.size :]
    schema = json.loads(SCHEMAS[r.Engagement]) | {"doc": "As another version has it."}
    text = json.dumps(schema)
    return HEADER.pack(0, len(registry._known) + 1) + body, lambda: registry.id_of("s", text)


def test_bytes_that_became_readable_come_back_to_every_leg() -> None:
    driver = Driver(faulty(set(), "one"), faulty(set(), "two"))
    registry: Any = driver._codec.registry
    driver.send(topics.BRAZE_ENGAGEMENT, event("first"))
    raw, mend = unknown_to(registry, event("ann", event_id="e-7"))
    driver.send_raw(topics.BRAZE_ENGAGEMENT, ("ann", raw))
    [dead] = driver.dead_letters
    assert dead.reason == "unknown schema id"
    driver.replay(dead, ONE)
    assert len(driver.dead_letters) == 2
    mend()
    driver.take(topics.ENRICHED_ENGAGEMENT)
    for letter in (TWO, TWO):
        driver.replay(driver.dead_letters[1], letter)
    assert written(driver) == [("ann", "one"), ("ann", "two")]


def test_bytes_whose_event_came_again_meanwhile_add_nothing() -> None:
    driver = Driver(faulty(set(), "one"))
    raw, mend = unknown_to(driver._codec.registry, event("ann", event_id="e-7"))  # type: ignore[arg-type]
    driver.send_raw(topics.BRAZE_ENGAGEMENT, ("ann", raw))
    mend()
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann", event_id="e-7"))
    driver.replay(driver.dead_letters[0], ONE)
    assert written(driver) == [("ann", "one")]


def test_a_legs_letter_that_cannot_be_read_any_more_stays_with_its_leg() -> None:
    driver = Driver(faulty(set(), "one"), faulty(set(), "two"))
    message = LocalMessage(topics.BRAZE_ENGAGEMENT.name, 0, 5, b"k", b"\x01no record")
    driver.replay(Dead(message, "test.one", "copy", "flow raised", "RuntimeError"), ONE)
    [dead] = driver.dead_letters
    assert (dead.flow, dead.leg, dead.reason) == ("test.one", "copy", "wrong magic byte")


# ---- parking and state -------------------------------------------------------------------------------------------
def case(ref: str, status: str = "open") -> r.OrderThread:
    return r.OrderThread(order_ref=ref, thread=thread(status))


def test_a_record_that_waited_too_long_comes_back_when_its_row_is_there() -> None:
    driver = Driver(ORDER_FEED, WAITING)
    driver.send(topics.ORDER_THREADS, case("bigcommerce:1"))
    driver.advance(minutes=31)
    [dead] = driver.dead_letters
    assert dead.reason == "no row of orders in time"
    driver.send(topics.BIGCOMMERCE_ORDERS, shop_order("bigcommerce:1"))
    driver.replay(dead, ONE)
    assert [c.order_ref for c in driver.out(topics.CUSTOMER_CASES)] == ["bigcommerce:1"]


def test_one_whose_row_is_still_missing_waits_again_over_restarts_and_is_released_once() -> None:
    driver = Driver(ORDER_FEED, WAITING)
    driver.send(topics.ORDER_THREADS, case("bigcommerce:1"))
    driver.advance(minutes=31)
    [dead] = driver.dead_letters
    driver.replay(dead, ONE)
    assert driver.parked == 1
    driver.restart()
    driver.replay(dead, ONE)
    driver.send(topics.BIGCOMMERCE_ORDERS, shop_order("bigcommerce:1"))
    assert len(driver.out(topics.CUSTOMER_CASES)) == 1
    assert driver.parked == 0


def test_one_that_waits_in_vain_again_says_which_letter_it_was() -> None:
    driver = Driver(WAITING)
    driver.send(topics.ORDER_THREADS, case("bigcommerce:1"))
    driver.advance(minutes=31)
    driver.replay(driver.dead_letters[0], ONE)
    driver.advance(minutes=31)
    [letter] = letters_of(driver.dead_letters[1], "streams")
    assert dict(letter.headers)[REPLAY_OF] == ONE.encode()


def test_one_that_comes_back_waits_behind_those_of_its_key_that_wait() -> None:
    driver = Driver(ORDER_FEED, WAITING)
    driver.send(topics.ORDER_THREADS, case("bigcommerce:1", "first"))
    driver.advance(minutes=31)
    driver.send(topics.ORDER_THREADS, case("bigcommerce:1", "second"))
    driver.replay(driver.dead_letters[0], ONE)
    driver.send(topics.BIGCOMMERCE_ORDERS, shop_order("bigcommerce:1"))
    found = [c.thread.status for c in driver.out(topics.CUSTOMER_CASES)]
    assert found == ["second", "first"]


def test_a_row_that_comes_back_does_not_overwrite_a_newer_one() -> None:
    driver = Driver(ORDER_FEED)
    driver.send(topics.BIGCOMMERCE_ORDERS, shop_order("bigcommerce:1", 1, "old"))
    old = driver._codec.of(topics.BIGCOMMERCE_ORDERS).encode(shop_order("bigcommerce:1", 1, "old"))
    message = LocalMessage(topics.BIGCOMMERCE_ORDERS.name, 0, 0, b"bigcommerce:1", old)
    driver.send(topics.BIGCOMMERCE_ORDERS, shop_order("bigcommerce:1", 2, "new"))
    driver.replay(Dead(message, "feed.orders", "orders", "flow raised", "RuntimeError"), ONE)
    [row] = driver.table(ORDERS).values()
    assert (row.customer_ref, row.version) == ("new", 2)
    assert driver.filtered["feed.orders", "orders", "older version"] == 1


# ---- worker groups, aborts ---------------------------------------------------------------------------------------
class Group:
    """A task of one worker group."""

    def __init__(self, name: str, faults: Faults) -> None:
        self.codec = Codec(LocalRegistry())
        made = plan([faulty(faults, "one")])
        references = References((), self.codec)
        self.task = Task(made, 0, self.codec, references, Limits(), group=name)

    def take(self, replay: Replay) -> None:
        value = self.codec.of(topics.BRAZE_ENGAGEMENT).encode(event("ann", event_id="e-1"))
        message = LocalMessage(topics.BRAZE_ENGAGEMENT.name, 0, 9, b"k", value, replay.headers())
        self.task.process(topics.BRAZE_ENGAGEMENT, [message], 1)

    def commit(self) -> tuple[int, list[Dead]]:
        """Outputs and dead letters of the round."""
        outbox, _ = self.task.drain()
        self.task.commit()
        return sum(len(out) for out in outbox.outs), outbox.dead


def test_a_letter_of_another_group_is_left_alone() -> None:
    group = Group("fast", set())
    group.take(Replay(ONE, "test.one/copy", "slow"))
    group.take(Replay(TWO, "other.flow/leg"))
    assert group.commit() == (0, [])
    group.take(Replay(ONE, "test.one/copy", "fast"))
    assert group.commit() == (1, [])


def test_a_letter_of_this_group_whose_leg_is_gone_is_not_lost() -> None:
    group = Group("fast", set())
    group.take(Replay(ONE, "gone.flow/leg", "fast"))
    emitted, [dead] = group.commit()
    assert emitted == 0
    assert (dead.flow, dead.leg, dead.reason) == ("gone.flow", "leg", "its leg is gone")


def test_a_round_that_is_aborted_forgets_that_a_letter_came_back() -> None:
    group = Group("fast", set())
    replay = Replay(ONE, "test.one/copy", "fast")
    group.take(replay)
    group.task.drain()
    group.task.abort()
    group.take(replay)
    assert group.commit() == (1, [])
    group.take(replay)
    assert group.commit() == (0, [])


def test_a_letter_that_a_round_cannot_get_past_stays_with_its_leg() -> None:
    headers = Replay(ONE, "test.one/copy", "fast", 2).headers()
    message = LocalMessage(topics.BRAZE_ENGAGEMENT.name, 0, 9, b"k", b"v", headers)
    [letter] = letters_of(Dead(message, "", "", "round aborted for it", "AbortedError"), "fast")
    found = dict(letter.headers)
    assert found["gridwire.flow"] == b"test.one/copy"
    assert found["__connect.errors.stage"] == b"KAFKA_PRODUCE"
    assert (found[ATTEMPT], found[REPLAY_OF]) == (b"3", ONE.encode())


def test_a_letter_in_the_making_has_stage_class_and_first_attempt() -> None:
    driver = Driver(faulty({"bad"}, "bad"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("ann@shopper.example"))
    [letter] = letters_of(driver.dead_letters[0], "fast")
    headers = dict(letter.headers)
    assert headers["__connect.errors.stage"] == b"TRANSFORMATION"
    assert headers["__connect.errors.exception.class.name"] == b"RuntimeError"
    assert headers["gridwire.group"] == b"fast"
    assert headers[ATTEMPT] == b"1"
    assert "ann@" not in str(headers)
