"""A lane: the records of one key in order; whether the first of them may be sent; and what a fault costs it."""

import asyncio
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

from connectors.kit.base.clock import Clock
from connectors.kit.base.permit import Permit, WithdrawnError
from connectors.kit.lanes.work import Assigned, Entry, Feed, Later

CONFIRM_LOOK_S = 0.05
FAULT_DELAY_S = 5.0  # after a fault of our own
FAULTS_MAX = 10  # of one record; then it is given up


@dataclass(eq=False, slots=True)
class Lane:
    """The records of one key in order; the first is the one that is carried out.

    `forgotten`: its partition has left; an outcome that comes nevertheless is not ours to write.
    """

    key: Hashable
    assigned: Assigned
    entries: deque[Entry] = field(default_factory=deque)
    timer: asyncio.TimerHandle | None = None
    worker: "asyncio.Task[None] | None" = None
    forgotten: bool = False


def faulted(entry: Entry) -> Later:
    """A fault of our own counts against the record; it is handled again, up to FAULTS_MAX times."""
    entry.faults += 1
    return Later(FAULT_DELAY_S)


class Timed:
    """A permit that notes in its record when the turn of the first request came."""

    __slots__ = ("_clock", "_entry", "_permit")

    def __init__(self, permit: Permit, entry: Entry, clock: Clock) -> None:
        self._permit = permit
        self._entry = entry
        self._clock = clock

    def given(self) -> bool:
        return self._permit.given()

    async def wait(self) -> None:
        await self._permit.wait()

    def used(self) -> None:
        if self._entry.first_at is None:
            self._entry.first_at = self._clock.monotonic_s()
        self._permit.used()


class LanePermit:
    """Whether a record may be sent: our assignment is confirmed, and its partition is not leaving."""

    __slots__ = ("_assigned", "_clock", "_feed", "_used")

    def __init__(self, assigned: Assigned, feed: Feed, clock: Clock) -> None:
        self._assigned = assigned
        self._feed = feed
        self._clock = clock
        self._used = False

    def given(self) -> bool:
        assigned = self._assigned
        if assigned.lost or (assigned.draining and not self._used):
            raise WithdrawnError
        return self._feed.confirmed()

    async def wait(self) -> None:
        while not self.given():
            await self._clock.sleep(CONFIRM_LOOK_S)

    def used(self) -> None:
        self._used = True
