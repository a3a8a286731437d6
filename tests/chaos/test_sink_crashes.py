"""A sink killed at every step of a command, for every way in which repeating it is made safe: what is done twice, and
what nobody knows. Afterwards all commands come again under their ids: nothing is done.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.kafka import RunningBroker
from tests.chaos.proof.sink import KINDS, Kind
from tests.chaos.proof.sink_process import STEPS, Plan, Step
from tests.chaos.proof.sink_scene import DEAD_S, Scene, staged
from tests.chaos.proof.sink_verdict import wrong
from tests.roles import Role
from tests.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.timeout(600)]
AROUND = 9  # other commands that are under way when the sink dies
LANES = 5

# How often the victim of each step is written in the end: with the write after the restart where there is one.
WRITES: dict[Kind, tuple[int, ...]] = {
    "natural": (1, 2, 2, 2, 1),
    "keyed": (1, 2, 2, 2, 1),
    "lookup": (1, 1, 1, 1, 1),
    "unsafe": (0, 1, 1, 1, 1),
    "bulk": (1, 2, 2, 2, 1),
}
AT_LEAST_ONCE = (1, 2, 2, 2, 1)
UNKNOWN = ("unknown", "unknown", "unknown", "unknown", "delivered")
DELIVERED = ("delivered",) * len(STEPS)


@pytest.fixture
def scene(kafka: RunningBroker, registry: str, tmp_path: Path) -> Iterator[Scene]:
    with staged(kafka.broker.bootstrap, registry, tmp_path) as one:
        yield one


def killed_at(scene: Scene, role: Role, step: Step, kind: Kind) -> str:
    """Commands of one kind, once those before them are settled, and a kill at a step of one of them. Returns its id."""
    commands = [scene.command(kind, f"lane-{n % LANES}") for n in range(AROUND + 1)]
    victim = commands[AROUND // 2].event_id
    scene.arm(role, Plan(name=scene.world.name, url=scene.world.url, step=step, victim=victim))
    scene.target(hold=[victim] if step == "before answer" else [])
    role.start()
    scene.settled()
    scene.write(commands)
    if step == "before answer":
        until(lambda: scene.seen().done()[victim] == 1, "it had its effect", DEAD_S)
        role.kill()
    else:
        scene.dead(role)
    scene.target()
    return victim


def all_again(scene: Scene) -> None:
    """Every command comes again, behind it a new one in each lane; the new ones alone are carried out."""
    before, lanes = scene.seen(), sorted({command.lane for command in scene.written})
    scene.write(scene.written, again=True)
    scene.write([scene.command("natural", lane) for lane in lanes])
    scene.settled()
    after = scene.seen()
    assert len(after.writes) == len(before.writes) + len(lanes)


@pytest.mark.parametrize(
    ("kind", "repeats"), [*((kind, "at_most_once") for kind in KINDS), ("unsafe", "at_least_once")]
)
def test_killed_at_every_step_a_command_ends_once_and_is_repeated_as_its_kind_allows(
    scene: Scene, kind: Kind, repeats: str
) -> None:
    role = scene.sink(GRIDWIRE_SINK_UNSAFE_REPEATS=repeats)
    victims = [killed_at(scene, role, step, kind) for step in STEPS]
    scene.arm(role, Plan(name=scene.world.name, url=scene.world.url))
    role.start()
    scene.settled()
    careful = repeats == "at_most_once"
    written, outcomes = scene.seen().written(), {r.command_id: r.outcome for r in scene.receipts()}
    wanted = AT_LEAST_ONCE if repeats == "at_least_once" else WRITES[kind]
    assert tuple(written[victim] for victim in victims) == wanted
    assert tuple(outcomes[one] for one in victims) == (
        UNKNOWN if kind == "unsafe" and careful else DELIVERED
    )
    all_again(scene)
    assert wrong(scene.account(), careful=careful) == []
    role.stop()


def test_at_least_once_a_sink_killed_between_receipts_and_offsets_repeats_neither(
    scene: Scene,
) -> None:
    role = scene.sink(GRIDWIRE_DELIVERY="at_least_once")
    victim = killed_at(scene, role, "before commit", "natural")
    scene.arm(role, Plan(name=scene.world.name, url=scene.world.url))
    role.start()
    scene.settled()
    all_again(scene)
    role.stop()
    assert wrong(scene.account()) == []
    assert scene.seen().written()[victim] == 1
