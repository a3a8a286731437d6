"""When to try again, and when to give up: capped exponential backoff with full jitter, bounded attempts and age."""

from collections.abc import Callable
from dataclasses import dataclass

from connectors.kit.connector import Transient

ADVICE_JITTER = (
    0.1  # of the advised time, on top: those who were told the same time do not come back at once
)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`attempts_max` failures of one record while its platform is well; `age_s_max` since its first attempt.

    Delays are drawn from 0 to min(`delay_s_max`, `delay_s_first` * 2 ** (attempt - 1)).
    """

    delay_s_first: float = 0.5
    delay_s_max: float = 60.0
    attempts_max: int = 10
    age_s_max: float = 6 * 3_600.0

    def delay_s(self, attempt: int, verdict: Transient, chance: Callable[[], float]) -> float:
        """Seconds to wait after failure number `attempt` (from 1). The platform's own advice goes first."""
        if verdict.after_s is not None:
            return verdict.after_s * (1 + ADVICE_JITTER * chance())
        doublings = min(max(attempt, 1) - 1, 30)
        return chance() * min(self.delay_s_max, self.delay_s_first * 2.0**doublings)

    def exhausted(self, attempts: int, age_s: float) -> bool:
        """Whether a record with this many counted failures, first tried `age_s` ago, is given up."""
        return attempts >= self.attempts_max or age_s >= self.age_s_max
