"""Tumbling windows per partner, region and product: closed by a timer, amended by what comes late, compared.

Whether something is late is judged by when it reached the gateway, not by when it is processed here: our own
downtime makes nothing late. A window stays in memory beyond its grace period for that (`retain_ms`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from gridwire.records import EngagementPartial, EngagementWindow, Partner
from streams.flow import Effects, Filtered, Fired, Forget, Keep
from streams.flows.braze.engagement_insights import Audience, insights
from streams.rules import windows


class Sums(msgspec.Struct, frozen=True, array_like=True):
    """What one window holds."""

    counts: Mapping[str, int] = msgspec.field(default_factory=dict)
    units: int = 0
    revenue_minor: Mapping[str, int] = msgspec.field(default_factory=dict)
    abandoned_carts: int = 0
    users: tuple[int, ...] = ()


class Windows(msgspec.Struct, frozen=True, array_like=True):
    """All windows of one key. `demand`: of closed windows, by start, as far back as the baseline reaches.

    first_start: start of the first window ever.
    """

    partner_id: str
    region: str
    sku: str
    product_line: str | None
    first_start: int
    held: windows.Windows[Sums] = windows.Windows()
    demand: Mapping[int, float] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers that windows are made with; times in milliseconds.

    weights: event kind → its share in the demand. retain_ms: how long beyond its grace a window can be amended
    when processing lags. forget_ms: after so long without a window a key starts anew.
    """

    size_ms: int
    grace_ms: int
    retain_ms: int
    amend_delay_ms: int
    forget_ms: int
    windows_max: int
    group_size_min: int
    baseline_windows: int
    spike_factor: float
    spike_demand_min: float
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Tumbling:
    """The fold's functions. `rule`: when windows close, are amended and forgotten."""

    figures: Figures
    audience: Audience
    rule: windows.Tumbling

    @classmethod
    def of(cls, figures: Figures, audience: Audience) -> "Tumbling":
        rule = windows.Tumbling(
            size_ms=figures.size_ms,
            grace_ms=figures.grace_ms,
            retain_ms=figures.retain_ms,
            amend_delay_ms=figures.amend_delay_ms,
            forget_ms=figures.forget_ms,
            open_max=figures.windows_max,
        )
        return cls(figures, audience, rule)

    def add(self, partial: EngagementPartial, kept: Windows | None) -> Effects:
        """Adds to the window, which a timer closes; one that is closed already is amended a little later."""
        kept = kept or _first(partial)
        added = self.rule.add(
            kept.held,
            partial.window_start,
            lambda sums: self._sum(sums or Sums(), partial),
            arrived_ms=partial.arrived_at,
            now_ms=partial.produced_at,
        )
        if isinstance(added, Filtered):
            yield added
            return
        yield Keep(
            msgspec.structs.replace(
                kept,
                held=added.windows,
                first_start=min(partial.window_start, kept.first_start),
                product_line=partial.product_line or kept.product_line,
            )
        )
        yield from added.timers

    def _sum(self, sums: Sums, partial: EngagementPartial) -> Sums:
        """Of the users only so many are kept as it takes to tell that the group is large enough."""
        users, enough = sums.users, self.figures.group_size_min
        if len(users) < enough:
            users = tuple(dict.fromkeys((*users, *partial.users)))[:enough]
        return Sums(
            _plus(sums.counts, partial.counts),
            sums.units + partial.units,
            _plus(sums.revenue_minor, partial.revenue_minor),
            sums.abandoned_carts + partial.abandoned_carts,
            users,
        )

    def due(
        self,
        fired: Fired[Windows],
        supplier: Partner | None,
        regional: Mapping[str, tuple[Partner, ...]],
    ) -> Effects:
        """A window closes, is amended or cannot be amended any more; or the key has long been quiet."""
        found = self.rule.due(fired.state.held, fired.name)
        if found is None:
            yield Forget()
            return
        after = msgspec.structs.replace(fired.state, held=found.windows)
        if found.write is not None:
            demand = self._demand(found.write.value)
            remembered = self._remembered(after, found.start_ms, demand)
            after = msgspec.structs.replace(after, demand=remembered)
            record = self._record(after, found.start_ms, found.write, demand)
            yield from insights(record, self.audience.readers(record, supplier, _each(regional)))
            yield record
        yield from found.timers
        yield Keep(after)

    def _remembered(self, kept: Windows, start: int, demand: float) -> dict[int, float]:
        newest = max(start, *kept.demand, start)
        oldest = newest - self.figures.baseline_windows * self.figures.size_ms
        return {at: value for at, value in {**kept.demand, start: demand}.items() if at >= oldest}

    def _demand(self, sums: Sums) -> float:
        weights = self.figures.weights
        return sum(weights.get(kind, 0.0) * count for kind, count in sums.counts.items())

    def _baseline(self, kept: Windows, start: int) -> float | None:
        """Mean demand of the windows before `start`; a window in which nothing happened counts as 0."""
        size = self.figures.size_ms
        oldest = max(kept.first_start, start - self.figures.baseline_windows * size)
        windows_before = (start - oldest) // size
        if windows_before <= 0:
            return None
        total = sum(value for at, value in kept.demand.items() if oldest <= at < start)
        return total / windows_before

    def _record(
        self, kept: Windows, start: int, window: windows.Window[Sums], demand: float
    ) -> EngagementWindow:
        figures, sums = self.figures, window.value
        baseline = self._baseline(kept, start)
        spike = (
            baseline is not None
            and demand >= figures.spike_demand_min
            and demand > baseline * figures.spike_factor
        )
        return EngagementWindow(
            occurred_at=start + figures.size_ms,
            version=window.amendment,
            partner_id=kept.partner_id,
            region=kept.region,
            sku=kept.sku,
            product_line=kept.product_line,
            window_start=start,
            window_end=start + figures.size_ms,
            counts=sums.counts,
            units=sums.units,
            revenue_minor=sums.revenue_minor,
            abandoned_carts=sums.abandoned_carts,
            group_large_enough=len(sums.users) >= figures.group_size_min,
            demand=demand,
            baseline=baseline,
            spike=spike,
            amendment=window.amendment,
        )


def _first(partial: EngagementPartial) -> Windows:
    return Windows(
        partner_id=partial.partner_id,
        region=partial.region,
        sku=partial.sku,
        product_line=partial.product_line,
        first_start=partial.window_start,
    )


def _plus(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    total = dict(one)
    for name, count in other.items():
        total[name] = total.get(name, 0) + count
    return total


def _each(found: Mapping[str, tuple[Partner, ...]]) -> Iterable[Partner]:
    """Each partner once, by id."""
    return {partner.partner_id: partner for some in found.values() for partner in some}.values()
