"""The benchmark itself, small: subjects do their work on a real Kafka, and every id is counted."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bench import mixed, observing, subjects
from bench import world as worlds
from bench.world import World
from sandbox.kafka import NoKafkaError

EVENTS = 80_000
MIXED_EVENTS = 12_000

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(
        not observing.MEASURABLE, reason="CPU times are read from /proc: run on Linux"
    ),
]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    try:
        with worlds.world(EVENTS) as made:
            yield made
    except NoKafkaError as error:
        pytest.skip(f"{error}; start Docker, or install Java 17+ and Maven")


@pytest.mark.parametrize("subject", [subjects.ENRICH, subjects.PLAIN_LOOP], ids=lambda s: s.name)
def test_a_subject_does_its_work_and_every_id_comes_out_once(
    subject: subjects.Subject, world: World
) -> None:
    done = subjects.run(subject, world)
    assert done.faults == ()
    assert done.events == EVENTS // subject.share
    assert done.rate
    assert done.cpu_per_100k


def test_a_subject_that_ends_early_has_faults_and_no_figures(world: World) -> None:
    broken = replace(
        subjects.PLAIN_LOOP, command=lambda *_: ["python3", "-c", "raise SystemExit(3)"]
    )
    done = subjects.run(broken, world)
    assert done.rate is None
    assert "it ended with 3" in done.faults[0]


def test_all_flows_do_the_mixed_load_without_a_dead_letter(world: World) -> None:
    done = mixed.run(mixed.prepare(world, MIXED_EVENTS), subjects.next_group())
    assert done.faults == ()
    assert done.rate
