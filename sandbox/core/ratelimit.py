"""A fixed-window rate limiter, the kind whose headers platforms show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Take:
    """The outcome of one call: `reset_at_s` is when the window ends (epoch seconds)."""

    allowed: bool
    limit: int
    remaining: int
    reset_at_s: float

    def reset_in_s(self, now_s: float) -> float:
        return max(0.0, self.reset_at_s - now_s)


class FixedWindow:
    """`limit` calls per `window_s`; windows are aligned to multiples of `window_s`."""

    def __init__(self, limit: int, window_s: float) -> None:
        if limit < 0 or window_s <= 0:
            raise ValueError("a rate limit needs limit >= 0 and window_s > 0")
        self.limit = limit
        self.window_s = window_s
        self._window = -1
        self._used = 0

    def take(self, now_s: float, calls: int = 1) -> Take:
        """Count `calls` if they fit into the window of `now_s`; refused calls cost nothing."""
        window = int(now_s // self.window_s)
        if window != self._window:
            self._window, self._used = window, 0
        allowed = self._used + calls <= self.limit
        if allowed:
            self._used += calls
        reset_at_s = (window + 1) * self.window_s
        return Take(allowed, self.limit, max(0, self.limit - self._used), reset_at_s)
