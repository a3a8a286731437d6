"""Who speaks to the customer where several flows could: one message per customer, thread and status."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gridwire.records import CustomerCase, OrderStatus
from gridwire.vocabulary import ReasonCode, ThreadKind, ThreadStatus
from streams.rules.trading_grid import TERMINAL

Speaker = Literal[
    "braze.feedback-loop",
    "braze.service-recovery",
    "braze.journey-adjustment",
    "braze.case-notification",
]
FEEDBACK: Final = "braze.feedback-loop"
RECOVERY: Final = "braze.service-recovery"
JOURNEY: Final = "braze.journey-adjustment"
NOTIFICATION: Final = "braze.case-notification"
# First in this order speaks; the others only set attributes.
PRECEDENCE: tuple[Speaker, ...] = (FEEDBACK, RECOVERY, JOURNEY, NOTIFICATION)

# Incidents that a partner caused: whoever suffered one is won back once it is resolved.
PARTNER_CAUSED = frozenset(
    {
        ReasonCode.DAMAGED,
        ReasonCode.MISSING_COMPONENT,
        ReasonCode.MISSING_ITEM,
        ReasonCode.DEFECTIVE,
        ReasonCode.WRONG_ITEM,
        ReasonCode.BILLING_CORRECTION,
        ReasonCode.INVOICE_DISCREPANCY,
    }
)
# Exceptions that make what a running journey says about the order untrue.
DISTURBING = frozenset(
    {
        ReasonCode.DELAYED_FULFILMENT,
        ReasonCode.CARRIER_EXCEPTION,
        ReasonCode.LOST_PARCEL,
        ReasonCode.MISSING_DOCUMENT,
    }
)
# The matter is settled; a thread may be closed so soon that nobody hears that it was resolved.
SETTLED = frozenset({ThreadStatus.RESOLVED, ThreadStatus.CLOSED})
# Kinds of threads that begin with the customer: they know of the incident.
RAISED_BY_CUSTOMERS = frozenset({ThreadKind.RETURN, ThreadKind.CLAIM, ThreadKind.WARRANTY})
# Orders that an exception does not touch any more: delivered, called off, or never placed.
OVER: frozenset[OrderStatus] = frozenset(
    {"completed", "cancelled", "refunded", "declined", "incomplete"}
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A flow wants to speak about the cases of which `wants` is true: a function of the case alone.

    So it is decided once, for all flows, by whoever passes the cases on (`streams.rules.speaking`).
    """

    flow: str
    wants: Callable[[CustomerCase], bool]


def reasons_of(case: CustomerCase) -> tuple[str, ...]:
    """Reason codes of a case's lines, each once; those of its custom fields where no line has one."""
    found = [line.reason_code for line in case.thread.lines if line.reason_code]
    found = found or case.thread.custom.get("reasons", "").split(",")
    return tuple(dict.fromkeys(reason.strip() for reason in found if reason.strip()))


def is_settled(case: CustomerCase) -> bool:
    """Resolved, or closed with a resolution."""
    resolved = case.thread.status == ThreadStatus.RESOLVED
    closed = case.thread.status == ThreadStatus.CLOSED
    return resolved or (closed and case.thread.resolution is not None)


def answers_feedback(case: CustomerCase) -> bool:
    """The thread that took up the customer's feedback is resolved, and they have not heard so."""
    return is_settled(case) and case.feedback_id is not None and FEEDBACK not in case.spoken


def recovers(case: CustomerCase) -> bool:
    """An incident that a partner caused and the customer knows of is resolved, and was not not long ago."""
    knows = case.seen or case.thread.kind in RAISED_BY_CUSTOMERS or case.feedback_id is not None
    caused = case.thread.partner_id is not None and not PARTNER_CAUSED.isdisjoint(reasons_of(case))
    news = is_settled(case) and case.before not in SETTLED
    return news and caused and knows and RECOVERY not in case.spoken


def belies(case: CustomerCase) -> bool:
    """A partner's exception is open: what the journeys of its orders say is not true any more."""
    return (
        case.thread.kind == ThreadKind.ORDER_EXCEPTION
        and case.thread.status not in TERMINAL
        and case.thread.partner_id is not None
        and not DISTURBING.isdisjoint(reasons_of(case))
    )


def disturbs(case: CustomerCase) -> bool:
    """An exception opens on an order that is not over, and the customer is not in a journey that says so."""
    return (
        belies(case)
        and case.order_status not in OVER
        and (JOURNEY not in case.spoken or case.before in TERMINAL)
    )


def _always(_: CustomerCase) -> bool:
    return True


# A flow that speaks to customers adds its claim here.
CLAIMS: tuple[Claim, ...] = (
    Claim(FEEDBACK, answers_feedback),
    Claim(RECOVERY, recovers),
    Claim(JOURNEY, disturbs),
    Claim(NOTIFICATION, _always),
)


def speaker(case: CustomerCase, claims: Sequence[Claim] = CLAIMS) -> str | None:
    """The id of the flow that speaks about this case; None where none wants to."""
    wanting = {claim.flow for claim in claims if claim.wants(case)}
    return next((flow for flow in PRECEDENCE if flow in wanting), None)


def preferred(one: str, other: str) -> str:
    """Of two flows the one that speaks first; "" where neither is one that may."""
    return next((flow for flow in PRECEDENCE if flow in (one, other)), "")
