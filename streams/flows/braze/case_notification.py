"""A partner's case moves on → the customer hears of it in Braze, once per status, in order."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from gridwire import topics
from gridwire.records import BrazeCommand, Customer, CustomerCase
from gridwire.vocabulary import ThreadStatus
from streams.flow import Fired, Flow, Fold, GoOn, Leg, Wait, on, on_timer
from streams.rules import braze, consent
from streams.rules.bounds import Minutes, Positive
from streams.rules.dates import DAY_MS, day
from streams.rules.precedence import NOTIFICATION as FLOW_ID
from streams.rules.speaking import CUSTOMER_KINDS, SPOKEN_STATUSES
from streams.rules.telling import Said, Telling
from streams.rules.told_cases import Told, ToldThread, facts
from streams.tables import CUSTOMERS

ATTRIBUTE = "partner_case_status"


def _default_campaigns() -> dict[str, str]:
    return {
        f"{kind}/{status}": f"{kind}-{status}".replace("_", "-")
        for kind in CUSTOMER_KINDS
        for status in SPOKEN_STATUSES
    }


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Routing of case notifications.

    campaigns: `<kind>/<status>` → Braze campaign id; a status without one only sets the attribute.
    profile_wait_minutes: how long a case waits for the customer's profile before it is a dead letter.
    transactional: use Braze's transactional endpoint (a paid feature), which removes duplicates by itself.
    threads_max: threads remembered per customer. keep_days: how long a quiet thread is remembered.
    """

    campaigns: Mapping[str, str] = msgspec.field(default_factory=_default_campaigns)
    profile_wait_minutes: Minutes = 30
    transactional: bool = False
    threads_max: Positive = 200
    keep_days: Positive = 180


def _checked(campaigns: Mapping[str, str]) -> Mapping[str, str]:
    """Raises ValueError where a campaign could never be triggered."""
    known = {f"{kind}/{status}" for kind in CUSTOMER_KINDS for status in ThreadStatus}
    for name in campaigns:
        if name not in known:
            raise ValueError(
                f"campaigns: {name} is no <kind>/<status>, e.g. {CUSTOMER_KINDS[0]}/open"
            )
    return campaigns


@dataclass(frozen=True, slots=True)
class Notifying:
    """What is said of a case: its campaign, or only the attribute where there is none, or where another flow speaks."""

    campaigns: Mapping[str, str]
    transactional: bool

    def say(self, _: Fired[Told], thread: ToldThread, customer: Customer) -> Said:
        case = thread.pending
        if case is None:
            return thread, ()
        campaign = self.campaigns.get(f"{case.thread.kind}/{case.thread.status}")
        if campaign is None or case.speaker not in ("", FLOW_ID):
            return thread, (_attribute(case),)
        return thread, (self._message(case, thread, customer, campaign),)

    def _message(
        self, case: CustomerCase, thread: ToldThread, customer: Customer, campaign: str
    ) -> BrazeCommand:
        revised = case.thread.revised_delivery_at
        return braze.trigger_campaign(
            FLOW_ID,
            case.customer_ref,
            campaign,
            {
                **facts(case, thread.orders),
                "revised_date": day(revised) if revised is not None else "",
                "channels": ",".join(consent.channels(customer)),
            },
            attributes={ATTRIBUTE: case.thread.status},
            transactional=self.transactional,
            version=case.thread.version,
        )


def _attribute(case: CustomerCase) -> BrazeCommand:
    """Nobody speaks about this status, or another flow does."""
    return braze.set_attributes(
        FLOW_ID,
        case.customer_ref,
        {ATTRIBUTE: case.thread.status},
        version=case.thread.version,
    )


def _telling(settings: Settings) -> Telling:
    notifying = Notifying(_checked(settings.campaigns), settings.transactional)
    return Telling(
        flow=FLOW_ID,
        kinds=CUSTOMER_KINDS,
        keep_ms=settings.keep_days * DAY_MS,
        threads_max=settings.threads_max,
        say=notifying.say,
        beside=lambda case: (_attribute(case),),
    )


def legs(settings: Settings) -> tuple[Leg, ...]:
    telling = _telling(settings)
    profile = Wait(
        minutes=settings.profile_wait_minutes,
        ask=lambda case: braze.refresh_profile(FLOW_ID, case.customer_ref),
    )
    return (
        Fold(
            name="tell",
            state=Told,
            inputs=(
                on(
                    topics.CUSTOMER_CASES,
                    lambda case: case.customer_ref,
                    telling.hear,
                    lookups=(CUSTOMERS.by(lambda case: case.customer_ref, profile),),
                ),
            ),
            writes=(topics.BRAZE_COMMANDS,),
            on_timer=on_timer(
                telling.speak, lookups=(CUSTOMERS.by(lambda fired: fired.key, GoOn()),)
            ),
        ),
    )


FLOW = Flow(
    id=FLOW_ID,
    purpose="Customers learn about their order's trouble before they have to ask.",
    needs=("trading-grid", "braze"),
    settings=Settings,
    legs=legs,
)
