"""When a restart would help: each case by itself, with a clock that is moved by hand."""

from streams.runtime.lag import Lags
from streams.runtime.liveness import TOLD_MAX, Liveness

STALL_S = 120.0
TP = ("source.bigcommerce.orders", 2)


class Clock:
    def __init__(self) -> None:
        self.now = 5_000.0
        self.thawed_at = 0.0
        self.lags = Lags()
        self.liveness = Liveness(
            self.lags, STALL_S, thawed=lambda: self.thawed_at, clock=lambda: self.now
        )

    def later(self, seconds: float, *, end: int | None = None, turning: bool = True) -> None:
        """Time passes a second at a time; rounds turn unless told otherwise; the end is asked for as it is."""
        for _ in range(round(seconds)):
            self.now += 1.0
            if turning:
                self.liveness.turned()
            if end is not None:
                self.lags.ended({TP: end}, {}, self.now, round(self.now * 1000))

    def assigned(self, position: int) -> None:
        self.lags.assigned({TP: position}, self.now, round(self.now * 1000))
        self.liveness.turned()


def test_an_idle_worker_is_live_for_ever() -> None:
    clock = Clock()
    clock.assigned(10)
    clock.later(10 * STALL_S, end=10)
    assert clock.liveness.judge() is None


def test_a_worker_without_partitions_is_live_for_ever() -> None:
    clock = Clock()
    clock.later(10 * STALL_S)
    assert clock.liveness.judge() is None


def test_a_partition_that_stands_still_is_told_with_its_place() -> None:
    clock = Clock()
    clock.assigned(10)
    clock.later(STALL_S, end=30)
    assert clock.liveness.judge() is None
    clock.later(2, end=30)
    assert clock.liveness.judge() == "source.bigcommerce.orders/2 stands at 10 of 30 for 122 s"


def test_many_partitions_that_stand_still_are_told_in_short() -> None:
    clock = Clock()
    clock.liveness.turned()
    many = {("topic", n): 0 for n in range(TOLD_MAX + 3)}
    clock.lags.assigned(many, clock.now, 0)
    clock.lags.ended(dict.fromkeys(many, 9), {}, clock.now, 0)
    clock.later(STALL_S + 1)
    reason = clock.liveness.judge() or ""
    assert reason.count("stands at") == TOLD_MAX
    assert reason.endswith("; and 3 more")


def test_partitions_that_waited_for_a_restore_count_from_its_end() -> None:
    clock = Clock()
    clock.assigned(10)
    for _ in range(20):
        clock.liveness.advanced("restoring tables")
        clock.later(STALL_S / 2, end=30, turning=False)
    clock.later(STALL_S, end=30)
    assert clock.liveness.judge() is None
    clock.later(2, end=30)
    assert clock.liveness.judge() is not None


def test_a_round_loop_that_hangs_is_found_though_nothing_lags() -> None:
    clock = Clock()
    clock.assigned(10)
    clock.later(STALL_S + 1, end=10, turning=False)
    assert clock.liveness.judge() == "no round for 121 s"


def test_while_something_outside_does_not_answer_a_restart_would_not_help() -> None:
    clock = Clock()
    clock.assigned(10)
    for _ in range(20):
        clock.later(STALL_S / 2, end=30, turning=False)
        clock.liveness.outage("Kafka")
        assert clock.liveness.judge() is None
    assert clock.liveness.outage_seen(5.0) == "Kafka does not answer"


def test_after_an_outage_everything_has_its_time_again_and_no_more() -> None:
    clock = Clock()
    clock.assigned(10)
    clock.later(10 * STALL_S, end=30)
    clock.liveness.outage("schema registry")
    clock.later(STALL_S, end=30)
    assert clock.liveness.judge() is None
    clock.later(1, end=30)
    assert clock.liveness.judge() is not None


def test_transactions_of_timers_that_are_all_aborted_are_found_though_nothing_lags() -> None:
    clock = Clock()
    clock.assigned(10)
    for _ in range(3):
        clock.liveness.aborted()
        clock.later(STALL_S / 2, end=10)
    assert clock.liveness.judge() == "every transaction was aborted for 180 s"
    clock.liveness.committed()
    assert clock.liveness.judge() is None


def test_an_outage_that_is_over_is_no_reason_not_to_be_ready() -> None:
    clock = Clock()
    clock.liveness.outage("Kafka")
    clock.liveness.over("schema registry")
    assert clock.liveness.outage_seen(5.0) == "Kafka does not answer"
    clock.liveness.over("Kafka")
    assert clock.liveness.outage_seen(5.0) is None
    clock.liveness.outage("schema registry")
    clock.later(6)
    assert clock.liveness.outage_seen(5.0) is None


def test_after_the_process_was_frozen_everything_has_its_time_again() -> None:
    clock = Clock()
    clock.assigned(10)
    clock.later(10, end=30)
    clock.now += 3_600.0
    clock.thawed_at = clock.now
    assert clock.liveness.judge() is None
    clock.later(STALL_S + 1, end=30)
    assert clock.liveness.judge() is not None


def test_a_restore_may_take_as_long_as_it_likes_while_it_comes_further() -> None:
    clock = Clock()
    for _ in range(20):
        clock.liveness.advanced("restoring tables")
        clock.later(STALL_S - 1, turning=False)
        assert clock.liveness.judge() is None
    assert clock.liveness.waits_for() == "restoring tables"
    clock.later(2, turning=False)
    assert clock.liveness.judge() == "restoring tables: no progress for 121 s"
    clock.liveness.turned()
    assert clock.liveness.judge() is None
    assert clock.liveness.waits_for() is None
