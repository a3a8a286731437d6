"""Two replicas of a sink, of which one dies: the other goes on with its share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.kafka import RunningBroker
from tests.chaos.proof.sink import KINDS
from tests.chaos.proof.sink_process import Plan
from tests.chaos.proof.sink_scene import Scene, staged
from tests.chaos.proof.sink_verdict import wrong

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.timeout(600)]
COMMANDS, LANES = 60, 20


@pytest.fixture
def scene(kafka: RunningBroker, registry: str, tmp_path: Path) -> Iterator[Scene]:
    with staged(kafka.broker.bootstrap, registry, tmp_path) as one:
        yield one


def test_a_replica_that_dies_in_the_middle_of_a_commit_and_stays_away_holds_up_nobody_for_ever(
    scene: Scene,
) -> None:
    stays, dies = scene.sink(0), scene.sink(1)
    any_receipt = f"{scene.world.name}-"
    plan = Plan(
        name=scene.world.name, url=scene.world.url, step="before commit", victim=any_receipt
    )
    scene.arm(dies, plan)
    for role in (stays, dies):
        role.start()
        role.wait_ready()
    scene.write(
        [scene.command(KINDS[n % len(KINDS)], f"lane-{n % LANES}") for n in range(COMMANDS)]
    )
    scene.dead(dies)
    scene.settled()
    said = stays.everything()
    stays.stop()
    assert wrong(scene.account()) == []
    assert "part failed" not in said
