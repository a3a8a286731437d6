"""Lag in records and in seconds, and what counts as standing still: driven by hand, with times as arguments."""

from streams.runtime import lag
from streams.runtime.lag import Lags, Stalled

TP = ("source.braze.engagement", 3)
OTHER = ("source.braze.engagement", 1)
START_MS = 1_767_225_600_000


class World:
    """A clock, and the lags of partitions that were assigned when it began."""

    def __init__(self, **committed: int | None) -> None:
        self.now_s = 1_000.0
        self.lags = Lags()
        positions = {TP: committed.get("tp", 0), OTHER: committed.get("other", 0)}
        self.lags.assigned(positions, self.now_s, self.now_ms)

    @property
    def now_ms(self) -> int:
        return START_MS + round((self.now_s - 1_000.0) * 1000)

    def ends(self, tp: int, other: int = 0, *, after_s: float = 1.0) -> None:
        self.now_s += after_s
        self.lags.ended({TP: tp, OTHER: other}, {}, self.now_s, self.now_ms)

    def commits(self, position: int, newest_ms: int | None = None) -> None:
        stamped = {TP: self.now_ms if newest_ms is None else newest_ms}
        self.lags.committed({TP: position}, stamped, self.now_s)

    def lag(self) -> tuple[int, float]:
        return self.lags.figures(self.now_ms)[TP]

    def stalled(self, seconds_max: float = 60.0, since_s: float = 0.0) -> list[Stalled]:
        return self.lags.stalled(since_s, self.now_s, seconds_max)


def test_a_partition_without_records_has_no_lag_however_long_nothing_comes() -> None:
    world = World(tp=500)
    for _ in range(100):
        world.ends(500, after_s=60.0)
    assert world.lag() == (0, 0.0)
    assert world.stalled() == []


def test_a_record_after_a_quiet_hour_is_as_old_as_it_is() -> None:
    world = World(tp=500)
    world.commits(500, newest_ms=START_MS)
    world.ends(500, after_s=3_600.0)
    world.ends(501, after_s=2.0)
    assert world.lag() == (1, 2.0)


def test_a_backlog_is_as_old_as_the_last_record_that_was_committed_from_it() -> None:
    world = World(tp=0)
    world.ends(1_000)
    world.commits(10, newest_ms=world.now_ms - 7_200_000)
    assert world.lag() == (990, 7_200.0)
    world.ends(1_200, after_s=60.0)
    world.commits(1_100, newest_ms=world.now_ms - 90_000)
    assert world.lag() == (
        100,
        60.0,
    )  # 1,000 was the end a minute ago: what came behind it is no older
    world.commits(1_200)
    assert world.lag() == (0, 0.0)


def test_before_anything_was_read_a_backlog_is_as_old_as_the_assignment() -> None:
    world = World(tp=100)
    world.ends(200, after_s=1.0)
    world.ends(200, after_s=29.0)
    assert world.lag() == (100, 30.0)


def test_a_record_from_the_future_does_not_hide_the_age_of_those_behind_it() -> None:
    world = World(tp=0)
    world.ends(100)
    world.commits(1, newest_ms=253_000_000_000_000)
    world.commits(2, newest_ms=world.now_ms - 5_000)
    assert world.lag() == (98, 5.0)


def test_the_ends_that_are_remembered_are_bounded() -> None:
    world = World(tp=0)
    for end in range(1, 3 * lag.ENDS_KEPT_MAX):
        world.ends(end)
    assert len(world.lags._partitions[TP].ends) <= lag.ENDS_KEPT_MAX
    world.commits(2 * lag.ENDS_KEPT_MAX, newest_ms=0)
    assert lag.ENDS_KEPT_MAX - 2 <= world.lag()[1] <= lag.ENDS_KEPT_MAX + 4


def test_one_partition_that_stands_still_is_found_while_another_moves() -> None:
    world = World(tp=120, other=0)
    for step in range(70):
        world.ends(340, other=10 * step + 10)
        world.lags.committed({OTHER: 10 * step + 5}, {}, world.now_s)
    (found,) = world.stalled()
    assert str(found) == "source.braze.engagement/3 stands at 120 of 340 for 70 s"


def test_a_partition_that_commits_now_and_then_does_not_stand_still() -> None:
    world = World(tp=0)
    for step in range(1, 100):
        world.ends(100_000, after_s=50.0)
        world.commits(step)
    assert world.stalled() == []


def test_going_back_to_the_last_commit_is_no_progress() -> None:
    world = World(tp=100)
    world.ends(200)
    for _ in range(70):
        world.ends(200)
        world.lags.reached({TP: 90}, world.now_s)
        world.commits(100)
    assert [one.position for one in world.stalled()] == [100]


def test_the_count_begins_when_the_lag_does() -> None:
    world = World(tp=100)
    world.ends(100, after_s=3_600.0)
    world.ends(101, after_s=1.0)
    assert world.stalled() == []


def test_nothing_counts_before_an_outage_is_over() -> None:
    world = World(tp=100)
    world.ends(200)
    world.now_s += 3_000.0
    assert world.stalled(since_s=world.now_s - 10.0) == []
    assert len(world.stalled(since_s=world.now_s - 61.0)) == 1


def test_what_lies_behind_a_transaction_marker_is_no_lag_once_it_is_read() -> None:
    world = World(tp=10)
    world.ends(11)
    assert world.lag()[0] == 1
    world.lags.reached({TP: 11}, world.now_s)
    assert world.lag() == (0, 0.0)


def test_a_partition_that_nothing_was_committed_of_counts_from_its_begin() -> None:
    lags = Lags()
    lags.assigned({TP: None}, 0.0, START_MS)
    assert lags.partitions() == [(TP, False)]
    lags.ended({TP: 70}, {TP: 50}, 1.0, START_MS + 1_000)
    assert lags.figures(START_MS + 1_000)[TP] == (20, 1.0)
    assert len(lags.stalled(0.0, 100.0, 60.0)) == 1


def test_a_partition_without_a_leader_is_not_stuck() -> None:
    world = World(tp=100)
    world.ends(200)
    for _ in range(10):
        world.now_s += 50.0
        world.lags.waiting([TP], world.now_s)
    assert world.stalled() == []


def test_a_partition_that_went_leaves_nothing_behind() -> None:
    world = World(tp=100)
    world.ends(200)
    world.lags.removed([TP])
    world.commits(150)
    world.ends(300, after_s=500.0)
    assert set(world.lags.figures(world.now_ms)) == {OTHER}
    assert world.stalled() == []
