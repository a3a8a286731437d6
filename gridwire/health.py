"""Health that tells the truth: named checks, and what they add up to.

A check is a callable that returns None, or the reason why not. `live` answers "would a restart help?", `ready` answers
"does it do its work now?". An outage of Kafka, of the registry or of a platform makes a role not ready, and leaves it
live: started again it would wait just the same. `gridwire.ops` serves the answers.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Check = Callable[[], str | None]
Kind = Literal["live", "ready"]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of all checks of a kind: `problems` by check name."""

    checks: tuple[str, ...] = ()
    problems: dict[str, str] | None = None

    @property
    def ok(self) -> bool:
        return not self.problems

    def failing(self, name: str, reason: str | None) -> "Report":
        """The same with one more check."""
        more = {} if reason is None else {name: reason}
        return Report((*self.checks, name), (self.problems or {}) | more)


class Health:
    """The checks of one process, asked in its event loop. Names are unique per kind; adding one again replaces it.

    `thawed_at`: when the process last went on after it had been frozen as a whole (monotonic seconds). Who measures
    how long something stands still counts from there: while nothing could run, nothing was stuck.
    """

    def __init__(self) -> None:
        self._checks: dict[Kind, dict[str, Check]] = {"live": {}, "ready": {}}
        self.thawed_at = time.monotonic()

    def live(self, name: str, check: Check) -> None:
        """Fails where only a restart helps."""
        self._checks["live"][name] = check

    def ready(self, name: str, check: Check) -> None:
        """Fails while the work is not being done."""
        self._checks["ready"][name] = check

    def remove(self, name: str) -> None:
        for checks in self._checks.values():
            checks.pop(name, None)

    def report(self, kind: Kind) -> Report:
        """Runs the checks. One that raises counts as failed: it must not pass for healthy."""
        checks = dict(self._checks[kind])
        problems = {}
        for name, check in checks.items():
            reason = self._run(name, check)
            if reason is not None:
                problems[name] = reason
        return Report(tuple(checks), problems)

    @staticmethod
    def _run(name: str, check: Check) -> str | None:
        try:
            return check()
        except Exception as error:
            log.exception("health check failed to run", extra={"check": name})
            return f"check failed to run ({type(error).__name__})"
