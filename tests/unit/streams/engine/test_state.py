"""State, timers and parking, over restarts and aborts."""

import random
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridwire import records as r
from gridwire import topics
from gridwire.codec import Codec
from streams.driver import Driver, LocalRegistry
from streams.engine.message import LocalMessage
from streams.engine.outbox import Outbox
from streams.engine.plan import PlanError, plan
from streams.engine.references import References
from streams.engine.settle import Limits
from streams.engine.task import Task
from streams.flow import map_leg
from streams.tables import ORDERS, PARTNERS
from tests.unit.streams.engine.flows import (
    COPY,
    COUNT,
    ORDER_FEED,
    TWO_WAITS,
    WAITING,
    event,
    flow,
    order,
    partner,
    shop_order,
    thread,
)


def waiting(ref: str, status: str = "open", **more: str) -> r.OrderThread:
    return r.OrderThread(order_ref=ref, thread=thread(status, **more))


def counted(driver: Driver) -> list[tuple[str, int]]:
    return [(e.user_id, e.quantity) for e in driver.out(topics.ENRICHED_ENGAGEMENT)]


def test_a_timer_fires_once_at_its_time_and_survives_a_restart() -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"), event("a"))
    driver.restart()
    driver.advance(seconds=59)
    assert counted(driver) == []
    driver.advance(seconds=1)
    driver.restart()
    driver.advance(hours=10)
    assert counted(driver) == [("a", 2)]


def test_a_timer_of_the_same_name_replaces_the_earlier_one() -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"))
    driver.advance(seconds=30)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"))
    driver.advance(seconds=59)
    assert counted(driver) == []
    driver.advance(seconds=1)
    assert counted(driver) == [("a", 2)]


@pytest.mark.parametrize("sku", ["cancel", "forget"])
def test_a_cancelled_or_forgotten_timer_does_not_fire(sku: str) -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"), event("a", sku))
    driver.advance(hours=1)
    assert counted(driver) == []


def test_a_timer_that_raises_is_a_dead_letter_and_does_not_fire_for_ever() -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("bad"), event("good"))
    driver.advance(hours=1)
    assert [dead.reason for dead in driver.dead_letters] == ["timer failed"]
    assert counted(driver) == [("good", 1)]


def test_a_state_that_the_broker_would_refuse_is_a_dead_letter_of_its_cause() -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"), event("a", "big"))
    assert [dead.reason for dead in driver.dead_letters] == ["state too large"]
    driver.advance(minutes=2)
    assert counted(driver) == [("a", 1)]


def test_a_timer_whose_state_grows_too_large_is_a_dead_letter_and_its_neighbours_go_on() -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("grows"), event("good"))
    driver.advance(hours=1)
    assert [dead.reason for dead in driver.dead_letters] == ["timer failed"]
    assert counted(driver) == [("good", 1)]


def test_a_waiting_record_whose_leg_is_gone_is_a_dead_letter() -> None:
    before = Driver(ORDER_FEED, WAITING)
    before.send(topics.ORDER_THREADS, waiting("bigcommerce:1"))
    after = Driver(ORDER_FEED, COUNT)
    after._changelog.update(before._changelog)
    after.restart()
    after.advance(hours=1)
    assert [dead.reason for dead in after.dead_letters] == ["its leg is gone"]
    assert after.parked == 0


def test_a_record_too_large_to_be_kept_is_not_parked() -> None:
    driver = Driver(ORDER_FEED, WAITING)
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", subject="x" * 1_000_000))
    assert [dead.reason for dead in driver.dead_letters] == ["too large to park"]


def test_a_state_that_raised_half_way_is_as_before() -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"), event("a", "raise"))
    driver.advance(minutes=2)
    assert counted(driver) == [("a", 1)]


def test_a_record_waits_for_its_row_and_goes_on_in_arrival_order() -> None:
    driver = Driver(ORDER_FEED, WAITING)
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "open"), waiting("bigcommerce:2"))
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "resolved"))
    driver.restart()
    assert driver.parked == 3
    driver.send(topics.BIGCOMMERCE_ORDERS, shop_order("bigcommerce:1"))
    statuses = [case.thread.status for case in driver.out(topics.CUSTOMER_CASES)]
    assert statuses == ["open", "resolved"]
    assert driver.parked == 1


def test_what_a_waiting_record_asks_for_is_asked_once() -> None:
    driver = Driver(ORDER_FEED, WAITING)
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1"), waiting("bigcommerce:1", "closed"))
    assert [c.operation for c in driver.out(topics.BRAZE_COMMANDS)] == ["refresh_profile"]


def test_a_record_that_waited_too_long_is_a_dead_letter() -> None:
    driver = Driver(ORDER_FEED, WAITING)
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1"))
    driver.advance(minutes=29)
    assert driver.dead_letters == []
    driver.advance(minutes=1)
    assert [dead.reason for dead in driver.dead_letters] == ["no row of orders in time"]
    assert driver.parked == 0


def test_a_record_whose_first_row_came_waits_on_for_the_second() -> None:
    driver = Driver(ORDER_FEED, TWO_WAITS)
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "open", partner_id="P1"))
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "closed", partner_id="P1"))
    driver.row(ORDERS, order("bigcommerce:1"))
    assert driver.parked == 2
    driver.restart()
    driver.row(PARTNERS, partner("P1"))
    assert [c.thread.status for c in driver.out(topics.CUSTOMER_CASES)] == ["open", "closed"]
    assert driver.parked == 0


def test_a_record_behind_one_that_expired_gets_its_turn() -> None:
    driver = Driver(ORDER_FEED, TWO_WAITS)
    driver.row(ORDERS, order("bigcommerce:1"))
    driver.row(PARTNERS, partner("P2"))
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "open", partner_id="P1"))
    driver.advance(minutes=10)
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "closed", partner_id="P2"))
    assert driver.out(topics.CUSTOMER_CASES) == []
    driver.advance(minutes=21)
    assert [c.thread.status for c in driver.out(topics.CUSTOMER_CASES)] == ["closed"]
    assert len(driver.dead_letters) == 1


def reference_row_only(driver: Driver, row: r.Partner) -> None:
    """The full copy has the row, but nobody told the task: it came in an aborted round, or before an assignment."""
    raw = driver._codec.of(PARTNERS.changelog).encode(row)
    assert driver._references[PARTNERS].apply(row.partner_id, raw)


def test_a_row_that_came_while_its_record_was_not_here_releases_it_after_the_restart() -> None:
    driver = Driver(ORDER_FEED, TWO_WAITS)
    driver.row(ORDERS, order("bigcommerce:1"))
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "open", partner_id="P1"))
    reference_row_only(driver, partner("P1"))
    driver.restart()
    driver.advance(seconds=1)
    assert [c.thread.status for c in driver.out(topics.CUSTOMER_CASES)] == ["open"]
    assert driver.parked == 0


def test_a_release_in_an_aborted_round_happens_again() -> None:
    driver = Driver(ORDER_FEED, TWO_WAITS)
    driver.row(ORDERS, order("bigcommerce:1"))
    driver.send(topics.ORDER_THREADS, waiting("bigcommerce:1", "open", partner_id="P1"))
    reference_row_only(driver, partner("P1"))
    driver._task.row_arrived("partners", "P1", driver.now_ms)
    driver._task.abort()
    assert driver.parked == 1
    driver.advance(seconds=1)
    assert [c.thread.status for c in driver.out(topics.CUSTOMER_CASES)] == ["open"]


def test_room_to_park_is_bounded_per_key() -> None:
    driver = Driver(ORDER_FEED, WAITING)
    records = [waiting("bigcommerce:1") for _ in range(Limits().parked_per_key_max + 3)]
    driver.send(topics.ORDER_THREADS, *records)
    assert driver.parked == Limits().parked_per_key_max
    assert [dead.reason for dead in driver.dead_letters] == ["no room to park"] * 3


def test_two_legs_of_one_name_are_refused() -> None:
    with pytest.raises(PlanError, match="rename one"):
        plan([COPY, COPY])


def test_two_topics_of_one_record_in_a_leg_are_refused() -> None:
    leg = map_leg(
        name="both",
        reads=topics.BRAZE_ENGAGEMENT,
        emits=lambda _event: iter(()),
        writes=(topics.BRAZE_RECEIPTS, topics.BIGCOMMERCE_RECEIPTS),
    )
    with pytest.raises(PlanError, match="split the leg"):
        plan([flow(leg)])


# ---- aborts ---------------------------------------------------------------------------------------------------------
FLOWS = (ORDER_FEED, COUNT, WAITING)
Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["event", "thread", "order", "tick"]), st.integers(0, 3)),
    min_size=1,
    max_size=25,
)


class World:
    """A task and what was committed of it; any number of rounds may be aborted and done again."""

    def __init__(self) -> None:
        self.plan = plan(FLOWS)
        self.codec = Codec(LocalRegistry())
        self.task = Task(self.plan, 0, self.codec, References((), self.codec), Limits())
        self.outputs: list[tuple[str, str, bytes]] = []
        self.changelog: dict[tuple[str, str], bytes] = {}

    def round(self, steps: list[tuple[int, Step]]) -> None:
        for number, (what, key) in steps:
            now_ms = number * 40_000
            if what == "tick":
                self.task.tick(now_ms)
                continue
            topic, record = self._record(number, what, key)
            raw = self.codec.of(topic).encode(record)
            message = LocalMessage(topic.name, 0, number, topic.key(record).encode(), raw)
            self.task.process(topic, [message], now_ms)

    def _record(self, number: int, what: str, key: int) -> tuple[topics.Topic[r.Record], r.Record]:
        header: dict[str, Any] = {"event_id": f"e-{number}", "occurred_at": number * 40_000}
        if what == "event":
            return topics.BRAZE_ENGAGEMENT, event(f"u{key}", **header)  # type: ignore[return-value]
        if what == "thread":
            entry = waiting(f"bigcommerce:{key}")
            record = r.OrderThread(order_ref=entry.order_ref, thread=entry.thread, **header)
            return topics.ORDER_THREADS, record  # type: ignore[return-value]
        order = msgspec.structs.replace(shop_order(f"bigcommerce:{key}", number + 1), **header)
        return topics.BIGCOMMERCE_ORDERS, order  # type: ignore[return-value]

    def commit(self) -> None:
        drained = self.task.drain()
        self.task.commit()
        self.committed(*drained)

    def committed(self, outbox: Outbox, changed: Mapping[str, Mapping[str, bytes | None]]) -> None:
        self.outputs += [
            (out.topic, key, value) for out in outbox.outs for key, value in out.messages()
        ]
        self.drained(changed)

    def drained(self, changed: Mapping[str, Mapping[str, bytes | None]]) -> None:
        for store, rows in changed.items():
            for key, value in rows.items():
                self.changelog.pop((store, key), None)
                if value is not None:
                    self.changelog[store, key] = value

    def rows(self) -> list[tuple[str, str, bytes]]:
        """The changelogs; parked records by their order, as their keys only number them."""
        named = {(store, "" if store == "state.parked" else key) for store, key in self.changelog}
        parked = [
            ("state.parked", "", v)
            for (s, _), v in sorted(self.changelog.items())
            if s == "state.parked"
        ]
        return parked + [(s, k, self.changelog[s, k]) for s, k in sorted(named) if k]

    def restart(self) -> None:
        self.task = Task(self.plan, 0, self.codec, References((), self.codec), Limits())
        for (store, key), value in self.changelog.items():
            self.task.state.stores[store].restore(key, value)
        self.task.restored()


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(0, 2**32))
def test_aborted_rounds_and_restarts_leave_no_trace(steps: list[Step], seed: int) -> None:
    calm, rough = World(), World()
    play(calm, rough, steps, random.Random(seed))
    assert rough.outputs == calm.outputs
    assert rough.rows() == calm.rows()


def play(calm: World, rough: World, steps: list[Step], rng: random.Random) -> None:
    """The same steps in both; in the rough one rounds are aborted and done again, and it restarts."""
    numbered = list(enumerate(steps, 1))
    for start in range(0, len(numbered), 3):
        part = numbered[start : start + 3]
        calm.round(part)
        calm.commit()
        for _ in range(rng.randrange(3)):
            rough.round(part[: rng.randrange(len(part) + 1)])
            if rng.random() < 0.5:
                rough.task.drain()
            rough.task.abort()
        if rng.random() < 0.3:
            rough.restart()
        rough.round(part)
        rough.commit()


@settings(max_examples=100, deadline=None)
@given(STEPS, st.integers(0, 2**32))
def test_what_is_done_beside_a_commit_belongs_to_the_next(steps: list[Step], seed: int) -> None:
    calm, rough = World(), World()
    play_beside(calm, rough, steps, random.Random(seed))
    assert rough.outputs == calm.outputs
    assert rough.rows() == calm.rows()


def play_beside(calm: World, rough: World, steps: list[Step], rng: random.Random) -> None:
    """The same steps in both; in the rough one each commit takes until some of the next round is done, or fails."""
    numbered = list(enumerate(steps, 1))
    parts = [numbered[start : start + 3] for start in range(0, len(numbered), 3)]
    ahead = 0  # how much of the part is done already
    for part, following in zip(parts, [*parts[1:], []], strict=True):
        calm.round(part)
        calm.commit()
        rough.round(part[ahead:])
        while True:
            drained = rough.task.drain()
            rough.task.seal()
            ahead = rng.randrange(len(following) + 1)
            rough.round(following[:ahead])
            if rng.random() < 0.7:
                break
            rough.task.abort()  # neither the sealed nor what was done beside it
            rough.round(part)
        rough.task.commit()
        rough.committed(*drained)
        if rng.random() < 0.3:
            rough.task.abort()  # only what was done beside it
            ahead = 0


def test_what_waited_is_processed_by_the_wall_clock_before_the_partition_has_a_time() -> None:
    """A partition that was just assigned has read nothing: its time is 0, and so would be that of its outputs."""
    world = World()
    world.round([(1, ("thread", 0))])
    world.commit()
    row = msgspec.structs.replace(order("bigcommerce:0"), event_id="o", occurred_at=1)
    world.changelog["table.orders", row.order_ref] = world.codec.of(ORDERS.changelog).encode(row)
    world.restart()
    assert (world.task.parked, world.task.next_due_ms()) == (1, 0)
    wall_ms = 1_767_225_600_000
    world.task.tick(0, wall_ms)
    assert world.task.parked == 0
    outbox, _ = world.task.drain()
    written = [(out.topic, raw) for out in outbox.outs for _, raw in out.messages()]
    assert written
    for topic, raw in written:
        record = world.codec.of(topics.BY_NAME[topic]).decode(raw)
        assert record.produced_at == wall_ms


def test_rounds_that_are_aborted_again_and_again_leave_no_timers_behind() -> None:
    world = World()
    part = [(number, ("event", number % 4)) for number in range(1, 9)]
    sizes = set()
    for _ in range(5):
        world.round(part)
        world.task.drain()
        world.task.abort()
        sizes.add(sum(len(timers._heap) for timers in world.task.state.timers.values()))
    assert sizes == {0}
    world.round(part)
    world.commit()
    assert world.task.next_due_ms() is not None
