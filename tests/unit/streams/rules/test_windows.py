"""Windows: what counts in which, what is late, and that the order of arrival changes nothing."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.flow import CancelTimer, Filtered, SetTimer
from streams.rules.windows import Recent, Sliding, Tumbling, Windows, counts_at, window_start

TUMBLING = Tumbling(
    size_ms=100, grace_ms=50, retain_ms=30, amend_delay_ms=10, forget_ms=1_000, open_max=3
)
SLIDING = Sliding(size_ms=100, grace_ms=50, retain_ms=30, skew_ms=20, events_max=8)
NOTHING: Windows[int] = Windows()
NEVER: Recent[str] = Recent()


def added(windows: Windows[int], start: int, *, arrived: int, now: int = 0) -> Windows[int]:
    found = TUMBLING.add(windows, start, lambda n: (n or 0) + 1, arrived_ms=arrived, now_ms=now)
    assert not isinstance(found, Filtered)
    return found.windows


# ---- tumbling ------------------------------------------------------------------------------------------------------
def test_windows_stand_side_by_side_before_1970_too() -> None:
    assert [window_start(at, 100) for at in (0, 99, 100, -1, -100)] == [0, 0, 100, -100, -100]


def test_a_window_closes_once_and_is_amended_by_what_comes_late() -> None:
    windows = added(added(NOTHING, 0, arrived=10), 0, arrived=20)
    closed = TUMBLING.due(windows, "close/0")
    assert closed is not None
    assert closed.write is not None
    assert (closed.write.value, closed.write.amendment) == (2, 0)
    late = TUMBLING.add(closed.windows, 0, lambda n: (n or 0) + 1, arrived_ms=149, now_ms=149)
    assert not isinstance(late, Filtered)
    assert late.timers == (SetTimer("amend/0", 159),)
    amended = TUMBLING.due(late.windows, "amend/0")
    assert amended is not None
    assert amended.write is not None
    assert (amended.write.value, amended.write.amendment) == (3, 1)


def test_what_arrives_when_the_grace_is_over_is_late() -> None:
    late = TUMBLING.add(NOTHING, 0, lambda n: n or 0, arrived_ms=150, now_ms=150)
    assert late == Filtered("late")


def test_a_window_that_was_dropped_is_not_opened_again() -> None:
    dropped = TUMBLING.due(added(NOTHING, 0, arrived=10), "drop/0")
    assert dropped is not None
    again = TUMBLING.add(dropped.windows, 0, lambda n: n or 0, arrived_ms=20, now_ms=500)
    assert again == Filtered("late")


def test_an_amendment_that_is_due_is_written_when_its_window_is_dropped() -> None:
    closed = TUMBLING.due(added(NOTHING, 0, arrived=10), "close/0")
    assert closed is not None
    dropped = TUMBLING.due(added(closed.windows, 0, arrived=120, now=179), "drop/0")
    assert dropped is not None
    assert dropped.write is not None
    assert dropped.write.amendment == 1
    assert dropped.timers == (CancelTimer("amend/0"),)
    assert dropped.windows.held == {}


def test_a_new_window_sets_the_timers_that_close_drop_and_forget() -> None:
    found = TUMBLING.add(NOTHING, 200, lambda n: n or 1, arrived_ms=210, now_ms=210)
    assert not isinstance(found, Filtered)
    assert found.timers == (
        SetTimer("close/200", 300),
        SetTimer("drop/200", 380),
        SetTimer("forget/", 1_300),
    )


def test_open_windows_of_a_key_are_bounded_and_those_open_go_on() -> None:
    windows = NOTHING
    for start in (0, 100, 200):
        windows = added(windows, start, arrived=0)
    full = TUMBLING.add(windows, 300, lambda n: n or 1, arrived_ms=0, now_ms=0)
    assert full == Filtered("too many open windows")
    assert added(windows, 200, arrived=0).held[200].value == 2


def test_the_timer_of_a_window_that_is_gone_does_nothing() -> None:
    found = TUMBLING.due(NOTHING, "amend/0")
    assert found is not None
    assert (found.windows, found.write) == (NOTHING, None)


def test_a_quiet_key_is_forgotten() -> None:
    assert TUMBLING.due(added(NOTHING, 0, arrived=0), "forget/") is None


Arrivals = list[tuple[int, int]]  # (time, delay until it arrives)
ARRIVALS: st.SearchStrategy[Arrivals] = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 50)), max_size=8
)


def final(events: Sequence[tuple[int, int]]) -> dict[int, int]:
    """What each window says in the end, where events (time, arrival) come in this order and timers in between."""
    rule = Tumbling(
        size_ms=100, grace_ms=50, retain_ms=0, amend_delay_ms=5, forget_ms=10_000, open_max=99
    )
    windows: Windows[int] = NOTHING
    timers: dict[str, int] = {}
    written: dict[int, int] = {}

    def pass_time(now_ms: int) -> None:
        nonlocal windows
        while due := min(((at, name) for name, at in timers.items() if at <= now_ms), default=None):
            del timers[due[1]]
            found = rule.due(windows, due[1])
            assert found is not None
            windows = found.windows
            if found.write is not None:
                written[found.start_ms] = found.write.value
            for cancelled in found.timers:
                timers.pop(cancelled.name, None)

    for at, arrived in events:
        pass_time(arrived)
        start = window_start(at, 100)
        new = rule.add(windows, start, lambda n: (n or 0) + 1, arrived_ms=arrived, now_ms=arrived)
        assert not isinstance(new, Filtered)
        windows = new.windows
        timers.update({timer.name: timer.due_ms for timer in new.timers})
    pass_time(5_000)
    return written


@given(ARRIVALS)
def test_tumbling_windows_end_the_same_in_any_order_of_arrival_within_grace(
    events: Arrivals,
) -> None:
    arrived = sorted(((at, at + delay) for at, delay in events), key=lambda event: event[1])
    counted = Counter(window_start(at, 100) for at, _ in events)
    assert final(arrived) == counted
    assert final(sorted((at, at) for at, _ in events)) == counted


# ---- sliding -------------------------------------------------------------------------------------------------------
def slide(recent: Recent[str], at: int, value: str, arrived: int) -> tuple[Recent[str], object]:
    found = SLIDING.add(recent, at, value, arrived_ms=arrived)
    assert not isinstance(found, Filtered)
    return found.recent, dict(found.changed)


def test_a_sliding_window_reaches_back_from_each_record_and_no_further() -> None:
    recent, changed = slide(NEVER, 1_000, "a", 1_000)
    assert changed == {1_000: ("a",)}
    recent, changed = slide(recent, 1_099, "b", 1_099)
    assert changed == {1_099: ("a", "b")}
    _, changed = slide(recent, 1_100, "c", 1_100)
    assert changed == {1_100: ("b", "c")}


def test_a_late_record_amends_the_windows_that_hold_it() -> None:
    recent, _ = slide(NEVER, 1_000, "a", 1_000)
    recent, _ = slide(recent, 1_140, "b", 1_140)
    _, changed = slide(recent, 1_095, "late", 1_141)
    assert changed == {1_095: ("a", "late"), 1_140: ("late", "b")}


def test_a_record_later_than_its_grace_is_late() -> None:
    assert SLIDING.add(NEVER, 1_000, "a", arrived_ms=1_051) == Filtered("late")


def test_a_record_processed_when_its_neighbours_are_forgotten_is_late() -> None:
    recent, _ = slide(NEVER, 2_000, "a", 2_000)
    assert SLIDING.add(recent, 1_900, "b", arrived_ms=1_900) == Filtered("late")
    slide(recent, 1_920, "c", 1_920)


@pytest.mark.parametrize("far", [1_021, 1 << 53, 253_402_300_799_999])
def test_a_record_from_the_future_counts_when_it_arrived(far: int) -> None:
    recent, changed = slide(NEVER, far, "a", 1_000)
    assert changed == {1_000: ("a",)}
    assert [moment.at_ms for moment in recent.moments] == [1_000]
    assert counts_at(1_020, 1_000, 20) == 1_020
    assert counts_at(far, 0, 20) == far


def test_records_of_a_key_are_bounded_and_old_ones_make_room() -> None:
    recent = NEVER
    for _ in range(8):
        recent, _ = slide(recent, 1_000, "a", 1_000)
    refused = SLIDING.add(recent, 1_000, "b", arrived_ms=1_000)
    assert refused == Filtered("too many events in a window")
    recent, changed = slide(recent, 1_180, "c", 1_180)
    assert changed == {1_180: ("c",)}
    assert len(recent.moments) == 1


def test_a_key_is_forgotten_when_nothing_can_count_any_more() -> None:
    found = SLIDING.add(NEVER, 1_000, "a", arrived_ms=1_000)
    assert not isinstance(found, Filtered)
    assert found.timer == SetTimer("forget/", 1_180)


@given(ARRIVALS)
def test_sliding_windows_end_the_same_in_any_order_of_arrival_within_grace(
    events: Arrivals,
) -> None:
    at_all = [1_000 + at for at, _ in events]
    recent: Recent[str] = NEVER
    last: dict[int, Counter[str]] = {}
    for at, delay in sorted(events, key=sum):
        found = SLIDING.add(recent, 1_000 + at, str(1_000 + at), arrived_ms=1_000 + at + delay)
        assert not isinstance(found, Filtered)
        recent = found.recent
        last |= {end: Counter(values) for end, values in found.changed.items()}
    assert last == {
        end: Counter(str(at) for at in at_all if end - SLIDING.size_ms < at <= end)
        for end in at_all
    }
