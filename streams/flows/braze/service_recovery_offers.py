"""How a customer is won back: by segment and incident, with an offer within the cap unless people allow more."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from gridwire import currencies
from gridwire.records import (
    ApprovalDecision,
    BrazeCommand,
    BrazeSchedule,
    Customer,
    CustomerCase,
    CustomerRecovery,
    CustomerSchedules,
)
from gridwire.vocabulary import ReasonCode, ThreadStatus
from streams.flow import CancelTimer, Effects, Filtered, Fired, Keep, SetTimer
from streams.rules import approvals, braze, consent
from streams.rules.dates import HOUR_MS, arrived_at
from streams.rules.precedence import NOTIFICATION, SETTLED, is_settled, reasons_of
from streams.rules.precedence import RECOVERY as FLOW_ID
from streams.rules.telling import Said
from streams.rules.told_cases import Told, ToldThread, facts
from streams.rules.trading_grid import TERMINAL

SEGMENTS = ("high_value_at_risk", "high_value", "at_risk", "standard")
INCIDENTS: Mapping[str, str] = {
    ReasonCode.DAMAGED: "damaged",
    ReasonCode.MISSING_COMPONENT: "missing",
    ReasonCode.MISSING_ITEM: "missing",
    ReasonCode.DEFECTIVE: "product",
    ReasonCode.WRONG_ITEM: "product",
    ReasonCode.BILLING_CORRECTION: "billing",
    ReasonCode.INVOICE_DISCREPANCY: "billing",
}
# Names in a thread's memory; ALLOWED: the offer that people decided on while the incident was open again; SURVEYED:
# the order about which whoever was won back is asked.
APPROVAL, WANTED, ALLOWED, SURVEYED = "approval", "wanted", "allowed", "surveyed"


@dataclass(frozen=True, slots=True)
class Offer:
    """An amount in minor units of a currency; 0: none."""

    amount_minor: int = 0
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Recovering:
    """campaigns: `<segment>/<incident>` → campaign. percent: segment → share of the resolution's amount to offer.

    caps: currency → most that is offered without asking, in its minor units; in another currency nothing is offered.
    """

    campaigns: Mapping[str, str]
    high_tiers: frozenset[str]
    churn_risk_min: float
    percent: Mapping[str, int]
    caps: Mapping[str, int]
    survey: str
    survey_ms: int
    approval_ms: int

    # ---- an incident is resolved ---------------------------------------------------------------------------------
    def say(
        self,
        fired: Fired[Told],
        thread: ToldThread,
        customer: Customer,
        schedules: CustomerSchedules | None,
    ) -> Said:
        """The recovery goes out, or waits until people have allowed its offer."""
        case, now_ms = thread.pending, _spoken_at(fired)
        if case is None:
            return thread, ()
        if thread.held is not None and _told_by_another(case):
            released = msgspec.structs.replace(thread, held=None, memory=_without_approval(thread))
            expire = CancelTimer(f"expire/{thread.thread_id}")
            return released, (expire, Filtered("another flow tells of its end"))
        if not is_settled(case) or case.speaker != FLOW_ID:
            unasked = _unasked(thread, case, schedules, now_ms)
            return thread, (*unasked, Filtered("not ours to tell"))
        if thread.held is not None:
            waiting = msgspec.structs.replace(thread, held=case)
            return waiting, (Filtered("an offer waits for people already"),)
        if ALLOWED in thread.memory:
            return self._allowed(thread, case, customer, now_ms)
        wanted = self._wanted(case, customer)
        if wanted.amount_minor > self.caps.get(wanted.currency, 0):
            return self._asked(thread, case, wanted, now_ms)
        return _surveyed(thread, case), self._recovery(case, customer, wanted, now_ms)

    def _allowed(
        self, thread: ToldThread, case: CustomerCase, customer: Customer, now_ms: int
    ) -> Said:
        """What people decided while the incident was open again."""
        offer = _offer(thread.memory[ALLOWED])
        memory = {name: value for name, value in thread.memory.items() if name != ALLOWED}
        said = (
            *self._recovery(case, customer, offer, now_ms),
            _fact(case, "sent", now_ms),
        )
        return _surveyed(msgspec.structs.replace(thread, memory=memory), case), said

    def _asked(self, thread: ToldThread, case: CustomerCase, wanted: Offer, now_ms: int) -> Said:
        """The matter is held until it is decided or nobody decides in time."""
        expires_at = now_ms + self.approval_ms
        approval = approvals.asked(
            FLOW_ID,
            case.customer_ref,
            about=case.thread.thread_id,
            question=(
                f"May {_amount(wanted)} be offered for the {incident_of(case)} incident of thread "
                f"{case.thread.thread_id}?"
            ),
            order_ref=case.order_ref,
            amount_minor=wanted.amount_minor,
            limit_minor=self.caps.get(wanted.currency, 0),
            currency=wanted.currency,
            asked_at=now_ms,
            expires_at=expires_at,
        )
        memory = {
            **thread.memory,
            APPROVAL: approval.approval_id,
            WANTED: _memo(wanted),
        }
        after = msgspec.structs.replace(thread, held=case, memory=memory)
        expire = SetTimer(f"expire/{thread.thread_id}", expires_at)
        return after, (approval, _fact(case, "held", now_ms), expire)

    # ---- people have decided, or nobody did ----------------------------------------------------------------------
    def decide(
        self, decision: ApprovalDecision, told: Told | None, customer: Customer | None
    ) -> Effects:
        """Granted: all of it is offered; refused: no more than the cap."""
        thread = _waiting(told, decision.approval_id)
        if told is None or thread is None:
            yield Filtered("nobody waits for this decision")
            return
        if decision.decision not in approvals.DECIDED:
            yield Filtered("not a decision")
            return
        yield CancelTimer(f"expire/{thread.thread_id}")
        granted = decision.decision == "granted"
        at_ms = arrived_at(decision)
        yield from self._settled(told, thread, customer, at_ms, granted=granted)

    def expire(self, fired: Fired[Told], customer: Customer | None) -> Effects:
        """Nobody decided in time: no more than the cap is offered."""
        thread = fired.state.threads.get(fired.name.partition("/")[2])
        if thread is None or thread.held is None:
            yield Filtered("nothing waits any more")
            return
        yield from self._settled(fired.state, thread, customer, _spoken_at(fired), granted=False)

    def _settled(
        self,
        told: Told,
        thread: ToldThread,
        customer: Customer | None,
        now_ms: int,
        *,
        granted: bool,
    ) -> Effects:
        case, wanted = thread.held, _offer(thread.memory.get(WANTED, ""))
        cap = min(wanted.amount_minor, self.caps.get(wanted.currency, 0))
        offer = wanted if granted else Offer(cap, wanted.currency)
        why_not = "customer not known" if customer is None else consent.unreachable(customer)
        if not _stays_settled(thread):
            why_not = "incident is open again"
        memory = _without_approval(thread) | ({ALLOWED: _memo(offer)} if why_not else {})
        released = msgspec.structs.replace(thread, held=None, memory=memory)
        if case is not None and not why_not:
            released = _surveyed(released, case)
        yield Keep(Told({**told.threads, thread.thread_id: released}))
        if case is None or customer is None or why_not:
            yield Filtered(why_not or "nothing waits any more")
            return
        yield from self._recovery(case, customer, offer, now_ms)
        yield _fact(case, "sent", now_ms)

    # ---- what the customer gets ----------------------------------------------------------------------------------
    def _recovery(
        self, case: CustomerCase, customer: Customer, offer: Offer, now_ms: int
    ) -> Iterator[BrazeCommand]:
        """The message at once, a survey some days later: that one can still be taken back."""
        segment, version = self.segment_of(customer), case.thread.version
        properties = {
            **facts(case, (case.order_ref,)),
            "incident": incident_of(case),
            "segment": segment,
            "resolution": case.thread.resolution.action if case.thread.resolution else "",
            "compensation": _amount(offer),
            "channels": ",".join(consent.channels(customer)),
        }
        campaign = self.campaigns[f"{segment}/{incident_of(case)}"]
        yield braze.trigger_campaign(
            FLOW_ID, case.customer_ref, campaign, properties, version=version
        )
        if self.survey_ms:
            yield braze.schedule_campaign(
                FLOW_ID,
                case.customer_ref,
                self.survey,
                {"order": case.order_ref, "incident": incident_of(case)},
                send_at=now_ms + self.survey_ms,
                order_ref=case.order_ref,
                version=version,
            )

    def segment_of(self, customer: Customer) -> str:
        """By value tier and churn risk; who is not known better is standard."""
        high = (customer.value_tier or "") in self.high_tiers
        at_risk = (customer.churn_risk or 0.0) >= self.churn_risk_min
        if high:
            return "high_value_at_risk" if at_risk else "high_value"
        return "at_risk" if at_risk else "standard"

    def _wanted(self, case: CustomerCase, customer: Customer) -> Offer:
        """The segment's share of what the partner's resolution was worth."""
        resolution = case.thread.resolution
        if resolution is None or resolution.amount_minor is None or resolution.currency is None:
            return Offer()
        if resolution.currency not in self.caps:
            return Offer()
        share = self.percent[self.segment_of(customer)]
        return Offer(max(0, resolution.amount_minor * share // 100), resolution.currency)


def scheduled_late(fact: BrazeSchedule, told: Told | None) -> Effects:
    """A survey was scheduled, but its id is known only after the incident was told to be open again."""
    again = told is not None and any(
        thread.memory.get(SURVEYED) == fact.order_ref and thread.told not in TERMINAL
        for thread in told.threads.values()
    )
    due = fact.send_at is None or fact.send_at > arrived_at(fact)
    if again and due and fact.state == "created" and fact.about == FLOW_ID:
        yield braze.delete_schedule(FLOW_ID, fact.customer_ref, braze.outstanding(fact))
    else:
        yield Filtered("schedule stands")


def _spoken_at(fired: Fired[Told]) -> int:
    """When it was due; when that was long ago, now: a survey comes days after the message, however late that is."""
    return fired.due_ms if fired.now_ms - fired.due_ms < HOUR_MS else fired.now_ms


def _surveyed(thread: ToldThread, case: CustomerCase) -> ToldThread:
    return msgspec.structs.replace(thread, memory={**thread.memory, SURVEYED: case.order_ref})


def _unasked(
    thread: ToldThread, case: CustomerCase, schedules: CustomerSchedules | None, now_ms: int
) -> Iterator[BrazeCommand]:
    """Nobody is asked how content they are with the end of an incident that is open again."""
    order_ref = thread.memory.get(SURVEYED)
    if schedules is None or order_ref is None or case.thread.status in TERMINAL:
        return
    for one in schedules.outstanding:
        due = one.send_at is None or one.send_at > now_ms
        if due and one.about == FLOW_ID and one.order_ref == order_ref:
            yield braze.delete_schedule(
                FLOW_ID, case.customer_ref, one, version=case.thread.version
            )


def incident_of(case: CustomerCase) -> str:
    """The type of the first reason that a partner may have caused."""
    return next((INCIDENTS[one] for one in reasons_of(case) if one in INCIDENTS), "product")


def _told_by_another(case: CustomerCase) -> bool:
    """A flow that goes before tells the customer of the end; of the closing after it nobody says anything."""
    aside = case.speaker == NOTIFICATION and case.thread.status == ThreadStatus.CLOSED
    return is_settled(case) and case.speaker != FLOW_ID and not aside


def _stays_settled(thread: ToldThread) -> bool:
    """Nothing else is about to be told: not that the incident is open again, nor, by us, that it is settled again."""
    pending = thread.pending
    if pending is None:
        return thread.status in SETTLED
    ours = pending.speaker == FLOW_ID
    return thread.status in SETTLED and pending.thread.status in SETTLED and not ours


def _fact(case: CustomerCase, state: Literal["held", "sent"], at_ms: int) -> CustomerRecovery:
    """For whoever decides who speaks: while it is held, nobody was won back."""
    return CustomerRecovery(
        customer_ref=case.customer_ref,
        thread_id=case.thread.thread_id,
        state=state,
        at=at_ms,
    )


def _memo(offer: Offer) -> str:
    return f"{offer.amount_minor} {offer.currency}"


def _offer(memo: str) -> Offer:
    minor, _, currency = memo.partition(" ")
    return Offer(int(minor or 0), currency)


def _waiting(told: Told | None, approval_id: str) -> ToldThread | None:
    """The thread that waits for this approval."""
    threads = told.threads.values() if told else ()
    found = (one for one in threads if one.held and one.memory.get(APPROVAL) == approval_id)
    return next(found, None)


def _without_approval(thread: ToldThread) -> dict[str, str]:
    return {name: value for name, value in thread.memory.items() if name not in (APPROVAL, WANTED)}


def _amount(offer: Offer) -> str:
    """`12.30 USD`; "" for none."""
    if offer.amount_minor <= 0:
        return ""
    return currencies.amount(offer.amount_minor, offer.currency)
