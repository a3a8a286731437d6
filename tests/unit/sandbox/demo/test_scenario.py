"""How stories are judged while the scenario runs, and how they wait for the world."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from sandbox.demo.environment import Places, Secrets
from sandbox.demo.outputs import Outputs
from sandbox.demo.progress import Progress
from sandbox.demo.roles import Roles
from sandbox.demo.scenario import Part, Scenario
from sandbox.demo.stage import Stage, StoryError, Watch
from sandbox.demo.story import Story, Unmet
from sandbox.demo.world import World
from tests.unit.sandbox.demo.worlds import CAST, FLOW, REAL, world


async def _nothing(_stage: Stage) -> None:
    """Nothing happens."""


def _loud(seen: World) -> list[str]:
    unmet = Unmet()
    unmet.unless(seen.platforms["braze"]["messages"], "somebody has heard of it")
    unmet.unless(len(seen.rows("braze", "messages")) < 2, "nobody hears twice")
    return unmet


def heard(times: int) -> World:
    return world(platforms={"braze": {"messages": [{"external_id": "ann"}] * times}})


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    places = Places(REAL, "http://127.0.0.1:1", "http://127.0.0.1:2")
    part = Part(Story(FLOW, lambda _cast: {}, _nothing, _loud), CAST)
    no_outputs = cast("Outputs", None)
    return Scenario([part], places, Secrets(), Roles(tmp_path, places), no_outputs, Progress())


def test_a_story_is_done_when_it_is_played_and_nothing_is_unmet(scenario: Scenario) -> None:
    (part,) = scenario.parts
    scenario.judge(heard(1))
    assert part.state == "waiting"  # met already, but not played
    part.state = "checking"
    scenario.judge(heard(0))
    assert (part.state, part.unmet) == ("checking", ("somebody has heard of it",))
    scenario.judge(heard(1))
    assert (part.state, part.unmet) == ("done", ())


def test_what_comes_late_and_twice_undoes_a_happy_end(scenario: Scenario) -> None:
    (part,) = scenario.parts
    part.state = "done"
    scenario.judge(heard(2))
    assert (part.state, part.unmet) == ("checking", ("nobody hears twice",))


def test_a_story_that_could_not_be_played_has_failed_whatever_else_is_met(
    scenario: Scenario,
) -> None:
    (part,) = scenario.parts
    part.state, part.failed = "checking", "could not be played: refused"
    scenario.judge(heard(1))
    assert (part.state, part.unmet) == ("failed", ("could not be played: refused",))


def test_a_story_that_stumbles_over_what_is_not_there_says_so(scenario: Scenario) -> None:
    (part,) = scenario.parts
    part.state = "checking"
    scenario.judge(world())
    assert part.unmet == ("cannot be told yet: KeyError: 'braze'",)


def stage(watch: Watch) -> Stage:
    nobody: Any = None
    return Stage(CAST, nobody, watch, "http://127.0.0.1:1", {})


async def test_a_story_goes_on_with_the_first_look_at_which_its_wish_holds() -> None:
    watch = Watch()
    wish = stage(watch).until(lambda seen: len(seen.rows("braze", "messages")) == 1, "one is told")
    waiting = asyncio.create_task(wish)
    await watch.show(heard(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    await watch.show(heard(1))
    await asyncio.wait_for(waiting, 10)


async def test_a_wish_that_does_not_come_true_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.demo.stage.WAIT_S_MAX", 0.01)
    with pytest.raises(StoryError, match="it is not so that pigs fly"):
        await stage(Watch()).until(lambda _seen: False, "pigs fly")
