"""What became of records, per leg: the numbers add up.

`in` = processed + kept + filtered + parked + dead, where parked falls again when a record is released; `emitted`
counts outputs (a record may have several, a timer some without a record). What a timer has to say and leaves unsaid on
purpose is `timer filtered`: no record came in for it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """Counters since the last `take`, by (flow, leg, what, reason); reason is empty but for the filtered and dead."""

    values: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def add(self, flow: str, leg: str, what: str, reason: str = "", count: int = 1) -> None:
        self.values[flow, leg, what, reason] += count

    def extend(self, flow: str, leg: str, counts: Iterable[tuple[str, str, int]]) -> None:
        """Adds (what, reason, count)."""
        values = self.values
        for what, reason, count in counts:
            values[flow, leg, what, reason] += count

    def take(self) -> Counter[tuple[str, str, str, str]]:
        """The counters; they start anew."""
        values, self.values = self.values, Counter()
        return values
