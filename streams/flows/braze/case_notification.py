"""A partner's case moves on → the customer hears of it in Braze, once per status, in order."""

from collections.abc import Mapping, Sequence

import msgspec

from gridwire import topics
from gridwire.records import BrazeCommand, Customer, CustomerCase, RefreshProfile
from gridwire.vocabulary import ThreadKind, ThreadStatus
from streams.flow import (
    CancelTimer,
    Effects,
    Filtered,
    Fired,
    Flow,
    Fold,
    GoOn,
    Keep,
    Leg,
    SetTimer,
    Wait,
    on,
    on_timer,
)
from streams.flows.braze import case_messages as messages
from streams.flows.braze.case_messages import Told, ToldThread
from streams.rules import consent
from streams.rules.dates import DAY_MS
from streams.rules.precedence import CLAIMS, Claim, speaker
from streams.tables import CUSTOMERS

ID = "braze.case-notification"
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
    transactional: use Braze's transactional endpoint (a paid feature), which removes duplicates by itself.
    threads_max: threads remembered per customer. keep_days: how long a quiet thread is remembered.
    """

    campaigns: Mapping[str, str] = msgspec.field(default_factory=_default_campaigns)
    internal_statuses: tuple[str, ...] = (ThreadStatus.AWAITING_INTERNAL.value,)
    collapse_s: int = 60
    profile_wait_minutes: float = 30
    transactional: bool = False
    threads_max: int = 200
    keep_days: int = 180


class Telling:
    """The fold's functions: `hear` notes what changed, `speak` says the last of it when the time has come."""

    def __init__(self, settings: Settings, claims: Sequence[Claim]) -> None:
        self.settings = settings
        self.claims = claims

    def hear(self, case: CustomerCase, told: Told | None, customer: Customer) -> Effects:
        """A status that is news waits for what follows within the collapse time."""
        told = told or Told()
        before = told.threads.get(case.thread.thread_id)
        why_not = _unheard(case) or messages.stale(case, before) or _unreachable(customer)
        if why_not:
            yield Filtered(why_not)
            return
        internal = case.thread.status in self.settings.internal_statuses
        after = messages.overheard(case, before) if internal else messages.noted(case, before)
        kept = messages.with_thread(told, after, self.settings.threads_max)
        if kept is None:
            yield Filtered("too many cases at once")
            return
        yield Keep(kept)
        forget_at = after.changed_at + self.settings.keep_days * DAY_MS
        yield SetTimer(f"forget/{after.thread_id}", forget_at)
        if internal:
            yield Filtered("internal status")
        else:
            yield from self._wait(case, before, after, customer)

    def _wait(
        self, case: CustomerCase, before: ToldThread | None, after: ToldThread, customer: Customer
    ) -> Effects:
        """Sets the timer of the first news; more news before it fires joins it, or takes it back."""
        was_pending = before is not None and before.pending is not None
        timer = f"tell/{after.thread_id}"
        if after.pending is None:
            yield Filtered("no change of status")
            if was_pending:
                yield CancelTimer(timer)
        elif not was_pending:
            yield SetTimer(timer, after.changed_at + self.settings.collapse_s * 1000)
            if consent.is_unread(customer):
                yield _refresh(case)

    def speak(self, fired: Fired[Told], customer: Customer | None) -> Effects:
        """The collapse time is over: the customer hears the last status. Or a thread has long been quiet."""
        action, _, thread_id = fired.name.partition("/")
        thread = fired.state.threads.get(thread_id)
        if thread is None or action == "forget":
            yield from messages.without(fired.state, thread_id)
            return
        yield Keep(Told({**fired.state.threads, thread_id: messages.settled(thread)}))
        if thread.pending is None or customer is None:
            yield Filtered("nothing to tell any more")
        elif why_not := _unreachable(customer):
            yield Filtered(why_not)
        else:
            yield self._command(thread.pending, thread, customer)

    def _command(self, case: CustomerCase, thread: ToldThread, customer: Customer) -> BrazeCommand:
        campaign = self.settings.campaigns.get(f"{case.thread.kind}/{case.thread.status}")
        if campaign is None or speaker(case, self.claims) != ID:
            return messages.attribute(ID, case)
        return messages.trigger(
            ID,
            case,
            campaign,
            orders=thread.orders,
            channels=consent.channels(customer),
            transactional=self.settings.transactional,
        )


def _unheard(case: CustomerCase) -> str:
    return "" if case.thread.kind in KINDS else "kind concerns no customer"


def _unreachable(customer: Customer) -> str:
    if not customer.known_to_braze:
        return "customer unknown to Braze"
    return "" if consent.channels(customer) else "unsubscribed from every channel"


def _refresh(case: CustomerCase) -> BrazeCommand:
    return BrazeCommand(
        flow=ID,
        lane=case.customer_ref,
        operation="refresh_profile",
        refresh_profile=RefreshProfile(customer_ref=case.customer_ref),
    )


def legs(settings: Settings, claims: Sequence[Claim] = CLAIMS) -> tuple[Leg, ...]:
    telling = Telling(settings, claims)
    profile = Wait(minutes=settings.profile_wait_minutes, ask=_refresh)
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
    id=ID,
    purpose="Customers learn about their order's trouble before they have to ask.",
    needs=("trading-grid", "braze"),
    settings=Settings,
    legs=legs,
)
