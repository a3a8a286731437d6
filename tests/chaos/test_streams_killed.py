"""The stream worker killed and frozen under load, with every kind of state in play."""

import signal

import pytest
from confluent_kafka.admin import AdminClient

from gridwire import kafka
from tests.chaos.proof.faults import Chosen
from tests.chaos.proof.scene import LOOK_S, SETTLE_S, Scene
from tests.roles import Role
from tests.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.timeout(600)]

KILLS = 10
TAKEN_OVER = 60  # records that the second worker writes before the first one wakes
FENCED = ("round aborted", "fenced", "partitions lost", "given up", "commit on revoke failed")


@pytest.mark.proof("kill")
def test_killed_ten_times_under_load_it_loses_repeats_and_reorders_nothing(scene: Scene) -> None:
    """Some kills come from outside, at any time; some hit the spots around the commit."""
    spots = [
        *(Chosen(die_at_commit=scene.dice.randint(1, 3)) for _ in range(2)),
        *(Chosen(die_after_commit=scene.dice.randint(1, 3)) for _ in range(2)),
        *(Chosen() for _ in range(KILLS - 4)),
    ]
    scene.dice.shuffle(spots)
    scene.write(0.4)
    worker = scene.worker()
    for kill, chosen in enumerate(spots):
        scene.arm(worker, chosen)
        before = scene.joined()
        worker.start()
        if chosen == Chosen():
            scene.more(scene.dice.randint(1, 300), of=before)
            scene.kill(worker)
        else:
            scene.ended(worker)
        scene.write(0.4 + 0.5 * (kill + 1) / KILLS)
    scene.arm(worker, Chosen())
    worker.start()
    scene.write(1.0)
    assert scene.verdict(worker) == []
    assert scene.injected().total() == 4
    assert scene.aborted > 0, "no kill fell into an open transaction"
    scene.several_batches_a_round()


@pytest.mark.thorough
@pytest.mark.proof("zombie")
def test_a_worker_frozen_past_its_session_is_fenced_when_it_wakes(scene: Scene) -> None:
    scene.write(0.3)
    zombie, other = scene.worker(slot=0), scene.worker(slot=1)
    zombie.start()
    scene.more(scene.dice.randint(50, 600))
    scene.note_figures(zombie)
    zombie.signal(signal.SIGSTOP)
    scene.write(0.6)
    _taken_over(scene, other)
    zombie.signal(signal.SIGCONT)
    scene.write(1.0)
    assert scene.verdict(zombie, other) == []
    assert any(text in zombie.everything() for text in FENCED)
    scene.several_batches_a_round()


@pytest.mark.proof("frozen-commit")
def test_a_worker_frozen_between_offsets_and_commit_neither_loses_nor_repeats(scene: Scene) -> None:
    """Odd seeds: it wakes when its successor has gone on, and is fenced. Even ones: before its transaction times out.

    In the latter case its commit may still count: the successor waits for the transaction to end either way.
    """
    scene.write(0.5)
    at = Chosen(freeze_at_commit=scene.dice.randint(2, 8))
    zombie, other = scene.worker(slot=0, chosen=at), scene.worker(slot=1)
    zombie.start()
    until(lambda: bool(scene.injected()), "it has sent offsets and stopped", SETTLE_S, LOOK_S)
    assert scene.injected() == {"frozen_at_commit": 1}
    scene.write(0.8)
    late = scene.seed % 2 == 1
    if late:
        _taken_over(scene, other)
    else:
        other.start()
        until(lambda: _alone(scene), "the other one has all partitions", SETTLE_S, LOOK_S)
    zombie.signal(signal.SIGCONT)
    scene.write(1.0)
    assert scene.verdict(zombie, other) == []
    if late:
        assert any(text in zombie.everything() for text in FENCED)


def _taken_over(scene: Scene, other: Role) -> None:
    """A second worker starts and goes on where the first has stopped."""
    before = scene.joined()
    other.start()
    scene.more(TAKEN_OVER, of=before)


def _alone(scene: Scene) -> bool:
    """Whether one member of the group owns everything."""
    admin = AdminClient(kafka.client_config(scene.settings))
    group = f"{scene.space}.{scene.space}"
    told = admin.describe_consumer_groups([group])[group].result()
    return [len(m.assignment.topic_partitions) for m in told.members] == [3 * 4]
