"""Time and chance as values, so that a test holds them in its hand."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """`monotonic_s` for durations, `epoch_s` for dates, `sleep(seconds)`, `chance()` in [0, 1)."""

    monotonic_s: Callable[[], float] = time.monotonic
    epoch_s: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random

    def epoch_ms(self) -> int:
        return int(self.epoch_s() * 1_000)


SYSTEM = Clock()
