"""Parts of a role: one that fails is started again alone; what concerns the process ends it."""

import asyncio
from collections.abc import Callable

import pytest

from connectors.kit.base.clock import Clock
from connectors.kit.base.fatal import FatalKafkaError
from connectors.kit.base.supervision import RESTARTS_MAX, Part, run_parts
from gridwire.health import Health
from tests.unit.connectors.kit.records import turns


class Running:
    """Runs until stopped, or fails at once."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.stopped = False

    async def run(self, stop: asyncio.Event) -> None:
        if self.error is not None:
            raise self.error
        await stop.wait()
        self.stopped = True

    def ready(self) -> str | None:
        return None

    def live(self) -> str | None:
        return None


class Starts:
    """Makes parts in turn: each failure once, then one that runs."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.made: list[Running] = []

    def __call__(self) -> Running:
        self.made.append(Running(self.errors.pop(0) if self.errors else None))
        return self.made[-1]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts start again at once."""
    monkeypatch.setattr("connectors.kit.base.supervision.DELAY_S_FIRST", 0.0)


async def reached(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - bounded above
            await asyncio.sleep(0)


async def test_a_part_that_fails_is_started_again_and_its_neighbour_notices_nothing() -> None:
    failing, steady = Starts(KeyError("x"), OSError("y")), Starts()
    parts = [Part("failing", failing, Clock()), Part("steady", steady, Clock())]
    health, stop = Health(), asyncio.Event()
    task = asyncio.create_task(run_parts(parts, health, stop))
    await reached(lambda: len(failing.made) == 3)
    await turns()
    assert health.report("ready").ok
    stop.set()
    await task
    assert len(steady.made) == 1
    assert steady.made[0].stopped
    assert failing.made[-1].stopped


async def test_a_part_that_never_comes_up_stays_down_and_the_process_is_not_alive() -> None:
    failing, steady = Starts(*[KeyError("x")] * (RESTARTS_MAX + 5)), Starts()
    parts = [Part("failing", failing, Clock()), Part("steady", steady, Clock())]
    health, stop = Health(), asyncio.Event()
    task = asyncio.create_task(run_parts(parts, health, stop))
    await reached(lambda: not health.report("live").ok)
    await turns()
    assert len(failing.made) == RESTARTS_MAX + 1
    assert health.report("live").problems == {"failing": "failed: KeyError: 'x'"}
    stop.set()
    await task
    assert steady.made[0].stopped


async def test_what_concerns_the_process_stops_the_others_in_order_and_is_raised() -> None:
    fatal, steady = Starts(FatalKafkaError("fenced")), Starts()
    parts = [Part("steady", steady, Clock()), Part("fatal", fatal, Clock())]
    with pytest.raises(FatalKafkaError, match="fenced"):
        await run_parts(parts, Health(), asyncio.Event())
    assert steady.made[0].stopped


async def test_a_part_that_has_not_started_is_not_ready() -> None:
    assert Part("late", Starts(), Clock()).ready() == "starting"
