"""Parts of a role that run side by side: one that fails is started again alone, its neighbours go on."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from connectors.kit.base.clock import Clock
from connectors.kit.base.fatal import FatalKafkaError
from gridwire.health import Health
from gridwire.serving import PortError

RESTARTS_MAX = 10  # in a row; then the part stays down and the process reports itself not alive
HEALTHY_S = 600.0  # a part that ran this long starts counting anew
DELAY_S_FIRST = 1.0
DELAY_S_MAX = 60.0
# These concern the process: it ends, so that whoever started it sees why.
ENDING = (FatalKafkaError, PortError)
log = logging.getLogger(__name__)


class Running(Protocol):
    """One start of a part. `run` returns after `stop`; whatever it raises counts as a failure."""

    async def run(self, stop: asyncio.Event) -> None: ...

    def ready(self) -> str | None: ...

    def live(self) -> str | None: ...


class Part:
    """One part, started by `make` as often as need be."""

    def __init__(self, name: str, make: Callable[[], Running], clock: Clock) -> None:
        self.name = name
        self._make = make
        self._clock = clock
        self._running: Running | None = None
        self._failures = 0
        self._problem: str | None = "starting"

    def ready(self) -> str | None:
        return self._problem or (self._running.ready() if self._running else "not running")

    def live(self) -> str | None:
        if self._failures > RESTARTS_MAX:
            return self._problem
        return self._running.live() if self._running else None

    async def keep(self, stop: asyncio.Event) -> None:
        """Runs the part until `stop`. Raises what ends the process."""
        while not stop.is_set() and self._failures <= RESTARTS_MAX:
            begun = self._clock.monotonic_s()
            try:
                self._running = self._make()
                self._problem = None
                await self._running.run(stop)
            except ENDING:
                raise
            except Exception as error:
                if self._clock.monotonic_s() - begun > HEALTHY_S:
                    self._failures = 0
                self._failures += 1
                self._problem = f"failed: {type(error).__name__}: {error}"
                extra = {"part": self.name, "failures": self._failures, "why": self._problem}
                log.exception("part failed", extra=extra)
            self._running = None
            await self._pause(stop)
        await stop.wait()

    async def _pause(self, stop: asyncio.Event) -> None:
        delay_s = min(DELAY_S_MAX, DELAY_S_FIRST * 2.0 ** min(self._failures, 10))
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait([stopped], timeout=delay_s)
        stopped.cancel()


async def run_parts(parts: Sequence[Part], health: Health, stop: asyncio.Event) -> None:
    """Runs all parts until `stop`, or until one raises what ends the process; then stops the others and waits
    for all. Raises the first failure.
    """
    for part in parts:
        health.ready(part.name, part.ready)
        health.live(part.name, part.live)
    halt = asyncio.Event()
    tasks = [asyncio.create_task(part.keep(halt), name=part.name) for part in parts]
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        halt.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, BaseException):
            raise error
