"""The index of due times on disk: what a commit leaves in it, and how much of it is walked at once."""

import pytest

from tests.unit.streams.runtime.test_state_kinds import KINDS, Fold, Kind, disk, on_disk


def test_a_timer_that_is_set_and_fires_before_a_commit_leaves_nothing_on_disk() -> None:
    with disk() as home:
        fold = Fold(home)
        for n in range(3):
            fold.put("a", t=n)
            assert fold.fire(n) == [(n, "a", "t")]
            fold.commit()
        assert on_disk(home) == set()


def test_a_timer_that_fired_and_is_set_to_the_same_time_again_is_kept_on_disk() -> None:
    with disk() as home:
        fold = Fold(home)
        fold.put("a", t=5)
        fold.fire(5)
        fold.put("a", t=5)
        fold.commit()
        assert on_disk(home) == {(5, "a", "t")}
        later = Fold(home)
        later.timers.rebuild()
        assert later.fire(5) == [(5, "a", "t")]
        later.commit()
        assert on_disk(home) == set()


def test_a_timer_that_fires_while_its_setting_is_committed_goes_with_the_next_commit() -> None:
    with disk() as home:
        fold = Fold(home)
        fold.put("a", t=5)
        fold.seal()
        fold.fire(5)
        fold.commit()
        assert on_disk(home) == {(5, "a", "t")}
        fold.commit()
        assert on_disk(home) == set()


@KINDS
def test_entries_that_came_to_nothing_are_walked_at_most_so_many_at_once(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.engine.timers.STALE_MAX", 4)
    with kind() as home:
        fold = Fold(home)
        for n in range(10):  # each takes the place of the one before it
            fold.put("a", t=n)
            fold.commit()
        assert (fold.fire(20), fold.timers.next_due_ms()) == ([], 4)
        assert (fold.fire(20), fold.timers.next_due_ms()) == ([], 8)
        assert fold.fire(20) == [(9, "a", "t")]
        assert fold.timers.next_due_ms() is None
