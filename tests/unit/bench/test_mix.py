"""The mixed load: all source topics in their shares, everything refers to what exists, and every flow has work."""

from collections import Counter
from typing import Any

from bench import mix
from bench.flows import flows
from gridwire import records as r
from gridwire import topics
from gridwire.topics import BY_NAME, Topic
from streams.driver import START_MS, Driver
from streams.engine.plan import plan
from streams.feeds import FEEDS
from streams.flows import FLOWS

COUNT = 4_000
Made = tuple[Topic[Any], r.Record]
OF_AN_ORDER = (
    r.BigCommerceOrderMessage,
    r.BigCommerceTransaction,
    r.BrazeFeedback,
    r.BrazeSchedule,
)


def made(count: int = COUNT) -> list[Made]:
    return list(mix.records(count, START_MS))


def test_every_source_topic_that_a_flow_reads_has_a_share() -> None:
    read = {name for name in plan((*FEEDS, *FLOWS)).by_topic if BY_NAME[name].kind == "source"}
    assert read == set(mix.TOPICS), "add the topic to SHARES of bench/mix.py"


def test_the_shares_are_kept() -> None:
    assert sum(share.percent for share in mix.SHARES) == 100
    counted = Counter(topic.name for topic, _ in made())
    for share in mix.SHARES:
        assert abs(counted[share.topic] / COUNT - share.percent / 100) < 0.02


def test_the_same_name_gives_the_same_mix_and_ids_are_unique() -> None:
    assert made(500) == made(500)
    assert len({record.event_id for _, record in made()}) == COUNT


def test_everything_concerns_orders_that_exist() -> None:
    known: set[str] = set()
    for _, record in made():
        if isinstance(record, r.BigCommerceOrder):
            known.add(record.order_ref)
        elif isinstance(record, OF_AN_ORDER):
            assert record.order_ref in known
        elif isinstance(record, (r.Thread, r.Document)):
            assert {one.id for one in record.related} <= known
    assert len(known) > 50


def test_a_newer_record_of_an_order_or_a_thread_has_a_higher_version() -> None:
    latest: dict[str, int] = {}
    for topic, record in made():
        if topic in (topics.BIGCOMMERCE_ORDERS, topics.TRADING_GRID_THREADS):
            key = topic.key(record)
            assert record.version > latest.get(key, 0)
            latest[key] = record.version


def test_no_flow_dead_letters_any_of_it_and_all_have_work() -> None:
    driver = Driver(*flows("all"))
    for topic, record in made(1_000):
        driver.send(topic, record)
    assert not driver.dead_letters
    busy = {flow for (flow, _, what, _), count in driver.counts.items() if what == "in" and count}
    assert busy == {flow.id for flow in (*FEEDS, *FLOWS)}
