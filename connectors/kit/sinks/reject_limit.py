"""A sink that refuses nearly everything stops: a wrong mapping must not drain its topic into dead letters.

Each operation is watched by itself, over its own commands: refused by the platform or given up, against delivered. Past
a limit the next refusal is no dead letter any more: the command stays where it is, and so do all others of that
operation. Now and then one of them is tried; TRIES_MIN that are delivered one after another set the others free. What
was refused before the limit stays a dead letter.

Only the try tells how it went: attempts that began before the operation stopped, and end while one is tried, neither
count for it nor end it. So every call names its attempt, by the object that is carried out (its entry).
"""

import logging
from dataclasses import dataclass, field

from connectors.kit.base.clock import Clock
from gridwire import metrics
from gridwire.limits import Limits, Watch

PAUSE_S_FIRST = 60.0  # before the first try; then twice as long each time
PAUSE_S_MAX = 600.0
TRIES_MIN = 5  # where half of the commands are refused, one that is delivered tells little
TRY_S_MAX = 120.0  # a try that was not heard of within this is over
LOOK_AGAIN_S = 1.0  # while another command is being tried
SETTINGS = {
    "in_a_row_max": "GRIDWIRE_SINK_REJECTS_IN_A_ROW_MAX",
    "ratio_max": "GRIDWIRE_SINK_REJECTS_RATIO_MAX",
}
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Watched:
    """One operation. `stopped`: why; `until`: when the next command is tried; `trying`: the try, and `trying_until`:
    how long it is waited for.
    """

    watch: Watch
    stopped: str | None = None
    until: float = 0.0
    trying: object | None = None
    trying_until: float = 0.0
    pauses: int = 0
    delivered: int = 0  # tries, one after another
    last: str = ""  # why the latest command was refused


@dataclass(slots=True)
class RejectLimit:
    """The limits of one sink; times are monotonic seconds. Belongs to the event loop."""

    platform: str
    limits: Limits
    clock: Clock
    _operations: dict[str, Watched] = field(default_factory=dict)

    @property
    def problem(self) -> str | None:
        """Why commands are held; None where none are."""
        now = self.clock.monotonic_s()
        stopped = [_problem(one, now) for one in self._operations.values() if one.stopped]
        return "; ".join(stopped) or None

    def enter(self, operation: str, attempt: object) -> float:
        """0: carry it out. Else the seconds after which to ask again. `operation`: of a small fixed set.

        The try itself may enter again: it was part of a batch that is sent in another way.
        """
        one = self._operations.get(operation)
        if one is None or one.stopped is None:
            return 0.0
        now = self.clock.monotonic_s()
        if one.trying is not None and one.trying is not attempt and now < one.trying_until:
            return LOOK_AGAIN_S
        if now < one.until:
            return one.until - now
        one.trying, one.trying_until = attempt, now + TRY_S_MAX
        return 0.0

    def delivered(self, operation: str, attempt: object) -> None:
        """A command was carried out. What was in flight when the operation stopped tells nothing new."""
        one = self._watched(operation)
        if one.stopped is None:
            one.watch.add(1, 0, well=True)
            return
        if one.trying is not attempt:
            return
        one.trying = None
        one.delivered += 1
        if one.delivered >= TRIES_MIN:
            self._operations[operation] = Watched(Watch(self.limits))
            self._tell(operation, 0)
            log.warning("operation goes on", extra=self._named(operation))

    def refused(self, operation: str, attempt: object, reason: str = "") -> float | None:
        """A command was refused for good, or given up. None: it becomes a dead letter. Else it stays, for so long."""
        one, now = self._watched(operation), self.clock.monotonic_s()
        if one.stopped is None or one.trying is attempt:
            one.last = reason
        if one.stopped is None:
            excess = one.watch.add(1, 1, well=False)
            if excess is None:
                return None
            what = excess.text("commands refused")
            one.stopped = _advice(self.platform, operation, what, SETTINGS[excess.limit])
            self._tell(operation, 1)
            log.error("operation stopped", extra={**self._named(operation), "why": one.stopped})
            self._pause(one, now)
        elif one.trying is attempt:
            self._pause(one, now)
            why = {"why": reason, "next_try_s": round(one.until - now)}
            log.warning("tried again and refused", extra={**self._named(operation), **why})
        return max(0.0, one.until - now) + LOOK_AGAIN_S  # so that another one is tried next

    def left(self, operation: str, attempt: object) -> None:
        """An attempt is over. If it was the try and told nothing of the command, another one may be tried."""
        one = self._operations.get(operation)
        if one is not None and one.trying is attempt:
            one.trying = None

    def _watched(self, operation: str) -> Watched:
        if operation not in self._operations:
            self._operations[operation] = Watched(Watch(self.limits))
            self._tell(operation, 0)  # it may have been 1 before this sink was started again
        return self._operations[operation]

    def _pause(self, one: Watched, now: float) -> None:
        pause_s = min(PAUSE_S_MAX, PAUSE_S_FIRST * 2.0 ** min(one.pauses, 10))
        one.pauses += 1
        one.delivered = 0
        one.until = now + pause_s
        one.trying = None

    def _tell(self, operation: str, stopped: int) -> None:
        metrics.OPERATION_STOPPED.labels(self.platform, operation).set(stopped)

    def _named(self, operation: str) -> dict[str, str]:
        return {"platform": self.platform, "operation": operation}


def _problem(one: Watched, now: float) -> str:
    last = f". Refused last for: {one.last}" if one.last else ""
    return f"{one.stopped}{last}. Next try in {max(0.0, one.until - now):.0f} s"


def _advice(platform: str, operation: str, what: str, setting: str) -> str:
    return (
        f"{operation}: {what} ({setting}). Its commands wait, so that command.{platform} is not drained into "
        f"dead-letter.sinks; one is tried now and then, and {TRIES_MIN} that are delivered set the others free. Look "
        "at `gridwire dead-letters list --topic sinks`, mend the cause (a mapping, a setting, the platform), then "
        f"replay them. If so many are to be expected, raise {setting}"
    )
