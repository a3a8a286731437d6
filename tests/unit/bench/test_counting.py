"""Ids in, ids out: what is lost, doubled or foreign is found, however much of it there is."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import workload
from bench.counting import Tally, cause_id, tally, wrong
from bench.flows import flows
from gridwire.codec import Codec, TopicCodec
from gridwire.records import EnrichedEngagement
from gridwire.topics import BRAZE_ENGAGEMENT, ENRICHED_ENGAGEMENT
from streams.driver import START_MS, Driver, LocalRegistry
from streams.tables import PARTNERS

IDS = st.sets(st.text(min_size=1, max_size=5), min_size=1)


@given(IDS, st.randoms())
def test_each_id_once_in_any_order_is_right(ids: set[str], chance: Random) -> None:
    came_out = sorted(ids)
    chance.shuffle(came_out)
    found = tally(ids, came_out)
    assert found == Tally(right=len(ids), missing=0, doubled=0, foreign=0)
    assert found.faults == ()


@given(IDS, st.data())
def test_what_is_missing_doubled_and_foreign_is_counted_apart(
    ids: set[str], data: st.DataObject
) -> None:
    ordered = sorted(ids)
    copies = data.draw(st.lists(st.integers(0, 3), min_size=len(ids), max_size=len(ids)))
    foreign = data.draw(st.integers(0, 3))
    came_out: list[str | None] = [
        event_id for event_id, n in zip(ordered, copies, strict=True) for _ in range(n)
    ]
    came_out += ["not among the inputs"] * foreign
    found = tally(ids, came_out)
    assert found.missing == copies.count(0)
    assert found.right == len(ids) - found.missing
    assert found.doubled == sum(n - 1 for n in copies if n)
    assert found.foreign == foreign
    assert found.right + found.doubled + found.foreign == len(came_out)


def test_an_output_without_a_cause_is_foreign() -> None:
    assert tally({"a"}, ["a", None]).faults == ("1 foreign",)


def test_faults_are_said_in_words() -> None:
    assert tally({"a", "b"}, ["a", "a", "c"]).faults == ("1 missing", "1 doubled", "1 foreign")


@pytest.mark.parametrize("cause", ["the event", None])
def test_the_cause_of_a_record_is_read_from_its_header_alone(
    cause: str | None, output: Callable[[str | None], bytes]
) -> None:
    assert cause_id(output(cause)) == cause


def _enriched(*, with_partners: bool) -> tuple[list[workload.Encoded], list[bytes]]:
    driver = Driver(*flows("enrich"))
    if with_partners:
        for partner in workload.partners(10):
            driver.row(PARTNERS, partner)
    crowd = workload.Crowd(products=10)
    events = list(workload.events(50, START_MS, crowd=crowd))
    driver.send(BRAZE_ENGAGEMENT, *events)
    codec = Codec(LocalRegistry())
    came_out = [codec.of(ENRICHED_ENGAGEMENT).encode(r) for r in driver.out(ENRICHED_ENGAGEMENT)]
    return list(workload.as_encoded(codec, BRAZE_ENGAGEMENT, events)), came_out


def test_outputs_that_say_what_their_events_and_partners_say_are_right() -> None:
    assert wrong(*_enriched(with_partners=True)) == ()


def test_who_joins_wrongly_is_found_out() -> None:
    events, came_out = _enriched(with_partners=False)
    bad = sum(event.sku is not None for event in workload.events(50, START_MS))
    assert wrong(events, came_out) == (f"{bad} of 50 outputs are not right",)


@pytest.fixture
def output() -> Callable[[str | None], bytes]:
    """Encodes an output with a cause."""
    codec = TopicCodec(ENRICHED_ENGAGEMENT, LocalRegistry())

    def encoded(cause: str | None) -> bytes:
        record = EnrichedEngagement(
            event_id="the output",
            source="flow/leg",
            trace_id="0" * 32,
            causation_id=cause,
            user_id="u",
            kind="email_open",
            quantity=1,
        )
        return codec.encode(record)

    return encoded
