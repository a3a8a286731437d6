"""Figures of the roles, read off their /metrics, and whether they add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

COUNTS = {
    "gridwire_flow_records_in_total": "in",
    "gridwire_flow_records_processed_total": "processed",
    "gridwire_flow_records_kept_total": "kept",
    "gridwire_flow_records_filtered_total": "filtered",
    "gridwire_flow_records_dead_total": "dead",
    "gridwire_flow_records_emitted_total": "emitted",
    "gridwire_flow_records_withheld_total": "withheld",
    "gridwire_flow_records_parked_total": "waited",  # ever put aside for a missing row
    "gridwire_parked_records": "parked",  # put aside right now
    "gridwire_flow_timers_total": "timers",
}
FATES = ("processed", "kept", "filtered", "parked", "dead")  # each record that came in has one
FILTERED = "gridwire_flow_records_filtered_total"
TIMERS_FILTERED = "gridwire_flow_timers_filtered_total"
DUPLICATES = "gridwire_duplicate_records_total"
EMITTED = "gridwire_flow_records_emitted_total"
LAG = "gridwire_consumer_lag_records"
ROWS = "gridwire_table_rows"
WEBHOOKS = "gridwire_webhooks_total"


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a metrics page."""

    name: str
    labels: Mapping[str, str]
    value: float


def samples(page: str) -> list[Sample]:
    """All samples of gridwire's own metrics."""
    return [
        Sample(one.name, one.labels, one.value)
        for family in text_string_to_metric_families(page)
        if family.name.startswith("gridwire_")
        for one in family.samples
    ]


@dataclass(frozen=True, slots=True)
class Leg:
    """What became of the records of one leg: counts by the names in COUNTS."""

    flow: str
    name: str
    counts: Mapping[str, int]

    def gap(self) -> str:
        """How the numbers fail to add up, or ""."""
        came_in = self.counts.get("in", 0)
        ended = sum(self.counts.get(fate, 0) for fate in FATES)
        if came_in == ended:
            return ""
        told = " + ".join(f"{self.counts.get(fate, 0)} {fate}" for fate in FATES)
        return f"the numbers of leg {self.name} do not add up: {came_in} in, but {told} = {ended}"


@dataclass(frozen=True, slots=True)
class Figures:
    """All samples of all roles at about one moment."""

    all: tuple[Sample, ...] = field(default_factory=tuple)

    def legs(self, flow: str) -> list[Leg]:
        """The legs of a flow that have counted anything."""
        found: dict[str, Counter[str]] = {}
        for sample in self.all:
            what = COUNTS.get(sample.name)
            if what is not None and sample.labels["flow"] == flow:
                found.setdefault(sample.labels["leg"], Counter())[what] += round(sample.value)
        return [Leg(flow, name, counts) for name, counts in sorted(found.items())]

    def of(self, flow: str) -> Counter[str]:
        """The counts of a flow, over its legs."""
        total: Counter[str] = Counter()
        for leg in self.legs(flow):
            total.update(leg.counts)
        return total

    def flows(self) -> list[str]:
        """Ids of the flows that have counted anything, feeds too."""
        return sorted({s.labels["flow"] for s in self.all if s.name in COUNTS})

    def filtered(self, flow: str, reason: str) -> int:
        """How many records, or outputs of timers, a flow left out for a reason."""
        timers = self._sum(TIMERS_FILTERED, flow=flow, reason=reason)
        return timers + self._sum(FILTERED, flow=flow, reason=reason)

    def duplicates(self, topic: str) -> int:
        """Records of a topic that came a second time and were dropped."""
        return self._sum(DUPLICATES, topic=topic)

    def commands(self, flow: str) -> int:
        """How many commands a flow gave."""
        return round(
            sum(
                one.value
                for one in self.all
                if one.name == EMITTED
                and one.labels["flow"] == flow
                and one.labels["topic"].startswith("command.")
            )
        )

    def lag(self) -> int:
        """Records that some group has yet to read, over all roles."""
        return self._sum(LAG)

    def rows(self, table: str) -> int:
        """Rows of a table."""
        return self._sum(ROWS, table=table)

    def webhooks(self, outcome: str, **labels: str) -> int:
        """Webhook deliveries with an outcome."""
        return self._sum(WEBHOOKS, outcome=outcome, **labels)

    def counted(self) -> Mapping[str, float]:
        """What must stand still when nothing is under way: counters of records, by name and labels."""
        return {
            f"{one.name}{sorted(one.labels.items())}": one.value
            for one in self.all
            if "records" in one.name and one.name.endswith(("_total", "_records"))
        }

    def _sum(self, name: str, **labels: str) -> int:
        return round(
            sum(
                one.value
                for one in self.all
                if one.name == name and labels.items() <= one.labels.items()
            )
        )


def gaps(legs: Iterable[Leg]) -> list[str]:
    """Where numbers fail to add up."""
    return [gap for leg in legs if (gap := leg.gap())]
