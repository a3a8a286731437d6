"""How far a connector's generator has come, and what a refusal means by then."""

from dataclasses import dataclass, replace

from connectors.kit.base.permit import Permit
from connectors.kit.connector import Misconfigured, Rejected, Transient
from connectors.kit.http.rate import RateLimiter

REQUESTS_MAX = 1_000  # of one generator: a paging loop that never ends is a fault
PAUSES_MAX = 1_000  # of one generator, likewise
Refusal = Transient | Rejected | Misconfigured


@dataclass(frozen=True, slots=True)
class Place:
    """A turn that was taken: the pace it counts for, and its number there."""

    rate: RateLimiter
    slot: int


@dataclass(slots=True)
class Drive:
    """How far a generator has come.

    `sent`: a request that is not idempotent went out; `taken`: one was answered with success.
    """

    permit: Permit | None
    requests: int = 0
    pauses: int = 0
    turn: Place | None = None
    sent: bool = False
    taken: bool = False

    @property
    def goes_on(self) -> bool:
        """Whether another step is allowed."""
        return self.requests < REQUESTS_MAX and self.pauses < PAUSES_MAX

    def endless(self) -> str:
        """Why not."""
        what = "requests" if self.requests >= REQUESTS_MAX else "pauses"
        return f"more than {max(self.requests, self.pauses)} {what} for one record"

    def refused(self, verdict: Refusal) -> Refusal:
        """After an effect that adds up, whatever would have all of it done again leaves the outcome unknown."""
        if isinstance(verdict, Misconfigured) and self.taken:
            verdict = Transient(verdict.reason)
        if isinstance(verdict, Transient) and (self.taken or (self.sent and verdict.fault)):
            verdict = replace(verdict, outcome_unknown=True)
        return verdict
