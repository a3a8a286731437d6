"""A circuit breaker per platform: while it is open nothing is sent but one probe at a time, now and then.

Pure; times are monotonic seconds. Two ways to open: failures in a row (the platform is down), and a verdict
`misconfigured` (our credentials or permissions are wrong), which waits longer between probes and is an alert.
"""

from collections.abc import Callable
from dataclasses import dataclass

LOOK_AGAIN_S = 0.25  # while somebody else's probe is under way


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """`failures_max` in a row open it; probes come after `open_s_first`, doubling up to `open_s_max`."""

    failures_max: int = 10
    open_s_first: float = 0.5
    open_s_max: float = 30.0
    misconfigured_s_first: float = 15.0
    misconfigured_s_max: float = 300.0


class Breaker:
    """`enter` before each call; then exactly one of `succeeded`, `failed`, `misconfigured`, `left`."""

    def __init__(self, policy: BreakerPolicy, chance: Callable[[], float]) -> None:
        self._policy = policy
        self._chance = chance
        self._failures = 0
        self._openings = 0
        self._until: float | None = None  # None: closed
        self._probing = False
        self.stopped: str | None = None  # why it is misconfigured

    @property
    def closed(self) -> bool:
        return self._until is None

    def enter(self, now: float) -> float:
        """0: go, and report back. Else the seconds after which to ask again."""
        if self._until is None:
            return 0.0
        if now < self._until:
            return self._until - now
        if self._probing:
            return LOOK_AGAIN_S
        self._probing = True
        return 0.0

    def succeeded(self) -> None:
        """The platform answered, whatever it thought of the record."""
        self._failures = self._openings = 0
        self._until = None
        self._probing = False
        self.stopped = None

    def failed(self, now: float) -> None:
        """No answer, or one that says that the platform is not well."""
        self._failures += 1
        if self._until is None and self._failures < self._policy.failures_max:
            return
        if self._until is None or self._probing:
            self._open(now, self._policy.open_s_first, self._policy.open_s_max)

    def misconfigured(self, reason: str, now: float) -> None:
        """Credentials, permissions or set-up are wrong: opens at once."""
        if self._until is None or self._probing or self.stopped is None:
            policy = self._policy
            self._open(now, policy.misconfigured_s_first, policy.misconfigured_s_max)
        self.stopped = reason

    def left(self) -> None:
        """The call was given up on our side: it says nothing about the platform."""
        self._probing = False

    def _open(self, now: float, first_s: float, max_s: float) -> None:
        wait = min(max_s, first_s * 2 ** min(self._openings, 20))
        self._openings += 1
        self._until = now + wait * (0.75 + 0.5 * self._chance())
        self._probing = False
