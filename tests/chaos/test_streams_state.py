"""State that outlives its worker: compacted changelogs, and everything that waits while nobody runs."""

import pytest

from gridwire import kafka
from sandbox.kafka import RunningBroker
from tests.chaos.proof.scene import LOOK_S, SETTLE_S, Scene
from tests.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.timeout(600)]

COMPACT_S = 60.0
SEGMENT = {  # the smallest that Kafka allows, so that what was written so far can be compacted now
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.0",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "100",
    "delete.retention.ms": "100",
}
CLEANER = {"log.cleaner.backoff.ms": "200"}


def entries(scene: Scene, topic: str) -> int:
    """Changelog entries that still stand there."""
    return len(scene.topics.messages(topic))


@pytest.mark.proof("compaction", events=2_500)
def test_a_new_worker_restores_a_compacted_changelog_to_the_same_tables(
    breakable: Scene, own_kafka: RunningBroker
) -> None:
    """Its first outputs follow from the restored rows: running numbers go on where they ended."""
    scene = breakable
    changelogs = [scene.stores()[name] for name in ("tally", "orders", "windows", "parked")]
    for topic in changelogs:
        scene.alter(SEGMENT, topic=topic)
    scene.alter(CLEANER)
    scene.write(0.7)
    first = scene.worker()
    first.start()
    scene.more(10_000)
    scene.write(0.8)  # appended later, so that what stands before is in closed segments
    until(scene.all_read, "all is read", SETTLE_S, LOOK_S)
    scene.stop(first)
    wanted = sum(entries(scene, topic) for topic in changelogs)
    tally = scene.stores()["tally"]
    whole = sum(kafka.end_offsets(scene.settings, tally, [0, 1, 2, 3]).values())

    def compacted() -> bool:
        return entries(scene, tally) < whole / 4

    until(compacted, "the tallies' changelog is compacted", COMPACT_S, LOOK_S)
    left = sum(entries(scene, topic) for topic in changelogs)
    print(f"{left} changelog entries left; {whole} offsets of tallies; {wanted} before")
    second = scene.worker()
    second.start()
    scene.write(1.0)
    assert scene.verdict(second) == []


@pytest.mark.proof("restarts")
def test_windows_timers_parking_and_deduplication_go_on_over_restarts(scene: Scene) -> None:
    """Each time the worker ends while records are parked and timers set, and comes back when rows, repeats and due

    times have come meanwhile.
    """
    worker = scene.worker()
    shares = (0.25, 0.5, 0.75, 1.0)
    for n, share in enumerate(shares):
        scene.write(share - 0.1)
        worker.start()
        if n < len(shares) - 1:
            until(lambda: waiting(scene) and scene.all_read(), "records wait", SETTLE_S, LOOK_S)
            scene.dice.choice((scene.kill, scene.stop))(worker)
        scene.write(share)
    assert scene.verdict(worker) == []
    assert scene.last is not None
    expected, seen = scene.last
    assert expected.repeated > 100
    assert sum(len(fired) for fired in seen.reminders.values()) > 500
    assert len(seen.windows) > 300
    assert sum(place[3] == "ghosts" for place in expected.dead) == 10


def waiting(scene: Scene) -> bool:
    """Whether something is parked now."""
    scene.tail.look()
    return bool(scene.observed().tables["parked"])
