"""Engagement in Braze → partners see demand for their products in Trading Grid; data teams see every genuine event."""

from collections.abc import Mapping

import msgspec

from gridwire import topics
from gridwire.records import EngagementKind
from streams.flow import Columns, Flow, Fold, GoOn, Leg, on, on_timer
from streams.flows.braze.engagement_carts import Abandonment, Carts
from streams.flows.braze.engagement_columns import EnrichColumns
from streams.flows.braze.engagement_enrich import Enrich
from streams.flows.braze.engagement_insights import FLOW_ID, Audience
from streams.flows.braze.engagement_windows import Figures, Tumbling, Windows
from streams.rules.bounds import Factor, NotNegative, Positive
from streams.rules.dates import DAY_MS, MINUTE_MS
from streams.rules.regions import with_country
from streams.tables import CUSTOMERS, PARTNERS, PRODUCTS


def _default_weights() -> dict[EngagementKind, float]:
    return {"product_view": 1.0, "cart_update": 1.0, "purchase": 1.0, "order_placed": 1.0}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Windows, carts and who may see them.

    window_minutes, grace_minutes: size of a tumbling window, and how much later an event may arrive and still amend
    it. retain_minutes: how long beyond that our own processing may lag. amend_delay_s: amendments within it become
    one. abandoned_cart_minutes: a cart without an order within it is abandoned. group_size_min: fewer distinct users
    stay unknown to partners. demand_weights: event kind → share in the demand. A window is a spike when its demand
    is above spike_factor times the mean of the last baseline_windows windows, and at least spike_demand_min.
    clock_skew_minutes: an event further ahead of its arrival counts when it arrived. region_roles,
    region_entitlement: partners that see the figures of the regions they serve.
    """

    window_minutes: Positive = 60
    grace_minutes: NotNegative = 60
    retain_minutes: Positive = 360
    amend_delay_s: NotNegative = 60
    abandoned_cart_minutes: Positive = 60
    group_size_min: NotNegative = 5
    demand_weights: Mapping[EngagementKind, float] = msgspec.field(default_factory=_default_weights)
    baseline_windows: Positive = 24
    spike_factor: Factor = 2.0
    spike_demand_min: float = 20.0
    clock_skew_minutes: NotNegative = 10
    region_roles: tuple[str, ...] = ("distributor", "3pl", "warehouse")
    region_entitlement: str = "engagement_insights"
    windows_open_max: Positive = 512
    cart_products_max: Positive = 200
    forget_days: Positive = 30


def _enrich(settings: Settings) -> Columns:
    enrich = Enrich(
        size_ms=settings.window_minutes * MINUTE_MS,
        clock_skew_ms=settings.clock_skew_minutes * MINUTE_MS,
        group_size_min=settings.group_size_min,
    )
    return Columns(
        name="enrich",
        reads=topics.BRAZE_ENGAGEMENT,
        tables=(PARTNERS, PRODUCTS, CUSTOMERS),
        rows=enrich.rows,
        batches=EnrichColumns(enrich).batches,
        writes=(topics.ENRICHED_ENGAGEMENT, topics.ENGAGEMENT_PARTIALS, topics.CART_ACTIVITY),
    )


def _carts(settings: Settings) -> Fold:
    carts = Abandonment(
        size_ms=settings.window_minutes * MINUTE_MS,
        patience_ms=settings.abandoned_cart_minutes * MINUTE_MS,
        grace_ms=settings.grace_minutes * MINUTE_MS,
        skus_max=settings.cart_products_max,
    )
    return Fold(
        name="carts",
        state=Carts,
        inputs=(on(topics.CART_ACTIVITY, lambda activity: activity.user_id, carts.note),),
        writes=(topics.ENGAGEMENT_PARTIALS,),
        on_timer=on_timer(carts.due),
    )


def _windows(settings: Settings) -> Fold:
    figures = Figures(
        size_ms=settings.window_minutes * MINUTE_MS,
        grace_ms=settings.grace_minutes * MINUTE_MS,
        retain_ms=settings.retain_minutes * MINUTE_MS,
        amend_delay_ms=settings.amend_delay_s * 1000,
        forget_ms=settings.forget_days * DAY_MS,
        windows_max=settings.windows_open_max,
        group_size_min=settings.group_size_min,
        baseline_windows=settings.baseline_windows,
        spike_factor=settings.spike_factor,
        spike_demand_min=settings.spike_demand_min,
        weights={str(kind): share for kind, share in settings.demand_weights.items()},
    )
    windows = Tumbling.of(figures, Audience(settings.region_roles, settings.region_entitlement))
    return Fold(
        name="windows",
        state=Windows,
        inputs=(on(topics.ENGAGEMENT_PARTIALS, topics.ENGAGEMENT_PARTIALS.key, windows.add),),
        writes=(topics.ENGAGEMENT_WINDOWS, topics.TRADING_GRID_COMMANDS),
        on_timer=on_timer(
            windows.due,
            lookups=(
                PARTNERS.by(lambda fired: fired.state.partner_id, GoOn()),
                PARTNERS.where("region", lambda fired: with_country(fired.state.region)),
            ),
        ),
    )


def legs(settings: Settings) -> tuple[Leg, ...]:
    return (_enrich(settings), _carts(settings), _windows(settings))


FLOW = Flow(
    id=FLOW_ID,
    purpose="Partners prepare stock, staff and capacity for the demand that engagement announces.",
    needs=("braze", "trading-grid"),
    settings=Settings,
    legs=legs,
)
