"""All flows at once, on all that may come in: redeliveries, replays and other orders across keys change nothing."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gridwire import topics
from gridwire.records import Record
from gridwire.topics import Topic
from streams.engine.plan import plan
from streams.feeds import FEEDS
from streams.flows import FLOWS
from tests.unit.streams.flows.histories import ALL_MAKERS, Sent, driven, happenings

EXAMPLES = 12  # of five days with all flows each
Step = Sent | int  # a record, or minutes that pass
ALL = plan((*FEEDS, *FLOWS))
WRITTEN: dict[str, Topic[Any]] = {t.name: t for bound in ALL.legs for t in bound.leg.writes}
# What a batch adds to a window has an id made of the batch's offsets, and redeliveries take up offsets.
BY_OFFSET = frozenset({topics.ENGAGEMENT_PARTIALS.name})


def everything(steps: Sequence[Step], *, restarts: bool = False) -> dict[str, list[Record]]:
    """All that is written, by topic and key, and all rows of tables, five days later."""
    driver = driven()
    for step in steps:
        if isinstance(step, int):
            driver.advance(minutes=step)
        else:
            driver.send(step[0], step[1])
            driver.advance()  # a worker looks at its timers after each round: some are due as they are set
        if restarts:
            driver.restart()
    driver.advance(hours=5 * 24)
    assert not [dead for dead in driver.dead if "no row" not in dead[2]]
    found: dict[str, list[Record]] = defaultdict(list)
    for topic in WRITTEN.values():
        for one in driver.out(topic):
            found[f"{topic.name} {topic.key(one)}"].append(_comparable(topic, one))
    for table in ALL.partitioned:
        for key, row in driver.table(table).items():
            found[f"table {table.name} {key}"].append(row)
    return found


def _comparable(topic: Topic[Any], one: Record) -> Record:
    if topic.name not in BY_OFFSET:
        return one
    return msgspec.structs.replace(one, event_id="", causation_id=None)


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """What happens to two orders, skus, customers and threads, and time that passes."""
    steps: list[Step] = []
    for number in (1, 2):
        steps.extend(draw(happenings(number, everything=True)))
    places = draw(st.lists(st.integers(0, len(steps)), max_size=3))
    for place in sorted(places, reverse=True):
        steps.insert(place, draw(st.sampled_from([1, 30, 61, 24 * 60])))
    return steps


def test_a_history_may_hold_every_kind_of_event_that_a_flow_reads() -> None:
    read = {name for name, topic in ALL.topics.items() if topic.kind == "source"}
    made: set[str] = set()

    @settings(deadline=None, max_examples=50, derandomize=True, database=None)
    @given(st.data())
    def make_all(data: st.DataObject) -> None:
        made.update(
            topic.name for make in ALL_MAKERS.values() for topic, _ in [data.draw(_one(make))]
        )

    make_all()
    assert made == read, "a new source topic needs a maker in histories.py"


@st.composite
def _one(draw: st.DrawFn, make: Any) -> Sent:
    sent: Sent = make(draw, 1, 0)
    return sent


@settings(deadline=None, max_examples=EXAMPLES)
@given(histories())
def test_a_replay_and_a_worker_that_restarts_write_the_same_with_the_same_ids(
    steps: list[Step],
) -> None:
    once = everything(steps)
    assert everything(steps) == once
    assert everything(steps, restarts=True) == once


@settings(deadline=None, max_examples=EXAMPLES)
@given(histories(), st.data())
def test_redeliveries_change_nothing_wherever_they_come(
    steps: list[Step], data: st.DataObject
) -> None:
    repeated = list(steps)
    for _ in range(data.draw(st.integers(1, 4))):
        original = data.draw(st.sampled_from([step for step in steps if not isinstance(step, int)]))
        first = next(at for at, step in enumerate(repeated) if step is original)
        repeated.insert(data.draw(st.integers(first + 1, len(repeated))), original)
    assert everything(repeated) == everything(steps)


@settings(deadline=None, max_examples=EXAMPLES)
@given(histories())
def test_source_topics_written_a_second_time_from_their_beginning_change_nothing(
    steps: list[Step],
) -> None:
    again = [step for step in steps if not isinstance(step, int)]
    assert everything([*steps, *again]) == everything(steps)


@settings(deadline=None, max_examples=EXAMPLES)
@given(happenings(1, everything=True), happenings(2, everything=True), st.data())
def test_what_happens_to_one_does_not_depend_on_when_it_happens_to_the_other(
    one: list[Sent], other: list[Sent], data: st.DataObject
) -> None:
    mixed: list[Sent] = []
    left, right = list(one), list(other)
    while left or right:
        take_left = bool(left) and (not right or data.draw(st.booleans()))
        mixed.append((left if take_left else right).pop(0))
    assert everything(mixed) == everything([*one, *other])


@settings(deadline=None, max_examples=EXAMPLES)
@given(histories())
def test_nothing_is_written_under_one_id_twice(steps: list[Step]) -> None:
    for place, found in everything(steps).items():
        ids = [one.event_id for one in found]
        assert place.startswith((*BY_OFFSET, "table ")) or len(ids) == len(set(ids)), place
