"""Who hears of an engagement window in Trading Grid, and what they read: figures only, never users."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gridwire.records import EngagementWindow, Partner, PutInsight, TradingGridCommand
from streams.flow import Effects, Filtered
from streams.rules.partners import may_see_own, may_see_region

FLOW_ID = "braze.engagement-insight"
ENGAGEMENT = "engagement"
DEMAND_SPIKE = "demand_spike"


@dataclass(frozen=True, slots=True)
class Audience:
    """Beside the supplying partner: those who serve the region in one of `roles`, or hold the entitlement."""

    roles: Sequence[str]
    entitlement: str

    def readers(
        self, window: EngagementWindow, supplier: Partner | None, regional: Iterable[Partner]
    ) -> tuple[str, ...]:
        """Ids of the partners that may see the window, the supplying one first."""
        line, region = window.product_line, window.region
        own = [supplier.partner_id] if supplier and may_see_own(supplier, region, line) else []
        others = [
            one.partner_id
            for one in regional
            if may_see_region(one, region, line, roles=self.roles, entitlement=self.entitlement)
        ]
        return (*own, *sorted(set(others) - {window.partner_id}))


def insights(window: EngagementWindow, readers: Sequence[str]) -> Effects:
    """One engagement insight per reader, and one more where demand leaps. A small group stays in the house."""
    if not window.group_large_enough:
        yield Filtered("group too small")
        return
    if not readers:
        yield Filtered("no partner may see it")
    for reader in readers:
        yield _insight(window, reader, ENGAGEMENT)
        if window.spike:
            yield _insight(window, reader, DEMAND_SPIKE)


def _insight(window: EngagementWindow, reader: str, kind: str) -> TradingGridCommand:
    """The key names reader, window and kind: an amendment replaces what was written before."""
    about = f"{window.partner_id}:{window.region}:{window.sku}"
    return TradingGridCommand(
        occurred_at=window.window_end,
        version=window.amendment,
        flow=FLOW_ID,
        lane=f"{reader}:{about}",
        operation="put_insight",
        put_insight=PutInsight(
            key=f"{kind}:{reader}:{about}:{window.window_start}",
            partner_id=reader,
            kind=kind,
            window_from=window.window_start,
            window_to=window.window_end,
            region=window.region,
            sku=window.sku,
            metrics=_metrics(window),
        ),
    )


def _metrics(window: EngagementWindow) -> Mapping[str, float]:
    metrics: dict[str, float] = {kind: float(count) for kind, count in window.counts.items()}
    metrics |= {f"revenue_minor.{code}": float(n) for code, n in window.revenue_minor.items()}
    metrics |= {
        "units": float(window.units),
        "abandoned_carts": float(window.abandoned_carts),
        "demand": window.demand,
    }
    if window.baseline is not None:
        metrics["baseline"] = window.baseline
    return metrics
