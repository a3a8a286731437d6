"""Duplicates, replays and other orders across keys change nothing: the same outputs with the same ids."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gridwire import records as r
from gridwire import topics
from gridwire.topics import Topic
from streams.driver import START_MS
from tests.unit.streams.flows.histories import Sent, driven, happenings
from tests.unit.streams.making import (
    MINUTE_MS,
    SKU,
    event,
)

COMMANDS: tuple[Topic[Any], ...] = (
    topics.BRAZE_COMMANDS,
    topics.BIGCOMMERCE_COMMANDS,
    topics.TRADING_GRID_COMMANDS,
)


def outcome(sent: Sequence[Sent], *, restarts: bool = False) -> dict[str, list[r.Record]]:
    """All commands by lane after everything was sent and three days have passed."""
    driver = driven()
    for topic, record in sent:
        driver.send(topic, record)
        if restarts:
            driver.restart()
    driver.advance(hours=5 * 24)
    found: dict[str, list[r.Record]] = defaultdict(list)
    for topic in COMMANDS:
        for command in driver.out(topic):
            found[f"{topic.name} {command.lane}"].append(command)
    assert not [dead for dead in driver.dead if "no row" not in dead[2]]
    return found


@settings(deadline=None, max_examples=40)
@given(happenings(1))
def test_a_replay_writes_the_same_commands_with_the_same_ids(sent: list[Sent]) -> None:
    assert outcome(sent) == outcome(sent)
    assert outcome(sent, restarts=True) == outcome(sent)


@settings(deadline=None, max_examples=40)
@given(happenings(1), st.data())
def test_redelivered_events_change_nothing(sent: list[Sent], data: st.DataObject) -> None:
    with_duplicates = list(sent)
    for _ in range(data.draw(st.integers(1, 4))):
        original = data.draw(st.integers(0, len(sent) - 1))
        first = with_duplicates.index(sent[original])
        place = data.draw(st.integers(first + 1, len(with_duplicates)))
        with_duplicates.insert(place, sent[original])
    assert outcome(with_duplicates) == outcome(sent)


@settings(deadline=None, max_examples=40)
@given(happenings(1), happenings(2), st.data())
def test_the_order_across_keys_does_not_matter(
    one: list[Sent], other: list[Sent], data: st.DataObject
) -> None:
    mixed: list[Sent] = []
    left, right = list(one), list(other)
    while left or right:
        take_left = bool(left) and (not right or data.draw(st.booleans()))
        mixed.append((left if take_left else right).pop(0))
    assert outcome(mixed) == outcome([*one, *other])


@settings(deadline=None, max_examples=40)
@given(happenings(1))
def test_no_command_is_written_twice(sent: list[Sent]) -> None:
    ids = [command.event_id for lane in outcome(sent).values() for command in lane]
    assert len(ids) == len(set(ids))


# ---- engagement: batches differ between runs, so contents are compared, not ids ------------------------
@st.composite
def engagement(draw: st.DrawFn, number: int) -> list[r.Engagement]:
    """What one user does, in order."""
    kinds: tuple[r.EngagementKind, ...] = ("product_view", "cart_update", "purchase", "email_click")
    return [
        event(
            draw(st.sampled_from(kinds)),
            user=f"user-{number}",
            sku=draw(st.sampled_from([SKU, "SKU-2"])),
            occurred_at=START_MS + draw(st.integers(0, 119)) * MINUTE_MS,
            event_id=f"{number}/{step}",
        )
        for step in range(draw(st.integers(0, 5)))
    ]


def closed(batches: Sequence[Sequence[r.Engagement]]) -> set[bytes]:
    """What the windows hold in the end, ids and numbering aside.

    The clock stands while batches are sent: their partition's time waits for the last of them, as it does in a worker
    that reads them one after another. (Where it does not wait, a cart may be abandoned between two of them.)
    """
    driver = driven()
    for batch in batches:
        driver.send(topics.BRAZE_ENGAGEMENT, *batch)
    driver.advance(hours=9)
    last = {
        (one.partner_id, one.region, one.sku, one.window_start): (
            sorted(one.counts.items()),
            one.units,
            one.abandoned_carts,
            one.group_large_enough,
        )
        for one in driver.out(topics.ENGAGEMENT_WINDOWS)
    }
    return {msgspec.json.encode(item) for item in last.items()}


@settings(deadline=None, max_examples=40)
@given(engagement(1), engagement(2), engagement(3), st.integers(1, 6))
def test_windows_hold_the_same_however_events_are_batched_and_mixed_across_users(
    one: list[r.Engagement], two: list[r.Engagement], three: list[r.Engagement], size: int
) -> None:
    together = [*one, *two, *three]
    mixed = [*three, *one, *two]
    batches = [mixed[at : at + size] for at in range(0, len(mixed), size)]
    assert closed(batches) == closed([together])
    assert closed([*batches, together]) == closed([together])
