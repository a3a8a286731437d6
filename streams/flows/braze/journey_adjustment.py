"""An exception opens on a customer's order → out of the journey that it belies, into one that says so, and back."""

from collections.abc import Mapping

import msgspec

from gridwire import topics
from gridwire.records import Customer, CustomerCase, Product
from gridwire.vocabulary import ReasonCode, ThreadKind
from streams.flow import Drop, Effects, Flow, Fold, GoOn, Leg, on, on_timer
from streams.flows.braze.journey_changes import (
    Journeys,
    is_end,
    is_late,
    remembered,
    scheduled_late,
    substitutes_of,
)
from streams.rules.bounds import Positive
from streams.rules.dates import DAY_MS
from streams.rules.precedence import DISTURBING
from streams.rules.precedence import JOURNEY as FLOW_ID
from streams.rules.telling import Telling
from streams.rules.told_cases import Told
from streams.tables import CUSTOMERS, PRODUCTS, SCHEDULES


def _apologies() -> dict[ReasonCode, str]:
    return {
        ReasonCode.DELAYED_FULFILMENT: "delay-apology",
        ReasonCode.CARRIER_EXCEPTION: "delay-apology",
        ReasonCode.LOST_PARCEL: "lost-parcel-apology",
        ReasonCode.MISSING_DOCUMENT: "document-delay-apology",
    }


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Canvases and events of the journeys.

    apologies: reason → Canvas that replaces the running journey. estimate_canvas: instead, where a revised date is
    known; alternative_canvas: where not, the reason is among alternative_reasons, and a substitute is in stock.
    original_canvas: entered again when the exception has ended and nothing was shipped. exit_event: exit criterion of
    the original Canvas, matched by its context's order_ref; end_event: that of the replacements, matched by case_id.
    threads_max: threads remembered per customer. keep_days: how long a quiet thread is remembered.
    """

    apologies: Mapping[ReasonCode, str] = msgspec.field(default_factory=_apologies)
    estimate_canvas: str = "revised-estimate"
    alternative_canvas: str = "alternative-product"
    alternative_reasons: tuple[ReasonCode, ...] = (
        ReasonCode.DELAYED_FULFILMENT,
        ReasonCode.LOST_PARCEL,
    )
    original_canvas: str = "shipment-confirmation"
    exit_event: str = "order_exception_opened"
    end_event: str = "order_exception_ended"
    threads_max: Positive = 200
    keep_days: Positive = 180


def _journeys(settings: Settings) -> Journeys:
    """Raises ValueError where a reason has no journey, or one that nobody would ever enter."""
    named = {str(reason) for reason in settings.apologies}
    if named != DISTURBING:
        wrong = ", ".join(sorted(named ^ DISTURBING))
        raise ValueError(
            f"apologies: a Canvas for each of {', '.join(sorted(DISTURBING))}: {wrong}"
        )
    return Journeys(
        apologies={str(reason): canvas for reason, canvas in settings.apologies.items()},
        estimate=settings.estimate_canvas,
        alternative=settings.alternative_canvas,
        alternative_reasons=settings.alternative_reasons,
        original=settings.original_canvas,
        exit_event=settings.exit_event,
        end_event=settings.end_event,
    )


def legs(settings: Settings) -> tuple[Leg, ...]:
    journeys = _journeys(settings)
    telling = Telling(
        flow=FLOW_ID,
        kinds=(ThreadKind.ORDER_EXCEPTION,),
        keep_ms=settings.keep_days * DAY_MS,
        threads_max=settings.threads_max,
        say=journeys.say,
        asks=False,
        late=is_late,
        ends=is_end,
    )

    def hear(
        case: CustomerCase, told: Told | None, customer: Customer, products: Mapping[str, Product]
    ) -> Effects:
        if case.moved:
            return journeys.parted(case, told, customer)
        return telling.hear(case, told, customer, remembered(case, products))

    return (
        Fold(
            name="adjust",
            state=Told,
            inputs=(
                on(
                    topics.CUSTOMER_CASES,
                    lambda case: case.customer_ref,
                    hear,
                    lookups=(
                        CUSTOMERS.by(lambda case: case.customer_ref, Drop("customer not known")),
                        PRODUCTS.each(lambda case: case.skus),
                    ),
                ),
                on(topics.BRAZE_SCHEDULES, lambda fact: fact.customer_ref, scheduled_late),
            ),
            writes=(topics.BRAZE_COMMANDS,),
            on_timer=on_timer(
                telling.speak,
                lookups=(
                    CUSTOMERS.by(lambda fired: fired.key, GoOn()),
                    SCHEDULES.by(lambda fired: fired.key, GoOn()),
                    PRODUCTS.each(lambda fired: substitutes_of(fired.state)),
                ),
            ),
        ),
    )


FLOW = Flow(
    id=FLOW_ID,
    purpose="No journey promises what a partner cannot keep.",
    needs=("trading-grid", "braze"),
    settings=Settings,
    legs=legs,
)
