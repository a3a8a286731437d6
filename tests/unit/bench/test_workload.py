"""The work is the same every time, complete, and nothing happens to it on the way."""

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import workload
from bench.flows import NAMES, flows, renamed
from bench.peers import wire
from bench.workload import HOUR_MS, QUIET_MS, Crowd, quiet_start_ms
from gridwire import topics
from gridwire.codec import Codec
from streams.driver import START_MS, Driver, LocalRegistry
from streams.tables import PARTNERS

EVENTS = 400


@given(st.integers(0, 1 << 42))
def test_no_window_closes_while_we_measure(now_ms: int) -> None:
    start_ms = quiet_start_ms(now_ms)
    assert now_ms <= start_ms <= now_ms + QUIET_MS
    assert HOUR_MS - start_ms % HOUR_MS > QUIET_MS


def test_the_same_seed_gives_the_same_work_and_another_name_other_ids() -> None:
    first, again = (list(workload.events(EVENTS, START_MS)) for _ in range(2))
    other = {event.event_id for event in workload.events(EVENTS, START_MS, name="other")}
    assert first == again
    assert len({event.event_id for event in first}) == EVENTS
    assert other.isdisjoint(event.event_id for event in first)


def test_the_work_is_mixed_as_a_shop_has_it() -> None:
    events = list(workload.events(5_000, START_MS))
    assert {event.kind for event in events} == {kind.kind for kind in workload.KINDS}
    assert {event.region for event in events} == set(workload.REGIONS)
    shares = Counter(event.sku for event in events)
    assert shares[None] / 5_000 < 0.2
    assert len(shares) > 1_000
    assert shares[workload.sku(0)] > 10 * shares[workload.sku(9_000)]


def test_every_product_has_its_partner() -> None:
    products = [product.sku for product in islice(workload.products(), 50)]
    assert [partner.skus for partner in islice(workload.partners(), 50)] == [
        (sku,) for sku in products
    ]


@pytest.mark.parametrize("name", NAMES)
def test_all_flows_pass_every_event_on_once(name: str) -> None:
    driver = Driver(*flows(name))
    events = list(workload.events(EVENTS, START_MS))
    driver.send(topics.BRAZE_ENGAGEMENT, *events)
    causes = [out.causation_id for out in driver.out(topics.ENRICHED_ENGAGEMENT)]
    assert sorted(map(str, causes)) == sorted(event.event_id for event in events)
    assert not driver.dead_letters


def test_flows_find_a_share_of_the_load_in_a_topic_of_its_own() -> None:
    elsewhere = renamed(topics.BRAZE_ENGAGEMENT, "source.bench.engagement-4")
    for name in ("enrich", "columns", "whole", "whole-rows"):
        driver = Driver(*flows(name, elsewhere.name))
        driver.send(elsewhere, *workload.events(EVENTS, START_MS))
        assert len(driver.out(topics.ENRICHED_ENGAGEMENT)) == EVENTS


def test_few_users_and_products_are_few() -> None:
    crowd = Crowd(users=3, products=5)
    events = list(workload.events(EVENTS, START_MS, crowd=crowd))
    assert {event.user_id for event in events} == {workload.user_id(n) for n in range(3)}
    assert {event.sku for event in events} <= {None, *map(workload.sku, range(5))}


@pytest.mark.parametrize("name", ["enrich", "columns"])
def test_a_peer_makes_of_an_event_what_the_flow_makes_of_it(name: str) -> None:
    partners = list(islice(workload.partners(), 100))
    by_sku = {sku: {"partner_id": one.partner_id} for one in partners for sku in one.skus}
    driver = Driver(*flows(name))
    for partner in partners:
        driver.row(PARTNERS, partner)
    codec = Codec(LocalRegistry()).of(topics.BRAZE_ENGAGEMENT)
    events = list(workload.events(EVENTS, START_MS))
    driver.send(topics.BRAZE_ENGAGEMENT, *events)
    ours = driver.out(topics.ENRICHED_ENGAGEMENT)
    stamped = {"event_id", "produced_at", "source"}
    for event, out in zip(events, ours, strict=True):
        read = wire.decode(wire.ENGAGEMENT, codec.encode(event))
        theirs = wire.enriched(read, by_sku.get(read["sku"]))
        assert {name: value for name, value in theirs.items() if name not in stamped} == {
            name: getattr(out, name) for name in out.__struct_fields__ if name not in stamped
        }
