"""A clock that a test moves: sleeping moves it at once."""

import asyncio
import heapq

from connectors.kit.base.clock import Clock

EPOCH_S = 1_800_000_000.0


class FakeTime:
    """Monotonic seconds from 1,000 on, epoch seconds from EPOCH_S on; `slept` lists every sleep."""

    def __init__(self, chance: float = 1.0) -> None:
        self.passed_s = 0.0
        self.slept: list[float] = []
        self._chance = chance

    def monotonic_s(self) -> float:
        return 1_000.0 + self.passed_s

    def epoch_s(self) -> float:
        return EPOCH_S + self.passed_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed_s += seconds
        await asyncio.sleep(0)

    def chance(self) -> float:
        return self._chance

    @property
    def clock(self) -> Clock:
        return Clock(self.monotonic_s, self.epoch_s, self.sleep, self.chance)


class HeldTime(FakeTime):
    """A clock that stands still until `advance`: sleepers wake when their time has come, earliest first."""

    def __init__(self, chance: float = 1.0) -> None:
        super().__init__(chance)
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._count += 1
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.passed_s + max(0.0, seconds), self._count, woken))
        await woken

    async def advance(self, seconds: float, turns: int = 20) -> None:
        """Lets so many seconds pass; between two sleepers every ready task goes on."""
        until = self.passed_s + seconds
        await self._turns(turns)
        while self._sleepers and self._sleepers[0][0] <= until:
            self.passed_s, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await self._turns(turns)
        self.passed_s = until
        await self._turns(turns)

    @staticmethod
    async def _turns(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)
