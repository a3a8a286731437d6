"""What became of records, per leg: the numbers add up.

`in` = processed + kept + filtered + parked + dead, where parked falls again when a record is released. Outputs are
counted where they are written (a record may have several, a timer some without a record). What a timer has to say and
leaves unsaid on purpose is `timer filtered`: no record came in for it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

What = Literal[  # each has its metric in `streams.runtime.accounting`
    "in",  # gridwire_flow_records_in_total, and so on
    "processed",
    "kept",
    "filtered",
    "dead",
    "parked",  # -1: released
    "withheld",  # commands before go-live
    "timers",  # gridwire_flow_timers_total
    "timer filtered",
    "dead timer",
    "columns batch",  # gridwire_columns_batches_total
    "columns fallback",
    "expired",  # of a table: gridwire_table_rows_expired_total
    "replay",  # of a topic: gridwire_replayed_records_total
    "duplicate",  # of a topic: gridwire_duplicate_records_total
]
CountKey = tuple[
    str, str, What, str
]  # flow, leg (or what is of no leg: a topic, a table), what, reason


@dataclass(slots=True)
class Counts:
    """Counters since the last `take`, by (flow, leg, what, reason); reason is empty but for the filtered and dead."""

    values: Counter[CountKey] = field(default_factory=Counter)

    def add(self, flow: str, leg: str, what: What, reason: str = "", count: int = 1) -> None:
        self.values[flow, leg, what, reason] += count

    def extend(self, flow: str, leg: str, counts: Iterable[tuple[What, str, int]]) -> None:
        """Adds (what, reason, count)."""
        values = self.values
        for what, reason, count in counts:
            values[flow, leg, what, reason] += count

    def take(self) -> Counter[CountKey]:
        """The counters; they start anew."""
        values, self.values = self.values, Counter()
        return values
