"""Workers that come and go, and a broker that does, under load."""

from collections.abc import Callable

import pytest

from sandbox.kafka import RunningBroker
from tests.chaos.proof.scene import Scene, end
from tests.roles import Role

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.timeout(600)]

CHANGES = 5
TOGETHER = 40  # records between two changes


@pytest.mark.proof("members")
def test_two_workers_that_join_and_leave_lose_repeat_and_reorder_nothing(scene: Scene) -> None:
    """SIGTERM and kill -9 by turns; a moment without any worker is possible, too."""
    scene.write(0.3)
    workers = [scene.worker(slot=0), scene.worker(slot=1)]
    workers[0].start()
    leave: tuple[Callable[[Role], None], ...] = (scene.kill, scene.stop)
    for change in range(CHANGES):
        before = scene.joined()
        scene.write(0.3 + 0.6 * (change + 1) / CHANGES)
        scene.more(scene.dice.randint(1, TOGETHER), of=before)
        one = workers[scene.dice.randrange(2)]
        if running(one):
            scene.dice.choice(leave)(one)
        else:
            one.start()
        for other in workers:
            if not any(running(w) for w in workers):
                other.start()
    scene.write(1.0)
    for one in workers:
        if not running(one):
            one.start()
    assert scene.verdict(*workers) == []
    scene.several_batches_a_round()


def running(role: Role) -> bool:
    return role.child is not None and role.child.alive


@pytest.mark.proof("broker")
def test_a_broker_that_is_killed_and_restarted_under_load_costs_nothing(
    breakable: Scene, own_kafka: RunningBroker
) -> None:
    """Once by SIGKILL, once in order; in which order a seed says."""
    killed = [True, False]  # `restart` stops in order what still runs
    breakable.dice.shuffle(killed)
    breakable.write(0.4)
    worker = breakable.worker()
    worker.start()
    for n, kill in enumerate(killed):
        breakable.more(breakable.dice.randint(50, 700))
        breakable.note_figures(worker)
        if kill:
            own_kafka.kill()
        own_kafka.restart()
        breakable.write(0.4 + 0.3 * (n + 1))
    assert breakable.verdict(worker) == []
    end(worker)
    breakable.several_batches_a_round()
