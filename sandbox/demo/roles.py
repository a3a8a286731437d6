"""The roles of gridwire as child processes of the demo."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.child import Child, spawn
from sandbox.demo.calls import CallError, asked, call
from sandbox.demo.environment import ROLES, Places, Secrets, of_role, role_command
from sandbox.demo.figures import Figures, Sample, samples
from sandbox.demo.story import Story

READY_S_MAX = 60.0
STOP_S_MAX = 20.0
POLL_S = 0.1
METRICS_TIMEOUT_S = 5.0


class RoleError(Exception):
    """A role did not become ready or ended; the text says what it said last and where its log is."""


@dataclass(slots=True)
class Roles:
    """The running roles, in the order in which they stop: sources first, so that nothing new comes in."""

    folder: Path
    places: Places
    children: dict[str, Child] = field(default_factory=dict)

    def start(self, known: Secrets, stories: Sequence[Story]) -> None:
        for role in ROLES:
            log = self.log(role)
            log.unlink(missing_ok=True)
            environment = of_role(role, self.places, known, stories)
            self.children[role] = spawn(
                role_command(role), log=log, env=environment, cwd=self.folder
            )

    def log(self, role: str) -> Path:
        return self.folder / f"{role}.log"

    async def ready(self) -> None:
        """Returns once /readyz of all roles says yes. Raises RoleError."""
        await asyncio.gather(*(self._ready(role) for role in self.children))

    async def _ready(self, role: str) -> None:
        deadline = time.monotonic() + READY_S_MAX
        problem = "it does not answer"
        while time.monotonic() < deadline:
            self.check(role)
            with suppress(CallError):
                url = f"{self.places.ops_url(role)}/readyz"
                answer = await asyncio.to_thread(call, "GET", url)
                if answer.status == 200:
                    return
                problem = answer.text
            await asyncio.sleep(POLL_S)
        raise RoleError(
            f"{role} was not ready within {READY_S_MAX:.0f} s ({problem}); see {self.log(role)}"
        )

    def check(self, role: str) -> None:
        """Raises RoleError where the role has ended."""
        child = self.children[role]
        if not child.alive:
            raise RoleError(
                f"{role} ended by itself with {child.process.returncode}; "
                f"see {self.log(role)}, which ends:\n{child.said()}"
            )

    def check_all(self) -> None:
        """Raises RoleError where any role has ended."""
        for role in self.children:
            self.check(role)

    async def figures(self) -> Figures:
        """The metrics of all roles. Raises CallError, RoleError."""
        self.check_all()
        found = await asyncio.gather(*(self._samples(role) for role in self.children))
        return Figures(tuple(sample for some in found for sample in some))

    async def _samples(self, role: str) -> list[Sample]:
        url = f"{self.places.ops_url(role)}/metrics"
        answer = await asyncio.to_thread(call, "GET", url, timeout_s=METRICS_TIMEOUT_S)
        return samples(answer.text)

    def stop(self) -> None:
        """One after the other; a role that does not end in time is killed. Harmless when done twice."""
        while self.children:
            role = next(iter(self.children))
            self.children.pop(role).stop(STOP_S_MAX)


async def configure(sandbox_url: str, settings: Mapping[str, Mapping[str, object]]) -> None:
    """Tells the simulated platforms. Raises CallError."""
    for platform, given in settings.items():
        await asked("POST", f"{sandbox_url}/_sandbox/{platform}/configure", given)
