"""Rounds that are aborted, done again, sealed and restarted leave no trace."""

import random
from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gridwire import records as r
from gridwire import topics
from gridwire.codec import Codec
from streams.driver import LocalRegistry
from streams.engine.message import LocalMessage
from streams.engine.outbox import Outbox
from streams.engine.plan import plan
from streams.engine.references import References
from streams.engine.settle import Limits
from streams.engine.task import Task
from streams.tables import ORDERS
from tests.unit.streams.engine.flows import (
    COUNT,
    ORDER_FEED,
    WAITING,
    event,
    order,
    shop_order,
    thread,
)

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
            ref = f"bigcommerce:{key}"
            record = r.OrderThread(order_ref=ref, thread=thread("open"), **header)
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
