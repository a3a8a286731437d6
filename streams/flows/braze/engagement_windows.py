"""Tumbling windows per partner, region and product: closed by a timer, amended by what comes late, compared.

Whether something is late is judged by when it reached the gateway, not by when it is processed here: our own
downtime makes nothing late. A window stays in memory beyond its grace period for that (`retain_ms`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from gridwire.records import EngagementPartial, EngagementWindow, Partner
from streams.flow import CancelTimer, Effects, Filtered, Fired, Forget, Keep, SetTimer
from streams.flows.braze.engagement_insights import Audience, insights


class Window(msgspec.Struct, frozen=True, array_like=True):
    """What one window holds. `amends_at`: when the next amendment is due, None: none is."""

    counts: Mapping[str, int] = msgspec.field(default_factory=dict)
    units: int = 0
    revenue_minor: Mapping[str, int] = msgspec.field(default_factory=dict)
    abandoned_carts: int = 0
    users: tuple[int, ...] = ()
    closed: bool = False
    amendment: int = 0
    amends_at: int | None = None


class Windows(msgspec.Struct, frozen=True, array_like=True):
    """All windows of one key, by start. `demand`: of closed windows, as far back as the baseline reaches.

    first_start: start of the first window ever. dropped_end: end of the last window that cannot be amended any more.
    """

    partner_id: str
    region: str
    sku: str
    product_line: str | None
    first_start: int
    dropped_end: int = 0
    held: Mapping[int, Window] = msgspec.field(default_factory=dict)
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
    """The fold's functions."""

    figures: Figures
    audience: Audience

    def add(self, partial: EngagementPartial, windows: Windows | None) -> Effects:
        """Adds to the window, which a timer closes; one that is closed already is amended a little later."""
        figures, start = self.figures, partial.window_start
        end = start + figures.size_ms
        windows = windows or _first(partial)
        if end + figures.grace_ms <= partial.arrived_at or end <= windows.dropped_end:
            yield Filtered("late")
            return
        if start not in windows.held and len(windows.held) >= figures.windows_max:
            yield Filtered("too many open windows")
            return
        before = windows.held.get(start)
        window = self._sum(before or Window(), partial)
        if window.closed and window.amends_at is None:
            amends_at = partial.produced_at + figures.amend_delay_ms
            window = msgspec.structs.replace(window, amends_at=amends_at)
            yield SetTimer(f"amend/{start}", amends_at)
        first = min(start, windows.first_start)
        yield Keep(_with(windows, start, window, first_start=first, line=partial.product_line))
        if before is None:
            latest = max(start, *windows.held, *windows.demand, start)
            yield SetTimer(f"close/{start}", end)
            yield SetTimer(f"drop/{start}", end + figures.grace_ms + figures.retain_ms)
            yield SetTimer("forget/", latest + figures.size_ms + figures.forget_ms)

    def _sum(self, window: Window, partial: EngagementPartial) -> Window:
        """Of the users only so many are kept as it takes to tell that the group is large enough."""
        users = tuple(dict.fromkeys((*window.users, *partial.users)))[: self.figures.group_size_min]
        return msgspec.structs.replace(
            window,
            counts=_plus(window.counts, partial.counts),
            units=window.units + partial.units,
            revenue_minor=_plus(window.revenue_minor, partial.revenue_minor),
            abandoned_carts=window.abandoned_carts + partial.abandoned_carts,
            users=users,
        )

    def due(
        self,
        fired: Fired[Windows],
        supplier: Partner | None,
        regional: Mapping[str, tuple[Partner, ...]],
    ) -> Effects:
        """A window closes, is amended or cannot be amended any more; or the key has long been quiet."""
        action, _, name = fired.name.partition("/")
        if action == "forget":
            yield Forget()
            return
        start = int(name)
        window, after = fired.state.held[start], fired.state
        if action != "drop" or window.amends_at is not None:
            window = msgspec.structs.replace(
                window,
                closed=True,
                amendment=window.amendment + 1 if window.closed else 0,
                amends_at=None,
            )
            demand = self._demand(window)
            remembered = self._remembered(after, start, demand)
            after = _with(after, start, window, demand=remembered)
            record = self._record(after, start, window, demand)
            yield from insights(record, self.audience.readers(record, supplier, _each(regional)))
            yield record
        if action == "drop":
            after = self._without(after, start)
            yield CancelTimer(f"amend/{start}")
        yield Keep(after)

    def _without(self, windows: Windows, start: int) -> Windows:
        held = {at: window for at, window in windows.held.items() if at != start}
        end = max(windows.dropped_end, start + self.figures.size_ms)
        return msgspec.structs.replace(windows, held=held, dropped_end=end)

    def _remembered(self, windows: Windows, start: int, demand: float) -> dict[int, float]:
        newest = max(start, *windows.demand, start)
        oldest = newest - self.figures.baseline_windows * self.figures.size_ms
        return {
            at: value for at, value in {**windows.demand, start: demand}.items() if at >= oldest
        }

    def _demand(self, window: Window) -> float:
        weights = self.figures.weights
        return sum(weights.get(kind, 0.0) * count for kind, count in window.counts.items())

    def _baseline(self, windows: Windows, start: int) -> float | None:
        """Mean demand of the windows before `start`; a window in which nothing happened counts as 0."""
        size = self.figures.size_ms
        oldest = max(windows.first_start, start - self.figures.baseline_windows * size)
        windows_before = (start - oldest) // size
        if windows_before <= 0:
            return None
        total = sum(value for at, value in windows.demand.items() if oldest <= at < start)
        return total / windows_before

    def _record(
        self, windows: Windows, start: int, window: Window, demand: float
    ) -> EngagementWindow:
        figures = self.figures
        baseline = self._baseline(windows, start)
        spike = (
            baseline is not None
            and demand >= figures.spike_demand_min
            and demand > baseline * figures.spike_factor
        )
        return EngagementWindow(
            occurred_at=start + figures.size_ms,
            version=window.amendment,
            partner_id=windows.partner_id,
            region=windows.region,
            sku=windows.sku,
            product_line=windows.product_line,
            window_start=start,
            window_end=start + figures.size_ms,
            counts=window.counts,
            units=window.units,
            revenue_minor=window.revenue_minor,
            abandoned_carts=window.abandoned_carts,
            group_large_enough=len(window.users) >= figures.group_size_min,
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


def _with(
    windows: Windows,
    start: int,
    window: Window,
    *,
    first_start: int | None = None,
    line: str | None = None,
    demand: Mapping[int, float] | None = None,
) -> Windows:
    return msgspec.structs.replace(
        windows,
        held={**windows.held, start: window},
        first_start=windows.first_start if first_start is None else first_start,
        product_line=line or windows.product_line,
        demand=windows.demand if demand is None else demand,
    )


def _plus(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _each(found: Mapping[str, tuple[Partner, ...]]) -> Iterable[Partner]:
    """Each partner once, by id."""
    return {partner.partner_id: partner for some in found.values() for partner in some}.values()
