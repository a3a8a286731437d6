"""A partner's case moves on → the customer hears of it in Braze, once per status, in order."""

from collections.abc import Mapping, Sequence

import msgspec

from gridwire import topics
from gridwire.vocabulary import ThreadKind, ThreadStatus
from streams.flow import Flow, Fold, GoOn, Leg, Wait, on, on_timer
from streams.flows.braze.case_messages import Told
from streams.flows.braze.case_telling import FLOW_ID, Telling, refresh
from streams.rules.bounds import Minutes, NotNegative, Positive
from streams.rules.dates import DAY_MS
from streams.rules.precedence import CLAIMS, Claim
from streams.tables import CUSTOMERS

KINDS = (
    ThreadKind.ORDER_EXCEPTION,
    ThreadKind.CLAIM,
    ThreadKind.RETURN,
    ThreadKind.WARRANTY,
    ThreadKind.CHARGEBACK,
    ThreadKind.SERVICE_CASE,
)
# What a customer wants to be told; the other statuses only show in their attribute.
SPOKEN = (
    ThreadStatus.OPEN,
    ThreadStatus.IN_PROGRESS,
    ThreadStatus.RESOLVED,
    ThreadStatus.REOPENED,
    ThreadStatus.CANCELLED,
)


def _default_campaigns() -> dict[str, str]:
    return {
        f"{kind}/{status}": f"{kind}-{status}".replace("_", "-")
        for kind in KINDS
        for status in SPOKEN
    }


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Routing of case notifications.

    campaigns: `<kind>/<status>` → Braze campaign id; a status without one only sets the attribute.
    internal_statuses: tell the customer nothing at all. collapse_s: statuses within it become one message.
    profile_wait_minutes: how long a case waits for the customer's profile before it is a dead letter.
    transactional: use Braze's transactional endpoint (a paid feature), which removes duplicates by itself.
    threads_max: threads remembered per customer. keep_days: how long a quiet thread is remembered.
    """

    campaigns: Mapping[str, str] = msgspec.field(default_factory=_default_campaigns)
    internal_statuses: tuple[ThreadStatus, ...] = (ThreadStatus.AWAITING_INTERNAL,)
    collapse_s: NotNegative = 60
    profile_wait_minutes: Minutes = 30
    transactional: bool = False
    threads_max: Positive = 200
    keep_days: Positive = 180


def _checked(campaigns: Mapping[str, str]) -> Mapping[str, str]:
    """Raises ValueError where a campaign could never be triggered."""
    known = {f"{kind}/{status}" for kind in KINDS for status in ThreadStatus}
    for name in campaigns:
        if name not in known:
            raise ValueError(f"campaigns: {name} is no <kind>/<status>, e.g. {KINDS[0]}/open")
    return campaigns


def _telling(settings: Settings, claims: Sequence[Claim]) -> Telling:
    return Telling(
        kinds=KINDS,
        campaigns=_checked(settings.campaigns),
        internal=settings.internal_statuses,
        collapse_ms=settings.collapse_s * 1000,
        keep_ms=settings.keep_days * DAY_MS,
        threads_max=settings.threads_max,
        transactional=settings.transactional,
        claims=claims,
    )


def legs(settings: Settings, claims: Sequence[Claim] = CLAIMS) -> tuple[Leg, ...]:
    telling = _telling(settings, claims)
    profile = Wait(minutes=settings.profile_wait_minutes, ask=refresh)
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
