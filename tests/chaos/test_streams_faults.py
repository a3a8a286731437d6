"""Errors of the client, and records that nobody can process, at places drawn of a seed."""

import pytest

from tests.chaos.proof import topology
from tests.chaos.proof.faults import Chosen
from tests.chaos.proof.scene import Scene
from tests.chaos.proof.workload import BYTES, RAISING

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.timeout(600)]

RATE = 0.2
KINDS_MIN, FAULTS_MIN = 6, 15
POISON, TOO_LARGE = 2, 2


@pytest.mark.proof("faults", events=2_500)
def test_errors_of_produce_commit_and_abort_cost_nothing(scene: Scene) -> None:
    scene.write(0.5)
    worker = scene.worker(chosen=Chosen(seed=scene.seed, rate=RATE))
    worker.start()
    scene.more(300)
    scene.write(1.0)
    scene.settle(worker)
    injected = scene.injected()
    print(f"injected: {dict(injected)}")
    assert scene.verdict(worker, settled=True) == []
    assert len(injected) >= KINDS_MIN, injected
    assert injected.total() >= FAULTS_MIN, injected


@pytest.mark.thorough
@pytest.mark.proof("unheard")
def test_a_commit_whose_answer_never_comes_counts_once(scene: Scene) -> None:
    """The broker was away just then: the worker cannot tell whether its transaction is in."""
    scene.write(0.6)
    worker = scene.worker(chosen=Chosen(unheard_commit=scene.dice.randint(1, 4)))
    worker.start()
    scene.more(300)
    scene.write(1.0)
    assert scene.verdict(worker) == []
    assert scene.injected()["commit_unknown"] >= 1


@pytest.mark.proof("poison", poison=POISON, events=2_000)
def test_poison_and_oversize_become_dead_letters_once_and_nothing_else_suffers(
    scene: Scene,
) -> None:
    """One restart in the middle: what was found out about a record may have to be found out again."""
    scene.write(0.6)
    worker = scene.worker()
    worker.start()
    scene.more(scene.dice.randint(100, 800))
    scene.kill(worker)
    worker.start()
    scene.write(1.0)
    assert scene.verdict(worker) == []
    assert scene.last is not None
    assert len(scene.last[1].dead) >= POISON * len((*RAISING, *BYTES))
    scene.several_batches_a_round()


@pytest.mark.thorough
@pytest.mark.proof("refused", too_large=TOO_LARGE, events=1_500)
def test_an_output_that_the_broker_refuses_costs_its_record_alone(scene: Scene) -> None:
    """The limit of the topic is lowered while the worker runs; the record is found by halving rounds."""
    worker = scene.worker()
    worker.start()
    worker.wait_ready()
    limit = {"max.message.bytes": str(topology.JOINED_BYTES_MAX)}
    scene.alter(limit, topic=scene.names.joined.name)
    scene.write(1.0)
    assert scene.verdict(worker) == []
    assert scene.last is not None
    assert sum(not place[3] for place in scene.last[0].dead) == TOO_LARGE
