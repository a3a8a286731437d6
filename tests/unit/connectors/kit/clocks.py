"""A clock that a test moves: sleeping moves it at once."""

import asyncio

from connectors.kit.clock import Clock

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
