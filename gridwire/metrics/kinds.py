"""Label values, buckets and kinds of metrics that the catalogue is made of."""

import threading
from bisect import bisect_left
from collections import Counter as Occurrences
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import Histogram

LABEL_VALUES_MAX = 100  # distinct free-text values per vocabulary; more are counted as OTHER
LABEL_CHARS_MAX = 80
OTHER = "other"

FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1_800, 7_200, 43_200, 172_800)
# From the 10 ms of a quiet worker to the hours and days of a backlog.
LATENCY_S = (
    *(0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.4, 0.6, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0),
    *(1_800.0, 7_200.0, 43_200.0, 172_800.0),
)
BATCH = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


class Bounded:
    """A vocabulary of label values that cannot grow without end: after LABEL_VALUES_MAX values it says OTHER.

    Of a text only what stands before the first colon is kept: reasons put their detail behind one.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, text: str) -> str:
        label = text.partition(":")[0].strip()[:LABEL_CHARS_MAX]
        known = self._known.get(label)
        if known is not None:
            return known
        with self._lock:
            if len(self._known) < LABEL_VALUES_MAX:
                self._known[label] = label
            return self._known.get(label, OTHER)


@dataclass(frozen=True, slots=True)
class Tally:
    """Many values in one: how many fall into each bucket (by its index), and their sum."""

    counts: Mapping[int, int]
    total: float


def tally(amounts: Iterable[tuple[float, int]], buckets: Sequence[float]) -> Tally:
    """(amount, how many it stands for) each, for histograms with these buckets."""
    counts: Occurrences[int] = Occurrences()
    total = 0.0
    for amount, count in amounts:
        counts[bisect_left(buckets, amount)] += count
        total += amount * count
    return Tally(counts, total)


class SampledHistogram(Histogram):
    """A histogram that takes values which stand for several: one look at a batch instead of one per record."""

    def observe_tally(self, values: Tally) -> None:
        """`values`: tallied with this histogram's own buckets."""
        self._raise_if_not_observable()  # type: ignore[no-untyped-call]
        self._sum.inc(values.total)
        for bucket, count in values.counts.items():
            self._buckets[bucket].inc(count)


reason_label = Bounded()
event_type_label = Bounded()
