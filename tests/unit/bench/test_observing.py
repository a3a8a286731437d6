"""When a run is over, what it took, and when it is given up."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench import observing
from bench.observing import QUIET_S, SAMPLE_S, Sample, Span, UnfinishedError, Watch, follow

LINUX = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(),
    reason="needs /proc: run on Linux",
)


@dataclass(slots=True)
class World:
    """A clock that moves when it is waited on, and what is visible by then: (outputs, messages) by second."""

    visible: Callable[[float], tuple[int, int]]
    now_s: float = 0.0
    ends_at_s: float = float("inf")
    looks: int = field(default=0)

    def watch(self) -> Watch:
        return Watch(
            ends=lambda: self.visible(self.now_s),
            cpu_s=lambda: self.now_s * 0.5,
            failed=lambda: "it ended with 1" if self.now_s >= self.ends_at_s else None,
            others_s=lambda: self.now_s * 0.2,
            clock=lambda: self.now_s,
            sleep=self._sleep,
        )

    def _sleep(self, seconds: float) -> None:
        self.looks += 1
        self.now_s += seconds


def _steadily(
    rate: int, until_s: float, start_s: float = 2.0
) -> Callable[[float], tuple[int, int]]:
    def visible(now_s: float) -> tuple[int, int]:
        outputs = int(rate * max(0.0, min(now_s, until_s) - start_s))
        return outputs, outputs

    return visible


def test_the_rate_is_that_of_what_came_between_the_first_look_and_the_last() -> None:
    world = World(_steadily(1_000, until_s=12.0))
    span = follow(world.watch(), 10_000, deadline_s=60.0)
    assert span.rate(10_000) == pytest.approx(1_000, rel=0.01)
    assert span.seconds == pytest.approx(10.0, abs=3 * SAMPLE_S)


def test_start_up_counts_neither_for_the_rate_nor_for_the_cpu_time() -> None:
    early, late = World(_steadily(1_000, 11.0, 1.0)), World(_steadily(1_000, 40.0, 30.0))
    spans = [follow(world.watch(), 10_000, 60.0) for world in (early, late)]
    rates = [span.rate(10_000) for span in spans]
    assert rates[0] == pytest.approx(rates[1], rel=0.01)
    assert spans[0].cpu_per_100k(10_000) == pytest.approx(50.0, rel=0.01)
    assert spans[1].cpu_per_100k(10_000) == pytest.approx(50.0, rel=0.01)


def test_others_are_a_share_of_all_processors() -> None:
    span = follow(World(_steadily(1_000, 12.0)).watch(), 10_000, 60.0)
    assert span.others(cpus=2) == pytest.approx(0.1)


def test_work_behind_the_last_output_belongs_to_the_run() -> None:
    def visible(now_s: float) -> tuple[int, int]:
        outputs = int(1_000 * min(now_s, 10.0))
        return outputs, outputs + int(100 * min(now_s, 11.0))

    span = follow(World(visible).watch(), 10_000, 60.0)
    assert span.last.at_s == pytest.approx(11.0, abs=2 * SAMPLE_S)


def test_a_pause_before_the_end_does_not_end_the_run() -> None:
    def visible(now_s: float) -> tuple[int, int]:
        worked_s = min(now_s, 2.0) + max(0.0, now_s - 2.0 - 2 * QUIET_S)
        outputs = min(10_000, int(1_000 * worked_s))
        return outputs, outputs

    span = follow(World(visible).watch(), 10_000, 60.0)
    assert span.last.outputs == 10_000


def test_what_was_written_before_the_first_look_counts() -> None:
    world = World(_steadily(1_000, until_s=12.0), now_s=7.0)
    span = follow(world.watch(), 10_000, deadline_s=60.0)
    assert (span.first.outputs, span.last.outputs) == (5_000, 10_000)


def test_a_run_that_is_not_done_in_time_says_how_far_it_came() -> None:
    world = World(_steadily(10, until_s=1_000.0))
    with pytest.raises(UnfinishedError, match=r"\d+ of 10000 outputs after 30 s"):
        follow(world.watch(), 10_000, deadline_s=30.0)
    assert world.looks < 30.0 / SAMPLE_S + 10


def test_a_subject_that_ends_early_is_said_at_once() -> None:
    world = World(_steadily(1_000, 12.0), ends_at_s=5.0)
    with pytest.raises(UnfinishedError, match="it ended with 1"):
        follow(world.watch(), 10_000, 60.0)
    assert world.now_s < 6.0


def test_all_at_once_is_no_rate() -> None:
    sample = Sample(1.0, 10, 10, 0.1)
    with pytest.raises(ValueError, match="--events"):
        _ = Span(sample, sample).rate(10)
    later = Sample(2.0, 10, 12, 0.2)  # what follows from them came later
    for figure in (Span(sample, later).rate, Span(sample, later).cpu_per_100k):
        with pytest.raises(ValueError, match="--events"):
            figure(10)


@LINUX
def test_the_cpu_time_of_a_process_is_what_it_says_of_itself() -> None:
    _spend()
    said = sum(os.times()[:2])
    assert observing.cpu_s_of(os.getpid()) == pytest.approx(said, abs=0.1)


@LINUX
def test_others_are_all_but_those_with_a_part() -> None:
    everyone, without_us = observing.machine_s(), observing.others_s(os.getpid(), None)
    assert everyone >= without_us >= 0.0


@LINUX
def test_the_most_memory_that_a_process_held_stays_known() -> None:
    """In a process of its own: one that has held more before has a peak that says nothing of now."""
    code = """
import os
from bench import observing
before = observing.peak_bytes_of(os.getpid())
held = bytearray(200_000_000)
after = observing.peak_bytes_of(os.getpid())
del held
print(before, after, observing.peak_bytes_of(os.getpid()))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    before, after, later = map(int, said.stdout.split())
    assert after >= before + 180_000_000
    assert later >= after * 0.99  # the kernel counts in batches


@LINUX
def test_a_share_of_the_machine_is_counted_from_its_beginning() -> None:
    others = observing.Others((os.getpid(), None))
    others.begin()
    assert 0.0 <= others.share() <= 1.5  # clocks of 10 ms over a moment


def _spend() -> Sequence[int]:
    return sorted(_backwards(), reverse=True)


def _backwards() -> Iterator[int]:
    yield from range(200_000)
