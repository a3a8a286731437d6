"""A lane: the records of one key in order; and whether the first of them may be sent."""

import asyncio
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

from connectors.kit.clock import Clock
from connectors.kit.work import Assigned, Entry, Feed, WithdrawnError

CONFIRM_LOOK_S = 0.05


@dataclass(eq=False, slots=True)
class Lane:
    """The records of one key in order; the first is the one that is carried out."""

    key: Hashable
    assigned: Assigned
    entries: deque[Entry] = field(default_factory=deque)
    timer: asyncio.TimerHandle | None = None
    worker: "asyncio.Task[None] | None" = None


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
