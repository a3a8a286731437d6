"""A platform at its worst, and a sink that is killed and frozen: every command ends once, nothing happens twice."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.kafka import RunningBroker
from tests.chaos.proof.sink import Kind
from tests.chaos.proof.sink_scene import SESSION_MS, SETTLED_S, Scene, staged
from tests.chaos.proof.sink_verdict import wrong
from tests.chaos.proof.target import TROUBLES
from tests.roles import Role
from tests.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.timeout(600)]
SEEDS_MIN = 2
LANES = 24
KINDS: tuple[Kind, ...] = ("natural", "keyed", "lookup", "bulk")
UNSAFE = 0.1  # of the commands
TROUBLE = 0.2  # of the requests
TOKEN_S = 4.0
FROZEN_S = (0.3, 2.0)
GRACE_S = 5.0
LONG_S = SESSION_MS / 1_000 + 1.5  # the group gives its partitions away meanwhile
ATTEMPTS = "1000"  # what is given up here would say nothing of the kit


@dataclass(frozen=True, slots=True)
class Size:
    """How many commands, and how often the sink is killed and frozen."""

    commands: int
    kills: int
    stops: int


QUICK, THOROUGH = Size(160, 1, 1), Size(360, 3, 2)  # in every build; with a seed that is asked for


@pytest.fixture
def size(request: pytest.FixtureRequest) -> Size:
    return QUICK if request.config.getoption("--seed") is None else THOROUGH


@pytest.fixture
def scene(kafka: RunningBroker, registry: str, tmp_path: Path) -> Iterator[Scene]:
    with staged(kafka.broker.bootstrap, registry, tmp_path) as one:
        yield one


def load(scene: Scene, size: Size, dice: random.Random) -> None:
    """Commands of all kinds, several of one lane in any order of kinds; some stand twice."""
    commands = []
    for _ in range(size.commands):
        kind = "unsafe" if dice.random() < UNSAFE else dice.choice(KINDS)
        commands.append(scene.command(kind, f"lane-{dice.randrange(LANES)}"))
    scene.write(commands)
    scene.write(dice.sample(commands, size.commands // 20), again=True)


def frozen(role: Role, seconds: float) -> None:
    """SIGSTOP for a while."""
    role.signal(signal.SIGSTOP)
    try:
        over_at = time.monotonic() + seconds
        until(lambda: time.monotonic() >= over_at, "the time is over", seconds + GRACE_S)
    finally:
        role.signal(signal.SIGCONT)


def broken(scene: Scene, size: Size, role: Role, dice: random.Random) -> None:
    """Kills and freezes the sink at random shares of its work, in random order."""
    acts = ["kill"] * size.kills + ["stop"] * size.stops
    dice.shuffle(acts)
    long = dice.randrange(2)  # which of the freezes, if there are so many, outlasts the session
    for number, act in enumerate(acts):
        goal = (number + dice.random()) / (len(acts) + 1) * size.commands
        until(lambda goal=goal: len(scene.seen().done()) >= goal, "there is load", SETTLED_S)  # type: ignore[misc]
        if act == "kill":
            role.kill()
            role.start()
        else:
            frozen(role, LONG_S if acts[:number].count("stop") == long else dice.uniform(*FROZEN_S))


def test_in_a_storm_every_command_ends_once_in_order_and_nothing_happens_twice(
    scene: Scene, size: Size, seed: int, record_testsuite_property: Callable[[str, object], None]
) -> None:
    dice = random.Random(f"storm-{seed}")
    scene.target(trouble=TROUBLE, seed=seed, token_s=TOKEN_S)
    role = scene.sink(GRIDWIRE_SINK_ATTEMPTS=ATTEMPTS)
    load(scene, size, dice)
    role.start()
    broken(scene, size, role, dice)
    scene.settled()
    role.stop()
    seen, outcomes = scene.seen(), Counter(receipt.outcome for receipt in scene.receipts())
    repeats = sum(n - 1 for n in seen.done().values())
    print(
        f"seed {seed}: {len(scene.written)} commands, {len(seen.writes)} writes, {repeats} natural repeats, "
        f"{dict(outcomes)}, troubles {seen.troubles}"
    )
    record_testsuite_property("outcome_unknown", outcomes["unknown"])
    assert wrong(scene.account()) == []
    if size is THOROUGH:
        assert set(seen.troubles) == set(TROUBLES)
