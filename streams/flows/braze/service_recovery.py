"""An incident that a partner caused is resolved → the customer is won back, once, within what may be offered."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from gridwire import currencies, topics
from gridwire.records import Customer, CustomerSchedules
from streams.flow import Drop, Effects, Fired, Flow, Fold, GoOn, Leg, on, on_timer
from streams.flows.braze.service_recovery_offers import (
    INCIDENTS,
    SEGMENTS,
    Recovering,
    scheduled_late,
)
from streams.rules import approvals
from streams.rules.bounds import NotNegative, Positive
from streams.rules.dates import DAY_MS, HOUR_MS
from streams.rules.precedence import RECOVERY as FLOW_ID
from streams.rules.speaking import CUSTOMER_KINDS
from streams.rules.telling import Telling
from streams.rules.told_cases import Told
from streams.tables import CUSTOMERS, SCHEDULES

# What kind of message each segment gets where nothing else is configured.
MESSAGES = {
    "high_value_at_risk": "retention",
    "high_value": "compensation",
    "at_risk": "retention",
    "standard": "apology",
}
Share = Annotated[int, msgspec.Meta(ge=0, le=100)]
Risk = Annotated[float, msgspec.Meta(ge=0, le=1)]
SurveyDays = Annotated[int, msgspec.Meta(ge=0, le=90)]  # as far ahead as Braze schedules
ApprovalHours = Annotated[int, msgspec.Meta(ge=1, le=720)]


def _default_campaigns() -> dict[str, str]:
    return {
        f"{segment}/{incident}": f"recovery-{message}-{incident}"
        for segment, message in MESSAGES.items()
        for incident in sorted(set(INCIDENTS.values()))
    }


def _percent() -> dict[str, Share]:
    return {"high_value_at_risk": 100, "high_value": 50, "at_risk": 50, "standard": 0}


def _caps() -> dict[str, NotNegative]:
    return {"USD": 2_500, "EUR": 2_500, "GBP": 2_000}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How customers are won back.

    campaigns: `<segment>/<incident>` → campaign, for every segment and incident. high_tiers: value tiers that count as
    high. churn_risk_min: from which risk on a customer may leave. compensation_percent: segment → share of the
    resolution's amount that is offered. caps_minor: currency → most that is offered without asking, in the currency's
    minor units (2500: 25.00 USD, 2500 JPY); in others nothing is offered. More waits as an approval for approval_hours,
    then no more than the cap is offered. survey_campaign goes out survey_days later (0: none). threads_max:
    remembered per customer; keep_days: for how long. An incident is recovered once within the again_days of
    feed.customer-cases.
    """

    campaigns: Mapping[str, str] = msgspec.field(default_factory=_default_campaigns)
    high_tiers: tuple[str, ...] = ("gold", "platinum", "vip")
    churn_risk_min: Risk = 0.6
    compensation_percent: Mapping[str, Share] = msgspec.field(default_factory=_percent)
    caps_minor: Mapping[str, NotNegative] = msgspec.field(default_factory=_caps)
    approval_hours: ApprovalHours = 72
    survey_campaign: str = "recovery-survey"
    survey_days: SurveyDays = 7
    threads_max: Positive = 200
    keep_days: Positive = 180


def _recovering(settings: Settings) -> Recovering:
    """Raises ValueError where a segment or incident has no campaign, or a name or currency is none."""
    for code in settings.caps_minor:
        if not currencies.is_code(code):
            raise ValueError(f"caps_minor: {code} is no ISO 4217 code, e.g. USD")
    wanted = _default_campaigns().keys()
    if settings.campaigns.keys() != wanted:
        wrong = ", ".join(sorted(settings.campaigns.keys() ^ wanted))
        raise ValueError(f"campaigns: one for each <segment>/<incident>: {wrong}")
    if settings.compensation_percent.keys() != set(SEGMENTS):
        raise ValueError(f"compensation_percent: one for each of {', '.join(SEGMENTS)}")
    return Recovering(
        campaigns=settings.campaigns,
        high_tiers=frozenset(settings.high_tiers),
        churn_risk_min=settings.churn_risk_min,
        percent=settings.compensation_percent,
        caps=settings.caps_minor,
        survey=settings.survey_campaign,
        survey_ms=settings.survey_days * DAY_MS,
        approval_ms=settings.approval_hours * HOUR_MS,
    )


def legs(settings: Settings) -> tuple[Leg, ...]:
    recovering = _recovering(settings)
    own_key = approvals.key_for(FLOW_ID)
    telling = Telling(
        flow=FLOW_ID,
        kinds=CUSTOMER_KINDS,
        keep_ms=settings.keep_days * DAY_MS,
        threads_max=settings.threads_max,
        say=recovering.say,
        asks=False,
    )

    def due(
        fired: Fired[Told], customer: Customer | None, schedules: CustomerSchedules | None
    ) -> Effects:
        if fired.name.startswith("expire/"):
            return recovering.expire(fired, customer)
        return telling.speak(fired, customer, schedules)

    return (
        Fold(
            name="recover",
            state=Told,
            inputs=(
                on(
                    topics.CUSTOMER_CASES,
                    lambda case: case.customer_ref,
                    telling.hear,
                    lookups=(
                        CUSTOMERS.by(lambda case: case.customer_ref, Drop("customer not known")),
                    ),
                ),
                on(
                    topics.APPROVAL_DECISIONS,
                    own_key,
                    recovering.decide,
                    lookups=(CUSTOMERS.by(own_key, GoOn()),),
                ),
                on(topics.BRAZE_SCHEDULES, lambda fact: fact.customer_ref, scheduled_late),
            ),
            writes=(topics.BRAZE_COMMANDS, topics.APPROVALS, topics.CUSTOMER_RECOVERIES),
            on_timer=on_timer(
                due,
                lookups=(
                    CUSTOMERS.by(lambda fired: fired.key, GoOn()),
                    SCHEDULES.by(lambda fired: fired.key, GoOn()),
                ),
            ),
        ),
    )


FLOW = Flow(
    id=FLOW_ID,
    purpose="Who suffered from a partner's mistake hears of its end, and is won back once.",
    needs=("trading-grid", "braze"),
    settings=Settings,
    legs=legs,
)
