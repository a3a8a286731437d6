"""Hears of a customer's cases, waits for what follows at once, and says the last of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gridwire.records import BrazeCommand, Customer, CustomerCase, RefreshProfile
from streams.flow import CancelTimer, Effects, Filtered, Fired, Keep, SetTimer
from streams.flows.braze import case_messages as messages
from streams.flows.braze.case_messages import Told, ToldThread
from streams.rules import consent
from streams.rules.precedence import Claim, speaker

FLOW_ID = "braze.case-notification"


@dataclass(frozen=True, slots=True)
class Telling:
    """The fold's functions: `hear` notes what changed, `speak` says the last of it when the time has come.

    campaigns: `<kind>/<status>` → campaign; internal: statuses that tell the customer nothing; times in milliseconds.
    """

    kinds: Collection[str]
    campaigns: Mapping[str, str]
    internal: Collection[str]
    collapse_ms: int
    keep_ms: int
    threads_max: int
    transactional: bool
    claims: Sequence[Claim]

    def hear(self, case: CustomerCase, told: Told | None, customer: Customer) -> Effects:
        """A status that is news waits for what follows within the collapse time."""
        told = told or Told()
        before = told.threads.get(case.thread.thread_id)
        why_not = self._unheard(case) or messages.stale(case, before) or _unreachable(customer)
        if why_not:
            yield Filtered(why_not)
            return
        internal = case.thread.status in self.internal
        after = messages.overheard(case, before) if internal else messages.noted(case, before)
        kept = messages.with_thread(told, after, self.threads_max)
        if kept is None:
            yield Filtered("too many cases at once")
            return
        yield Keep(kept)
        forget_at = after.changed_at + self.keep_ms
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
            yield SetTimer(timer, after.changed_at + self.collapse_ms)
            if consent.is_unread(customer):
                yield refresh(case)

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

    def _unheard(self, case: CustomerCase) -> str:
        return "" if case.thread.kind in self.kinds else "kind concerns no customer"

    def _command(self, case: CustomerCase, thread: ToldThread, customer: Customer) -> BrazeCommand:
        campaign = self.campaigns.get(f"{case.thread.kind}/{case.thread.status}")
        if campaign is None or speaker(case, self.claims) != FLOW_ID:
            return messages.attribute(FLOW_ID, case)
        return messages.trigger(
            FLOW_ID,
            case,
            campaign,
            orders=thread.orders,
            channels=consent.channels(customer),
            transactional=self.transactional,
        )


def _unreachable(customer: Customer) -> str:
    if not customer.known_to_braze:
        return "customer unknown to Braze"
    return "" if consent.channels(customer) else "unsubscribed from every channel"


def refresh(case: CustomerCase) -> BrazeCommand:
    """Asks Braze what the customer consents to."""
    return BrazeCommand(
        flow=FLOW_ID,
        lane=case.customer_ref,
        operation="refresh_profile",
        refresh_profile=RefreshProfile(customer_ref=case.customer_ref),
    )
