"""What partners have of a product → Braze's catalogue, and word to who waits for it where it is late or gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from gridwire import topics
from gridwire.records import AvailabilityNotice, BrazeCommand, Customer, Partner, Product
from streams.flow import Effects, Filtered, Fired, Flow, Fold, GoOn, Leg, Wait, on, on_timer
from streams.flows.braze.availability_cataloguing import FLOW_ID, Cataloguing, Shelf
from streams.rules import braze, consent
from streams.rules.announcing import Announcing
from streams.rules.availability_updates import speaking
from streams.rules.bounds import Minutes, NotNegative, Positive
from streams.rules.dates import DAY_MS, MINUTE_MS, SECOND_MS, day
from streams.tables import CUSTOMERS, PARTNERS, PRODUCTS

NEWS = ("delayed", "discontinued", "alternative")
WaitingMax = Annotated[int, msgspec.Meta(ge=1, le=5_000)]  # they all stand in one state


def _campaigns() -> dict[str, str]:
    return {
        "delayed": "release-delayed",
        "discontinued": "product-discontinued",
        "alternative": "product-alternative",
    }


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The catalogue, and who hears of what.

    catalog: the Braze catalogue. campaigns: delayed, discontinued, alternative (discontinued, with something to offer
    instead) → campaign; without one nobody hears. settle_s: how long news must stand before customers hear them.
    row_wait_minutes: how long an update waits for its product and partner, profile_wait_minutes: news for the
    customer's profile, before they are dead letters; profile_read_s: how long news wait for a profile that nobody has
    read. inactive_recheck_minutes: how soon a partner that is active again counts. subscription_days: as long as Braze
    keeps a subscription. updates_max, waiting_max: remembered per sku; news_max: waiting per customer.
    """

    catalog: str = "products"
    campaigns: Mapping[str, str] = msgspec.field(default_factory=_campaigns)
    settle_s: NotNegative = 60
    row_wait_minutes: Minutes = 30
    profile_wait_minutes: Minutes = 30
    profile_read_s: NotNegative = 60
    inactive_recheck_minutes: Positive = 15
    subscription_days: Positive = 90
    updates_max: Positive = 200
    waiting_max: WaitingMax = 1_000
    news_max: Positive = 50


class News(msgspec.Struct, frozen=True):
    """News that wait until the customer's profile has been read."""

    waiting: tuple[AvailabilityNotice, ...] = ()
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Telling:
    """What a customer hears of each kind of news."""

    campaigns: Mapping[str, str]

    def message(self, notice: AvailabilityNotice, customer: Customer) -> BrazeCommand | Filtered:
        alternative = notice.news == "discontinued" and notice.substitute_sku
        campaign = self.campaigns.get("alternative" if alternative else notice.news)
        if campaign is None:
            return Filtered("nobody is told of such news")
        release = notice.available_from
        facts = {
            "sku": notice.sku,
            "product_name": notice.product_name or "",
            "news": notice.news,
            "interest": notice.interest,
            "order_ref": notice.order_ref or "",
            "available_from": day(release) if release is not None else "",
            "substitute_sku": notice.substitute_sku or "",
            "substitute_name": notice.substitute_name or "",
            "channels": ",".join(consent.channels(customer)),
        }
        return braze.trigger_campaign(FLOW_ID, notice.customer_ref, campaign, facts)


def _concerned(fired: Fired[Shelf]) -> tuple[str, ...]:
    """The product itself and what is offered instead."""
    substitute = fired.state.row.substitute_sku if fired.state.row else ""
    return (fired.key, substitute) if substitute else (fired.key,)


def _catalogue(settings: Settings) -> Fold:
    cataloguing = Cataloguing(
        catalog=settings.catalog,
        settle_ms=settings.settle_s * SECOND_MS,
        recheck_ms=settings.inactive_recheck_minutes * MINUTE_MS,
        subscription_ms=settings.subscription_days * DAY_MS,
        updates_max=settings.updates_max,
        waiting_max=settings.waiting_max,
    )

    def due(
        fired: Fired[Shelf], products: Mapping[str, Product], partners: Mapping[str, Partner]
    ) -> Effects:
        if fired.name == "tell":
            substitute = fired.state.row.substitute_sku if fired.state.row else ""
            return cataloguing.tell(fired, products.get(substitute))
        return cataloguing.look(fired, products.get(fired.key), partners)

    waiting = Wait(minutes=settings.row_wait_minutes)
    said = on(
        topics.TRADING_GRID_AVAILABILITY,
        lambda update: update.sku,
        cataloguing.hear,
        lookups=(
            PRODUCTS.by(lambda update: update.sku, waiting),
            PARTNERS.by(lambda update: update.partner_id, waiting),
        ),
    )
    return Fold(
        name="catalogue",
        state=Shelf,
        inputs=(
            said,
            on(topics.ORDERED_UNITS, lambda units: units.sku, cataloguing.count),
            on(topics.BRAZE_STOCK_SUBSCRIPTIONS, lambda wish: wish.sku, cataloguing.subscribe),
        ),
        writes=(topics.BRAZE_COMMANDS, topics.AVAILABILITY_NOTICES),
        on_timer=on_timer(
            due,
            lookups=(PRODUCTS.each(_concerned), PARTNERS.each(lambda fired: speaking(fired.state))),
        ),
    )


def _notify(settings: Settings) -> Fold:
    announcing = Announcing(
        flow=FLOW_ID,
        message=Telling(settings.campaigns).message,
        holding=News,
        read_ms=settings.profile_read_s * SECOND_MS,
        waiting_max=settings.news_max,
    )
    profile = Wait(minutes=settings.profile_wait_minutes, ask=announcing.refresh)
    return Fold(
        name="notify",
        state=News,
        inputs=(
            on(
                topics.AVAILABILITY_NOTICES,
                lambda notice: notice.customer_ref,
                announcing.hear,
                lookups=(CUSTOMERS.by(lambda notice: notice.customer_ref, profile),),
            ),
        ),
        writes=(topics.BRAZE_COMMANDS,),
        on_timer=on_timer(announcing.due, lookups=(CUSTOMERS.by(lambda fired: fired.key, GoOn()),)),
    )


def legs(settings: Settings) -> tuple[Leg, ...]:
    unknown = sorted(set(settings.campaigns) - set(NEWS))
    if unknown:
        raise ValueError(f"campaigns: {unknown[0]} is none of {', '.join(NEWS)}")
    return (_catalogue(settings), _notify(settings))


FLOW = Flow(
    id=FLOW_ID,
    purpose="Customers are offered what partners have, and hear when what they wait for is late or gone.",
    needs=("trading-grid", "braze"),
    settings=Settings,
    legs=legs,
)
