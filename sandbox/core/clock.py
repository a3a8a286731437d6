"""The sandbox's clock: wall time plus an offset that the control API sets."""

from __future__ import annotations

import time


class Clock:
    """Wall clock in seconds since the epoch, offset-able to pass hours in a test."""

    def __init__(self) -> None:
        self.offset_s = 0.0

    def now_s(self) -> float:
        return time.time() + self.offset_s
