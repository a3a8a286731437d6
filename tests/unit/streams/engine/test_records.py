"""What becomes of a record: emitted, kept, filtered, dead-lettered; and that the numbers add up."""

from collections import Counter

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.engine.settle import Limits
from streams.tables import ORDERS, PARTNERS
from tests.unit.streams.engine.flows import (
    BATCHED,
    COMMANDING,
    COPY,
    COUNT,
    DROPPING,
    ORDER_FEED,
    event,
    order,
    partner,
    shop_order,
    thread,
)


def ends(driver: Driver, leg: str) -> Counter[str]:
    """How many records of a leg ended how."""
    found: Counter[str] = Counter()
    for (_, name, what, _), count in driver.counts.items():
        if name == leg:
            found[what] += count
    return found


def adds_up(driver: Driver, leg: str) -> bool:
    found = ends(driver, leg)
    return found["in"] == sum(found[w] for w in ("processed", "kept", "filtered", "parked", "dead"))


def test_a_record_that_raises_is_dead_lettered_and_its_neighbours_go_on() -> None:
    driver = Driver(COPY)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"), event("b", "raise"), event("c"))
    assert [e.user_id for e in driver.out(topics.ENRICHED_ENGAGEMENT)] == ["a", "c"]
    [dead] = driver.dead_letters
    assert (dead.flow, dead.leg, dead.reason, dead.error) == (
        "test.flow",
        "copy",
        "flow raised",
        "RuntimeError",
    )
    assert adds_up(driver, "copy")


def test_a_dead_letter_says_nothing_of_the_exceptions_text() -> None:
    driver = Driver(COPY)
    driver.send(topics.BRAZE_ENGAGEMENT, event("secret-user", "raise"))
    [dead] = driver.dead_letters
    assert "secret-user" not in dead.reason + dead.error + dead.flow + dead.leg


def test_what_a_timer_leaves_out_counts_as_no_record() -> None:
    driver = Driver(COUNT)
    driver.send(topics.BRAZE_ENGAGEMENT, event("quiet"))
    driver.advance(minutes=1)
    assert ends(driver, "count")["timer filtered"] == 1
    assert driver.filtered == Counter({("test.flow", "count", "nobody listens"): 1})
    assert adds_up(driver, "count")


def test_outputs_before_an_exception_are_not_written() -> None:
    driver = Driver(COPY)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a", "half"))
    assert driver.out(topics.ENRICHED_ENGAGEMENT) == []
    assert len(driver.dead_letters) == 1


def test_an_output_that_the_broker_would_refuse_is_a_dead_letter_of_its_cause() -> None:
    driver = Driver(COPY)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a", "huge"), event("b"))
    assert [e.user_id for e in driver.out(topics.ENRICHED_ENGAGEMENT)] == ["b"]
    assert driver.dead_letters[0].reason == "output too large"


def test_filtered_and_silent_records_are_counted_with_their_reason() -> None:
    driver = Driver(COPY)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a", kind="email_open"), event("b", "silent"))
    assert driver.filtered == Counter(
        {("test.flow", "copy", "an open"): 1, ("test.flow", "copy", "nothing to do"): 1}
    )
    assert adds_up(driver, "copy")


def test_bytes_that_are_no_record_are_dead_letters_with_the_reason() -> None:
    driver = Driver(COPY)
    driver.send_raw(
        topics.BRAZE_ENGAGEMENT,
        ("a", b"\x01\x00\x00\x00\x01rest"),
        ("b", b"\x00\x00"),
        ("c", b"\x00\x00\x00\x27\x0frest"),
        ("d", b"\x00\x00\x00\x00\x01"),
        ("e", None),
    )
    assert [dead.reason for dead in driver.dead_letters] == [
        "wrong magic byte",
        "truncated",
        "unknown schema id",
        "unknown schema id",
        "empty value",
    ]


def test_a_record_cut_short_is_a_dead_letter() -> None:
    driver = Driver(COPY)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a"))
    whole = driver._codec.of(topics.BRAZE_ENGAGEMENT).encode(event("b"))
    driver.send_raw(topics.BRAZE_ENGAGEMENT, ("b", whole[:20]))
    assert driver.dead_letters[0].reason in ("truncated", "not readable as its topic's record")
    assert len(driver.out(topics.ENRICHED_ENGAGEMENT)) == 1


def test_an_event_that_comes_twice_counts_once_even_after_a_restart() -> None:
    driver = Driver(COPY)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a", event_id="e-1"), event("a", event_id="e-1"))
    driver.restart()
    driver.send(topics.BRAZE_ENGAGEMENT, event("a", event_id="e-1"), event("a", event_id="e-2"))
    assert len(driver.out(topics.ENRICHED_ENGAGEMENT)) == 2


def test_ids_are_remembered_up_to_the_bound_and_forgotten_oldest_first() -> None:
    driver = Driver(COPY, limits=Limits(seen_ids_max=3))
    for number in range(6):
        driver.send(topics.BRAZE_ENGAGEMENT, event("a", event_id=f"e-{number}"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("a", event_id="e-5"))
    driver.send(topics.BRAZE_ENGAGEMENT, event("a", event_id="e-0"))
    assert len(driver.out(topics.ENRICHED_ENGAGEMENT)) == 7


def test_the_same_cause_gives_the_same_ids() -> None:
    outs = []
    for _ in range(2):
        driver = Driver(COPY)
        driver.send(topics.BRAZE_ENGAGEMENT, event("a", event_id="e-1"), event("a", event_id="e-2"))
        outs.append([o.event_id for o in driver.out(topics.ENRICHED_ENGAGEMENT)])
    assert outs[0] == outs[1]
    assert len(set(outs[0])) == 2


def test_outputs_carry_trace_and_cause() -> None:
    driver = Driver(COPY)
    driver.send(topics.BRAZE_ENGAGEMENT, event("a", event_id="e-1", trace_id="t" * 32))
    [out] = driver.out(topics.ENRICHED_ENGAGEMENT)
    assert (out.causation_id, out.trace_id, out.source) == ("e-1", "t" * 32, "test.flow/copy")


def test_a_batch_that_raises_is_halved_down_to_the_record_at_fault() -> None:
    driver = Driver(BATCHED)
    driver.row(PARTNERS, partner("P1", "S1"))
    events = [event(f"u{n}", "raise" if n == 11 else "S1") for n in range(17)]
    driver.send(topics.BRAZE_ENGAGEMENT, *events)
    users = [e.user_id for e in driver.out(topics.ENRICHED_ENGAGEMENT)]
    assert users == [f"u{n}" for n in range(17) if n != 11]
    assert {e.partner_id for e in driver.out(topics.ENRICHED_ENGAGEMENT)} == {"P1"}
    assert len(driver.dead_letters) == 1
    assert adds_up(driver, "batch")


def test_a_missing_row_that_is_not_waited_for_filters_with_its_reason() -> None:
    driver = Driver(DROPPING)
    driver.send(topics.ORDER_THREADS, r.OrderThread(order_ref="bigcommerce:1", thread=thread()))
    assert driver.filtered == Counter({("test.flow", "drop", "unknown order"): 1})


def test_events_before_go_live_fill_tables() -> None:
    limits = Limits(go_live_ms=Driver(ORDER_FEED).now_ms + 1)
    driver = Driver(ORDER_FEED, limits=limits)
    driver.send(topics.BIGCOMMERCE_ORDERS, shop_order("bigcommerce:1"))
    assert list(driver.table(ORDERS)) == ["bigcommerce:1"]


def test_a_leg_that_only_commands_neither_acts_on_nor_remembers_events_before_go_live() -> None:
    driver = Driver(COMMANDING, limits=Limits(go_live_ms=2_000))
    driver.send(topics.BRAZE_ENGAGEMENT, event("a", occurred_at=1_999))
    assert driver.out(topics.BRAZE_COMMANDS) == []
    assert driver.filtered == Counter({("test.flow", "command", "before go-live"): 1})
    driver.send(topics.BRAZE_ENGAGEMENT, event("a", occurred_at=2_000))
    assert len(driver.out(topics.BRAZE_COMMANDS)) == 1
    assert adds_up(driver, "command")


def test_an_older_version_never_overwrites_a_newer_row() -> None:
    driver = Driver(ORDER_FEED)
    driver.send(topics.BIGCOMMERCE_ORDERS, shop_order("bigcommerce:1", 5, "new"))
    driver.send(topics.BIGCOMMERCE_ORDERS, shop_order("bigcommerce:1", 4, "old"))
    assert driver.table(ORDERS)["bigcommerce:1"].customer_ref == "new"
    assert driver.filtered == Counter({("feed.orders", "orders", "older version"): 1})


def test_an_older_reference_row_never_overwrites_a_newer_one() -> None:
    driver = Driver(BATCHED)
    driver.row(PARTNERS, partner("P1", "S1", version=2))
    driver.row(PARTNERS, partner("P1", "S9", version=1))
    assert driver.table(PARTNERS)["P1"].skus == ("S1",)


def test_an_index_follows_its_rows() -> None:
    driver = Driver(BATCHED)
    driver.row(PARTNERS, partner("P1", "S1", version=1))
    driver.row(PARTNERS, partner("P1", "S2", version=2))
    driver.send(topics.BRAZE_ENGAGEMENT, event("a", "S1"), event("b", "S2"))
    assert [e.partner_id for e in driver.out(topics.ENRICHED_ENGAGEMENT)] == [None, "P1"]


def test_every_leg_adds_up_when_a_fold_keeps_forgets_and_raises() -> None:
    driver = Driver(COUNT)
    driver.row(ORDERS, order("x")) if ORDERS.name in driver._task.state.tables else None
    for sku in ("S1", "raise", "forget", "cancel", "S1"):
        driver.send(topics.BRAZE_ENGAGEMENT, event("a", sku))
    assert adds_up(driver, "count")
    assert ends(driver, "count")["dead"] == 1
