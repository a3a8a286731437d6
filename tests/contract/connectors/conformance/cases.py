"""All cases, in the order in which they run: a role is started once for those that need it."""

from tests.contract.connectors.conformance import answers, deliveries, gateway, reading
from tests.contract.connectors.conformance.case import Case
from tests.contract.connectors.conformance.value import Conformance

APPLYING_MIN = 40
CASES: tuple[Case, ...] = (
    *answers.CASES,
    *deliveries.CASES,
    *gateway.CASES,
    *reading.CASES,
    *gateway.LAST,
)


def applying(value: Conformance) -> list[Case]:
    """The cases that make sense for a connector."""
    return [case for case in CASES if case.why_not(value) is None]
