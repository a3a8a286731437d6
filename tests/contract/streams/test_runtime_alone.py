"""What only a real worker on a real Kafka can show: groups of workers, full copies, brokers that take less."""

import random

import pytest
from prometheus_client import REGISTRY

from tests.contract.streams import flows as f
from tests.contract.streams import wide as w
from tests.contract.streams.by_runtime import Runtime, RuntimeWorld
from tests.contract.streams.world import Raw, of
from tests.unit.streams.engine.flows import event, partner, shop_order
from tests.waiting import until

pytestmark = pytest.mark.kafka


@pytest.fixture
def alone(runtime: Runtime) -> RuntimeWorld:
    return RuntimeWorld(runtime, restarts=False)


def test_a_row_of_a_full_copy_that_cannot_be_read_leaves_the_older_one_and_its_neighbours(
    alone: RuntimeWorld, runtime: Runtime
) -> None:
    p, other, sku = alone.name("p"), alone.name("other"), alone.name("sku")
    alone.row(f.PARTNERS, partner(p, sku))
    spoilt = [
        Raw(b"\x00\x00\x00\x00\x01cut short", p),
        Raw(b"no frame", p),
        Raw(b"\x00\x7f\xff\xff\xffof an unknown schema", p),
        Raw(alone.encoded(f.PARTNER_ROWS, partner(p)), b"\xff\xfe"),
        Raw(alone.encoded(f.PARTNER_ROWS, partner(p)), b""),
    ]
    runtime.produce(f.PARTNER_ROWS.name, spoilt)
    alone.row(f.PARTNERS, partner(other, sku + "2"))
    for _ in range(2):
        alone.send(w.ROWS_IN, event(alone.name("a"), sku), event(alone.name("b"), sku + "2"))
        alone.restart()
    found = {one.user_id: one.partner_id for one in alone.out(w.ROWS_OUT)}
    assert found == {alone.name("a"): p, alone.name("b"): other}


def test_an_output_that_the_broker_refuses_costs_its_record_alone(
    alone: RuntimeWorld, runtime: Runtime
) -> None:
    """A worker does not start on a topic that takes less than we write; this one was changed under way."""
    users = [alone.name(f"u{n}") for n in range(20)]
    records = [event(user) for user in users]
    ballast = random.Random(13).randbytes(60_000).hex()  # compresses to half of it at best
    records[13] = event(users[13], properties={"ballast": ballast})
    with runtime.limited(f.SMALL_OUT.name, 20_000):
        alone.send(f.SMALL_IN, *records)
    found = alone.out(f.SMALL_OUT)
    assert sorted(one.user_id for one in found) == sorted(users[:13] + users[14:])
    (letter,) = alone.dead()
    assert (letter.key, letter.reason) == (users[13].encode(), "round aborted for it")


def test_a_timers_output_that_the_broker_refuses_holds_the_worker_up_until_the_topic_is_mended(
    alone: RuntimeWorld, runtime: Runtime
) -> None:
    """No record is at fault, so none is given up, and nothing is lost."""
    a, b = alone.name("a"), alone.name("b")
    name = random.Random(31).randbytes(60_000).hex()
    alone.send(f.FOLD_IN, event(a, "set", campaign_id=name), event(b, "set"))

    def aborts() -> float:
        found = [one for family in REGISTRY.collect() for one in family.samples]
        return sum(one.value for one in found if one.name == "gridwire_aborts_total")

    before = aborts()
    with runtime.limited(f.FOLD_OUT.name, 20_000):
        runtime.clock.now_ms += f.MINUTE_MS
        until(lambda: aborts() >= before + 5, "rounds are aborted again and again")
        assert alone.out(f.FOLD_OUT) == []
    runtime.settle()
    assert sorted(one.user_id for one in alone.out(f.FOLD_OUT)) == [a, b]
    assert alone.dead() == []


def test_another_group_of_workers_keeps_tables_of_its_own_and_writes_no_shared_stream(
    alone: RuntimeWorld, runtime: Runtime
) -> None:
    a, b = alone.name("a"), alone.name("b")
    alone.send(f.SHOP_ORDERS, shop_order(a, customer="c1"))
    alone.send(f.JOIN_IN, event(a, order_ref=a))
    with runtime.another_group("contract-other", (f.JOINS.id,)) as other:
        alone.send(f.SHOP_ORDERS, shop_order(b, customer="c2"))
        alone.send(f.JOIN_IN, event(b, order_ref=b))
        for topic, partition, offset in alone.places:
            if topic in other.plan.by_topic:
                other.expect(topic, [(partition, offset)])
        other.settle()
        found = [one for one in alone.out(f.JOIN_OUT) if one.product_line == "wait"]
        for user, customer in ((a, "c1"), (b, "c2")):
            mine = of(found, f.JOIN_OUT, user)
            assert [one.canvas_id for one in mine] == [f"{customer},None"] * 2
            assert len({one.event_id for one in mine}) == 1
        assert alone.out(f.SHARED_OUT) == []  # neither group is the default one
        assert set(alone.table(f.ORDERS)) == {a, b}
        assert set(alone.table(f.ORDERS, other.group)) == {a, b}
