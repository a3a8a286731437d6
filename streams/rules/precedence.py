"""Who speaks to the customer where several flows could: one message per customer, thread and status."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gridwire.records import CustomerCase

# First in this order speaks; the others only set attributes.
ORDER = (
    "braze.feedback-loop",
    "braze.service-recovery",
    "braze.journey-adjustment",
    "braze.case-notification",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A flow wants to speak about the cases of which `wants` is true: a function of the case alone.

    So every flow comes to the same answer without asking another.
    """

    flow: str
    wants: Callable[[CustomerCase], bool]


def _always(_: CustomerCase) -> bool:
    return True


# A flow that speaks to customers adds its claim here.
CLAIMS: tuple[Claim, ...] = (Claim("braze.case-notification", _always),)


def speaker(case: CustomerCase, claims: Sequence[Claim] = CLAIMS) -> str | None:
    """The id of the flow that speaks about this case; None where none wants to."""
    wanting = {claim.flow for claim in claims if claim.wants(case)}
    return next((flow for flow in ORDER if flow in wanting), None)
